//! What is promised, and what is not: views (8), slots (23), refusals (25,
//! 43), who runs first (37), who orders whom (42, 45), and Go's words (71, 73).
//!
//! Rules that promise nothing (37, 42, 43) are tested for what must hold all
//! the same, whichever way the unpromised falls out.

use std::sync::Arc;

use super::*;

#[test]
fn rule_08_a_view_is_the_channel_itself() {
    let chan = Chan::new(1);
    let (tx, rx) = (chan.sender(), chan.receiver());
    assert!(tx.same_channel(&chan.clone().sender()) && rx.same_channel(&chan.receiver()));
    let twin = Chan::new(1);
    assert!(!chan.same_channel(&twin), "alike, and not the same");
    assert!(!tx.same_channel(&twin.sender()) && !rx.same_channel(&twin.receiver()));
    tx.send(1);
    assert_eq!((twin.len(), chan.len(), rx.recv()), (0, 1, Some(1)));
    tx.close();
    assert!(chan.is_closed() && rx.is_closed() && !twin.is_closed());
    panics(CLOSE_OF_CLOSED, || chan.close());
    let ((tx, rx), (other, _rx)) = (bounded::<u8>(1), bounded(1));
    assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&other));
    assert!(rx.same_channel(&rx.clone()) && !rx.same_channel(&never()));
}

#[test]
fn rule_23_a_channel_holds_nothing_of_what_was_received() {
    let value = Arc::new(());
    let held = || Arc::strong_count(&value) - 1;
    let chan = Chan::new(2);
    for _ in 0..5 {
        chan.send(value.clone());
        chan.send(value.clone());
        assert_eq!(held(), 2);
        drop(chan.recv());
        assert_eq!(held(), 1, "gone with the receive");
        drop(chan.recv());
        assert_eq!(held(), 0);
    }
    // From hand to hand, and back again.
    let mut receive = parked(chan.recv_async());
    chan.send(value.clone());
    drop(poll(&mut receive));
    assert_eq!(held(), 0, "though the future is still there");
    drop(receive);
    let dropped = parked(chan.recv_async());
    chan.send(value.clone());
    drop(dropped);
    assert_eq!((held(), chan.len()), (1, 1), "it came back");
    drop(chan.recv());
    assert_eq!(held(), 0);
    drop(chan);
    assert_eq!(held(), 0, "nothing is dropped twice");
}

#[test]
fn rule_25_a_send_takes_a_closed_channel_for_nothing_else() {
    let full = || {
        let (tx, rx) = bounded(1);
        tx.send(0).unwrap();
        (tx, rx)
    };
    let (tx, rx) = full();
    tx.close().unwrap();
    assert!(tx.try_send(1).unwrap_err().is_disconnected(), "and full");
    assert_eq!(rx.recv(), Ok(0));
    assert!(tx.try_send(1).unwrap_err().is_disconnected(), "with room");
    let close_and_drain = |(tx, rx): &(chan_core::Sender<u8>, chan_core::Receiver<u8>)| {
        tx.close().unwrap();
        assert_eq!(rx.recv(), Ok(0));
    };
    race(5000, full, close_and_drain, |(tx, _)| {
        loop {
            let was_closed = tx.is_closed();
            let error = tx.try_send(1).expect_err("full, then closed");
            if error.is_disconnected() {
                break;
            }
            assert!(!was_closed, "it was closed before it was found full");
            thread::yield_now();
        }
    });
}

#[test]
fn rule_37_who_runs_first_changes_nothing() {
    let chan = Chan::new(0);
    let mut receives = [(); 3].map(|()| parked(chan.recv_async()));
    (0..3).for_each(|n| chan.send(n));
    for n in [2, 0, 1] {
        assert_eq!(poll(&mut receives[n]), Poll::Ready(Some(n)));
    }
    drop(receives);
    let mut sends = [0, 1, 2].map(|n| parked(chan.send_async(n)));
    (0..3).for_each(|n| assert_eq!(chan.recv(), Some(n)));
    for n in [2, 0, 1] {
        assert!(poll(&mut sends[n]).is_ready());
    }
    // One that does not run at all holds up nobody.
    let asleep = parked(chan.recv_async());
    let mut awake = parked(chan.recv_async());
    (3..5).for_each(|n| chan.send(n));
    assert_eq!(poll(&mut awake), Poll::Ready(Some(4)));
    drop(asleep);
}

#[test]
fn rule_42_a_buffered_send_is_over_before_its_receive() {
    const CAPACITY: usize = 2;
    let chan = Chan::new(CAPACITY);
    for n in 0..CAPACITY {
        let mut send = Box::pin(chan.send_async(n));
        assert!(poll(&mut send).is_ready(), "nobody has received");
    }
    // The one after waits, for the first receive and not for its own.
    let mut send = parked(chan.send_async(CAPACITY));
    assert_eq!(chan.recv(), Some(0));
    assert!(poll(&mut send).is_ready());
    assert_eq!(chan.len(), CAPACITY);
}

#[test]
fn rule_43_what_fails_leaves_no_trace() {
    let chan = named("rule 43", 1);
    chan.send(0);
    let before = waiting("rule 43", 0);
    assert_eq!(chan.try_send(1).unwrap_err().into_inner(), 1);
    assert_eq!(chan.send_timeout(2, SHORT).unwrap_err().into_inner(), 2);
    let after = waiting("rule 43", 0);
    assert_eq!((after.sent, after.len), (before.sent, before.len));
    assert_eq!(chan.recv(), Some(0));
    let before = waiting("rule 43", 0);
    assert_eq!(chan.try_recv(), Err(Empty));
    assert!(chan.recv_timeout(SHORT).is_err());
    assert_eq!(waiting("rule 43", 0).received, before.received);
    // Nor does a send that panics.
    chan.send(3);
    chan.close();
    panics(SEND_ON_CLOSED, || chan.try_send(4));
    panics(SEND_ON_CLOSED, || chan.send(5));
    assert_eq!(waiting("rule 43", 0).sent, before.sent + 1);
    assert_eq!(chan.iter().collect::<Vec<_>>(), [3]);
}

#[test]
fn rule_45_threads_and_tasks_order_each_other() {
    const PARTIES: usize = 4;
    const EACH: usize = 3000;
    // A mutex of capacity 1 (rule 41) that threads and tasks share. What it
    // guards orders nothing by itself: two at once lose an increment.
    let (mutex, counter) = (Chan::new(1), AtomicUsize::new(0));
    let add_one = || {
        let before = counter.load(Ordering::Relaxed);
        if before.is_multiple_of(64) {
            thread::yield_now();
        }
        counter.store(before + 1, Ordering::Relaxed);
    };
    thread::scope(|s| {
        for _ in 0..PARTIES / 2 {
            s.spawn(|| {
                for _ in 0..EACH {
                    mutex.send(());
                    add_one();
                    assert_eq!(mutex.recv(), Some(()));
                }
            });
            s.spawn(|| {
                common::block_on(async {
                    for _ in 0..EACH {
                        mutex.send_async(()).await;
                        add_one();
                        assert_eq!(mutex.recv_async().await, Some(()));
                    }
                });
            });
        }
    });
    assert_eq!(counter.into_inner(), PARTIES * EACH);
}

#[test]
fn rule_71_the_texts_are_go_s_to_the_letter() {
    assert_eq!(panic_text(|| Chan::<u8>::new(usize::MAX)), OUT_OF_RANGE);
    assert_eq!(panic_text(|| Chan::<u8>::nil().close()), CLOSE_OF_NIL);
    let chan = Chan::new(1);
    chan.close();
    let closed_at = line!() - 1;
    // Go's text, and after it the line that Go does not say.
    let demand = |go: &str, text: String| {
        let more = text.strip_prefix(go).expect("it begins with Go's");
        let place = more.strip_prefix(" (closed at ");
        let place = place.and_then(|more| more.strip_suffix(')'));
        let mut place = place.expect(&text).rsplitn(3, ':');
        let (column, line) = (place.next().unwrap(), place.next().unwrap());
        assert!(column.parse::<u32>().is_ok(), "{text}");
        assert_eq!(line, closed_at.to_string(), "{text}");
        assert!(place.next().unwrap().ends_with("promises.rs"), "{text}");
    };
    demand(SEND_ON_CLOSED, panic_text(|| chan.send(1)));
    demand(SEND_ON_CLOSED, panic_text(|| chan.try_send(1)));
    demand(CLOSE_OF_CLOSED, panic_text(|| chan.close()));
    // They were caught, and the channel is what it was.
    assert_eq!((chan.recv(), chan.is_closed(), chan.len()), (None, true, 0));
}

#[test]
fn rule_73_waits_are_named_in_go_s_words() {
    let words = |name| waiting(name, 1).waits[0].reason.to_string();
    let (empty, full) = (named::<u8>("rule 73 empty", 1), named("rule 73 full", 0));
    let _waits = (parked(empty.recv_async()), parked(full.send_async(1)));
    assert_eq!(words("rule 73 empty"), "chan receive");
    assert_eq!(words("rule 73 full"), "chan send");
    let on_nil = |line| {
        let mut waits = chan_core::observe::nil_waits().into_iter();
        let here = |site: &std::panic::Location<'_>| (site.file(), site.line()) == (file!(), line);
        let wait = waits.find(|wait| here(wait.site));
        wait.expect("it is seen").reason.to_string()
    };
    let nil = Chan::nil();
    let (_receive, at) = (parked(nil.recv_async()), line!());
    assert_eq!(on_nil(at), "chan receive (nil chan)");
    let (_send, at) = (parked(nil.send_async(1)), line!());
    assert_eq!(on_nil(at), "chan send (nil chan)");
}
