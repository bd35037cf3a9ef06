//! `snapshot-cost`: what a look at very many parked tasks takes, for how long it
//! holds a lock, how soon an orphan is reported, and what stacks cost.
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
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::{Builder, Chan, SendChan};
use clap::Parser;
use leakwatch::Options;
use leakwatch::export::text;
use leakwatch::report::ParkedTask;
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
        if shape == Shape::Orphans {
            orphaned(args.tasks)?;
        }
        // Those that go are many, too: not while the next are measured.
        drop(report);
        drop(parked);
    }
    longest_hold();
    chains(args.looks);
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
        let mut add = |chan: &Chan<u64>, many| parked.extend(park_on(chan, many));
        match self {
            Shape::Orphans => (0..tasks).for_each(|_| add(&Chan::new(0), 1)),
            Shape::Groups => {
                for _ in 0..tasks.div_ceil(100) {
                    let chan = Chan::new(0);
                    add(&chan, 100);
                    senders.push(chan.sender());
                }
            }
            Shape::OneQueue => {
                let chan = Builder::new().name("one queue").chan();
                add(&chan, tasks);
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

/// The longest hold of a lock, as CPU of the one who holds it. A snapshot of a
/// channel with as many waiters as are read at a time is one hold, with some
/// work before and after it; its tasks were made long before, and lie where
/// no cache has them.
fn longest_hold() {
    const CHANNELS: usize = 500;
    let mut standing = Vec::new();
    for _ in 0..CHANNELS {
        let chan = Builder::new().name("one hold").chan::<u64>();
        standing.push((park_on(&chan, AT_A_TIME), chan));
    }
    let channels = chan_core::observe::channels();
    let mine = channels
        .iter()
        .filter(|channel| channel.name() == Some("one hold"));
    let mut holds: Vec<Duration> = mine
        .map(|channel| {
            let began = clock(ClockId::ThreadCPUTime);
            black_box(channel.snapshot().waits.len());
            clock(ClockId::ThreadCPUTime) - began
        })
        .collect();
    holds.sort_unstable();
    println!(
        "one hold of a lock, with {AT_A_TIME} waits: {:.1} µs of CPU (median), {:.1} µs (p99), {:.1} µs at most, of {}",
        micros(holds[holds.len() / 2]),
        micros(holds[holds.len() * 99 / 100]),
        micros(holds[holds.len() - 1]),
        holds.len(),
    );
}

/// Tasks that wait to receive, polled by hand.
fn park_on(chan: &Chan<u64>, tasks: usize) -> Vec<Parked> {
    let park = |_| {
        let inbox = chan.receiver();
        let mut task: Parked = Box::pin(async move {
            black_box(inbox.recv_async().await);
        });
        let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        task
    };
    (0..tasks).map(park).collect()
}

/// Tasks each of which waits for the one before it, all of them stuck.
fn chains(looks: u32) {
    for links in [1_000, 4_000] {
        let mut tasks: Vec<Parked> = Vec::new();
        let mut inbox = Chan::<u64>::new(0).receiver();
        for _ in 0..links {
            let (out, next) = Chan::<u64>::new(0).split();
            tasks.push(Box::pin(leakwatch::task!("link", [inbox, out] async move {
                inbox.recv_async().await;
                out.send_async(1).await;
            })));
            inbox = next;
        }
        for task in &mut tasks {
            let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
        }
        let (cpu, wall, report) = best(looks, leakwatch::snapshot);
        let largest = report.sets.iter().map(|set| set.members.len()).max();
        println!(
            "a chain of {links}, each waiting for the one before: {} ({}), a set of {}",
            ms(cpu),
            ms(wall),
            largest.unwrap_or(0)
        );
    }
}

/// From the drop of the last sender to the report on who waits, beside many
/// others that are parked.
fn orphaned(others: usize) -> Result<(), Box<dyn Error>> {
    let (tell, told) = mpsc::channel();
    leakwatch::on_orphan(move |report| {
        let named = |it: &ParkedTask| it.name == "to be orphaned";
        if report.tasks.iter().any(named) {
            tell.send(Instant::now()).ok();
        }
    })?;
    let mut delays = Vec::new();
    for _ in 0..200 {
        let (tx, rx) = Builder::new().chan::<u64>().split();
        let waiter = thread::Builder::new().name("to be orphaned".into());
        let waiter = waiter.spawn(move || rx.recv())?;
        while tx.waiting_receivers() == 0 {
            thread::yield_now();
        }
        // So that it is parked, and does not look any more.
        thread::sleep(Duration::from_millis(2));
        let dropped = Instant::now();
        drop(tx);
        delays.push(told.recv()?.duration_since(dropped));
        // It stays to the end of the process.
        drop(waiter);
    }
    delays.sort_unstable();
    println!(
        "    from the drop of the last sender to the report, beside {others} parked: {:.0} µs (median), {:.0} µs (p99), {:.0} µs at most, of {}",
        micros(delays[delays.len() / 2]),
        micros(delays[delays.len() * 99 / 100]),
        micros(delays[delays.len() - 1]),
        delays.len(),
    );
    Ok(())
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
