//! To a scoped thread, by a reference.
fn main() {
    let held = leakwatch::local(chan_core::Chan::<u8>::new(0));
    std::thread::scope(|s| {
        s.spawn(|| held.recv());
    });
}
