//! What the tests of the rules share: panics with their lines, and waiting
//! until somebody waits.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, Location};
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe::{ChannelSnapshot, Who, channels};

thread_local! {
    static EXPECTING: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<(String, u32)>> = const { RefCell::new(None) };
}

/// The text and the place of the panic that must come. It is not printed, and
/// those of other threads are left alone.
fn panic_of<R>(f: impl FnOnce() -> R) -> (String, (String, u32)) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if EXPECTING.get() {
                let place = info.location().map(|at| (at.file().to_owned(), at.line()));
                PLACE.replace(place);
            } else {
                usual(info);
            }
        }));
    });
    EXPECTING.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(f));
    EXPECTING.set(false);
    let payload = outcome.map(drop).expect_err("there was no panic");
    let text = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => (*other.downcast::<&str>().expect("a text")).to_owned(),
    };
    (text, PLACE.take().expect("a panic has a place"))
}

/// The text of the panic that must come.
pub(crate) fn panic_text<R>(f: impl FnOnce() -> R) -> String {
    panic_of(f).0
}

/// Demands a panic whose text begins with Go's, at the line of this call,
/// which is that of the closure.
#[track_caller]
pub(crate) fn panics<R>(go: &str, f: impl FnOnce() -> R) {
    let here = Location::caller();
    let (text, place) = panic_of(f);
    assert!(text.starts_with(go), "{text}");
    assert_eq!(place, (here.file().to_owned(), here.line()), "{text}");
}

/// The channel of that name, as soon as exactly so many wait on it and those
/// of them that are threads are parked.
#[track_caller]
pub(crate) fn waiting(name: &str, wanted: usize) -> ChannelSnapshot {
    let start = Instant::now();
    loop {
        let all = channels();
        let found = all.iter().find(|channel| channel.name() == Some(name));
        let seen = found.expect("a channel of that name").snapshot();
        let settled = |who: &Who| !matches!(who, Who::LookingThread);
        if seen.waits.len() == wanted && seen.waits.iter().all(|wait| settled(&wait.who)) {
            return seen;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{seen:?}");
        thread::yield_now();
    }
}
