//! Cases that no published suite has: who holds what, where the holder is, and
//! what can be known of it. Their twins have somebody who does his part.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::{Mutex, mpsc};
use std::task::Poll;
use std::time::{Duration, Instant};

use chan_core::observe::Direction::Recv;
use chan_core::{Cancel, Chan, Context, Receiver, RecvChan, SendChan, Timer, WeakSendChan, after};
use leakwatch::{Carrier, Enclosed};

use crate::run::Me;
use crate::words::{end, ends, go, recv, send};

/// Somebody lives who can receive only; that saves no receiver.
pub(crate) fn wrong_capability(me: &Me) {
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 0) });
    go!(me, "T", ends [c: recv], |me| {
        recv!(me, c);
    });
    go!(me, "L", ends [c: recv], |me| {
        me.stay().await;
        // It still has its end.
        assert!(c.is_empty());
    });
    finish(me, end!(ends, c));
}

/// In a twin, somebody comes and sends.
fn finish(me: &Me, c: &Chan<u32>) {
    if me.fixed() {
        let ends = ends!(me; { c: Chan<u32> = c.clone() });
        go!(me, "other", ends [c: send], |me| {
            send!(me, c, 1);
        });
    }
}

/// Somebody has a sender and does other things for ever.
pub(crate) fn idle_holder(me: &Me) {
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 0) });
    go!(me, "T", ends [c: recv], |me| {
        recv!(me, c);
    });
    go!(me, "L", ends [c: send], |me| {
        if me.fixed() {
            send!(me, c, 1);
        }
        me.stay().await;
        assert!(!c.is_closed());
    });
}

/// A sender was forgotten. Its memory is there, and could be found.
pub(crate) fn forgotten(me: &Me) {
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 0) });
    go!(me, "T", ends [c: recv], |me| {
        recv!(me, c);
    });
    me.lets_out(&end!(ends, c).sender());
    mem::forget(end!(ends, c).sender());
    finish(me, end!(ends, c));
}

/// A sender was given away as an address, as one does for a callback of C or
/// the handler of a signal.
pub(crate) fn raw_handle(me: &Me) {
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 0) });
    go!(me, "T", ends [c: recv], |me| {
        recv!(me, c);
    });
    static GIVEN_AWAY: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    me.lets_out(&end!(ends, c).sender());
    let address = Box::into_raw(Box::new(end!(ends, c).sender())).expose_provenance();
    GIVEN_AWAY.lock().expect("no panics").push(address);
    finish(me, end!(ends, c));
}

/// A sender stands in a static.
pub(crate) fn static_sender(me: &Me) {
    static SENDERS: Mutex<Vec<SendChan<u32>>> = Mutex::new(Vec::new());
    let (tx, rx) = me.chan("global", 0).split();
    let ends = ends!(me; { c: RecvChan<u32> = rx });
    me.lets_out(&tx);
    SENDERS.lock().expect("no panics").push(tx.clone());
    go!(me, "T", ends [c: held], |me| {
        recv!(me, c);
    });
    finish_by(me, tx);
}

/// A receiver stands in a static, and nobody can send.
pub(crate) fn static_receiver(me: &Me) {
    static RECEIVERS: Mutex<Vec<RecvChan<u32>>> = Mutex::new(Vec::new());
    let (tx, rx) = me.chan("global", 0).split();
    me.lets_out(&rx);
    RECEIVERS.lock().expect("no panics").push(rx.clone());
    let ends = ends!(me; { c: RecvChan<u32> = rx });
    go!(me, "T", ends [c: held], |me| {
        recv!(me, c);
    });
    finish_by(me, tx);
}

/// In a twin, the sender sends.
fn finish_by(me: &Me, tx: SendChan<u32>) {
    if me.fixed() {
        let ends = ends!(me; { tx: SendChan<u32> = tx });
        go!(me, "other", ends [tx: held], |me| {
            send!(me, tx, 1);
        });
    }
}

/// The only sender lies in a message that only the waiter could take.
pub(crate) fn message_dead(me: &Me) {
    let ends = ends!(me; {
        c: Chan<u32> = me.chan("c", 0),
        letters: Chan<Enclosed<SendChan<u32>>> = me.letters("letters", 1),
    });
    let letters = end!(ends, letters);
    letters.send(letters.enclose(end!(ends, c).sender()));
    go!(me, "T", ends [c: recv, letters: recv], |me| {
        if me.fixed() {
            let letter = letters.open(recv!(me, letters).expect("it was sent"));
            letter.close();
        }
        recv!(me, c);
        assert!(me.fixed() || !letters.is_empty());
    });
}

/// The only sender lies in a message, and somebody alive could take it.
pub(crate) fn message_live(me: &Me) {
    let ends = ends!(me; {
        c: Chan<u32> = me.chan("c", 0),
        letters: Chan<Enclosed<SendChan<u32>>> = me.letters("letters", 1),
    });
    let letters = end!(ends, letters);
    letters.send(letters.enclose(end!(ends, c).sender()));
    go!(me, "T", ends [c: recv], |me| {
        recv!(me, c);
    });
    go!(me, "L", ends [letters: recv], |me| {
        if !me.fixed() {
            me.stay().await;
        }
        let letter = letters.open(recv!(me, letters).expect("it was sent"));
        letter.close();
    });
}

/// Somebody has a weak sender, which can be made strong as long as the waiter
/// has a strong one.
pub(crate) fn weak_sender(me: &Me) {
    weak(me, true, true);
}

/// Somebody had a weak sender.
pub(crate) fn weak_sender_gone(me: &Me) {
    weak(me, true, false);
}

/// Somebody has a weak sender, and nobody a strong one: it is good for nothing.
pub(crate) fn weak_sender_powerless(me: &Me) {
    weak(me, false, true);
}

fn weak(me: &Me, strong: bool, stays: bool) {
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 0) });
    let weak = ends!(me; { ; weak: WeakSendChan<u32> = end!(ends, c).sender().downgrade() });
    go!(me, "L", weak [weak: plain], |me| {
        if stays {
            me.stay().await;
        }
        // It is dropped with the task.
        let _ = weak.receiver_count();
    });
    drop(weak);
    if strong {
        go!(me, "T", ends [c: both], |me| {
            recv!(me, c);
        });
    } else {
        go!(me, "T", ends [c: recv], |me| {
            recv!(me, c);
        });
    }
    finish(me, end!(ends, c));
}

/// A timer is about to fire.
pub(crate) fn pending_after(me: &Me) {
    let ends = ends!(me; { tick: Receiver<Instant> = after(Duration::from_secs(3600)) });
    go!(me, "T", ends [tick: held], |me| {
        me.is_kept();
        recv!(me, tick).ok();
    });
}

/// A deadline is about to pass, that of a parent as well.
pub(crate) fn pending_deadline(me: &Me) {
    let (parent, _) = Context::background().with_timeout(Duration::from_secs(3600));
    let (ctx, _) = parent.with_cancel();
    let ends = ends!(me; { ; ctx: Context = ctx });
    go!(me, "T", ends [ctx: plain], |me| {
        me.is_kept();
        recv!(me, ctx.done());
    });
}

/// A timer was stopped, and nobody is left who could set it again.
pub(crate) fn stopped_timer(me: &Me) {
    let timer = Timer::new(Duration::from_secs(3600));
    timer.stop();
    if me.fixed() {
        timer.reset(Duration::from_nanos(1));
    }
    let ends = ends!(me; { tick: Receiver<Instant> = timer.channel().clone() });
    drop(timer);
    go!(me, "T", ends [tick: held], |me| {
        recv!(me, tick).ok();
    });
}

/// A future was handed a value and is not polled; others wait behind it. It
/// may be dropped, and then the value goes on.
pub(crate) fn futurelock(me: &Me) {
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 0) });
    go!(me, "O", ends [c: recv], |me| {
        let mut wait = pin!(c.recv_async());
        let first = poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_ready())).await;
        assert!(!first, "nobody has sent");
        me.open("queued");
        if me.fixed() {
            assert_eq!(wait.await, Some(1));
        } else {
            me.stay().await;
        }
    });
    go!(me, "T", ends [c: recv], |me| {
        me.gate("queued").await;
        recv!(me, c);
    });
    go!(me, "H", ends [c: send], |me| {
        me.until(|| me.waits("c", Recv, 2)).await;
        send!(me, c, 1);
        if me.fixed() {
            send!(me, c, 2);
        }
    });
}

/// A future was dropped in the middle of its wait. Nothing is left of it.
pub(crate) fn cancelled_future(me: &Me) {
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 0) });
    go!(me, "T", ends [c: recv], |me| {
        me.is_kept();
        {
            let mut wait = pin!(c.recv_async());
            let first = poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_ready())).await;
            assert!(!first && me.waits("c", Recv, 1));
        }
        assert!(!me.waits("c", Recv, 1), "a ghost waits");
        me.stay().await;
    });
}

/// The only sender is with a thread that waits for something else, which may
/// come.
pub(crate) fn foreign_lock(me: &Me) {
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 0) });
    go!(me, "T", ends [c: recv], |me| {
        recv!(me, c);
    });
    if me.fixed() {
        finish(me, end!(ends, c));
        return;
    }
    let c = end!(ends, c).sender();
    let (leave, wait) = mpsc::channel();
    std::thread::spawn(move || {
        wait.recv().ok();
        drop(c);
    });
    go!(me, "L", ends [], with [leave], |me| {
        me.stay().await;
        leave.send(()).ok();
    });
}

/// The only sender was with a task whose runtime is gone.
pub(crate) fn runtime_shut_down(me: &Me) {
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 0) });
    let other = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build();
    let other = other.expect("a runtime can be had");
    let c = end!(ends, c).sender();
    let fixed = me.fixed();
    let task = other.spawn(async move {
        if fixed {
            c.send_async(1).await;
        }
        std::future::pending::<()>().await;
        drop(c);
    });
    go!(me, "T", ends [c: recv], |me| {
        recv!(me, c);
    });
    if fixed {
        let begun = Instant::now();
        while me.run.truth().going.contains_key("T") && begun.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
        }
    }
    other.shutdown_timeout(Duration::from_secs(20));
    drop(task);
}

// ---- Controls. ----

/// Each waits for the one before it; the first is busy.
pub(crate) fn daisy_chain(me: &Me) {
    let head = ends!(me; { c: Chan<u32> = me.chan("c", 0) });
    let mut before = end!(head, c).receiver();
    for _ in 0..100 {
        let next = me.chan("c", 0);
        let link = ends!(me; { from: RecvChan<u32> = before, to: Chan<u32> = next.clone() });
        go!(me, "link", link [from: held, to: send], |me| {
            me.is_kept();
            let value = recv!(me, from).expect("nobody closes it");
            send!(me, to, value);
        });
        before = next.receiver();
    }
    let tail = ends!(me; { from: RecvChan<u32> = before });
    go!(me, "link", tail [from: held], |me| {
        me.is_kept();
        recv!(me, from);
    });
    go!(me, "L", head [c: send], |me| {
        me.stay().await;
        send!(me, c, 1);
    });
}

/// Somebody comes by every millisecond and could send.
pub(crate) fn poller(me: &Me) {
    let (_, cancel) = Context::background().with_cancel();
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 0), cancel: Cancel = cancel });
    go!(me, "T", ends [c: recv], |me| {
        me.is_kept();
        recv!(me, c);
    });
    go!(me, "L", ends [c: send], |me| {
        me.is_kept();
        while !me.has_leave() {
            recv!(me, after(Duration::from_millis(1))).expect("a timer never closes");
        }
        send!(me, c, 1);
    });
}
