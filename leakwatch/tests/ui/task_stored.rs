//! Out of its task, through something that was there before.
use std::sync::{Arc, Mutex};

use chan_core::Chan;

fn main() {
    let place = Arc::new(Mutex::new(None));
    let (rx, inner) = (Chan::<u8>::new(0), place.clone());
    drop(leakwatch::task!("task", [rx] async move {
        *inner.lock().unwrap() = Some(rx);
    }));
    drop(place);
}
