//! What a shared struct keeps, to a scoped thread.
use chan_core::Chan;
use leakwatch::Shared;

fn main() {
    let shared = leakwatch::local(Shared::new(|keep| keep.keep(Chan::<u8>::new(0))));
    std::thread::scope(|s| {
        s.spawn(|| shared.at(|kept| kept).recv());
    });
    let at = shared.at(|kept| kept);
    std::thread::scope(|s| {
        s.spawn(move || at.recv());
    });
}
