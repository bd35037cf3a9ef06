//! The inner loops of our own hot paths, for those who change them: one
//! operation of one thread, and one hand-over between two.
//!
//! ```text
//! cargo bench -p bench-suite                                  compared with the last time
//! cargo bench -p bench-suite -- pair                          some of them
//! cargo bench -p bench-suite --features profile -- --profile-time 5
//! ```
//!
//! The last draws a flamegraph of each into
//! `target/criterion/<name>/profile/flamegraph.svg`. How we stand beside the
//! peers is `compare`'s to say: criterion runs one thing after the other, and a
//! machine that changes its speed meanwhile is not noticed.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use chan_core::{Builder, Receiver, Sender, bounded};
use chan_select::{Select, select};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

#[cfg(feature = "profile")]
mod profile;

fn channel(capacity: Option<usize>) -> (Sender<u64>, Receiver<u64>) {
    match capacity {
        Some(room) => Builder::new().capacity(room).channel(),
        None => Builder::new().unbounded().channel(),
    }
}

/// A name for a capacity, as in the rows of `compare`.
fn named(capacity: Option<usize>) -> String {
    capacity.map_or_else(|| "unb".to_owned(), |room| format!("c{room}"))
}

const BUFFERED: [Option<usize>; 4] = [Some(1), Some(16), Some(512), None];

fn pairs(c: &mut Criterion) {
    let mut group = c.benchmark_group("pair");
    for capacity in BUFFERED {
        let (tx, rx) = channel(capacity);
        group.bench_function(named(capacity), |b| {
            b.iter(|| {
                tx.send(black_box(1)).expect("open");
                rx.recv().expect("open")
            });
        });
    }
    group.finish();
    let mut group = c.benchmark_group("try-pair");
    for capacity in BUFFERED {
        let (tx, rx) = channel(capacity);
        group.bench_function(named(capacity), |b| {
            b.iter(|| {
                tx.try_send(black_box(1)).expect("there is room");
                rx.try_recv().expect("there is one")
            });
        });
    }
    group.finish();
}

fn refusals(c: &mut Criterion) {
    let mut group = c.benchmark_group("refusal");
    for room in [0, 16] {
        let (_tx, rx) = bounded::<u64>(room);
        group.bench_function(BenchmarkId::new("try-empty", room), |b| {
            b.iter(|| rx.try_recv().expect_err("empty"));
        });
        let (tx, _rx) = bounded::<u64>(room);
        while tx.try_send(1).is_ok() {}
        group.bench_function(BenchmarkId::new("try-full", room), |b| {
            b.iter(|| tx.try_send(black_box(1)).expect_err("full"));
        });
        let (tx, rx) = bounded::<u64>(room);
        drop(tx);
        group.bench_function(BenchmarkId::new("recv-closed", room), |b| {
            b.iter(|| rx.recv().expect_err("closed"));
        });
    }
    group.finish();
}

fn creation(c: &mut Criterion) {
    let mut group = c.benchmark_group("create");
    for capacity in [Some(0), Some(1), Some(16), Some(512), None] {
        group.bench_function(named(capacity), |b| b.iter(|| channel(capacity)));
    }
    group.finish();
}

fn selects(c: &mut Criterion) {
    let mut group = c.benchmark_group("select");
    let ((tx, a), (_keep, b)) = (bounded::<u64>(16), bounded::<u64>(16));
    group.bench_function("ready/2", |bencher| {
        bencher.iter(|| {
            tx.send(black_box(1)).expect("open");
            select! {
                recv(a) -> value => value.expect("open"),
                recv(b) -> value => value.expect("open"),
            }
        });
    });
    group.bench_function("default/2", |bencher| {
        bencher.iter(|| {
            select! {
                recv(a) -> value => value.expect("open"),
                recv(b) -> value => value.expect("open"),
                default => 0,
            }
        });
    });
    for arms in [2, 16, 64] {
        let channels: Vec<_> = (0..arms).map(|_| bounded::<u64>(16)).collect();
        let mut set = Select::new();
        for (_, rx) in &channels {
            set.recv(rx, |value| value.expect("open"));
        }
        group.bench_function(BenchmarkId::new("built-ready", arms), |bencher| {
            bencher.iter(|| {
                channels[arms / 2].0.send(black_box(1)).expect("open");
                set.select()
            });
        });
        group.bench_function(BenchmarkId::new("built-default", arms), |bencher| {
            bencher.iter(|| set.try_select());
        });
    }
    group.finish();
}

/// A round trip between two threads.
fn hand_over(c: &mut Criterion) {
    let mut group = c.benchmark_group("hand-over");
    for room in [0, 1] {
        let ((ping, pinged), (pong, ponged)) = (bounded::<u64>(room), bounded::<u64>(room));
        thread::scope(|scope| {
            scope.spawn(move || {
                for ball in pinged {
                    pong.send(ball).expect("open");
                }
            });
            group.bench_function(named(Some(room)), |b| {
                b.iter(|| {
                    ping.send(black_box(1)).expect("open");
                    ponged.recv().expect("open")
                });
            });
            drop(ping);
        });
    }
    group.finish();
}

fn configured() -> Criterion {
    let criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    #[cfg(feature = "profile")]
    let criterion = criterion.with_profiler(profile::Flamegraphs::default());
    criterion
}

criterion_group! {
    name = inner_loop;
    config = configured();
    targets = pairs, refusals, creation, selects, hand_over
}
criterion_main!(inner_loop);
