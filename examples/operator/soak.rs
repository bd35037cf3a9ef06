//! The healthy service again and again, with leakwatch looking all the time:
//! its memory stays flat, and nothing is found.
//!
//! Whoever stops the whole process for a while makes everybody late. That is
//! noticed, and what is found or has happened within the grace after it is left
//! out, and counted.

use std::fs;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use leakwatch::report::{Finding, Report, Subject};
use leakwatch::{Options, export};

use crate::bugs::Bug;
use crate::service;
use crate::source::Source;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A share of the time, at its beginning, in which memory may grow: pools and
/// caches fill.
const WARM_UP: u32 = 5;

/// What may come on top of that, in kB: allocators keep what threads leave.
const MAY_GROW: u64 = 16 * 1024;

/// Whoever needs longer than this to end is late, however busy the machine.
const GRACE: Duration = Duration::from_secs(10);

/// Between two beats, by which it is noticed that the process stood still.
const BEAT: Duration = Duration::from_millis(20);

/// A beat that is so late was stopped, and not merely kept waiting.
const STILL: Duration = Duration::from_secs(1);

/// What the looks have found.
#[derive(Default)]
struct Found {
    stop: AtomicBool,
    looks: AtomicU64,
    findings: AtomicU64,
    /// When the process went on after it had stood still.
    went_on: Mutex<Vec<Instant>>,
    /// Findings too soon after that.
    left_out: AtomicU64,
    /// The first report with a finding.
    first: Mutex<Option<String>>,
}

impl Found {
    /// Looks until it is told to stop.
    fn look_on(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let report = leakwatch::snapshot();
            self.looks.fetch_add(1, Ordering::Relaxed);
            let text = export::text::to_string(&report);
            if !report.findings.is_empty() {
                let (all, wrong) = (report.findings.len(), self.not_left_out(&report));
                let left_out = (all - wrong) as u64;
                self.left_out.fetch_add(left_out, Ordering::Relaxed);
                self.findings.fetch_add(wrong as u64, Ordering::Relaxed);
                if wrong > 0 {
                    self.first.lock().expect("no panic").get_or_insert(text);
                }
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// How many findings are not about a time just after the process has stood
    /// still.
    fn not_left_out(&self, report: &Report) -> usize {
        let looked = Instant::now();
        // The next beat tells.
        thread::sleep(2 * BEAT);
        let went_on = self.went_on.lock().expect("no panic");
        let excused = |at: Instant| {
            let mut times = went_on.iter();
            times.any(|&time| at + STILL > time && at < time + GRACE)
        };
        let is_wrong = |finding: &&Finding| match &finding.subject {
            // It is told of at every look since.
            Subject::Event(event) => !looked.checked_sub(event.ago).is_some_and(excused),
            _ => !excused(looked),
        };
        report.findings.iter().filter(is_wrong).count()
    }

    /// Notices when the process stands still.
    fn beat_on(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            thread::sleep(BEAT);
            if begun.elapsed() > STILL {
                let mut went_on = self.went_on.lock().expect("no panic");
                went_on.push(Instant::now());
            }
        }
    }
}

/// Runs for so many seconds; whether all was as it should be.
pub(crate) fn run(seconds: u64, out: &mut impl Write) -> io::Result<bool> {
    let mut options = Options::default();
    options.limits.grace = GRACE;
    leakwatch::install_with(options).expect("nothing else watches this process");
    let found = Arc::new(Found::default());
    let looker = Arc::clone(&found);
    let looker = service::spawn("looker", move || looker.look_on())?;
    let heart = Arc::clone(&found);
    let heart = service::spawn("heart", move || heart.beat_on())?;

    let (began, whole) = (Instant::now(), Duration::from_secs(seconds));
    let print_every = (whole / 20).clamp(Duration::from_secs(1), Duration::from_secs(60));
    let (mut rounds, mut reconciled, mut printed) = (0_u64, 0, began);
    let mut warm = None;
    while began.elapsed() < whole {
        let events = Source::Shipped.open().expect("it is built in");
        let outcome = service::run(events, Bug::None)?;
        rounds += 1;
        reconciled += outcome.summary.total();
        drop(outcome.runtime);
        if warm.is_none() && began.elapsed() >= whole / WARM_UP {
            warm = resident();
        }
        if printed.elapsed() >= print_every {
            printed = Instant::now();
            let looks = found.looks.load(Ordering::Relaxed);
            let findings = found.findings.load(Ordering::Relaxed);
            writeln!(
                out,
                "{:>5} s  {rounds} rounds, {reconciled} reconciled, {looks} looks, {findings} findings, {}",
                began.elapsed().as_secs(),
                memory(resident())
            )?;
            out.flush()?;
        }
    }
    found.stop.store(true, Ordering::Relaxed);
    looker.join().expect("a look does not panic");
    heart.join().expect("a beat does not panic");
    tell(out, &found, warm)
}

/// The last words.
fn tell(out: &mut impl Write, found: &Found, warm: Option<u64>) -> io::Result<bool> {
    let end = resident();
    let grown = match (warm, end) {
        (Some(warm), Some(end)) => end.saturating_sub(warm),
        _ => 0,
    };
    writeln!(
        out,
        "memory: {} when warm, {} at the end, {grown} kB more",
        memory(warm),
        memory(end)
    )?;
    let left_out = found.left_out.load(Ordering::Relaxed);
    if left_out > 0 {
        writeln!(
            out,
            "left out: {left_out} findings just after the process stood still"
        )?;
    }
    if let Some(text) = &*found.first.lock().expect("no panic") {
        writeln!(out, "the first look that found something:\n{text}")?;
    }
    let findings = found.findings.load(Ordering::Relaxed);
    let (flat, silent) = (grown <= MAY_GROW, findings == 0);
    writeln!(
        out,
        "soak: {}",
        match (flat, silent) {
            (true, true) => "flat, and nothing was found",
            (false, _) => "memory has grown",
            (true, false) => "something was found in a healthy service",
        }
    )?;
    Ok(flat && silent)
}

/// The resident memory in kB, where the system tells.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

fn memory(resident: Option<u64>) -> String {
    resident.map_or_else(|| "memory unknown".to_owned(), |kb| format!("{kb} kB"))
}
