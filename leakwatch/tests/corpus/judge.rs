//! Plays a case once and compares what leakwatch said with what was true.
//!
//! What is true is the run's own count of tasks that have not ended, looked at
//! again and again until it agrees with what is expected and with what was
//! found, or until patience ends. An early agreement cannot hide a late false
//! alarm: whatever was said at any look counts.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use leakwatch::report::{Direction, Evidence, ParkedTask, Subject};
use leakwatch::test::World;

use crate::cases::{Case, Flavour, Rung};
use crate::run::{Census, Me, Run, Setting, Truth};

/// A run in which what must happen has not happened by then has failed. No
/// machine is so slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nor has it failed before so many looks: a machine may stand still.
const LOOKS: usize = 2_000;

/// A proof that has not come after so many looks at those who are stuck, and
/// so long after the first, does not come.
const MISSED: (usize, Duration) = (500, Duration::from_secs(10));

/// The same of a proof that is known not to come.
const SHORT: (usize, Duration) = (20, Duration::ZERO);

/// Between two looks. Looks take more of the machine than the cases do.
const BETWEEN: Duration = Duration::from_millis(4);

/// How long nothing may change before what has not happened counts as such.
const QUIET: Duration = Duration::from_millis(20);

/// What was said of a run, and what was true.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What is expected, or what was true if no order was forced.
    pub(crate) expected: Census,
    /// What was found: proven, of those that were stuck.
    pub(crate) found: Census,
    pub(crate) evidence: BTreeSet<String>,
    /// What should not have been said.
    pub(crate) wrong: BTreeSet<String>,
    /// All was as it should be but for a proof.
    pub(crate) missed: bool,
    /// Why the run is not as it should be.
    pub(crate) faults: Vec<String>,
}

/// Plays a case once.
pub(crate) fn play(case: &Case, stage: fn(&Me), setting: Setting) -> Outcome {
    let runtime = Runtime::of(setting.flavour);
    let run = Run::new(setting, runtime.handle());
    {
        let _inside = run.world.as_ref().map(World::enter);
        stage(&Me::stage(run.clone()));
    }
    let mut judge = Judge {
        case,
        run: &run,
        outcome: Outcome::default(),
        most: Census::new(),
        stuck: None,
    };
    judge.judge();
    let outcome = judge.outcome;
    run.release();
    runtime.end();
    outcome
}

/// What one look saw of a run.
#[derive(Debug, Default)]
struct Seen {
    /// Who is parked, and on what.
    parked: Census,
    /// Of whom it was proven.
    proven: Census,
    /// The same, and those whose operation cannot complete, whatever becomes
    /// of their task.
    dead: Census,
    evidence: BTreeSet<String>,
    /// Everything that was said.
    said: Vec<String>,
    /// Proofs that were wrong.
    alarms: Vec<String>,
}

struct Judge<'a> {
    case: &'a Case,
    run: &'a Run,
    outcome: Outcome,
    /// The most that was ever proven of each.
    most: Census,
    /// How often those were looked at who are stuck, and since when.
    stuck: Option<(usize, Instant)>,
}

impl Judge<'_> {
    fn judge(&mut self) {
        let (deadline, mut looks) = (Instant::now() + PATIENCE, 0);
        let mut since = Instant::now();
        let mut before = self.run.truth();
        loop {
            let seen = self.look();
            let truth = self.run.truth();
            self.object(&seen, &truth);
            let complaint = match truth == before {
                true => self.complaint(&seen, &truth),
                false => Some("it moves".to_owned()),
            };
            if complaint.is_some() {
                since = Instant::now();
            }
            looks += 1;
            let late = looks > LOOKS && Instant::now() > deadline;
            self.outcome.missed = complaint.is_some() && self.is_missed(&seen, &truth);
            let calm = complaint.is_none() && since.elapsed() >= QUIET;
            if late || self.outcome.missed || calm {
                self.outcome.expected = self.expected(&truth);
                self.outcome.found = seen.proven;
                self.outcome.evidence = seen.evidence;
                self.outcome.faults.extend(complaint);
                break;
            }
            before = truth;
            thread::sleep(BETWEEN);
        }
        if self.ends() {
            self.wait_for_the_end();
        }
    }

    /// Whether all is as it should be but for a proof, for so long that
    /// another would have been given.
    fn is_missed(&mut self, seen: &Seen, truth: &Truth) -> bool {
        let setting = self.run.setting;
        let stuck = match setting.forced {
            true => truth.going == labels(&self.leaks()),
            false => !truth.going.is_empty(),
        };
        let parked = labels(&seen.parked) == truth.going;
        if !stuck || !parked || self.is_well() || !truth.panics.is_empty() {
            self.stuck = None;
            return false;
        }
        let (looks, since) = self.stuck.get_or_insert_with(|| (0, Instant::now()));
        *looks += 1;
        let (enough, long) = match self.case.is_short(setting) {
            true => SHORT,
            false => MISSED,
        };
        *looks > enough && since.elapsed() >= long
    }

    /// What is not yet, or not at all, as it should be.
    fn complaint(&self, seen: &Seen, truth: &Truth) -> Option<String> {
        if let Some(label) = truth.panics.first() {
            return Some(format!("{label} panicked"));
        }
        let setting = self.run.setting;
        if self.is_well() {
            let parked: usize = seen.parked.values().sum();
            return match truth.going.is_empty() {
                false => Some(format!("not ended: {:?}", truth.going)),
                true if !setting.fixed && parked < self.case.parks => {
                    Some(format!("{parked} are parked"))
                }
                true => None,
            };
        }
        if setting.forced && truth.going != labels(&self.leaks()) {
            return Some(format!("not ended: {:?}", truth.going));
        }
        // Those who are kept may be parked too.
        let parked = labels(&seen.parked);
        let is_parked = |(label, times): (&String, &usize)| parked.get(label) >= Some(times);
        if !truth.going.iter().all(is_parked) {
            return Some(format!("parked: {parked:?}"));
        }
        if !setting.must_prove(self.case) {
            return None;
        }
        let right = match setting.forced {
            true => seen.proven == self.leaks(),
            false => labels(&seen.proven) == truth.going,
        };
        (!right).then(|| format!("proven: {:?} of {:?}", seen.proven, truth.going))
    }

    /// Writes down what should not have been said.
    fn object(&mut self, seen: &Seen, truth: &Truth) {
        let leaks = self.leaks();
        let wrong = &mut self.outcome.wrong;
        wrong.extend(seen.alarms.iter().cloned());
        if self.case.rung == Rung::Well || self.run.setting.fixed {
            wrong.extend(seen.said.iter().cloned());
            return;
        }
        if !self.case.rung.is_provable() {
            wrong.extend(seen.dead.keys().map(|leak| format!("proven: {leak}")));
            return;
        }
        for (leak, &times) in &seen.dead {
            let known = leaks.get(leak).copied().unwrap_or(0);
            let may = !self.run.setting.forced && self.case.or.contains(&leak.as_str());
            if times > known && !may {
                wrong.insert(format!("proven: {times} × {leak}"));
            }
            let most = self.most.entry(leak.clone()).or_default();
            *most = times.max(*most);
        }
        // A proof is never taken back, and nobody goes on of whom it was said.
        for (leak, &most) in &self.most {
            let now = seen.dead.get(leak).copied().unwrap_or(0);
            let going = truth.going.get(label(leak)).copied().unwrap_or(0);
            if now < most || going < most {
                let text = format!("{leak}: proven {most}, then {now}, of {going} that go on");
                wrong.insert(text);
            }
        }
    }

    /// Whether nothing is stuck.
    fn is_well(&self) -> bool {
        self.case.rung == Rung::Well || self.run.setting.fixed
    }

    /// All that is stuck, if the order is forced.
    fn leaks(&self) -> Census {
        let leaks = self.case.leaks.iter();
        leaks
            .map(|&(times, leak)| (leak.to_owned(), times))
            .collect()
    }

    fn expected(&self, truth: &Truth) -> Census {
        match (self.is_well(), self.run.setting.forced) {
            (true, _) => Census::new(),
            (false, true) => self.leaks(),
            (false, false) => truth.going.clone(),
        }
    }

    /// Whether all tasks end when those are let go that were kept.
    fn ends(&self) -> bool {
        self.run.setting.fixed && self.outcome.faults.is_empty()
    }

    /// Looks on while a healthy run ends.
    fn wait_for_the_end(&mut self) {
        self.run.release();
        let (deadline, mut looks) = (Instant::now() + PATIENCE, 0);
        loop {
            let seen = self.look();
            let truth = self.run.truth();
            self.object(&seen, &truth);
            if truth.going.is_empty() && truth.kept == 0 {
                return;
            }
            looks += 1;
            if looks > LOOKS && Instant::now() > deadline {
                self.outcome
                    .faults
                    .push(format!("it does not end: {truth:?}"));
                return;
            }
            thread::sleep(BETWEEN);
        }
    }

    /// Asks the detector.
    fn look(&self) -> Seen {
        let report = match &self.run.world {
            Some(world) => world.report(),
            None => leakwatch::snapshot(),
        };
        let mut seen = Seen::default();
        for alarm in &report.alarms {
            seen.alarms.push(format!("alarm: {alarm:?}"));
        }
        let mut names = BTreeMap::new();
        for task in &report.tasks {
            let Some(label) = task.name.strip_prefix(&self.run.prefix()) else {
                continue;
            };
            let leak = format!("{label}: {}", operation(task));
            *seen.parked.entry(leak.clone()).or_default() += 1;
            if let Some(Evidence::Proven(_)) = task.evidence {
                *seen.proven.entry(leak.clone()).or_default() += 1;
            }
            if let Some(Evidence::Proven(_) | Evidence::DeadWait(_)) = task.evidence {
                *seen.dead.entry(leak.clone()).or_default() += 1;
            }
            names.insert(task.id, leak);
        }
        for finding in &report.findings {
            let about = match &finding.subject {
                Subject::Task(id) => match names.get(id) {
                    Some(leak) => leak.clone(),
                    // Left over from another run.
                    None => continue,
                },
                other => format!("{other:?}"),
            };
            seen.evidence.insert(finding.evidence.to_string());
            seen.said.push(format!("{}: {about}", finding.evidence));
        }
        seen
    }
}

/// What a task waits for, in the words of the cases.
fn operation(task: &ParkedTask) -> String {
    let cases = task.cases.iter().map(|case| {
        let way = match case.direction {
            Direction::Receive => "chan receive",
            Direction::Send => "chan send",
            Direction::Close => "chan close",
        };
        let channel = case.channel.as_ref();
        let name = channel.and_then(|channel| channel.name.as_deref());
        format!("{way} {}", name.unwrap_or("nil"))
    });
    let cases: Vec<_> = cases.collect();
    match (&*task.operation, cases.as_slice()) {
        ("select", cases) => format!("select ({})", cases.join(" | ")),
        ("chan receive" | "chan send" | "chan close", [case]) => case.clone(),
        (other, _) => other.to_owned(),
    }
}

/// The task of a leak.
fn label(leak: &str) -> &str {
    leak.split_once(": ").map_or(leak, |(label, _)| label)
}

/// How often each task is stuck, whatever it is stuck on.
fn labels(leaks: &Census) -> Census {
    let mut labels = Census::new();
    for (leak, times) in leaks {
        *labels.entry(label(leak).to_owned()).or_default() += times;
    }
    labels
}

/// Where the tasks of a run live.
enum Runtime {
    None,
    /// A thread that runs tasks until it is told to stop.
    One(
        tokio::runtime::Handle,
        tokio::sync::oneshot::Sender<()>,
        thread::JoinHandle<()>,
    ),
    Many(tokio::runtime::Runtime),
}

impl Runtime {
    fn of(flavour: Flavour) -> Runtime {
        match flavour {
            Flavour::Threads => Runtime::None,
            Flavour::TokioOne => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .build();
                let runtime = runtime.expect("a runtime can be had");
                let handle = runtime.handle().clone();
                let (stop, stopped) = tokio::sync::oneshot::channel();
                let driver = thread::spawn(move || {
                    let _ = runtime.block_on(stopped);
                });
                Runtime::One(handle, stop, driver)
            }
            Flavour::TokioMany | Flavour::Mixed => {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_time()
                    .build();
                Runtime::Many(runtime.expect("a runtime can be had"))
            }
        }
    }

    fn handle(&self) -> Option<tokio::runtime::Handle> {
        match self {
            Runtime::None => None,
            Runtime::One(handle, ..) => Some(handle.clone()),
            Runtime::Many(runtime) => Some(runtime.handle().clone()),
        }
    }

    /// Drops all tasks, stuck or not.
    fn end(self) {
        match self {
            Runtime::None => {}
            Runtime::One(_, stop, driver) => {
                let _ = stop.send(());
                driver.join().expect("the runtime did not panic");
            }
            Runtime::Many(runtime) => runtime.shutdown_timeout(PATIENCE),
        }
    }
}
