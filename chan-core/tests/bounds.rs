//! What may cross threads, be moved, and be met by a panic: for every public
//! type, at compile time. And what is not asked of values: they may borrow,
//! need not be printed, and may be pinned elsewhere.

#![cfg(not(loom))]

mod common;

use std::cell::Cell;
use std::error::Error;
use std::marker::PhantomPinned;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use chan_core::observe::{self, Channel, ChannelSnapshot, Wait, Who};
use chan_core::select::{
    CaseList, Closed, Cons, End, GoFace, RecvArm, RecvCase, RustFace, SelectNothing, Selection,
    SendArm, SendCase, Won,
};
use chan_core::{
    AlreadyClosed, Builder, Cancel, CancelOnDrop, Cancellation, Cause, Chan, CloseError,
    ClosedFuture, Context, Drain, Empty, Full, IntoIter, Iter, OwnedPermit, Permit, Range,
    Receiver, RecvChan, RecvError, RecvFuture, RecvTimedOut, RecvTimeoutError, RecvTimeoutFuture,
    ReserveFuture, SendChan, SendError, SendFuture, SendManyFuture, SendTimedOut, SendTimeoutError,
    SendTimeoutFuture, Sender, Spinning, Ticker, Timer, TryIter, TryRecvError, TrySendError,
    WeakChan, WeakContext, WeakReceiver, WeakRecvChan, WeakSendChan, WeakSender, bounded, never,
};
use common::{block_on, poll_box};

/// One cell of the tables: `+` it has the trait, `-` it must not have it, `.`
/// either would be right.
macro_rules! cell {
    (+ $bound:ident $type:ty) => {
        const _: fn() = || {
            fn is<T: ?Sized + $bound>() {}
            is::<$type>();
        };
    };
    // With the trait there are two `here`, and the compiler cannot choose.
    (- $bound:ident $type:ty) => {
        const _: fn() = || {
            struct Has;
            trait Here<Which> {
                fn here() {}
            }
            impl<T: ?Sized> Here<()> for T {}
            impl<T: ?Sized + $bound> Here<Has> for T {}
            <$type as Here<_>>::here();
        };
    };
    (. $bound:ident $type:ty) => {};
}

macro_rules! cells {
    ([$a:tt $b:tt $c:tt $d:tt $e:tt] $type:ty) => {
        cell!($a Send $type);
        cell!($b Sync $type);
        cell!($c Unpin $type);
        cell!($d UnwindSafe $type);
        cell!($e RefUnwindSafe $type);
    };
}

/// A row: a type, and its columns `Send Sync Unpin UnwindSafe RefUnwindSafe`.
macro_rules! types {
    ($($type:ty: $cells:tt;)+) => {
        $(cells!($cells $type);)+
    };
}

/// A row: a type of one parameter, and its columns for `u8`, for `Cell<u8>`
/// (which is `Send` and not `Sync`), and for `Rc<u8>` (which is neither).
macro_rules! generic_types {
    ($($type:ident: $plain:tt $cell:tt $local:tt;)+) => {
        $(
            cells!($plain $type<u8>);
            cells!($cell $type<Cell<u8>>);
            cells!($local $type<Rc<u8>>);
        )+
    };
}

type RecvOne<T> = RecvCase<'static, T, GoFace>;
type SendOne<T> = SendCase<'static, T, RustFace>;
type GoRecv<T> = RecvFuture<'static, T, GoFace>;
type RustRecv<T> = RecvFuture<'static, T, RustFace>;
type GoSend<T> = SendFuture<'static, T, GoFace>;
type RustSend<T> = SendFuture<'static, T, RustFace>;
type Select<T> = Selection<Cons<Cons<End, RecvOne<T>>, SendOne<T>>, 2>;
type WonOne<T> = Won<Option<T>, std::convert::Infallible>;
type IterOf<T> = Iter<'static, T>;
type TryIterOf<T> = TryIter<'static, T>;
type RangeOf<T> = Range<'static, T>;
type SendMany<T> = SendManyFuture<'static, T, GoFace>;
type Closing<T> = ClosedFuture<'static, T>;
type PermitOf<T> = Permit<'static, T>;
type Reserve<T> = ReserveFuture<'static, T, RustFace>;
type TimedRecv<T> = RecvTimeoutFuture<'static, T, GoFace>;
type TimedSend<T> = SendTimeoutFuture<'static, T, RustFace>;

generic_types! {
    // Handles pass values on and share none.
    Chan:             [+ + + + +] [+ + + + +] [- - + + +];
    SendChan:         [+ + + + +] [+ + + + +] [- - + + +];
    RecvChan:         [+ + + + +] [+ + + + +] [- - + + +];
    Sender:           [+ + + + +] [+ + + + +] [- - + + +];
    Receiver:         [+ + + + +] [+ + + + +] [- - + + +];
    IterOf:           [+ + + + +] [+ + + + +] [- - + + +];
    TryIterOf:        [+ + + + +] [+ + + + +] [- - + + +];
    RangeOf:          [+ + + . .] [+ + + . .] [- - + . .];
    IntoIter:         [+ + + + +] [+ + + + +] [- - + + +];
    Drain:            [+ + + + .] [+ - + + .] [- - + + .];
    PermitOf:         [+ + + . .] [+ + + . .] [- - + . .];
    OwnedPermit:      [+ + + + +] [+ + + + +] [- - + + +];
    WeakChan:         [+ + + . .] [+ + + . .] [- - + . .];
    WeakSendChan:     [+ + + . .] [+ + + . .] [- - + . .];
    WeakRecvChan:     [+ + + . .] [+ + + . .] [- - + . .];
    WeakSender:       [+ + + . .] [+ + + . .] [- - + . .];
    WeakReceiver:     [+ + + . .] [+ + + . .] [- - + . .];
    // While they wait they are pointed to.
    Reserve:          [+ . - . .] [+ . - . .] [- - - . .];
    SendMany:         [+ . . . .] [+ - . . .] [- - . . .];
    Closing:          [+ . - . .] [+ . - . .] [- - - . .];
    TimedRecv:        [+ . - . .] [+ . - . .] [- - - . .];
    TimedSend:        [+ . - . .] [+ - - . .] [- - - . .];
    GoRecv:           [+ . - . .] [+ . - . .] [- - - . .];
    RustRecv:         [+ . - . .] [+ . - . .] [- - - . .];
    GoSend:           [+ . - . .] [+ - - . .] [- - - . .];
    RustSend:         [+ . - . .] [+ - - . .] [- - - . .];
    Select:           [+ . - . .] [+ - - . .] [- - - . .];
    RecvOne:          [+ . . . .] [+ . . . .] [- - . . .];
    SendOne:          [+ . . . .] [+ - . . .] [- - . . .];
    // What they carry decides.
    WonOne:           [+ + + + +] [+ - + + -] [- - + + +];
    SendError:        [+ + + + +] [+ - + + -] [- - + + +];
    TrySendError:     [+ + + + +] [+ - + + -] [- - + + +];
    SendTimeoutError: [+ + + + +] [+ - + + -] [- - + + +];
    SendTimedOut:     [+ + + + +] [+ - + + -] [- - + + +];
    Full:             [+ + + + +] [+ - + + -] [- - + + +];
}

#[cfg(feature = "futures")]
mod of_futures {
    use super::*;
    use chan_core::{RecvStream, SendSink};

    type Stream<T> = RecvStream<'static, T>;
    type Sink<T> = SendSink<'static, T, RustFace>;

    generic_types! {
        Stream: [+ . + . .] [+ . + . .] [- - + . .];
        Sink:   [+ . + . .] [+ - + . .] [- - + . .];
    }
}

types! {
    AlreadyClosed:             [+ + + + +];
    CloseError:                [+ + + + +];
    Empty:                     [+ + + + +];
    RecvError:                 [+ + + + +];
    RecvTimedOut:              [+ + + + +];
    RecvTimeoutError:          [+ + + + +];
    TryRecvError:              [+ + + + +];
    Builder:                   [+ + + + +];
    Context:                   [+ + + + +];
    WeakContext:               [+ + + + +];
    Cancel:                    [+ + + + +];
    CancelOnDrop:              [+ + + + +];
    Cancellation:              [+ + + + +];
    Cause:                     [+ + + + +];
    Spinning:                  [+ + + + +];
    Ticker:                    [+ + + + +];
    Timer:                     [+ + + + +];
    // It is listed while it waits.
    SelectNothing:             [+ . - . .];
    End:                       [+ + + + +];
    GoFace:                    [+ + + + +];
    RustFace:                  [+ + + + +];
    // Borrows from a frame that has a channel.
    Closed<'static>:           [. . + . .];
    Channel:                   [+ + + . .];
    ChannelSnapshot:           [+ + + . .];
    Wait:                      [+ + + + +];
    Who:                       [+ + + + +];
    observe::AlreadyInstalled: [+ + + + +];
    observe::ChannelId:        [+ + + + +];
    observe::Direction:        [+ + + + +];
    observe::Handles:          [+ + + + +];
    observe::Manners:          [+ + + + +];
    observe::Misuse:           [+ + + + +];
    observe::Moment:           [+ + + + +];
    observe::Note:             [+ + + . .];
    observe::PartyId:          [+ + + + +];
    observe::TaskId:           [+ + + + +];
    observe::WaitId:           [+ + + + +];
    observe::WaitReason:       [+ + + + +];
    observe::WaitState:        [+ + + + +];
    // Not even a value that is moved by nobody, or broken by a panic, makes
    // its handles so.
    Chan<PhantomPinned>:                [+ + + + +];
    Sender<&'static mut Cell<u8>>:      [+ + + + +];
    Receiver<&'static mut Cell<u8>>:    [+ + + + +];
}

/// A value of which nothing is known, not even how to print it; it may not be
/// moved once pinned, and borrows.
struct Opaque<'a> {
    text: &'a Cell<usize>,
    _pinned: PhantomPinned,
}

impl<'a> Opaque<'a> {
    fn new(text: &'a Cell<usize>) -> Self {
        let _pinned = PhantomPinned;
        Opaque { text, _pinned }
    }

    fn touch(self) {
        self.text.set(self.text.get() + 1);
    }
}

#[test]
fn opaque_values_that_borrow_go_every_way_of_rust_s_manners() {
    let count = Cell::new(0);
    let item = || Opaque::new(&count);
    let soon = Duration::from_millis(1);
    let (tx, rx) = bounded(1);
    tx.send(item()).ok();
    tx.try_send(item()).unwrap_err().into_inner().touch();
    tx.send_timeout(item(), soon)
        .unwrap_err()
        .into_inner()
        .touch();
    rx.recv().ok().unwrap().touch();
    block_on(async {
        tx.send_async(item()).await.ok();
        rx.recv_async().await.ok().unwrap().touch();
    });
    tx.try_send(item()).ok();
    rx.try_recv().ok().unwrap().touch();
    tx.send(item()).ok();
    rx.recv_timeout(soon).ok().unwrap().touch();
    tx.send(item()).ok();
    rx.try_iter().for_each(Opaque::touch);
    tx.send(item()).ok();
    rx.iter().next().unwrap().touch();
    tx.send(item()).ok();
    tx.close().ok();
    tx.send(item()).unwrap_err().into_inner().touch();
    rx.into_iter().for_each(Opaque::touch);
    assert_eq!(count.get(), 10);
}

#[test]
fn opaque_values_that_borrow_go_every_way_of_go_s_manners() {
    let count = Cell::new(0);
    let item = || Opaque::new(&count);
    let soon = Duration::from_millis(1);
    let chan = Chan::new(1);
    chan.send(item());
    chan.try_send(item()).unwrap_err().into_inner().touch();
    let timed_out = chan.send_timeout(item(), soon).unwrap_err();
    timed_out.into_inner().touch();
    chan.recv().unwrap().touch();
    block_on(async {
        chan.send_async(item()).await;
        chan.recv_async().await.unwrap().touch();
    });
    chan.send(item());
    let received = chan.try_recv().ok().unwrap();
    received.unwrap().touch();
    chan.send(item());
    chan.close();
    chan.iter().for_each(Opaque::touch);
    assert!(chan.recv_timeout(soon).is_ok_and(|value| value.is_none()));
    assert_eq!(count.get(), 6);
}

#[test]
fn opaque_values_that_borrow_come_back_from_dropped_futures() {
    let count = Cell::new(0);
    let chan = Chan::new(0);
    let mut receive = Box::pin(chan.recv_async());
    assert!(poll_box(&mut receive).is_pending());
    assert!(chan.try_send(Opaque::new(&count)).is_ok());
    drop(receive);
    chan.recv().unwrap().touch();
    // And from a select, of which one case borrows for longer than the other.
    let nearer = Cell::new(0);
    {
        let other = Chan::new(1);
        other.send(&nearer);
        let cases = End
            .and(RecvArm::arm(&other))
            .and(SendArm::arm(&chan, Opaque::new(&count)));
        let mut select = Box::pin(Selection::<_, 2>::new(cases, 2, false));
        let mut context = std::task::Context::from_waker(Waker::noop());
        let won = select.as_mut().poll(&mut context, |_| 0);
        assert!(matches!(won, Poll::Ready(Won::Before(Won::This(Some(_))))));
    }
    assert_eq!(count.get(), 1);
}

/// A frame's values go to threads and tasks of that frame, and back.
#[test]
fn borrows_cross_scoped_threads_by_futures_and_iterators() {
    let mut lines = [String::from("a"), String::from("b"), String::from("c")];
    thread::scope(|s| {
        let (tx, rx) = bounded(0);
        let (back, done) = bounded(3);
        s.spawn(move || {
            for line in rx {
                let line: &mut String = line;
                line.push('!');
                block_on(back.send_async(line)).ok();
            }
        });
        for line in &mut lines {
            block_on(tx.send_async(line)).ok();
        }
        drop(tx);
        assert_eq!(done.iter().filter(|line| line.ends_with('!')).count(), 3);
    });
    assert_eq!(lines.concat(), "a!b!c!");
}

/// `?` makes a boxed error of each, of values that nobody can print.
#[test]
fn errors_are_errors_whatever_they_carry() {
    struct Plain;
    type Boxed = Box<dyn Error + Send + Sync>;
    fn boxed<R, E: Error + Send + Sync + 'static>(answer: Result<R, E>) -> Result<R, Boxed> {
        Ok(answer?)
    }
    fn text<R, E: Error + Send + Sync + 'static>(answer: Result<R, E>) -> String {
        let error = boxed(answer).err().expect("an error");
        assert!(error.source().is_none());
        error.to_string()
    }
    let (tx, rx) = bounded(1);
    tx.send(Plain).unwrap();
    let full = Chan::new(1);
    full.send(Plain);
    let no_time = Duration::ZERO;
    assert_eq!(text(tx.try_send(Plain)), "sending on a full channel");
    assert_eq!(text(full.try_send(Plain)), "sending on a full channel");
    assert!(text(tx.send_timeout(Plain, no_time)).contains("timed out"));
    assert!(text(full.send_timeout(Plain, no_time)).contains("timed out"));
    assert!(rx.recv().is_ok() && full.recv().is_some());
    assert!(text(rx.try_recv()).contains("empty"));
    assert!(text(full.try_recv()).contains("empty"));
    assert!(text(rx.recv_timeout(no_time)).contains("timed out"));
    assert!(text(full.recv_timeout(no_time)).contains("timed out"));
    tx.close().unwrap();
    full.close();
    assert!(text(tx.close()).contains("closed"));
    assert!(text(full.try_close()).contains("closed"));
    assert!(text(Chan::<Plain>::nil().try_close()).contains("nil"));
    assert!(text(tx.send(Plain)).contains("closed"));
    assert!(text(tx.try_send(Plain)).contains("closed"));
    assert!(text(rx.recv()).contains("closed"));
    assert!(text(rx.try_recv()).contains("closed"));
    assert!(text(never::<Plain>().try_recv()).contains("empty"));
}
