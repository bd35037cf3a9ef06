//! A program that is started for one figure: what it said, or that it hung or
//! died.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// What became of a program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It ended well, and this is its output.
    Said(String),
    /// It did not end in time, and was ended.
    TimedOut,
    /// It ended badly, or did not begin.
    Failed(String),
}

/// Starts a program.
pub(crate) fn start(command: &mut Command) -> io::Result<Child> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Waits for a program that [`start`] started, but no longer than this.
pub(crate) fn wait(started: io::Result<Child>, limit: Duration) -> io::Result<Ended> {
    let mut child = match started {
        Ok(child) => child,
        Err(why) => return Ok(Ended::Failed(why.to_string())),
    };
    let output = reading(child.stdout.take());
    let errors = reading(child.stderr.take());
    let Ok(text) = output.recv_timeout(limit) else {
        child.kill()?;
        child.wait()?;
        return Ok(Ended::TimedOut);
    };
    let status = child.wait()?;
    if status.success() {
        return Ok(Ended::Said(text));
    }
    let errors = errors.recv().unwrap_or_default();
    Ok(Ended::Failed(reason(status, &errors)))
}

/// Reads to the end, on a thread of its own.
fn reading(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error is what there is.
            let _ = pipe.read_to_end(&mut bytes);
        }
        // Nobody listens any more if the time was up.
        let _ = tell.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    told
}

/// How it ended, and the first thing it complained about.
fn reason(status: ExitStatus, errors: &str) -> String {
    let mut lines = errors
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let said = match lines.next() {
        // The message of a panic stands below the line that says where.
        Some(first) if first.contains("panicked at") => lines.next(),
        first => first,
    };
    match said {
        Some(said) => format!("{status}: {said}"),
        None => status.to_string(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Ended {
        let started = start(Command::new("sh").args(["-c", script]));
        wait(started, limit).expect("it can be waited for")
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_said_comes_back() {
        assert_eq!(shell("echo 7", LONG), Ended::Said("7\n".to_owned()));
    }

    #[test]
    fn one_that_hangs_is_ended() {
        let never = shell("exec sleep 100000", Duration::from_millis(50));
        assert_eq!(never, Ended::TimedOut);
    }

    #[test]
    fn one_that_dies_says_how() {
        let Ended::Failed(how) = shell("echo no >&2; exit 3", LONG) else {
            panic!("it did not fail");
        };
        assert!(how.contains('3') && how.ends_with(": no"), "{how}");
        let Ended::Failed(how) = shell("kill -ABRT $$", LONG) else {
            panic!("it did not fail");
        };
        assert!(how.contains("signal"), "{how}");
    }

    #[test]
    fn one_that_is_not_there_fails() {
        let started = start(&mut Command::new("/nonexistent"));
        assert!(matches!(wait(started, LONG), Ok(Ended::Failed(_))));
    }
}
