//! A send has operands.

use chan_core::Chan;
use chan_select::select;

fn main() {
    let chan = Chan::<u8>::new(0);
    select! { send chan, 1 -> _ => {} }
}
