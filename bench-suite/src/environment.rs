//! The machine, the versions, and how quiet it was: what a reader of the
//! figures must know.

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::Command;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Noted at the start of a measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Environment {
    /// Seconds since 1970.
    pub(crate) began: u64,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) system: String,
    pub(crate) rustc: String,
    /// With a `+` if the tree was changed.
    pub(crate) commit: String,
    /// Over the minute before the start.
    pub(crate) load: f64,
}

impl Environment {
    pub(crate) fn now() -> Environment {
        let processor = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        let began = SystemTime::now().duration_since(UNIX_EPOCH);
        let changed = said("git", &["status", "--porcelain"]).is_some_and(|text| !text.is_empty());
        let commit = said("git", &["rev-parse", "--short=12", "HEAD"]);
        Environment {
            began: began.map_or(0, |since| since.as_secs()),
            processor: processor.unwrap_or_else(|| env::consts::ARCH.to_owned()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            system: said("uname", &["-sr"]).unwrap_or_else(|| env::consts::OS.to_owned()),
            rustc: said("rustc", &["--version"]).unwrap_or_else(|| "?".to_owned()),
            commit: commit.unwrap_or_else(|| "?".to_owned()) + if changed { "+" } else { "" },
            load: load(),
        }
    }

    /// The day, as `2026-11-24 04:11 UTC`.
    pub(crate) fn date(&self) -> String {
        let (days, seconds) = (self.began / 86_400, self.began % 86_400);
        // Days since the first of March of the year 0, in eras of 400 years.
        let z = days + 719_468;
        let (era, of_era) = (z / 146_097, z % 146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let march = (5 * of_year + 2) / 153;
        let (day, month) = (of_year - (153 * march + 2) / 5 + 1, (march + 2) % 12 + 1);
        let year = year + era * 400 + u64::from(month <= 2);
        let (hour, minute) = (seconds / 3600, seconds / 60 % 60);
        format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

/// What a program said, if it ran.
fn said(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace()
        .next()
        .and_then(|one| one.parse().ok())
        .unwrap_or(0.0)
}

/// How the machine behaved meanwhile.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Noise {
    /// What a fixed piece of work took before each row, in microseconds.
    pub(crate) canary_us: Vec<f64>,
    /// Share of all processor time that went to other virtual machines.
    pub(crate) stolen: f64,
}

/// Watches the machine while figures are taken.
pub(crate) struct Watch {
    noise: Noise,
    ticks: Option<(u64, u64)>,
}

impl Watch {
    pub(crate) fn new() -> Watch {
        Watch {
            noise: Noise::default(),
            ticks: ticks(),
        }
    }

    /// A chain of multiplications of about a millisecond. It waits for nothing
    /// but itself, so only a slower clock or a thief makes it longer.
    pub(crate) fn canary(&mut self) {
        let start = Instant::now();
        let mut x = black_box(3_u64);
        for _ in 0..700_000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
        black_box(x);
        self.noise
            .canary_us
            .push(start.elapsed().as_secs_f64() * 1e6);
    }

    pub(crate) fn noise(&self) -> Noise {
        let stolen = self
            .ticks
            .zip(ticks())
            .map(|((stolen, all), (stolen_now, all_now))| {
                (stolen_now - stolen) as f64 / (all_now - all).max(1) as f64
            });
        Noise {
            stolen: stolen.unwrap_or(0.0),
            ..self.noise.clone()
        }
    }
}

/// Ticks of all processors so far: stolen, and all.
fn ticks() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let numbers = text.lines().next()?.split_whitespace().skip(1);
    let ticks: Vec<u64> = numbers.map_while(|number| number.parse().ok()).collect();
    Some((*ticks.get(7)?, ticks.iter().take(8).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_a_date() {
        let mut environment = Environment::now();
        for (began, date) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_795_493_482, "2026-11-24 04:11 UTC"),
        ] {
            environment.began = began;
            assert_eq!(environment.date(), date);
        }
    }
}
