//! What it makes, to a scoped thread: a case of a select.
use chan_core::select::SendArm;

fn main() {
    let held = leakwatch::local(chan_core::Chan::<u8>::new(0));
    let case = SendArm::arm(&held, 1);
    std::thread::scope(|s| {
        s.spawn(move || drop(case));
    });
}
