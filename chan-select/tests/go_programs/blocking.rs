//! What waits, what does not and what panics: test/chan/select3, and
//! test/closedchan as far as it selects. With Go's manners, for nil and for
//! the panics.

use crate::choose::{blocks, on};
use crate::worlds::{Ch, World, panic_text};

/// A new channel in a state that [`go_select3`] names.
type Make<W> = fn(&W) -> Ch<W, u8>;

fn nil<W: World>(_: &W) -> Ch<W, u8> {
    Ch::nil()
}

fn unbuffered<W: World>(w: &W) -> Ch<W, u8> {
    w.chan(0)
}

fn empty<W: World>(w: &W) -> Ch<W, u8> {
    w.chan(10)
}

fn full<W: World>(w: &W) -> Ch<W, u8> {
    let chan = w.chan(10);
    (0..10).for_each(|n| assert!(chan.try_send(n).is_ok()));
    chan
}

fn closed<W: World>(w: &W) -> Ch<W, u8> {
    let chan = w.chan(0);
    chan.close();
    chan
}

/// Closed with its values, which are received first.
fn closed_full<W: World>(w: &W) -> Ch<W, u8> {
    let chan = full(w);
    chan.close();
    chan
}

/// What an operation on such a channel does.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    Wait,
    End,
    Panic,
}

/// test/chan/select3: the table of channels and of what sends and receives
/// do on them, plain and in selects of one, of two, and with a default.
pub(crate) async fn go_select3<W: World>(w: W) {
    use Does::{End, Panic, Wait};
    let table: [(Make<W>, Does, Does); 6] = [
        (nil, Wait, Wait),
        (unbuffered, Wait, Wait),
        (empty, End, Wait),
        (full, Wait, End),
        (closed, Panic, End),
        (closed_full, Panic, End),
    ];
    for (make, send, recv) in table {
        sends(&w, make, send).await;
        receives(&w, make, recv).await;
    }
    empty_selects(&w).await;
    nil_selects(&w).await;
    a_select_does_not_meet_itself(&w).await;
}

async fn sends<W: World>(w: &W, make: Make<W>, does: Does) {
    let (plain, one, two, look) = (make(w), make(w), make(w), make(w));
    let quiet = w.chan::<u8>(0);
    let plain = async move { plain.send(1).await };
    let one = async move {
        on! { send(one, 1) -> () => {} }
    };
    let two = async move {
        on! { recv(quiet) -> _ => {}, send(two, 1) -> () => {} }
    };
    let look = async move {
        on! { send(look, 1) -> () => Does::End, default => Does::Wait }
    };
    match does {
        Does::Wait => {
            blocks(w, plain).await;
            blocks(w, one).await;
            blocks(w, two).await;
        }
        Does::End => {
            plain.await;
            one.await;
            two.await;
        }
        Does::Panic => {
            for text in [
                panic_text(plain).await,
                panic_text(one).await,
                panic_text(two).await,
                panic_text(look).await,
            ] {
                assert!(text.starts_with("send on closed channel"), "{text}");
            }
            return;
        }
    }
    assert!(look.await == does, "a look knows as much");
}

async fn receives<W: World>(w: &W, make: Make<W>, does: Does) {
    let (plain, one, two, look) = (make(w), make(w), make(w), make(w));
    let quiet = w.chan::<u8>(0);
    let plain = async move { assert!(plain.recv().await != Some(99)) };
    let one = async move {
        on! { recv(one) -> _ => {} }
    };
    let two = async move {
        on! { recv(quiet) -> _ => {}, recv(two) -> _ => {} }
    };
    let look = async move {
        on! { recv(look) -> _ => Does::End, default => Does::Wait }
    };
    if does == Does::Wait {
        blocks(w, plain).await;
        blocks(w, one).await;
        blocks(w, two).await;
    } else {
        plain.await;
        one.await;
        two.await;
    }
    assert!(look.await == does, "a look knows as much");
}

/// A select of nothing waits for ever, with a default it does not.
async fn empty_selects<W: World>(w: &W) {
    blocks(w, async {
        on! {}
    })
    .await;
    on! { default => {} }
}

/// A select of nil channels is one of nothing.
async fn nil_selects<W: World>(w: &W) {
    let (a, b) = (nil(w), nil(w));
    blocks(w, async move {
        on! { recv(a) -> _ => {}, send(b, 1) -> () => {} }
    })
    .await;
    let (a, b) = (nil(w), nil(w));
    let looked = on! { recv(a) -> _ => false, send(b, 1) -> () => false, default => true };
    assert!(looked);
}

/// A select that sends and receives on one unbuffered channel waits; with a
/// buffer it sends, and then receives.
async fn a_select_does_not_meet_itself<W: World>(w: &W) {
    for recv_first in [false, true] {
        let chan = unbuffered(w);
        blocks(w, async move {
            if recv_first {
                on! { recv(chan) -> _ => {}, send(chan, 1) -> () => {} }
            } else {
                on! { send(chan, 1) -> () => {}, recv(chan) -> _ => {} }
            }
        })
        .await;
    }
    let chan = w.chan(1);
    for round in 0..4 {
        let sent = on! { send(chan, 1) -> () => true, recv(chan) -> _ => false };
        assert_eq!(sent, round % 2 == 0);
    }
}

/// test/closedchan, its selects: of one case, with a default, and with a
/// second case; a closed channel gives its values, then says that it is
/// closed as often as one asks, and a send panics.
pub(crate) async fn go_closedchan<W: World>(w: W) {
    for capacity in [0, 2] {
        let (chan, quiet) = (w.chan(capacity), w.chan::<u32>(0));
        for n in 0..capacity {
            chan.send(n).await;
        }
        chan.close();
        let one = async || on! { recv(chan) -> value => value };
        let look = async || on! { recv(chan) -> value => value, default => unreachable!() };
        let two = async || on! { recv(quiet) -> _ => unreachable!(), recv(chan) -> v => v };
        if capacity > 0 {
            assert_eq!((look().await, two().await), (Some(0), Some(1)));
        }
        for _ in 0..3 {
            assert_eq!((one().await, look().await, two().await), (None, None, None));
        }
        for text in [
            panic_text(async {
                on! { send(chan, 7) -> () => {} }
            })
            .await,
            panic_text(async {
                on! { send(chan, 7) -> () => {}, default => {} }
            })
            .await,
            panic_text(async {
                on! { recv(quiet) -> _ => {}, send(chan, 7) -> () => {} }
            })
            .await,
        ] {
            assert!(text.starts_with("send on closed channel"), "{text}");
        }
        assert_eq!((one().await, chan.len()), (None, 0));
    }
}
