//! Every figure is a process of its own, so that contenders share no heap, no
//! warmed-up threads and no fate: one that hangs is ended, and marked.
//!
//! Rounds are interleaved: each round runs every contender of a row once, the
//! next begins with another one, so that a machine that changes its speed
//! changes it for all.

use std::env;
use std::error::Error;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::case::{Case, World};
use crate::contenders::{self, Contender, How, go};
use crate::measure::Plan;
use crate::outcome::Outcome;
use crate::process::{self, Ended};

/// What became of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Run {
    Done(Outcome),
    /// This contender has no such thing.
    Cannot,
    /// It did not end in time.
    TimedOut,
    /// It ended without a figure.
    Failed(String),
}

/// A contender's runs of one row.
pub(crate) struct Runs {
    pub(crate) contender: &'static Contender,
    pub(crate) runs: Vec<Run>,
}

impl Runs {
    /// Whether there is no point in running it again: it cannot, or it hung or
    /// died twice. So a row's longest time is known before it begins.
    fn given_up(&self) -> bool {
        let count = |is: fn(&Run) -> bool| self.runs.iter().filter(|run| is(run)).count();
        count(|run| *run == Run::Cannot) > 0
            || count(|run| *run == Run::TimedOut) > 1
            || count(|run| matches!(run, Run::Failed(_))) > 1
    }
}

/// How long a run may take beyond twice what is planned.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Runs one row, `rounds` times; `step` is told of each run. Who cannot do
/// this is asked beforehand, and takes no time.
pub(crate) fn row(
    case: &Case,
    contenders: &[&'static Contender],
    rounds: usize,
    plan: &Plan,
    mut step: impl FnMut(&Contender),
) -> Result<Vec<Runs>, Box<dyn Error>> {
    let mut all = Vec::new();
    for &contender in contenders {
        let runs = if contender.can(case) {
            Vec::with_capacity(rounds)
        } else {
            vec![Run::Cannot]
        };
        all.push(Runs { contender, runs });
    }
    for round in 0..rounds {
        for place in 0..all.len() {
            let runs = &mut all[(place + round) % contenders.len()];
            if runs.runs.first() == Some(&Run::Cannot) {
                continue;
            }
            step(runs.contender);
            if !runs.given_up() {
                runs.runs.push(in_a_process(runs.contender, case, plan)?);
            }
        }
    }
    Ok(all)
}

/// How many runs there will be, and how long they take if none hangs.
pub(crate) fn expected(
    cases: &[Case],
    contenders: &[&'static Contender],
    rounds: usize,
    plan: &Plan,
) -> (usize, Duration) {
    let (mut runs, mut time) = (0, Duration::ZERO);
    for case in cases {
        let able = contenders.iter().filter(|who| who.can(case)).count() * rounds;
        runs += able;
        time += plan.expected(case) * able as u32;
    }
    (runs, time)
}

/// Starts this program again, or the twin, for one run, and waits for its word.
fn in_a_process(contender: &Contender, case: &Case, plan: &Plan) -> Result<Run, Box<dyn Error>> {
    let flow = plan.flow.as_millis().to_string();
    let alone = plan.alone.as_millis().to_string();
    let mut command = match contender.how {
        How::Rust(_) => {
            let mut command = Command::new(env::current_exe()?);
            command.args(["--child", contender.name, "--only", case.row]);
            command.args(["--flow-ms", &flow, "--alone-ms", &alone]);
            command
        }
        How::Go { locked } => {
            let mut command = Command::new(go::twin()?);
            command.args([case.row, &flow, &alone]);
            command.args(locked.then_some("locked"));
            command
        }
    };
    // A process begins on the cores of the thread that starts it.
    let child = match case.world {
        World::OneCore => on_one_core(|| process::start(&mut command))?,
        _ => process::start(&mut command),
    };
    let run = match process::wait(child, 2 * plan.expected(case) + GRACE)? {
        Ended::TimedOut => Run::TimedOut,
        Ended::Failed(how) => Run::Failed(how),
        Ended::Said(text) => serde_json::from_str(&text)
            .unwrap_or_else(|_| Run::Failed(format!("gave no figure: {}", text.trim()))),
    };
    Ok(run)
}

/// The child's part: one run in this process, printed for the parent.
pub(crate) fn child(name: &str, row: &'static str, plan: &Plan) -> Result<(), Box<dyn Error>> {
    let contender = contenders::find(name).ok_or("there is no such contender")?;
    let case = Case::parse(row).ok_or("the row cannot be read")?;
    let How::Rust(run) = contender.how else {
        return Err("the twin runs by itself".into());
    };
    let outcome = run(&case, plan).map(Outcome::rounded);
    let run = outcome.map_or(Run::Cannot, Run::Done);
    println!("{}", serde_json::to_string(&run)?);
    Ok(())
}

/// Does something while this thread may use one core only.
#[cfg(target_os = "linux")]
fn on_one_core<R>(act: impl FnOnce() -> R) -> Result<R, Box<dyn Error>> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed = sched_getaffinity(None)?;
    let first = (0..CpuSet::MAX_CPU)
        .find(|&cpu| allowed.is_set(cpu))
        .ok_or("no core at all")?;
    let mut one = CpuSet::new();
    one.set(first);
    sched_setaffinity(None, &one)?;
    let result = act();
    sched_setaffinity(None, &allowed)?;
    Ok(result)
}

#[cfg(not(target_os = "linux"))]
fn on_one_core<R>(_act: impl FnOnce() -> R) -> Result<R, Box<dyn Error>> {
    Err("threads can be kept on one core on Linux only".into())
}
