//! An expression is followed by a comma, in a case that goes first too.

use chan_core::Chan;
use chan_select::select;

fn main() {
    let chan = Chan::<u8>::new(0);
    select! { first recv(chan) -> _ => drop(1) recv(chan) -> _ => {} }
}
