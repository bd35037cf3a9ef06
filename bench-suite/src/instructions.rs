//! `instructions`: how many instructions an installed but idle leakwatch adds
//! to operations that do not park. Valgrind counts them, so the figure is exact
//! and the same on a noisy machine.
//!
//! A watcher is installed for the life of a process. So this program runs
//! itself four times for each operation: watched and unwatched, with few and
//! with many repetitions. What the many have more than the few, divided by how
//! many more they are, is the operation alone. More than [`ALLOWED`] is a
//! failure.

use std::error::Error;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::task::{Context, Poll, Waker};

use chan_core::{Receiver, Sender, bounded, unbounded};
use chan_select::select;
use clap::{Parser, ValueEnum};

/// Instructions that watching may add to an operation.
const ALLOWED: f64 = 2.0;

const FEW: u64 = 1_000;
const MANY: u64 = 11_000;

/// Counts the instructions that an installed but idle leakwatch adds.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Repeat one operation in this process
    #[arg(long, hide = true, requires = "count")]
    child: Option<Operation>,

    /// With --child: how often
    #[arg(long, hide = true)]
    count: Option<u64>,

    /// With --child: install leakwatch first
    #[arg(long, hide = true)]
    watched: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Operation {
    Pair,
    PairOfOne,
    PairUnbounded,
    PairOfTasks,
    TryPair,
    TryEmpty,
    TryFull,
    RecvClosed,
    Len,
    Clone,
    SelectReady,
    SelectDefault,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Operation::Pair => "send + recv, capacity 16",
            Operation::PairOfOne => "send + recv, capacity 1",
            Operation::PairUnbounded => "send + recv, unbounded",
            Operation::PairOfTasks => "send_async + recv_async, capacity 16",
            Operation::TryPair => "try_send + try_recv, capacity 16",
            Operation::TryEmpty => "try_recv on empty",
            Operation::TryFull => "try_send on full",
            Operation::RecvClosed => "recv on closed",
            Operation::Len => "len + is_empty",
            Operation::Clone => "clone of a sender and its drop",
            Operation::SelectReady => "send + select over 2, one ready",
            Operation::SelectDefault => "select over 2 idle, default",
        }
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let args = Args::parse();
    if let (Some(operation), Some(count)) = (args.child, args.count) {
        if args.watched {
            leakwatch::install()?;
        }
        run(operation, count);
        return Ok(ExitCode::SUCCESS);
    }
    println!("instructions of an operation  unwatched   watched     added");
    let mut worst = 0.0_f64;
    for &operation in Operation::value_variants() {
        let without = each(operation, false)?;
        let with = each(operation, true)?;
        // Rounded so that nothing is not less than nothing.
        let added = ((with - without) * 100.0).round() / 100.0 + 0.0;
        worst = worst.max(added);
        println!(
            "{:<38} {without:>9.2} {with:>9.2} {added:>9.2}",
            operation.name()
        );
    }
    if worst > ALLOWED {
        println!("watching adds up to {worst:.2} instructions; {ALLOWED} are allowed");
        return Ok(ExitCode::FAILURE);
    }
    println!("watching adds at most {worst:.2} instructions");
    Ok(ExitCode::SUCCESS)
}

/// Instructions of one operation.
fn each(operation: Operation, watched: bool) -> Result<f64, Box<dyn Error>> {
    let few = counted(operation, FEW, watched)?;
    let many = counted(operation, MANY, watched)?;
    Ok((many as f64 - few as f64) / (MANY - FEW) as f64)
}

/// Instructions of a whole process.
fn counted(operation: Operation, count: u64, watched: bool) -> Result<u64, Box<dyn Error>> {
    let value = operation.to_possible_value().expect("none is hidden");
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--child", value.get_name(), "--count", &count.to_string()]);
    if watched {
        command.arg("--watched");
    }
    let output = command
        .output()
        .map_err(|why| format!("valgrind does not run: {why}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{operation:?} ended with {}:\n{said}", output.status).into());
    }
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .ok_or_else(|| format!("valgrind does not say how many it collected:\n{said}"))?;
    Ok(collected.1.trim().parse()?)
}

/// Does it so often.
fn run(operation: Operation, count: u64) {
    match operation {
        Operation::Pair => pairs(&bounded(16), count),
        Operation::PairOfOne => pairs(&bounded(1), count),
        Operation::PairUnbounded => pairs(&unbounded(), count),
        Operation::PairOfTasks => pairs_of_tasks(&bounded(16), count),
        Operation::TryPair => {
            let (tx, rx) = bounded(16);
            repeat(count, || {
                tx.try_send(black_box(1_u64)).expect("there is room");
                black_box(rx.try_recv()).expect("there is one");
            });
        }
        Operation::TryEmpty => {
            let (_tx, rx) = bounded::<u64>(16);
            repeat(count, || {
                black_box(rx.try_recv()).expect_err("empty");
            });
        }
        Operation::TryFull => {
            let (tx, _rx) = bounded(1);
            tx.send(1_u64).expect("open");
            repeat(count, || {
                black_box(tx.try_send(1)).expect_err("full");
            });
        }
        Operation::RecvClosed => {
            let (tx, rx) = bounded::<u64>(16);
            drop(tx);
            repeat(count, || {
                black_box(rx.recv()).expect_err("closed");
            });
        }
        Operation::Len => {
            let (tx, rx) = bounded::<u64>(16);
            repeat(count, || {
                black_box((tx.len(), rx.is_empty()));
            });
        }
        Operation::Clone => {
            let (tx, _rx) = bounded::<u64>(16);
            repeat(count, || drop(black_box(tx.clone())));
        }
        Operation::SelectReady => {
            let ((tx, a), (_keep, b)) = (bounded(16), bounded::<u64>(16));
            repeat(count, || {
                tx.send(1_u64).expect("open");
                select! {
                    recv(a) -> value => taken(value.ok()),
                    recv(b) -> value => taken(value.ok()),
                }
            });
        }
        Operation::SelectDefault => {
            let ((_tx, a), (_keep, b)) = (bounded::<u64>(16), bounded::<u64>(16));
            repeat(count, || {
                select! {
                    recv(a) -> value => taken(value.ok()),
                    recv(b) -> value => taken(value.ok()),
                    default => {},
                }
            });
        }
    }
}

fn taken(value: Option<u64>) {
    black_box(value);
}

fn repeat(count: u64, mut operation: impl FnMut()) {
    (0..count).for_each(|_| operation());
}

fn pairs((tx, rx): &(Sender<u64>, Receiver<u64>), count: u64) {
    repeat(count, || {
        tx.send(black_box(1)).expect("open");
        black_box(rx.recv()).expect("open");
    });
}

/// Futures that are ready at their first poll, or at the second where they let
/// others have a turn.
fn pairs_of_tasks((tx, rx): &(Sender<u64>, Receiver<u64>), count: u64) {
    let mut cx = Context::from_waker(Waker::noop());
    repeat(count, || {
        now(&mut cx, tx.send_async(black_box(1))).expect("open");
        black_box(now(&mut cx, rx.recv_async())).expect("open");
    });
}

fn now<F: Future>(cx: &mut Context<'_>, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return output;
        }
    }
}
