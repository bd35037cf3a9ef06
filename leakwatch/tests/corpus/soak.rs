//! Random runs under load, for as long as one likes: nothing wrong may be said
//! and no proof may be taken back.
//!
//! Each process plays for a while, several runs at a time, while two more
//! threads take reports without a pause. It ends with the threads it has left
//! parked, and another one begins. The seed of a process is printed when it
//! fails.

use std::env;
use std::process::{Command, ExitCode, Stdio, exit};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::cases::{CASES, Kind};
use crate::judge;
use crate::run::Setting;

/// The variable by which a process knows that it soaks, and its seed.
pub(crate) const CHILD: &str = "CORPUS_SOAK";

/// How long one process plays.
const SHIFT: Duration = Duration::from_secs(20);

/// Plays for so many seconds, in one process after the other.
pub(crate) fn soak(seconds: u64) -> ExitCode {
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut sums = [0; 3];
    let mut seed = 1;
    while Instant::now() < end {
        let left = (end - Instant::now()).min(SHIFT);
        let me = env::current_exe().expect("it has a path");
        let child = Command::new(me)
            .env(CHILD, format!("{seed} {}", left.as_millis()))
            .stdout(Stdio::piped())
            .spawn();
        let output = child
            .and_then(|child| child.wait_with_output())
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().unwrap_or_default();
        let figures = last.split(' ').filter_map(|word| word.parse::<u64>().ok());
        sums.iter_mut()
            .zip(figures)
            .for_each(|(sum, figure)| *sum += figure);
        if !output.status.success() {
            println!("seed {seed}: {}\n{text}", output.status);
            return ExitCode::FAILURE;
        }
        seed += 1;
    }
    let [runs, reports, proofs] = sums;
    println!("{seconds} s: {runs} runs, {reports} reports beside them, {proofs} proofs, all right");
    ExitCode::SUCCESS
}

/// What one process does.
pub(crate) fn shift(order: &str) -> ! {
    let (seed, millis) = order.split_once(' ').expect("a seed and a time");
    let seed: u64 = seed.parse().expect("a number");
    let end = Instant::now() + Duration::from_millis(millis.parse().expect("a number"));
    let (runs, reports, proofs) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let failed = Mutex::new(Vec::new());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    leakwatch::snapshot();
                    reports.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let players: Vec<_> = (0..4)
            .map(|player| {
                let (runs, proofs, failed) = (&runs, &proofs, &failed);
                scope.spawn(move || {
                    let mut chance = fastrand::Rng::with_seed(seed * 64 + player);
                    while Instant::now() < end && failed.lock().expect("no panics").is_empty() {
                        match play(&mut chance) {
                            Ok(proven) => proofs.fetch_add(proven, Ordering::Relaxed),
                            Err(text) => {
                                failed.lock().expect("no panics").push(text);
                                0
                            }
                        };
                        runs.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for player in players {
            player.join().expect("no player panics");
        }
        over.store(true, Ordering::Relaxed);
    });
    let failed = failed.into_inner().expect("no panics");
    failed.iter().for_each(|text| println!("{text}"));
    let [runs, reports, proofs] = [runs, reports, proofs].map(AtomicU64::into_inner);
    println!("{runs} runs {reports} reports {proofs} proofs");
    exit(i32::from(!failed.is_empty()));
}

/// A random run; how many were proven in it, or what was wrong.
fn play(chance: &mut fastrand::Rng) -> Result<u64, String> {
    let case = &CASES[chance.usize(..CASES.len())];
    let is_natural = matches!(case.kind, Kind::Kernel | Kind::Micro | Kind::Pattern);
    let setting = Setting {
        form: case.forms[chance.usize(..case.forms.len())],
        flavour: case.flavours[chance.usize(..case.flavours.len())],
        forced: !is_natural || chance.bool(),
        fixed: case.twin && chance.bool(),
        closed: false,
    };
    let outcome = judge::play(case, crate::stage(case.name), setting);
    let known = outcome.missed && case.is_short(setting);
    if outcome.wrong.is_empty() && (known || outcome.faults.is_empty()) {
        return Ok(outcome.found.values().sum::<usize>() as u64);
    }
    Err(format!("{}: {setting:?}: {outcome:#?}", case.name))
}
