//! A kept handle without its struct.
use chan_core::Chan;
use leakwatch::Shared;

fn main() {
    let shared = Shared::new(|keep| keep.keep(Chan::<u8>::new(0)));
    shared.recv();
}
