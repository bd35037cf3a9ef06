//! A body that is no block has a comma.

use chan_core::Chan;
use chan_select::select;

fn main() {
    let chan = Chan::<u8>::new(0);
    select! { recv(chan) -> v => drop(v) recv(chan) -> _ => {} }
}
