//! The door to the machine: atomics, cells and threads come through here and
//! nowhere else, so that loom can stand in for all of them.

#[cfg(loom)]
pub(crate) use loom::thread;
#[cfg(not(loom))]
pub(crate) use std::{sync::atomic, thread};

#[cfg(loom)]
use loom::cell as imp;

/// Loom's atomics, in a form in which it tries all orders.
///
/// Loom remembers one access to an atomic, the last, and takes from it which
/// orders may differ. A thread that loads what it stores next so hides the load
/// of another from that store, and loom never tries the load behind the store
/// (tokio-rs/loom#166 and #392). Here a neighbour is changed before each
/// access, Relaxed: that orders nothing, and hides nothing. (A lock's flag does
/// without: nobody loads it.)
#[cfg(loom)]
pub(crate) mod atomic {
    use loom::sync::atomic as imp;
    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};

    macro_rules! atomic {
        ($name:ident $(<$t:ident>)?, $value:ty $(, $more:tt)?) => {
            #[derive(Debug)]
            pub(crate) struct $name $(<$t>)? {
                this: imp::$name $(<$t>)?,
                neighbour: imp::AtomicBool,
            }

            #[allow(dead_code, reason = "not every kind uses all of it")]
            impl $(<$t>)? $name $(<$t>)? {
                #[track_caller]
                pub(crate) fn new(value: $value) -> Self {
                    $name {
                        this: imp::$name::new(value),
                        neighbour: imp::AtomicBool::new(false),
                    }
                }

                #[track_caller]
                fn this(&self) -> &imp::$name $(<$t>)? {
                    self.neighbour.swap(true, Ordering::Relaxed);
                    &self.this
                }

                #[track_caller]
                pub(crate) fn load(&self, order: Ordering) -> $value {
                    self.this().load(order)
                }

                #[track_caller]
                pub(crate) fn store(&self, value: $value, order: Ordering) {
                    self.this().store(value, order);
                }

                #[track_caller]
                pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                    self.this().swap(value, order)
                }

                #[track_caller]
                pub(crate) fn compare_exchange(
                    &self,
                    old: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    self.this().compare_exchange(old, new, success, failure)
                }

                #[track_caller]
                pub(crate) fn compare_exchange_weak(
                    &self,
                    old: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    self.this().compare_exchange_weak(old, new, success, failure)
                }
            }
            $(atomic!($more $name, $value);)?
        };
        (counts $name:ident, $value:ty) => {
            #[allow(dead_code, reason = "not every kind uses all of it")]
            impl $name {
                #[track_caller]
                pub(crate) fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                    self.this().fetch_add(value, order)
                }

                #[track_caller]
                pub(crate) fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                    self.this().fetch_sub(value, order)
                }

                #[track_caller]
                pub(crate) fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                    self.this().fetch_or(value, order)
                }
            }
        };
    }

    atomic!(AtomicU8, u8);
    atomic!(AtomicU32, u32, counts);
    atomic!(AtomicU64, u64, counts);
    atomic!(AtomicUsize, usize, counts);
    atomic!(AtomicPtr<T>, *mut T);
}

/// A cell whose accesses loom checks: two at a time, one of them a write, end
/// the model.
pub(crate) struct UnsafeCell<T>(imp::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        UnsafeCell(imp::UnsafeCell::new(value))
    }

    /// Looks at the value.
    ///
    /// # Safety
    ///
    /// Nobody writes to it meanwhile.
    #[inline(always)]
    #[cfg_attr(loom, track_caller)]
    pub(crate) unsafe fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        let access = self.0.get();
        // SAFETY: the caller's promise; the pointer is to a live cell.
        look(unsafe { access.deref() })
    }

    /// Changes the value.
    ///
    /// # Safety
    ///
    /// Nobody else looks at it or writes to it meanwhile.
    #[inline(always)]
    #[cfg_attr(loom, track_caller)]
    pub(crate) unsafe fn with_mut<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let access = self.0.get_mut();
        // SAFETY: the caller's promise; the pointer is to a live cell.
        change(unsafe { access.deref() })
    }

    /// Begins an exclusive access that ends with the pointer.
    #[inline(always)]
    #[cfg_attr(loom, track_caller)]
    pub(crate) fn get_mut(&self) -> MutPtr<T> {
        MutPtr(self.0.get_mut())
    }

    #[cfg(not(loom))]
    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }

    #[cfg(loom)]
    #[track_caller]
    pub(crate) fn into_inner(self) -> T {
        drop(self.0.get_mut());
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: read once; its owner is never dropped.
        unsafe { std::ptr::read(&this.0) }.into_inner()
    }
}

/// The end of a cell is an exclusive access too: memory that goes while
/// somebody may still look ends the model.
#[cfg(loom)]
impl<T> Drop for UnsafeCell<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            drop(self.0.get_mut());
        }
    }
}

/// An exclusive access to an [`UnsafeCell`], for as long as it lives.
pub(crate) struct MutPtr<T>(imp::MutPtr<T>);

impl<T> MutPtr<T> {
    /// Ends the access.
    #[inline(always)]
    pub(crate) fn end(self) {}

    /// # Safety
    ///
    /// Nobody else accesses the cell while the reference lives.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "it stands for the cell's pointer")]
    pub(crate) unsafe fn deref(&self) -> &mut T {
        // SAFETY: the caller's promise; the pointer is to a live cell.
        unsafe { self.0.deref() }
    }

    /// The same to look only: of such references there may be several.
    ///
    /// # Safety
    ///
    /// Nobody changes what is in the cell while the reference lives.
    #[inline(always)]
    pub(crate) unsafe fn look(&self) -> &T {
        // SAFETY: as above.
        unsafe { self.0.look() }
    }
}

/// In loom's form there is no such thing.
#[cfg(loom)]
trait Look<T> {
    unsafe fn look(&self) -> &T;
}

#[cfg(loom)]
impl<T> Look<T> for imp::MutPtr<T> {
    unsafe fn look(&self) -> &T {
        // SAFETY: the caller's promise.
        unsafe { self.deref() }
    }
}

/// `std`'s cell in the form of loom's, of which it has no more than is used.
#[cfg(not(loom))]
mod imp {
    pub(super) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);
    pub(super) struct ConstPtr<T>(*const T);
    pub(super) struct MutPtr<T>(*mut T);

    impl<T> UnsafeCell<T> {
        pub(super) fn new(value: T) -> Self {
            UnsafeCell(std::cell::UnsafeCell::new(value))
        }

        #[inline(always)]
        pub(super) fn get(&self) -> ConstPtr<T> {
            ConstPtr(self.0.get())
        }

        #[inline(always)]
        pub(super) fn get_mut(&self) -> MutPtr<T> {
            MutPtr(self.0.get())
        }

        pub(super) fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }

    impl<T> ConstPtr<T> {
        /// # Safety
        ///
        /// The cell lives, and nobody writes to it meanwhile.
        #[inline(always)]
        pub(super) unsafe fn deref(&self) -> &T {
            // SAFETY: the caller's promise.
            unsafe { &*self.0 }
        }
    }

    impl<T> MutPtr<T> {
        /// # Safety
        ///
        /// The cell lives, and nobody else accesses it meanwhile.
        #[inline(always)]
        #[allow(clippy::mut_from_ref, reason = "loom's signature")]
        pub(super) unsafe fn deref(&self) -> &mut T {
            // SAFETY: the caller's promise.
            unsafe { &mut *self.0 }
        }

        /// # Safety
        ///
        /// The cell lives, and nobody changes what is in it meanwhile.
        #[inline(always)]
        pub(super) unsafe fn look(&self) -> &T {
            // SAFETY: the caller's promise.
            unsafe { &*self.0 }
        }
    }
}
