//! Out of its task, into another one.
use chan_core::Chan;

fn main() {
    let rx = Chan::<u8>::new(0);
    drop(leakwatch::task!("task", [rx] async move {
        tokio::spawn(async move { rx.recv_async().await });
    }));
}
