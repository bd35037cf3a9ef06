//! What it makes, out of its task, as its result.
use chan_core::Chan;

fn main() {
    drop(leakwatch::task!("task", [] async move |own| {
        let rx = own.hold(Chan::<u8>::new(0));
        let rx = Box::leak(Box::new(rx));
        rx.recv_async()
    }));
}
