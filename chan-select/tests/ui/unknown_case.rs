//! There are three kinds of cases.

use chan_core::Chan;
use chan_select::select;

fn main() {
    let chan = Chan::<u8>::new(0);
    select! { read(chan) -> _ => {} }
}
