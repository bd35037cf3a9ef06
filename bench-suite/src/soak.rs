//! `soak`: rounds of everything at once, for as long as one likes.
//!
//! Each round makes some channels of either face, bounded or not, lets threads
//! and tasks send and receive on them in every way (blocking, trying, with
//! timeouts, with futures that are cut off, in batches, with permits, by
//! selects, by handles that were weak), ends them in one of several ways, and
//! then counts: every value was received, or came back, or made room for a
//! newer one, or was dropped, once; no channel and no waiter is left. At the end
//! the memory must be where it was after the first rounds. leakwatch is
//! installed, so that it soaks too.
//!
//! Exit code 1 says that something was wrong, 2 that the arguments were. A
//! round that does not end is ended by a watchdog, which prints leakwatch's
//! report.

use std::panic;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe;
use clap::Parser;

use books::Sums;
use round::Plan;

#[path = "soak/books.rs"]
mod books;
#[path = "soak/ends.rs"]
mod ends;
#[path = "soak/less_common.rs"]
mod less_common;
#[path = "soak/others.rs"]
mod others;
#[path = "soak/receiving.rs"]
mod receiving;
#[path = "soak/round.rs"]
mod round;
#[path = "soak/selects.rs"]
mod selects;
#[path = "soak/sending.rs"]
mod sending;

/// Soaks the channels: random rounds, every value counted.
#[derive(Parser)]
#[command(name = "soak", version)]
struct Args {
    /// For how long
    #[arg(long, default_value_t = 600, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    seconds: u64,

    /// At most so many rounds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rounds: Option<u64>,

    /// Where the random choices begin; a fresh one by default. Which thread
    /// runs when is not part of it
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// The most values that one sender sends in a round
    #[arg(long, default_value_t = 2000, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    values: u32,

    /// By how much memory may grow after the first rounds, in MiB
    #[arg(long, default_value_t = 32, value_name = "MIB")]
    growth: u64,

    /// After how many seconds a round is called stuck
    #[arg(long, default_value_t = 120, value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    patience: u64,
}

/// The round that runs now, for the watchdog.
type Now = Arc<Mutex<(u64, Option<Plan>, Instant)>>;

fn main() -> ExitCode {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    hide_gos_panics();
    match soak(&args, seed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("soak: VIOLATION: {what}");
            ExitCode::FAILURE
        }
    }
}

/// A send on a closed channel is how some threads and tasks end here.
fn hide_gos_panics() {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !info
            .payload()
            .downcast_ref::<String>()
            .is_some_and(|text| round::is_gos(text))
        {
            others(info);
        }
    }));
}

fn soak(args: &Args, seed: u64) -> Result<(), String> {
    leakwatch::install().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    println!("seed {seed}, {} s, leakwatch installed", args.seconds);
    let now = watchdog(Duration::from_secs(args.patience));
    let mut soak = Soak::new(Duration::from_secs(args.seconds));
    while soak.goes_on(args) {
        let plan = Plan::new(seed.wrapping_add(soak.rounds), args.values as usize);
        *now.lock().unwrap_or_else(PoisonError::into_inner) =
            (soak.rounds, Some(plan.clone()), Instant::now());
        let sums = plan
            .run(runtime.handle())
            .map_err(|what| format!("round {}: {what}\n    {plan}", soak.rounds))?;
        soak.enter(sums);
    }
    drop(runtime);
    soak.end(args)
}

/// Ends the process if a round does not end.
fn watchdog(patience: Duration) -> Now {
    let now: Now = Arc::new(Mutex::new((0, None, Instant::now())));
    let watched = Arc::clone(&now);
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_millis(500));
            let (round, plan, since) = watched
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            if since.elapsed() < patience {
                continue;
            }
            let plan = plan.map_or_else(String::new, |plan| plan.to_string());
            eprintln!("soak: VIOLATION: round {round} has not ended in {patience:?}\n    {plan}");
            print_waits();
            eprintln!(
                "{}",
                leakwatch::export::text::to_string(&leakwatch::snapshot())
            );
            std::process::exit(1);
        }
    });
    now
}

/// Who waits, straight from the queues.
fn print_waits() {
    for channel in observe::channels() {
        eprintln!("{:#?}", channel.snapshot());
    }
}

/// The account of the whole run.
struct Soak {
    start: Instant,
    time: Duration,
    rounds: u64,
    sums: Sums,
    channels: usize,
    /// Taken when a tenth of the time, or of the rounds, is over.
    warm: Option<u64>,
    most: u64,
    last_line: Instant,
}

impl Soak {
    fn new(time: Duration) -> Soak {
        let start = Instant::now();
        Soak {
            start,
            time,
            rounds: 0,
            sums: Sums::default(),
            channels: observe::channels().len(),
            warm: None,
            most: 0,
            last_line: start,
        }
    }

    fn goes_on(&self, args: &Args) -> bool {
        self.start.elapsed() < self.time && args.rounds.is_none_or(|rounds| self.rounds < rounds)
    }

    fn enter(&mut self, sums: Sums) {
        self.rounds += 1;
        self.sums.add(sums);
        let rss = resident();
        self.most = self.most.max(rss);
        if self.warm.is_none() && (self.start.elapsed() > self.time / 10 || self.rounds == 200) {
            self.warm = Some(rss);
        }
        if self.last_line.elapsed() > Duration::from_secs(10) {
            self.last_line = Instant::now();
            println!(
                "{:>6} s: {} rounds, {} values: {} received, {} returned, {} displaced, {} dropped; {} MiB",
                self.start.elapsed().as_secs(),
                self.rounds,
                self.sums.made,
                self.sums.received,
                self.sums.returned,
                self.sums.displaced,
                self.sums.dropped,
                mib(rss),
            );
        }
    }

    fn end(self, args: &Args) -> Result<(), String> {
        let rss = resident();
        let warm = self.warm.unwrap_or(rss);
        let channels = observe::channels().len();
        let sums = self.sums;
        println!();
        for (what, count) in [
            ("rounds", self.rounds),
            ("seconds", self.start.elapsed().as_secs()),
            ("values", sums.made),
            ("  received", sums.received),
            ("  returned by an error", sums.returned),
            ("  made room for others", sums.displaced),
            ("  dropped", sums.dropped),
            ("channels alive at the start", self.channels as u64),
            ("channels alive at the end", channels as u64),
        ] {
            println!("{what:<30} {count:>12}");
        }
        for (what, bytes) in [
            ("warmed up", warm),
            ("at most", self.most),
            ("at the end", rss),
        ] {
            println!("{:<30} {:>12} MiB", format!("memory {what}"), mib(bytes));
        }
        if channels != self.channels {
            return Err(format!(
                "{channels} channels are alive, not {}",
                self.channels
            ));
        }
        if rss > warm + (args.growth << 20) {
            return Err(format!(
                "memory grew from {} to {} MiB",
                mib(warm),
                mib(rss)
            ));
        }
        println!("every value went one way, once; nothing is left");
        Ok(())
    }
}

/// Bytes of this process in memory; 0 where that cannot be read.
fn resident() -> u64 {
    const PAGE: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1);
    pages
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or(0)
        * PAGE
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}
