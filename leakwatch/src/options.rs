//! How leakwatch looks: its limits, those of single lines, and what it is told
//! to leave alone.

use std::panic::Location;
use std::time::Duration;

use crate::report::{ParkedTask, Site};

/// How leakwatch looks; see [`install_with`](crate::install_with).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How many threads and futures are asked for their stacks in one report,
    /// those with findings first. 1,000. A stack that was taken is shown again
    /// for as long as its wait lasts, and not taken anew.
    pub max_stacks: usize,
    /// How long a report waits for the stacks it asked for. 250 ms.
    pub stack_patience: Duration,
    /// Whether futures are asked for their stacks, too. They are: it costs one
    /// wake and one poll each, once in a wait.
    pub task_stacks: bool,
    /// How many different misuses are remembered; the rest is only counted.
    /// 256.
    pub max_events: usize,
    /// How long a value must have lain in a closed channel that nobody received
    /// from, for its receipt to be a
    /// [`GhostRead`](crate::report::Misuse::GhostRead). Ten seconds: those who
    /// drain a channel take its values one after the other.
    pub ghost_after: Duration,
    /// How often within [`Options::closed_arm_within`] one thread must have
    /// taken the closed case of one line for a
    /// [`ClosedArm`](crate::report::Misuse::ClosedArm). 100.
    pub closed_arm_after: u32,
    /// See [`Options::closed_arm_after`]. Ten seconds.
    pub closed_arm_within: Duration,
    /// How often in a row a channel must have been made at one line and closed
    /// at another, unheard by anybody, for a
    /// [`PseudoClose`](crate::report::Misuse::PseudoClose). 100.
    pub pseudo_close_after: u32,
    /// What parked tasks are measured by.
    pub limits: Limits,
    /// Other limits for single lines, see [`Options::at`].
    pub lines: Vec<(String, Limits)>,
    /// What is meant to be so, see [`Options::allow`].
    pub allowed: Vec<Allow>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            max_stacks: 1_000,
            stack_patience: Duration::from_millis(250),
            task_stacks: true,
            max_events: 256,
            ghost_after: Duration::from_secs(10),
            closed_arm_after: 100,
            closed_arm_within: Duration::from_secs(10),
            pseudo_close_after: 100,
            limits: Limits::default(),
            lines: Vec::new(),
            allowed: Vec::new(),
        }
    }
}

impl Options {
    /// The waits at this line have limits of their own. `site` is a file, of
    /// which the end is enough, with a line or without: `worker.rs:66`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use leakwatch::{Limits, Options};
    ///
    /// let mut nightly = Limits::default();
    /// nightly.suspect_after = Duration::from_secs(24 * 60 * 60);
    /// let options = Options::default().at("src/nightly.rs:31", nightly);
    /// assert_eq!(options.lines.len(), 1);
    /// ```
    #[must_use]
    pub fn at(mut self, site: impl Into<String>, limits: Limits) -> Options {
        self.lines.push((site.into(), limits));
        self
    }

    /// Findings that match are counted, and not told.
    ///
    /// # Examples
    ///
    /// ```
    /// use leakwatch::{Allow, Options};
    ///
    /// let options = Options::default()
    ///     .allow(Allow::Channel("metrics*".into()))
    ///     .allow(Allow::Site("src/server.rs:88".into()))
    ///     .allow(Allow::Function("my_service::idle_for_ever".into()));
    /// assert_eq!(options.allowed.len(), 3);
    /// ```
    #[must_use]
    pub fn allow(mut self, what: Allow) -> Options {
        self.allowed.push(what);
        self
    }

    /// The limits of a line.
    pub(crate) fn limits_of(&self, site: &'static Location<'static>) -> &Limits {
        // Most lines have none of their own.
        if self.lines.is_empty() {
            return &self.limits;
        }
        self.limits_at(&Site {
            file: site.file().into(),
            line: site.line(),
            column: site.column(),
        })
    }

    fn limits_at(&self, site: &Site) -> &Limits {
        let of_line = |(pattern, _): &&(String, Limits)| is_at(pattern, site);
        let found = self.lines.iter().find(of_line);
        found.map_or(&self.limits, |(_, limits)| limits)
    }
}

/// What waits are measured by; a wait with a proof is not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How long after its context was cancelled a parked task is called
    /// [`Outlived`](crate::report::Evidence::Outlived). One second.
    pub grace: Duration,
    /// A wait is not called [`Slow`](crate::report::Evidence::Slow) before
    /// this. Ten seconds.
    pub slow_after: Duration,
    /// A wait is not called [`Suspected`](crate::report::Evidence::Suspected)
    /// before it has lasted so long, and its channels have been idle so long.
    /// A minute.
    pub suspect_after: Duration,
    /// How many times longer than the longest wait seen to end at its line a
    /// wait must have lasted to be unusual. 10.
    pub factor: u32,
    /// How many waits must have been seen to end at a line before it is known
    /// what is usual. 10.
    pub known_after: u64,
    /// This many waits at one line are suspicious in themselves. 1,000.
    pub crowd: usize,
    /// The windows in a row, of [`Limits::window`] each, in which more and more
    /// wait at a line, that are suspicious. 6.
    pub windows: u32,
    /// The length of a window. Ten seconds.
    pub window: Duration,
    /// How long a future may go without being polled after it was woken or
    /// handed a value. Five seconds.
    pub not_polled_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            grace: Duration::from_secs(1),
            slow_after: Duration::from_secs(10),
            suspect_after: Duration::from_secs(60),
            factor: 10,
            known_after: 10,
            crowd: 1_000,
            windows: 6,
            window: Duration::from_secs(10),
            not_polled_after: Duration::from_secs(5),
        }
    }
}

/// Something that is meant to be as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Allow {
    /// A wait, or an event, at this line: the end of a file's name, with a
    /// line or without.
    Site(String),
    /// A function of this path on the stack; generic arguments are left out.
    Function(String),
    /// A channel of this name; a `*` at the end stands for anything.
    Channel(String),
}

impl Allow {
    pub(crate) fn allows(&self, task: &ParkedTask) -> bool {
        match self {
            Allow::Site(pattern) => {
                let mut sites = task.cases.iter().map(|case| &case.site);
                is_at(pattern, &task.site) || sites.any(|site| is_at(pattern, site))
            }
            Allow::Function(path) => {
                let named = |function: &str| {
                    function == path
                        || function
                            .strip_prefix(path.as_str())
                            .is_some_and(|rest| rest.starts_with("::") || rest.starts_with('<'))
                };
                task.stack.iter().any(|frame| named(&frame.function))
            }
            Allow::Channel(pattern) => {
                let names = task.cases.iter().filter_map(|case| case.channel.as_ref());
                let mut names = names.filter_map(|channel| channel.name.as_deref());
                names.any(|name| is_named(pattern, name))
            }
        }
    }

    /// The same of something that has no task.
    pub(crate) fn allows_event(&self, site: Option<&Site>, channel: Option<&str>) -> bool {
        match self {
            Allow::Site(pattern) => site.is_some_and(|site| is_at(pattern, site)),
            Allow::Channel(pattern) => channel.is_some_and(|name| is_named(pattern, name)),
            Allow::Function(_) => false,
        }
    }
}

fn is_named(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// Whether a site is `end/of/file.rs` or `end/of/file.rs:12`.
fn is_at(pattern: &str, site: &Site) -> bool {
    let (file, line) = match pattern.rsplit_once(':') {
        Some((file, line)) => match line.parse::<u32>() {
            Ok(line) => (file, Some(line)),
            Err(_) => (pattern, None),
        },
        None => (pattern, None),
    };
    let is_end = site
        .file
        .strip_suffix(file)
        .is_some_and(|front| front.is_empty() || front.ends_with('/') || front.ends_with('\\'));
    is_end && line.is_none_or(|line| line == site.line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_matched_by_its_end() {
        let site = Site {
            file: "src/sub/worker.rs".into(),
            line: 66,
            column: 9,
        };
        for pattern in ["worker.rs", "sub/worker.rs:66", "src/sub/worker.rs"] {
            assert!(is_at(pattern, &site), "{pattern}");
        }
        for pattern in ["worker.rs:6", "ker.rs", "other.rs:66", "src/worker.rs"] {
            assert!(!is_at(pattern, &site), "{pattern}");
        }
    }

    #[test]
    fn a_line_of_its_own_has_its_own_limits() {
        let patient = Limits {
            crowd: 7,
            ..Limits::default()
        };
        let options = Options::default().at("worker.rs:66", patient);
        let at = |line| Site {
            file: "src/worker.rs".into(),
            line,
            column: 1,
        };
        assert_eq!(options.limits_at(&at(66)).crowd, 7);
        assert_eq!(options.limits_at(&at(67)).crowd, 1_000);
    }

    #[test]
    fn a_channel_is_matched_by_its_name_or_the_beginning_of_it() {
        assert!(is_named("metrics", "metrics") && !is_named("metrics", "metrics-2"));
        assert!(is_named("metrics*", "metrics-2") && !is_named("metrics*", "metric"));
    }
}
