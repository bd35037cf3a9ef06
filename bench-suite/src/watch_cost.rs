//! `watch-cost`: what an installed but idle leakwatch costs.
//!
//! A watcher is installed for the life of a process, so each measurement is a
//! process of its own: this program runs itself, watched and unwatched in
//! turn, so that a machine that changes its speed changes it for both. Medians
//! over the rounds, and the ratio of each round's pair, are printed; a wide
//! spread says that the machine was noisy, not that the figure is exact.

use std::error::Error;
use std::hint::black_box;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use chan_core::bounded;
use clap::{Parser, ValueEnum};

/// Measures what an installed but idle leakwatch costs.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// How many times each workload runs, watched and unwatched
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// How long one run lasts, in milliseconds
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..))]
    millis: u64,

    /// Run one workload in this process and print its nanoseconds
    #[arg(long, hide = true)]
    child: Option<Workload>,

    /// With --child: install leakwatch first
    #[arg(long, hide = true)]
    watched: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Workload {
    /// One thread sends to itself and receives: nothing ever parks.
    Pair,
    /// One thread tries to receive from an empty channel: nothing ever parks.
    TryEmpty,
    /// Two threads, two unbuffered channels, one value to and fro.
    ThreadPingPong0,
    /// The same with room for one value.
    ThreadPingPong1,
    /// The same between two tasks on one thread.
    TaskPingPong,
    /// A channel is made and dropped.
    Create,
}

impl Workload {
    fn name(self) -> &'static str {
        match self {
            Workload::Pair => "send + recv, one thread, capacity 16",
            Workload::TryEmpty => "try_recv on empty",
            Workload::ThreadPingPong0 => "ping-pong, threads, capacity 0",
            Workload::ThreadPingPong1 => "ping-pong, threads, capacity 1",
            Workload::TaskPingPong => "ping-pong, tasks on one thread, capacity 0",
            Workload::Create => "bounded(16) and drop",
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    if let Some(workload) = args.child {
        if args.watched {
            leakwatch::install()?;
        }
        println!("{}", run(workload, Duration::from_millis(args.millis)));
        return Ok(());
    }
    println!(
        "{} rounds of {} ms each; ns per operation (ping-pong: per round trip), medians\n",
        args.rounds, args.millis
    );
    println!(
        "{:<44} {:>10} {:>10}   {:>22}",
        "", "unwatched", "watched", "watched / unwatched"
    );
    for &workload in Workload::value_variants() {
        report(workload, &args)?;
    }
    Ok(())
}

/// Runs a workload in turn, unwatched and watched, and prints its row.
fn report(workload: Workload, args: &Args) -> Result<(), Box<dyn Error>> {
    let (mut without, mut with, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..args.rounds {
        // Who goes first changes, so that neither always follows a warm cache.
        let order = [round % 2 == 0, round % 2 != 0];
        let mut pair = [0.0; 2];
        for watched in order {
            pair[usize::from(watched)] = child(workload, watched, args.millis)?;
        }
        without.push(pair[0]);
        with.push(pair[1]);
        ratios.push(pair[1] / pair[0]);
    }
    let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ratios.iter().copied().fold(0.0, f64::max);
    println!(
        "{:<44} {:>10.1} {:>10.1}   {:>6.3} [{:.3}–{:.3}]",
        workload.name(),
        median(&mut without),
        median(&mut with),
        median(&mut ratios),
        low,
        high,
    );
    Ok(())
}

/// One measurement in a process of its own.
fn child(workload: Workload, watched: bool, millis: u64) -> Result<f64, Box<dyn Error>> {
    let value = workload.to_possible_value().expect("none is hidden");
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--child", value.get_name(), "--millis", &millis.to_string()]);
    if watched {
        command.arg("--watched");
    }
    let output = command.output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the run of {workload:?} failed: {errors}").into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Nanoseconds per operation.
fn run(workload: Workload, time: Duration) -> f64 {
    match workload {
        Workload::Pair => {
            let (tx, rx) = bounded(16);
            repeat(time, || {
                tx.send(black_box(1_u64)).expect("open");
                black_box(rx.recv()).expect("open");
            })
        }
        Workload::TryEmpty => {
            let (_tx, rx) = bounded::<u64>(16);
            repeat(time, || {
                black_box(rx.try_recv()).expect_err("empty");
            })
        }
        Workload::ThreadPingPong0 => thread_ping_pong(time, 0),
        Workload::ThreadPingPong1 => thread_ping_pong(time, 1),
        Workload::TaskPingPong => task_ping_pong(time),
        Workload::Create => repeat(time, || drop(black_box(bounded::<u64>(16)))),
    }
}

/// Repeats in batches until the time is over.
fn repeat(time: Duration, mut operation: impl FnMut()) -> f64 {
    const BATCH: u32 = 1_000;
    // Warm up: caches, lazy statics, the clock of the processor.
    (0..10 * BATCH).for_each(|_| operation());
    let start = Instant::now();
    let mut count = 0_u64;
    while start.elapsed() < time {
        (0..BATCH).for_each(|_| operation());
        count += u64::from(BATCH);
    }
    start.elapsed().as_nanos() as f64 / count as f64
}

fn thread_ping_pong(time: Duration, capacity: usize) -> f64 {
    let (ping, pinged) = bounded::<u64>(capacity);
    let (pong, ponged) = bounded::<u64>(capacity);
    thread::scope(|s| {
        s.spawn(move || {
            for ball in pinged {
                pong.send(ball).expect("open");
            }
        });
        let each = repeat(time, || {
            ping.send(1).expect("open");
            black_box(ponged.recv()).expect("open");
        });
        drop(ping);
        each
    })
}

fn task_ping_pong(time: Duration) -> f64 {
    const BATCH: u64 = 1_000;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime on this thread").block_on(async {
        let (ping, pinged) = bounded::<u64>(0);
        let (pong, ponged) = bounded::<u64>(0);
        let other = tokio::spawn(async move {
            while let Ok(ball) = pinged.recv_async().await {
                pong.send_async(ball).await.expect("open");
            }
        });
        let mut count = 0;
        let mut start = Instant::now();
        let warm = start + time / 10;
        let mut warming = true;
        while start.elapsed() < time || warming {
            for _ in 0..BATCH {
                ping.send_async(1).await.expect("open");
                black_box(ponged.recv_async().await).expect("open");
            }
            count += BATCH;
            if warming && Instant::now() > warm {
                (warming, count, start) = (false, 0, Instant::now());
            }
        }
        let each = start.elapsed().as_nanos() as f64 / count as f64;
        drop(ping);
        other.await.expect("it ends with its channel");
        each
    })
}
