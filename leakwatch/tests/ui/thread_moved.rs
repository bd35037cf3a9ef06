//! To another thread, by a move.
fn main() {
    let held = leakwatch::local(chan_core::Chan::<u8>::new(0));
    std::thread::spawn(move || held.recv());
}
