//! The process in which everybody waits: Go's "all goroutines are asleep".

use std::io;
use std::thread;
use std::time::Duration;

use crate::closed::World;
use crate::events;
use crate::options::Options;
use crate::report::Report;
use crate::survey::{About, survey_in};

/// Between two looks. While somebody runs, a look ends at the first thread that
/// does.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Starts a thread that looks twice a second whether everybody in the process
/// sleeps and somebody of them is parked on a channel, and calls `then`, once,
/// with the report, when it is so. Then nobody can come: no thread runs, no
/// timer is set, and nothing is awaited from outside. Those who are parked are
/// [`Proven::ClosedWorld`](crate::report::Proven::ClosedWorld), the main thread included, whoever has which
/// handles; `then` may print the report and end the process, as Go does.
///
/// A thread that naps, or waits for a socket, a pipe or a signal, does not
/// sleep in this sense, and neither do the threads of a runtime that listens; a
/// process that catches signals can be woken by one. So a service that waits for its clients is never called deadlocked; nor is
/// any where the kernel does not tell who sleeps, which is everywhere but on
/// Linux.
///
/// `then` runs while nobody else does. What it does on a channel could wake
/// somebody whom the report calls stuck.
///
/// # Errors
///
/// If the thread cannot be started.
///
/// # Examples
///
/// ```no_run
/// leakwatch::on_deadlock(|report| {
///     eprintln!("all threads are asleep - deadlock!\n");
///     eprint!("{}", leakwatch::export::text::to_string(&report));
///     std::process::exit(2);
/// })?;
///
/// let chan = chan_core::Chan::<u8>::new(0);
/// chan.recv(); // the report names this line
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn on_deadlock(then: impl FnOnce(Report) + Send + 'static) -> io::Result<()> {
    let _ = events::install(Options::default());
    let thread = thread::Builder::new().name("leakwatch deadlock".into());
    thread.spawn(|| {
        loop {
            thread::sleep(LOOK_EVERY);
            if let Some(report) = look() {
                return then(report);
            }
        }
    })?;
    Ok(())
}

/// The report, if everybody sleeps and somebody is parked.
fn look() -> Option<Report> {
    // Most of the time somebody runs, and then this is all there is to do.
    World::Process.calm()?;
    let surveyed = survey_in(&About::Everything, Some(World::Process));
    surveyed.is_closed.then_some(surveyed.report)
}
