//! What it makes, to a scoped thread: a future.
fn main() {
    let held = leakwatch::local(chan_core::Chan::<u8>::new(0));
    let future = held.recv_async();
    std::thread::scope(|s| {
        s.spawn(move || drop(future));
    });
}
