//! The operations of handles that are held: those of the handle itself, under
//! its names, with futures and cases that are as bound as it is.

use std::time::{Duration, Instant};

use chan_core::select::{Bound, GoFace, RecvArm, RecvCase, RustFace, SendArm, SendCase};
use chan_core::{
    AlreadyClosed, Cancel, Chan, CloseError, Empty, Full, Receiver, RecvChan, RecvError,
    RecvFuture, RecvTimedOut, RecvTimeoutError, SendChan, SendError, SendFuture, SendTimedOut,
    SendTimeoutError, Sender, Ticker, Timer, TryRecvError, TrySendError,
};

use super::{At, Handle, Held, Residence};

/// The receives of a handle that is held, one after the other; made by its
/// `iter`.
#[derive(Debug)]
pub struct HeldIter<'a, A>(&'a A);

impl<H: Handle + Clone, R: Residence> Held<H, R> {
    /// An ordinary handle of the same: anybody may have it, so for proofs it
    /// is unaccounted for until it is dropped or captured.
    ///
    /// # Examples
    ///
    /// ```
    /// let held = leakwatch::local(chan_core::Chan::<u8>::new(1));
    /// let chan: chan_core::Chan<u8> = held.clone();
    /// # drop(chan);
    /// ```
    #[allow(
        clippy::should_implement_trait,
        reason = "the clone is of another type"
    )]
    pub fn clone(&self) -> H {
        self.raw().clone()
    }
}

impl<H: Handle + Clone, R: Residence> At<'_, H, R> {
    /// An ordinary handle of the same: anybody may have it, so for proofs it
    /// is unaccounted for until it is dropped or captured.
    #[allow(
        clippy::should_implement_trait,
        reason = "the clone is of another type"
    )]
    pub fn clone(&self) -> H {
        self.raw().clone()
    }
}

/// Methods that only pass on: `name(arguments) -> result`.
macro_rules! pass_on {
    ($([$($generics:tt)*] $held:ty, $handle:ident {
        $($name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)?;)*
    })*) => {
        $(
            impl<$($generics)*> $held {
                $(
                    #[doc = concat!(
                        "[`", stringify!($handle), "::", stringify!($name), "`](chan_core::",
                        stringify!($handle), "::", stringify!($name), ")."
                    )]
                    #[track_caller]
                    pub fn $name(&self $(, $arg: $type)*) $(-> $out)? {
                        self.raw().$name($($arg),*)
                    }
                )*
            }
        )*
    };
}

macro_rules! go_sends {
    ($([$($life:lifetime)?] $held:ident<$handle:ident>),*) => {$(
        pass_on! {
            [$($life,)? T, R: Residence] $held<$($life,)? $handle<T>, R>, $handle {
                send(value: T);
                try_send(value: T) -> Result<(), Full<T>>;
                send_timeout(value: T, timeout: Duration) -> Result<(), SendTimedOut<T>>;
                send_deadline(value: T, deadline: Instant) -> Result<(), SendTimedOut<T>>;
                close();
                try_close() -> Result<(), CloseError>;
            }
        }
        send_cases!([$($life)?] $held<$handle>: GoFace);
    )*};
}

macro_rules! go_receives {
    ($([$($life:lifetime)?] $held:ident<$handle:ident>),*) => {$(
        pass_on! {
            [$($life,)? T, R: Residence] $held<$($life,)? $handle<T>, R>, $handle {
                recv() -> Option<T>;
                try_recv() -> Result<Option<T>, Empty>;
                recv_timeout(timeout: Duration) -> Result<Option<T>, RecvTimedOut>;
                recv_deadline(deadline: Instant) -> Result<Option<T>, RecvTimedOut>;
            }
        }
        recv_cases!([$($life)?] $held<$handle>: GoFace, |out| out);
    )*};
}

macro_rules! go_about {
    ($([$($life:lifetime)?] $held:ident<$handle:ident>),*) => {$(
        pass_on! {
            [$($life,)? T, R: Residence] $held<$($life,)? $handle<T>, R>, $handle {
                len() -> usize;
                is_empty() -> bool;
                is_full() -> bool;
                is_closed() -> bool;
                capacity() -> usize;
                is_nil() -> bool;
                sender_count() -> usize;
                receiver_count() -> usize;
                waiting_senders() -> usize;
                waiting_receivers() -> usize;
            }
        }
    )*};
}

macro_rules! rust_about {
    ($([$($life:lifetime)?] $held:ident<$handle:ident>),*) => {$(
        pass_on! {
            [$($life,)? T, R: Residence] $held<$($life,)? $handle<T>, R>, $handle {
                len() -> usize;
                is_empty() -> bool;
                is_full() -> bool;
                is_closed() -> bool;
                capacity() -> Option<usize>;
                sender_count() -> usize;
                receiver_count() -> usize;
                waiting_senders() -> usize;
                waiting_receivers() -> usize;
            }
        }
    )*};
}

macro_rules! send_cases {
    ([$($life:lifetime)?] $held:ident<$handle:ident>: $face:ident) => {
        impl<$($life,)? T, R: Residence> $held<$($life,)? $handle<T>, R> {
            /// Sends from a task; what is said at the handle's own `send_async`
            /// holds. The future goes where the handle may go.
            #[track_caller]
            pub fn send_async(&self, value: T) -> SendFuture<'_, T, Bound<$face, R>> {
                SendArm::arm(self, value).into_future()
            }
        }

        impl<'a, $($life: 'a,)? T, R: Residence> SendArm<'a>
            for &'a $held<$($life,)? $handle<T>, R>
        where
            T: 'a,
        {
            type Item = T;
            type Face = Bound<$face, R>;

            #[track_caller]
            fn arm(self, value: T) -> SendCase<'a, T, Self::Face> {
                SendArm::arm(self.raw(), value).bound()
            }
        }
    };
}

macro_rules! recv_cases {
    ([$($life:lifetime)?] $held:ident<$handle:ident>: $face:ident, |$out:ident| $item:expr) => {
        impl<$($life,)? T, R: Residence> $held<$($life,)? $handle<T>, R> {
            /// Receives from a task; what is said at the handle's own
            /// `recv_async` holds. The future goes where the handle may go.
            #[track_caller]
            pub fn recv_async(&self) -> RecvFuture<'_, T, Bound<$face, R>> {
                RecvArm::arm(self).into_future()
            }

            /// Receives until the channel is closed and drained.
            pub fn iter(&self) -> HeldIter<'_, Self> {
                HeldIter(self)
            }
        }

        impl<'a, $($life: 'a,)? T, R: Residence> RecvArm<'a>
            for &'a $held<$($life,)? $handle<T>, R>
        where
            T: 'a,
        {
            type Item = T;
            type Face = Bound<$face, R>;

            #[track_caller]
            fn arm(self) -> RecvCase<'a, T, Self::Face> {
                RecvArm::arm(self.raw()).bound()
            }
        }

        impl<$($life,)? T, R: Residence> Iterator for HeldIter<'_, $held<$($life,)? $handle<T>, R>> {
            type Item = T;

            #[track_caller]
            fn next(&mut self) -> Option<T> {
                let $out = self.0.recv();
                $item
            }
        }

        impl<'a, $($life,)? T, R: Residence> IntoIterator for &'a $held<$($life,)? $handle<T>, R> {
            type Item = T;
            type IntoIter = HeldIter<'a, $held<$($life,)? $handle<T>, R>>;

            fn into_iter(self) -> Self::IntoIter {
                self.iter()
            }
        }
    };
}

go_sends!([] Held<Chan>, [] Held<SendChan>, ['h] At<Chan>, ['h] At<SendChan>);
go_receives!([] Held<Chan>, [] Held<RecvChan>, ['h] At<Chan>, ['h] At<RecvChan>);
go_about!(
    [] Held<Chan>, [] Held<SendChan>, [] Held<RecvChan>,
    ['h] At<Chan>, ['h] At<SendChan>, ['h] At<RecvChan>
);
rust_about!(
    [] Held<Sender>, [] Held<Receiver>, ['h] At<Sender>, ['h] At<Receiver>
);

macro_rules! rust_sends {
    ($([$($life:lifetime)?] $held:ident),*) => {$(
        pass_on! {
            [$($life,)? T, R: Residence] $held<$($life,)? Sender<T>, R>, Sender {
                send(value: T) -> Result<(), SendError<T>>;
                try_send(value: T) -> Result<(), TrySendError<T>>;
                send_timeout(value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>>;
                send_deadline(value: T, deadline: Instant) -> Result<(), SendTimeoutError<T>>;
                close() -> Result<(), AlreadyClosed>;
            }
        }
        send_cases!([$($life)?] $held<Sender>: RustFace);
    )*};
}

macro_rules! rust_receives {
    ($([$($life:lifetime)?] $held:ident),*) => {$(
        pass_on! {
            [$($life,)? T, R: Residence] $held<$($life,)? Receiver<T>, R>, Receiver {
                recv() -> Result<T, RecvError>;
                try_recv() -> Result<T, TryRecvError>;
                recv_timeout(timeout: Duration) -> Result<T, RecvTimeoutError>;
                recv_deadline(deadline: Instant) -> Result<T, RecvTimeoutError>;
            }
        }
        recv_cases!([$($life)?] $held<Receiver>: RustFace, |out| out.ok());
    )*};
}

rust_sends!([] Held, ['h] At);
rust_receives!([] Held, ['h] At);

pass_on! {
    [R: Residence] Held<Cancel, R>, Cancel {
        cancel();
    }
    ['h, R: Residence] At<'h, Cancel, R>, Cancel {
        cancel();
    }
}

pass_on! {
    [R: Residence] Held<Timer, R>, Timer {
        stop() -> bool;
        reset(delay: Duration) -> bool;
        reset_at(moment: Instant) -> bool;
    }
    [R: Residence] Held<Ticker, R>, Ticker {
        stop();
        reset(period: Duration);
    }
}

macro_rules! timer_channel {
    ($($timer:ident),*) => {$(
        impl<R: Residence> Held<$timer, R> {
            /// Its channel, as bound as the timer.
            pub fn channel(&self) -> At<'_, Receiver<Instant>, R> {
                At::new(self.raw().channel())
            }
        }
    )*};
}

timer_channel!(Timer, Ticker);
