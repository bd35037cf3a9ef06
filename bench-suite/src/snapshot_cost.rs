//! `snapshot-cost`: what a look at very many parked tasks takes, and what
//! stacks cost.
//!
//! CPU time is that of the thread that looks; wall time is printed beside it,
//! because on a busy machine they differ. Of each figure the best of several
//! looks is told: the others had company.

use std::backtrace::Backtrace;
use std::error::Error;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::{Builder, Chan, SendChan};
use clap::Parser;
use leakwatch::Options;
use leakwatch::export::text;
use rustix::time::{ClockId, clock_gettime};

/// Measures what a look at very many parked tasks takes, and what stacks cost.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// How many tasks are parked
    #[arg(long, default_value_t = 100_000)]
    tasks: usize,

    /// How many are dumped as text
    #[arg(long, default_value_t = 15_000)]
    dumped: usize,

    /// How many looks there are; the best is told
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    looks: u32,
}

/// How many waits are read under one hold of a channel's lock.
const AT_A_TIME: usize = 128;

type Parked = Pin<Box<dyn Future<Output = ()> + Send>>;

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let mut options = Options::default();
    options.max_stacks = args.dumped;
    options.stack_patience = Duration::from_secs(10);
    // Those below are parked by hand: nobody would poll them.
    options.task_stacks = false;
    leakwatch::install_with(options)?;

    println!(
        "{} parked tasks: CPU (wall) of the best of {} looks",
        args.tasks, args.looks
    );
    for shape in [Shape::Orphans, Shape::Groups, Shape::OneQueue] {
        let parked = shape.park(args.tasks);
        let (cpu, wall, report) = best(args.looks, leakwatch::snapshot);
        println!(
            "  {:<44} {} ({}), {} findings",
            shape.name(),
            ms(cpu),
            ms(wall),
            report.findings.len()
        );
        if let (Shape::OneQueue, Some(chan)) = (shape, &parked.chan) {
            holds(chan, args.tasks);
        }
        // Those that go are many, too: not while the next are measured.
        drop(report);
        drop(parked);
    }
    dump(args.dumped, args.looks)?;
    walks();
    Ok(())
}

/// What the tasks wait on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Each on a channel of its own whose senders are gone: all are proven.
    Orphans,
    /// A hundred on each channel.
    Groups,
    /// All on one.
    OneQueue,
}

struct Standing {
    _tasks: Vec<Parked>,
    _senders: Vec<SendChan<u64>>,
    chan: Option<Chan<u64>>,
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Shape::Orphans => "each orphaned on a channel of its own",
            Shape::Groups => "a hundred on each channel",
            Shape::OneQueue => "all on one channel",
        }
    }

    fn park(self, tasks: usize) -> Standing {
        let mut parked: Vec<Parked> = Vec::with_capacity(tasks);
        let mut senders = Vec::new();
        let mut one = None;
        let mut add = |chan: &Chan<u64>| {
            let inbox = chan.receiver();
            let mut task: Parked = Box::pin(async move {
                black_box(inbox.recv_async().await);
            });
            let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
            parked.push(task);
        };
        match self {
            Shape::Orphans => (0..tasks).for_each(|_| add(&Chan::new(0))),
            Shape::Groups => {
                for _ in 0..tasks.div_ceil(100) {
                    let chan = Chan::new(0);
                    (0..100).for_each(|_| add(&chan));
                    senders.push(chan.sender());
                }
            }
            Shape::OneQueue => {
                let chan = Builder::new().name("one queue").chan();
                (0..tasks).for_each(|_| add(&chan));
                one = Some(chan);
            }
        }
        Standing {
            _tasks: parked,
            _senders: senders,
            chan: one,
        }
    }
}

/// How long the lock of a long queue is held: the whole walk, divided, and what
/// somebody notices who takes the lock all the time.
fn holds(chan: &Chan<u64>, tasks: usize) {
    let watched = chan_core::observe::channels()
        .into_iter()
        .find(|channel| channel.name() == Some("one queue"))
        .expect("it is alive");
    let (cpu, _, _) = best(5, || watched.snapshot().waits.len());
    let each = cpu / u32::try_from(tasks.div_ceil(AT_A_TIME)).unwrap_or(u32::MAX);
    let stop = AtomicBool::new(false);
    let mut delays = thread::scope(|s| {
        let prober = s.spawn(|| {
            let mut delays = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                // It takes the lock, and finds nothing.
                black_box(chan.waiting_senders());
                delays.push(began.elapsed());
            }
            delays
        });
        for _ in 0..10 {
            black_box(watched.snapshot().waits.len());
        }
        stop.store(true, Ordering::Relaxed);
        prober.join().expect("a probe does not panic")
    });
    delays.sort_unstable();
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize];
    println!(
        "    one hold of its lock: {:.1} µs of CPU on average; who takes it all the time waits {:.1} µs (p99.9), {:.1} µs at most",
        micros(each),
        micros(at(0.999)),
        micros(at(1.0))
    );
}

/// The text of a report on tasks of a runtime, from lines and cached stacks.
fn dump(tasks: usize, looks: u32) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()?;
    let chan = Builder::new().name("dumped").chan::<u64>();
    for _ in 0..tasks {
        let inbox = chan.receiver();
        runtime.spawn(async move {
            black_box(inbox.recv_async().await);
        });
    }
    while chan.waiting_receivers() < tasks {
        thread::sleep(Duration::from_millis(1));
    }
    let (cpu, wall, report) = best(looks, leakwatch::snapshot);
    let (text_cpu, text_wall, text) = best(looks, || text::to_string(&report));
    println!("{tasks} parked tasks of a runtime");
    println!(
        "  a look, without stacks                       {} ({})",
        ms(cpu),
        ms(wall)
    );
    println!(
        "  its text, {} bytes                       {} ({})",
        text.len(),
        ms(text_cpu),
        ms(text_wall)
    );
    stacks(&chan, tasks);
    chan.close();
    Ok(())
}

/// Stacks on request: what it takes to have all of them walked, once.
fn stacks(chan: &Chan<u64>, tasks: usize) {
    let watched = chan_core::observe::channels()
        .into_iter()
        .find(|channel| channel.name() == Some("dumped"))
        .expect("it is alive");
    let waits = watched.snapshot().waits;
    let mut wanted: Vec<_> = waits.iter().map(|wait| (wait.id, u64::MAX)).collect();
    wanted.sort();
    let process = || clock(ClockId::ProcessCPUTime);
    let (began, before) = (Instant::now(), process());
    let asked = watched.request_stacks(&wanted).len();
    // They have their wakers again when they have been polled.
    while watched.request_stacks(&wanted[..1]).is_empty() {
        thread::yield_now();
    }
    thread::sleep(Duration::from_millis(200));
    let spent = process() - before;
    println!(
        "  stacks on request: {asked} of {tasks} asked; {:.1} µs of CPU each, all threads together ({} until told)",
        micros(spent) / asked.max(1) as f64,
        ms(began.elapsed())
    );
    black_box(chan.len());
}

/// Stacks at the park: what a walk costs whoever parks.
fn walks() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let task = runtime.block_on(async { tokio::spawn(async { walk() }).await.expect("it ends") });
    let thread = thread::spawn(walk).join().expect("it ends");
    println!(
        "stacks at the park: a walk costs {:.1} µs in a task, {:.1} µs in a thread,",
        micros(task),
        micros(thread)
    );
    println!("and would be paid by every park of the process, whether or not anybody asks");
}

fn walk() -> Duration {
    const ROUNDS: u32 = 2_000;
    let began = clock(ClockId::ThreadCPUTime);
    for _ in 0..ROUNDS {
        // Addresses only: names are looked up when it is shown.
        let _ = black_box(Backtrace::force_capture());
    }
    (clock(ClockId::ThreadCPUTime) - began) / ROUNDS
}

/// The best of several runs, by CPU time, with its wall time.
fn best<R>(runs: u32, mut run: impl FnMut() -> R) -> (Duration, Duration, R) {
    let mut best: Option<(Duration, Duration, R)> = None;
    for _ in 0..runs {
        let (began, cpu) = (Instant::now(), clock(ClockId::ThreadCPUTime));
        let result = run();
        let (cpu, wall) = (clock(ClockId::ThreadCPUTime) - cpu, began.elapsed());
        if best.as_ref().is_none_or(|(least, ..)| cpu < *least) {
            best = Some((cpu, wall, result));
        }
    }
    best.expect("it runs at least once")
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

fn ms(duration: Duration) -> String {
    format!("{:7.1} ms", duration.as_secs_f64() * 1e3)
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
