//! Weak handles: they know a channel and keep nothing of it alive but a
//! header's few bytes, neither a value nor the channel open.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use crate::chan::{Chan, RecvChan, SendChan};
use crate::handle::{ALL, Handle, RX, TX, WeakHandle};
use crate::receiver::Receiver;
use crate::sender::Sender;

macro_rules! weak {
    ($(#[$about:meta])* $weak:ident, $face:ident, $can:ident, nil: $nil:expr, $make:literal) => {
        $(#[$about])*
        ///
        /// # Examples
        ///
        /// ```
        #[doc = $make]
        /// let weak = it.downgrade();
        /// assert!(weak.upgrade().is_some());
        /// drop(it);
        /// assert!(weak.upgrade().is_none());
        /// ```
        pub struct $weak<T>(Option<WeakHandle<T, $can>>);

        impl<T> $face<T> {
            #[doc = concat!("A weak handle, which [`", stringify!($weak), "::upgrade`] turns into")]
            /// one like this again while the channel has some.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert!(it.downgrade().upgrade().is_some());
            /// ```
            pub fn downgrade(&self) -> $weak<T> {
                $weak(self.handle().map(Handle::downgrade))
            }
        }

        impl<T> $weak<T> {
            /// A handle of the channel, if the sides it belongs to are still
            /// there. What has gone never comes back.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// let weak = it.downgrade();
            /// drop(it);
            /// assert!(weak.upgrade().is_none());
            /// ```
            pub fn upgrade(&self) -> Option<$face<T>> {
                match &self.0 {
                    Some(weak) => weak.upgrade().map($face::from_handle),
                    None => $nil,
                }
            }

            /// How many live handles of the channel can send.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// let weak = it.downgrade();
            /// assert_eq!(weak.sender_count(), 1);
            /// ```
            pub fn sender_count(&self) -> usize {
                self.0.as_ref().map_or(0, |weak| weak.handles().send)
            }

            /// How many live handles of the channel can receive.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// let weak = it.downgrade();
            /// assert_eq!(weak.receiver_count(), 1);
            /// ```
            pub fn receiver_count(&self) -> usize {
                self.0.as_ref().map_or(0, |weak| weak.handles().recv)
            }
        }

        impl<T> Clone for $weak<T> {
            fn clone(&self) -> Self {
                $weak(self.0.clone())
            }
        }

        impl<T> fmt::Debug for $weak<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($weak))
                    .field("senders", &self.sender_count())
                    .field("receivers", &self.receiver_count())
                    .finish()
            }
        }

        impl<T> UnwindSafe for $weak<T> {}
        impl<T> RefUnwindSafe for $weak<T> {}
    };
}

weak!(
    /// A weak [`Sender`]: it does not keep the channel from closing.
    WeakSender,
    Sender,
    TX,
    nil: None,
    "let (it, _rx) = chan_core::bounded::<u8>(1);"
);
weak!(
    /// A weak [`Receiver`]: it does not keep the channel from closing.
    WeakReceiver,
    Receiver,
    RX,
    nil: Some(crate::receiver::never()),
    "let (_tx, it) = chan_core::bounded::<u8>(1);"
);
weak!(
    /// A weak [`Chan`]. Nil's is nil.
    WeakChan,
    Chan,
    ALL,
    nil: Some(Chan::nil()),
    "let it = chan_core::Chan::<u8>::new(1);"
);
weak!(
    /// A weak [`SendChan`]. Nil's is nil.
    WeakSendChan,
    SendChan,
    TX,
    nil: Some(SendChan::default()),
    "let (it, _rx) = chan_core::Chan::<u8>::new(1).split();"
);
weak!(
    /// A weak [`RecvChan`]. Nil's is nil.
    WeakRecvChan,
    RecvChan,
    RX,
    nil: Some(RecvChan::default()),
    "let (_tx, it) = chan_core::Chan::<u8>::new(1).split();"
);
