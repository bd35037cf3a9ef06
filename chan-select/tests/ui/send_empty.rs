//! A send has a channel and a value.

use chan_core::Chan;
use chan_select::select;

fn main() {
    let chan = Chan::<u8>::new(0);
    select! { send() -> _ => {}, recv(chan) -> _ => {} }
}
