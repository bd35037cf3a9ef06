//! Out of its task, as its result.
use chan_core::Chan;

fn main() {
    let rx = Chan::<u8>::new(0);
    drop(leakwatch::task!("task", [rx] async move { rx }));
}
