//! A waker whose clone and drop are foreign code in earnest.

use std::cell::RefCell;
use std::task::{RawWaker, RawWakerVTable, Waker};
use std::thread;

/// What a waker is to do, once.
type Hook = thread::LocalKey<RefCell<Option<Box<dyn FnOnce()>>>>;

thread_local! {
    /// What the next clone, and the next drop, of a [`hooked`] waker does.
    pub(crate) static ON_CLONE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    pub(crate) static ON_DROP: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// A waker whose clone and drop run what the test has put there.
pub(crate) fn hooked() -> Waker {
    fn run(hook: &'static Hook) {
        let hook = hook.with_borrow_mut(Option::take);
        if let Some(hook) = hook {
            hook();
        }
    }
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            run(&ON_CLONE);
            RawWaker::new(std::ptr::null(), &TABLE)
        },
        |_| run(&ON_DROP),
        |_| {},
        |_| run(&ON_DROP),
    );
    // SAFETY: the functions do not use the pointer; any thread may call them.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) }
}

/// Puts it there.
pub(crate) fn on(hook: &'static Hook, f: impl FnOnce() + 'static) {
    hook.with_borrow_mut(|slot| *slot = Some(Box::new(f)));
}
