//! A select that a program writes once: as a thread or as a task, by the
//! handles that the program runs with.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::thread;

use chan_core::observe::{self, Wait, Who};
use chan_core::select::{CaseKey, GoFace, RecvArm, RecvCase, RustFace, SendArm, SendCase, SendKey};
use chan_core::{RecvError, SendError};
use chan_select::Select;
use futures_util::FutureExt;

use crate::worlds::{Ch, Ends, World};

/// A select of the world `W`, in the grammar of the crate; its channels have
/// Go's manners.
macro_rules! on {
    ($($cases:tt)*) => {
        if W::BLOCKS {
            ::chan_select::select! { $($cases)* }
        } else {
            ::chan_select::select_async! { $($cases)* }
        }
    };
}
pub(crate) use on;

/// The same in all manners: what was received is an `Option`, what was sent
/// is `()`. An operand is a channel, or an optional one, `None` being nil.
/// Cases end with commas; a default stands behind a semicolon.
macro_rules! choose {
    ($w:expr; $($op:ident($chan:expr $(, $value:expr)?) -> $result:pat => $body:expr),+ $(,)?
        $(; default => $default:expr $(,)?)?) => {
        if $w.manners() == $crate::worlds::Manners::Rust {
            $crate::choose::on! {
                $($op($crate::choose::rust(&$chan) $(, $value)?) -> said => {
                    let $result = $crate::choose::Said::said(said);
                    $body
                })+
                $(default => $default)?
            }
        } else {
            $crate::choose::on! {
                $($op($crate::choose::go(&$chan) $(, $value)?) -> $result => { $body })+
                $(default => $default)?
            }
        }
    };
}
pub(crate) use choose;

/// What an operand of [`choose`] may be.
pub(crate) trait Operand<W, T> {
    fn chan(&self) -> Option<&Ch<W, T>>;
}

impl<W, T> Operand<W, T> for Ch<W, T> {
    fn chan(&self) -> Option<&Ch<W, T>> {
        Some(self)
    }
}

impl<W, T> Operand<W, T> for Option<Ch<W, T>> {
    fn chan(&self) -> Option<&Ch<W, T>> {
        self.as_ref()
    }
}

impl<W, T, O: Operand<W, T>> Operand<W, T> for &O {
    fn chan(&self) -> Option<&Ch<W, T>> {
        (*self).chan()
    }
}

/// An operand with Go's manners.
pub(crate) fn go<W, T>(operand: &impl Operand<W, T>) -> Option<&Ch<W, T>> {
    operand.chan()
}

/// An operand with Rust's manners.
pub(crate) fn rust<W, T>(operand: &impl Operand<W, T>) -> Option<RustSide<'_, W, T>> {
    operand.chan().map(RustSide)
}

/// A channel whose results are said by `Sender` and `Receiver`.
pub(crate) struct RustSide<'c, W, T>(&'c Ch<W, T>);

impl<'a, W, T: 'a> RecvArm<'a> for &'a Ch<W, T> {
    type Item = T;
    type Face = GoFace;

    fn arm(self) -> RecvCase<'a, T, GoFace> {
        match &self.ends {
            Ends::Go(it) => RecvArm::arm(it),
            Ends::Views(_, rx) => RecvArm::arm(rx),
            Ends::Rust(..) => unreachable!("it has Rust's manners"),
        }
    }
}

impl<'a, W, T: 'a> SendArm<'a> for &'a Ch<W, T> {
    type Item = T;
    type Face = GoFace;

    fn arm(self, value: T) -> SendCase<'a, T, GoFace> {
        match &self.ends {
            Ends::Go(it) => SendArm::arm(it, value),
            Ends::Views(tx, _) => SendArm::arm(tx, value),
            Ends::Rust(..) => unreachable!("it has Rust's manners"),
        }
    }
}

impl<'a, W, T: 'a> RecvArm<'a> for &'a RustSide<'_, W, T> {
    type Item = T;
    type Face = RustFace;

    fn arm(self) -> RecvCase<'a, T, RustFace> {
        match &self.0.ends {
            Ends::Rust(_, rx) => RecvArm::arm(rx),
            _ => unreachable!("it has Go's manners"),
        }
    }
}

impl<'a, W, T: 'a> SendArm<'a> for &'a RustSide<'_, W, T> {
    type Item = T;
    type Face = RustFace;

    fn arm(self, value: T) -> SendCase<'a, T, RustFace> {
        match &self.0.ends {
            Ends::Rust(tx, _) => SendArm::arm(tx, value),
            _ => unreachable!("it has Go's manners"),
        }
    }
}

/// A result of Rust's manners in Go's words.
pub(crate) trait Said {
    type Go;
    fn said(self) -> Self::Go;
}

impl<T> Said for Result<T, RecvError> {
    type Go = Option<T>;

    fn said(self) -> Option<T> {
        self.ok()
    }
}

impl<T> Said for Result<(), SendError<T>> {
    type Go = ();

    fn said(self) {
        assert!(self.is_ok(), "it is open");
    }
}

// ---- `Select`. ----

/// Adds a receive case in the manners of the channel.
pub(crate) fn add_recv<'a, W: World, T: Send + 'static, R>(
    select: &mut Select<'a, R>,
    chan: &'a Ch<W, T>,
    mut then: impl FnMut(Option<T>) -> R + Send + 'a,
) -> CaseKey {
    match &chan.ends {
        Ends::Rust(_, rx) => select.recv(rx, move |value| then(value.ok())),
        _ => select.recv(chan, then),
    }
}

/// Adds a send case in the manners of the channel. `then` is told whether the
/// value went over; Go's manners panic instead.
pub(crate) fn add_send<'a, W: World, T: Send + 'static, R>(
    select: &mut Select<'a, R>,
    chan: &'a Ch<W, T>,
    value: T,
    mut then: impl FnMut(bool) -> R + Send + 'a,
) -> SendKey<T> {
    match &chan.ends {
        Ends::Rust(tx, _) => select.send(tx, value, move |sent| then(sent.is_ok())),
        _ => select.send(chan, value, move |()| then(true)),
    }
}

/// Waits for the first case, as this world waits.
pub(crate) async fn first_of<W: World, R: Send>(select: &mut Select<'_, R>) -> R {
    if W::BLOCKS {
        select.select()
    } else {
        select.select_async().await
    }
}

// ---- What waits for ever. ----

/// Demands that a wait does not end. A thread that waits is left behind, so
/// the wait must not hold its world.
pub(crate) async fn blocks<W: World, R: Send + 'static>(
    w: &W,
    wait: impl Future<Output = R> + Send + 'static,
) {
    if !W::BLOCKS {
        let mut wait = pin!(wait);
        // More than once: a future may give others a turn before it is ready.
        for _ in 0..3 {
            let ended = poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_ready())).await;
            assert!(!ended, "it must wait");
            w.turn().await;
        }
        return;
    }
    let waiter = thread::spawn(move || {
        // Its panic is an end like any other, which fails the test below.
        let _ = catch_unwind(AssertUnwindSafe(|| wait.now_or_never()));
    });
    let id = waiter.thread().id();
    let parked = |wait: &Wait| matches!(&wait.who, Who::Thread(thread) if thread.id() == id);
    w.until(|| {
        assert!(!waiter.is_finished(), "it must wait");
        let all = observe::channels();
        let somewhere = all
            .iter()
            .any(|channel| channel.snapshot().waits.iter().any(parked));
        somewhere || observe::nil_waits().iter().any(parked)
    })
    .await;
}
