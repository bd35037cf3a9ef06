//! Go's test/chan and test/range: the order of values, and every kind of send
//! meeting every kind of receive.

use std::fmt::Debug;

use chan_core::Empty;

use crate::worlds::{Ch, World, sized};

/// test/chan/fifo: values leave in the order in which they came, through a
/// buffer and from hand to hand; receivers are served in the order they came.
pub(crate) async fn go_fifo<W: World>(w: W) {
    const COUNT: usize = 10;
    let buffered = w.chan(COUNT);
    for n in 0..COUNT {
        buffered.send(n).await;
    }
    for n in 0..COUNT {
        assert_eq!(buffered.value().await, n);
    }

    // Each receives when the one before it has.
    let unbuffered = w.chan(0);
    let first = w.chan(0);
    let mut turn = first.clone();
    for n in 0..COUNT {
        let (values, mine, next) = (unbuffered.clone(), turn, w.chan(0));
        turn = next.clone();
        w.go(async move {
            mine.value().await;
            assert_eq!(values.value().await, n);
            next.send(()).await;
        });
    }
    first.send(()).await;
    for n in 0..COUNT {
        unbuffered.send(n).await;
    }
    turn.value().await;

    // All of them wait at the same time.
    let (queue, seen) = w.watched(0);
    for n in 0..COUNT {
        let queue = queue.clone();
        w.go(async move { assert_eq!(queue.value().await, n) });
        w.until(|| crate::common::parked(&seen) == n + 1).await;
    }
    for n in 0..COUNT {
        queue.send(n).await;
    }
}

/// test/chan/goroutines: a value runs through a chain of thousands who all
/// wait, each adds its one, and all of them come home.
pub(crate) async fn go_goroutines<W: World>(w: W) {
    let links = if W::BLOCKS {
        sized(500, 5000)
    } else {
        sized(10_000, 10_000)
    };
    let first = w.chan(0);
    let mut from = first.clone();
    for _ in 0..links {
        let (here, next) = (from, w.chan(0));
        from = next.clone();
        w.go(async move { next.send(here.value().await + 1).await });
    }
    first.send(0).await;
    assert_eq!(from.value().await, links);
}

/// One element type of `go_nonblock`.
async fn nonblock_of<W: World, T>(w: &W, value: T)
where
    T: Clone + Debug + PartialEq + Send + Sync + 'static,
{
    for capacity in [0, 1] {
        let chan = w.chan::<T>(capacity);
        let done = w.chan(0);
        assert_eq!(chan.try_recv(), Err(Empty));
        if capacity == 0 {
            let back = chan.try_send(value.clone());
            assert_eq!(back, Err(value.clone()), "there is nobody");
        } else {
            assert_eq!(chan.try_send(value.clone()), Ok(()));
            let back = chan.try_send(value.clone());
            assert_eq!(back, Err(value.clone()), "it is full");
            assert_eq!(chan.try_recv(), Ok(Some(value.clone())));
        }
        assert_eq!(chan.try_recv(), Err(Empty));

        // A partner that waits sooner or later, and a send that does not.
        w.go({
            let (chan, done) = (chan.clone(), done.clone());
            async move { done.send(chan.value().await).await }
        });
        while chan.try_send(value.clone()).is_err() {
            w.turn().await;
        }
        assert_eq!(done.value().await, value);
        assert_eq!(chan.try_recv(), Err(Empty));

        // The same, and a receive that does not.
        w.go({
            let (chan, value) = (chan.clone(), value.clone());
            async move { chan.send(value).await }
        });
        let got = loop {
            match chan.try_recv() {
                Ok(got) => break got,
                Err(Empty) => w.turn().await,
            }
        };
        assert_eq!(got, Some(value.clone()));
        assert_eq!(chan.len(), 0);
    }
}

/// test/chan/nonblock: operations that do not wait, before and after a partner
/// is ready, on elements of several sizes.
pub(crate) async fn go_nonblock<W: World>(w: W) {
    nonblock_of(&w, 0x5a_u8).await;
    nonblock_of(&w, true).await;
    nonblock_of(&w, -7_i64).await;
    nonblock_of(&w, String::from("a word")).await;
    nonblock_of(&w, [1_u64; 40]).await;
    nonblock_of(&w, ()).await;
}

/// How `go_select7` sends.
#[derive(Clone, Copy, Debug)]
enum SendKind {
    /// Waits.
    Plain,
    /// Tries until somebody takes it.
    Try,
    /// Is there before the receiver is.
    First,
}

/// How `go_select7` receives.
#[derive(Clone, Copy, Debug)]
enum RecvKind {
    /// Waits, and takes the value.
    Plain,
    /// Waits, and throws the value away.
    Discard,
    /// Waits, and looks only whether there was a value.
    Ok,
    /// Tries until there is a value.
    Try,
    /// Loops until the end.
    Range,
}

/// test/chan/select7, less select: every kind of receive is served by every
/// kind of send, also if the value is thrown away.
pub(crate) async fn go_select7<W: World>(w: W) {
    use {RecvKind as R, SendKind as S};
    for capacity in [0, 1] {
        for send in [S::Plain, S::Try, S::First] {
            for recv in [R::Plain, R::Discard, R::Ok, R::Try, R::Range] {
                // Without a buffer one of the two has to wait.
                if capacity > 0 || !matches!((send, recv), (S::Try, R::Try)) {
                    meet(&w, capacity, send, recv).await;
                }
            }
        }
    }
}

async fn meet<W: World>(w: &W, capacity: usize, send: SendKind, recv: RecvKind) {
    let (chan, seen) = w.watched::<u32>(capacity);
    w.go({
        let (w, chan) = (w.clone(), chan.clone());
        async move {
            match send {
                SendKind::Plain | SendKind::First => chan.send(7).await,
                SendKind::Try => {
                    while chan.try_send(7).is_err() {
                        w.turn().await;
                    }
                }
            }
            if matches!(recv, RecvKind::Range) {
                chan.close();
            }
        }
    });
    if matches!(send, SendKind::First) {
        w.until(|| crate::common::parked(&seen) == 1 || chan.len() == 1)
            .await;
    }
    match recv {
        RecvKind::Plain => assert_eq!(chan.recv().await, Some(7)),
        RecvKind::Discard => drop(chan.value().await),
        RecvKind::Ok => assert!(chan.recv().await.is_some()),
        RecvKind::Try => {
            while chan.try_recv() == Err(Empty) {
                w.turn().await;
            }
        }
        RecvKind::Range => assert_eq!(chan.range().await, [7]),
    }
    assert_eq!(chan.len(), 0, "{send:?} {recv:?}");
}

/// test/chan/sendstmt: a channel is a value like any other, and a receive may
/// stand where a send wants its operand.
pub(crate) async fn go_sendstmt<W: World>(w: W) {
    let channels: Ch<W, Ch<W, bool>> = w.chan(0);
    let inner = w.chan(1);
    w.go({
        let (channels, inner) = (channels.clone(), inner.clone());
        async move { channels.send(inner).await }
    });
    channels.value().await.send(true).await;
    assert!(inner.value().await);

    let (from, to) = (w.chan(1), w.chan(1));
    from.send(2).await;
    to.send(from.value().await * 2 + 1).await;
    assert_eq!((to.value().await, from.len()), (5, 0));
}

/// test/chan/zerosize: elements without size are counted, handed over and
/// kept as others are.
pub(crate) async fn go_zerosize<W: World>(w: W) {
    for capacity in [0, 1, 100] {
        let (nothing, empty) = (w.chan::<()>(capacity), w.chan::<[u64; 0]>(capacity));
        w.go({
            let (nothing, empty) = (nothing.clone(), empty.clone());
            async move {
                for _ in 0..300 {
                    nothing.send(()).await;
                    empty.send([]).await;
                }
                nothing.close();
                empty.close();
            }
        });
        for _ in 0..300 {
            nothing.value().await;
            empty.value().await;
        }
        assert_eq!((nothing.recv().await, empty.recv().await), (None, None));
    }
}

/// test/range, its part about channels: a loop over a channel sees what was
/// sent, and no value for the close.
pub(crate) async fn go_range<W: World>(w: W) {
    for capacity in [0, 1, 16] {
        let letters = w.chan(capacity);
        w.go({
            let letters = letters.clone();
            async move {
                for letter in 'a'..='z' {
                    letters.send(letter).await;
                }
                letters.close();
            }
        });
        let word: String = letters.range().await.into_iter().collect();
        assert_eq!(word, "abcdefghijklmnopqrstuvwxyz");
        assert!(letters.range().await.is_empty());
    }
}
