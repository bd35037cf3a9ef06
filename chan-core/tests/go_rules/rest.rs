//! Rules about what channels are and what is said of them: views, references,
//! texts, wait reasons.

use std::sync::Arc;
use std::thread;

use chan_core::observe::{self, Direction};
use chan_core::{Builder, Chan, RecvChan, SendChan};

use super::support::{panic_text, waiting};
use super::{CLOSE_OF_CLOSED, CLOSE_OF_NIL, OUT_OF_RANGE, SEND_ON_CLOSED, parked};

/// What a view must not do does not compile: see `rejected.md`.
#[test]
fn rule_08_views_are_of_the_same_channel() {
    let chan = Chan::new(1);
    let (tx, rx): (SendChan<u8>, RecvChan<u8>) = (chan.sender(), chan.receiver());
    assert!(tx.same_channel(&chan.sender()) && rx.same_channel(&chan.receiver()));
    assert!(!tx.same_channel(&Chan::new(1).sender()));
    tx.send(1);
    assert_eq!((chan.len(), rx.recv()), (1, Some(1)));
    tx.close();
    assert!(chan.is_closed() && rx.is_closed());
    assert!(Chan::<u8>::nil().receiver().is_nil());
}

#[test]
fn rule_23_a_received_value_is_no_longer_referred_to() {
    let value = Arc::new(());
    for capacity in [0, 1, 2] {
        let chan = Chan::new(capacity);
        let mut send = parked_or_done(&chan, value.clone());
        drop(chan.recv());
        if let Some(send) = send.as_mut() {
            assert!(super::poll(send).is_ready());
        }
        // The channel and the future live on.
        assert_eq!(Arc::strong_count(&value), 1, "capacity {capacity}");
    }
}

type Sending<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

fn parked_or_done(chan: &Chan<Arc<()>>, value: Arc<()>) -> Option<Sending<'_>> {
    match chan.capacity() {
        0 => Some(parked(chan.send_async(value)) as Sending<'_>),
        _ => {
            chan.send(value);
            None
        }
    }
}

/// Go's texts to the letter. Behind them stands, where it is known, the line
/// of the close.
#[test]
fn rule_71_the_texts_are_go_s() {
    let chan = Chan::<u8>::new(1);
    let nil = Chan::<u8>::nil();
    assert_eq!(panic_text(|| nil.close()), CLOSE_OF_NIL);
    assert_eq!(
        panic_text(|| Chan::<u64>::new(usize::MAX / 2)),
        OUT_OF_RANGE
    );
    chan.close();
    let line = line!() - 1;
    let at = format!(" (closed at {}:{line}:", file!());
    for (text, go) in [
        (panic_text(|| chan.close()), CLOSE_OF_CLOSED),
        (panic_text(|| chan.send(1)), SEND_ON_CLOSED),
    ] {
        assert!(text.starts_with(&format!("{go}{at}")), "{text}");
    }
}

/// The words of Go's dumps. Those of select are tested where select is.
#[test]
fn rule_73_wait_reasons_have_go_s_words() {
    let chan = Builder::new().name("rule 73").chan::<u8>();
    for (direction, reason) in [
        (Direction::Recv, "chan receive"),
        (Direction::Send, "chan send"),
    ] {
        let waiter = chan.clone();
        let wait = thread::spawn(move || match direction {
            Direction::Recv => waiter.recv(),
            _ => {
                waiter.send(1);
                None
            }
        });
        let seen = waiting("rule 73", 1);
        assert_eq!(seen.waits[0].reason.to_string(), reason);
        match direction {
            Direction::Recv => chan.send(1),
            _ => drop(chan.recv()),
        }
        wait.join().unwrap();
    }
    thread::spawn(|| Chan::<u8>::nil().recv());
    thread::spawn(|| Chan::<u8>::nil().send(1));
    for reason in ["chan receive (nil chan)", "chan send (nil chan)"] {
        let seen = || {
            observe::nil_waits()
                .into_iter()
                .map(|wait| wait.reason.to_string())
        };
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !seen().any(|seen| seen == reason) {
            assert!(std::time::Instant::now() < end, "{reason} was never seen");
            thread::yield_now();
        }
    }
}
