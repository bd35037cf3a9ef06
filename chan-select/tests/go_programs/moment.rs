//! More rules by their numbers: what holds for any number of cases (57, 61,
//! 63), and where a body leads (65).

use chan_select::Select;

use crate::choose::{add_recv, choose, first_of};
use crate::common::parked;
use crate::worlds::{Ch, World, sized};

/// Rule 57: a value moves through a row of channels, into the next before out
/// of the last, so at every moment one of them is ready. A look at all of them
/// never says that none is.
pub(crate) async fn rule_57_one_moment_for_any_number_of_cases<W: World>(w: W) {
    let rounds = sized(500, 10_000);
    let (rows, looked) = (w.chan::<[Ch<W, u8>; 6]>(0), w.chan(1));
    w.go({
        let (rows, looked) = (rows.clone(), looked.clone());
        async move {
            while let Some(row) = rows.recv().await {
                let mut select = Select::new();
                for chan in &row {
                    add_recv(&mut select, chan, |value| value);
                }
                let got = select.try_select();
                drop(select);
                looked.send(got).await;
            }
        }
    });
    for round in 0..rounds {
        let row: [Ch<W, u8>; 6] = std::array::from_fn(|_| w.chan(1));
        row[0].send(1).await;
        rows.send(row.clone()).await;
        for two in row.windows(2) {
            assert!(two[1].try_send(1).is_ok(), "it has room");
            // Gone, if it was received.
            two[0].try_recv().ok();
        }
        assert_eq!(looked.value().await, Some(Some(1)), "round {round}");
    }
    rows.close();
}

/// Rule 57: selects that wait for the same channels in opposite orders do not
/// stand in each other's way.
pub(crate) async fn rule_57_any_order_of_cases_is_one_order_of_locks<W: World>(w: W) {
    let rounds = sized(500, 10_000);
    let (a, b, ended) = (w.chan::<usize>(0), w.chan::<usize>(0), w.chan(0));
    for sends in [false, true] {
        for turned in [false, true] {
            let (w, a, b, ended) = (w.clone(), a.clone(), b.clone(), ended.clone());
            w.clone().go(async move {
                for n in 0..rounds {
                    match (sends, turned) {
                        (false, false) => choose! { w; recv(a) -> _ => {}, recv(b) -> _ => {} },
                        (false, true) => choose! { w; recv(b) -> _ => {}, recv(a) -> _ => {} },
                        (true, false) => {
                            choose! { w; send(a, n) -> () => {}, send(b, n) -> () => {} }
                        }
                        (true, true) => {
                            choose! { w; send(b, n) -> () => {}, send(a, n) -> () => {} }
                        }
                    }
                }
                ended.send(()).await;
            });
        }
    }
    for _ in 0..4 {
        ended.value().await;
    }
}

/// Rule 61: who loses leaves the queue from wherever it stands, and those who
/// stay keep their order. That it does so at once is `go_chanlinear`'s.
pub(crate) async fn rule_61_losers_leave_from_anywhere<W: World>(w: W) {
    const COUNT: usize = 30;
    let ((chan, seen), ended) = (w.watched::<usize>(0), w.chan(COUNT));
    let away: [Ch<W, ()>; COUNT] = std::array::from_fn(|_| w.chan(0));
    for (n, away) in away.iter().enumerate() {
        w.go({
            let (w, chan, away, ended) = (w.clone(), chan.clone(), away.clone(), ended.clone());
            async move {
                let got = choose! { w; recv(away) -> _ => None, recv(chan) -> value => value };
                ended.send((n, got)).await;
            }
        });
        w.until(|| parked(&seen) == n + 1).await;
    }
    // From the front, the middle and the end.
    let leave: Vec<usize> = (0..COUNT).rev().filter(|n| n % 3 != 1).collect();
    for &n in &leave {
        away[n].send(()).await;
        assert_eq!(ended.value().await, (n, None));
    }
    assert_eq!(seen.snapshot().waits.len(), COUNT - leave.len());
    for n in (0..COUNT).filter(|n| n % 3 == 1) {
        assert!(chan.try_send(100 + n).is_ok(), "somebody waits");
        assert_eq!(ended.value().await, (n, Some(100 + n)));
    }
    assert!(chan.try_send(0).is_err(), "nobody is left");
}

/// Rule 63: a select of as many cases as there may be waits in all of them,
/// and is served by any.
pub(crate) async fn rule_63_a_select_of_65536_cases_waits<W: World>(w: W) {
    let ((busy, seen), ended) = (w.watched(0), w.chan(0));
    w.go({
        let (busy, quiet, ended) = (busy.clone(), w.chan::<usize>(0), ended.clone());
        async move {
            let mut select = Select::new();
            for n in 0..1_usize << 16 {
                let chan = if n % 4096 == 4095 { &busy } else { &quiet };
                add_recv(&mut select, chan, move |value| (n, value));
            }
            for _ in 0..3 {
                ended.send(first_of::<W, _>(&mut select).await).await;
            }
        }
    });
    for value in 0..3_usize {
        w.until(|| parked(&seen) == 16).await;
        busy.send(value).await;
        let (n, got) = ended.value().await;
        assert_eq!((n % 4096, got), (4095, Some(value)));
    }
}

/// Rule 65: a body leads out of the loop, of the block or of the function
/// around it, from a look as after a wait.
pub(crate) async fn rule_65_bodies_lead_out<W: World>(w: W) {
    async fn tenth<W: World>(w: &W, chan: &Ch<W, usize>) -> Option<usize> {
        let mut odd = 0;
        'all: loop {
            let n = choose! { w;
                recv(chan) -> value => match value? {
                    13 => break 'all,
                    n if n % 2 == 0 => continue 'all,
                    n => n,
                },
            };
            odd += 1;
            choose! { w;
                recv(chan) -> value => if value == Some(10) { return value };
                default => if n == 99 { break },
            }
        }
        Some(100 + odd)
    }
    let chan = w.chan(3);
    let ended = w.chan(0);
    w.go({
        let (w, chan, ended) = (w.clone(), chan.clone(), ended.clone());
        async move {
            for _ in 0..4 {
                ended.send(tenth(&w, &chan).await).await;
            }
        }
    });
    chan.send(2).await;
    chan.send(13).await;
    assert_eq!(ended.value().await, Some(100), "break of a label");
    chan.send(4).await;
    chan.send(99).await;
    assert_eq!(ended.value().await, Some(101), "break of the loop");
    chan.send(13).await;
    assert_eq!(ended.value().await, Some(100));
    chan.close();
    assert_eq!(ended.value().await, None, "a question mark");
}
