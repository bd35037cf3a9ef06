//! An enclosed handle without its channel.
use chan_core::Chan;
use leakwatch::Carrier;

fn main() {
    let letters = Chan::<u8>::new(0);
    let letter = letters.enclose(Chan::<u8>::new(0));
    letter.recv();
}
