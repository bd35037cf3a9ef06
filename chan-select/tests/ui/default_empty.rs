//! A default has a body.

use chan_core::Chan;
use chan_select::select;

fn main() {
    let chan = Chan::<u8>::new(0);
    select! { recv(chan) -> _ => {}, default => }
}
