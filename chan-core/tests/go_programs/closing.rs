//! Go's test/closedchan, chancap and makechan, and what its fixedbugs say of
//! closed channels and bad sizes. With Go's manners only: they panic.

use chan_core::{Builder, Chan, Empty, bounded};

use crate::support::{panic_text as sync_panic_text, panics};
use crate::worlds::{Ch, Manners, World, panic_text};

const SEND_ON_CLOSED: &str = "send on closed channel";

/// No send gets into a closed channel, whoever tries it and however.
async fn refuses_sends<W: World>(w: &W, closed: &Ch<W, usize>) {
    let text = panic_text(closed.send(9)).await;
    assert!(text.starts_with(SEND_ON_CLOSED), "{text}");
    let text = sync_panic_text(|| closed.try_send(9));
    assert!(text.starts_with(SEND_ON_CLOSED), "{text}");
    let done = w.chan(0);
    w.go({
        let (closed, done) = (closed.clone(), done.clone());
        async move { done.send(panic_text(closed.send(9)).await).await }
    });
    let text = done.value().await;
    assert!(text.starts_with(SEND_ON_CLOSED), "{text}");
}

/// test/closedchan: every operation on closed channels, unbuffered and
/// buffered, with values left and without, waiting and not.
pub(crate) async fn go_closedchan<W: World>(w: W) {
    for manners in [Manners::Go, Manners::Views] {
        for (capacity, left) in [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)] {
            let closed = Ch::new(Builder::new().capacity(capacity), manners);
            for n in 0..left {
                closed.send(n).await;
            }
            closed.close();
            refuses_sends(&w, &closed).await;
            assert_eq!(closed.len(), left, "refused, with room and without");
            for n in 0..left {
                let got = if n == 0 {
                    closed.recv().await
                } else {
                    closed.try_recv().expect("closed is ready")
                };
                assert_eq!(got, Some(n));
            }
            for _ in 0..3 {
                assert_eq!(closed.recv().await, None);
                assert_eq!(closed.try_recv(), Ok(None));
            }
            assert!(closed.range().await.is_empty());
            refuses_sends(&w, &closed).await;
            let text = sync_panic_text(|| closed.close());
            assert!(text.starts_with("close of closed channel"), "{text}");
        }
    }
    let nil = Ch::<W, u8>::nil();
    assert_eq!(sync_panic_text(|| nil.close()), "close of nil channel");
    assert_eq!((nil.len(), nil.cap()), (0, Some(0)));
    assert_eq!((nil.try_recv(), nil.try_send(1)), (Err(Empty), Err(1)));
}

/// test/closedchan once more, with who waits while it is closed: senders
/// panic in their own place, receivers end, nothing of a sender's arrives.
pub(crate) async fn go_closedchan_under_waiters<W: World>(w: W) {
    for (capacity, senders) in [(0, true), (0, false), (1, true), (1, false)] {
        let (chan, seen) = w.watched(capacity);
        let ends = w.chan(0);
        if senders {
            for n in 0..capacity {
                chan.send(n).await;
            }
        }
        for _ in 0..3 {
            let (chan, ends) = (chan.clone(), ends.clone());
            w.go(async move {
                if senders {
                    let text = panic_text(chan.send(usize::MAX)).await;
                    assert!(text.starts_with(SEND_ON_CLOSED), "{text}");
                } else {
                    assert_eq!(chan.recv().await, None);
                }
                ends.send(()).await;
            });
        }
        w.until(|| crate::common::parked(&seen) == 3).await;
        chan.close();
        for _ in 0..3 {
            ends.value().await;
        }
        let left = if senders { capacity } else { 0 };
        let drained = chan.range().await;
        assert_eq!(drained, (0..left).collect::<Vec<_>>());
    }
}

/// test/fixedbugs/issue8347, its part about a receive: the answer of an
/// earlier receive does not stick.
pub(crate) async fn go_issue8347<W: World>(w: W) {
    let chan = w.chan(1);
    for _ in 0..10 {
        assert_eq!(chan.try_recv(), Err(Empty));
        chan.send(true).await;
        assert_eq!(chan.try_recv(), Ok(Some(true)));
    }
    assert_eq!(chan.try_recv(), Err(Empty));
    chan.close();
    assert_eq!(chan.try_recv(), Ok(None));
    assert_eq!(chan.recv().await, None);
}

/// test/chancap: `len` and `cap` of every kind of channel as it fills.
pub(crate) async fn go_chancap<W: World>(w: W) {
    for capacity in [0, 1, 10, 1000] {
        for manners in [Manners::Go, Manners::Views] {
            let chan = Ch::<W, _>::new(Builder::new().capacity(capacity), manners);
            for len in 0..capacity {
                assert_eq!((chan.len(), chan.cap()), (len, Some(capacity)));
                chan.send(len).await;
            }
            assert_eq!((chan.len(), chan.cap()), (capacity, Some(capacity)));
            for n in 0..capacity {
                assert_eq!(chan.value().await, n);
                assert_eq!(chan.len(), capacity - n - 1);
            }
            chan.close();
            assert_eq!((chan.len(), chan.cap()), (0, Some(capacity)));
        }
    }
    let made = w.chan::<u8>(3);
    assert!(made.cap().is_none_or(|cap| cap == 3));
}

/// test/makechan, the run-time half of test/chancap, and fixedbugs/bug273:
/// sizes that cannot be. (Negative ones do not compile: `usize` has none.)
pub(crate) async fn go_makechan<W: World>(_: W) {
    const TEXT: &str = "makechan: size out of range";
    let most = isize::MAX as usize;
    panics(TEXT, || Chan::<i32>::new(usize::MAX));
    panics(TEXT, || Chan::<i32>::new(most / 4 + 1));
    panics(TEXT, || Chan::<[u8; 1 << 16]>::new(1 << 48));
    panics(TEXT, || Chan::<()>::new(usize::MAX));
    panics(TEXT, || bounded::<i32>(usize::MAX));
    // The largest that can be counted, of elements that take no room.
    assert_eq!(Chan::<()>::new(most).capacity(), most);
}
