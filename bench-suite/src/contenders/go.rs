//! Go's channels, by the twin in `bench-suite/go`: a program of its own.
//!
//! `go` runs goroutines, `go-locked` gives each a thread of its own. Both are
//! to look at: another language's compiler and scheduler are measured too.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Contender, How, Role};
use crate::case::{Capacity, Case, Selecting, Work, World};

pub(crate) const GOROUTINES: Contender = Contender {
    name: "go",
    role: Role::Reference,
    package: "",
    how: How::Go { locked: false },
};

pub(crate) const LOCKED: Contender = Contender {
    name: "go-locked",
    role: Role::Reference,
    package: "",
    how: How::Go { locked: true },
};

/// Whether the twin has this row; as `run` in `go/main.go`. No channel of Go's
/// is unbounded, a locked goroutine is no task, and growth is not for the twin.
pub(crate) fn can(case: &Case, locked: bool) -> bool {
    let tasks = matches!(case.world, World::TokioMulti | World::TokioSingle);
    let grown = matches!(
        case.work,
        Work::Grown(_) | Work::Select(Selecting::One | Selecting::Woken)
    );
    if grown || ![0, 2, 4, 16, 64].contains(&case.arms) {
        return false;
    }
    let threads_parked = locked && case.work == Work::ParkedBytes;
    case.capacity != Capacity::Unbounded && !(locked && tasks) && !threads_parked
}

/// Where the twin is, once it is built: beside this program.
pub(crate) fn twin() -> Result<PathBuf, Box<dyn Error>> {
    Ok(env::current_exe()?.with_file_name("compare-go-twin"))
}

/// The version of Go on the path. `None` if there is none.
pub(crate) fn version() -> Option<String> {
    let output = Command::new("go")
        .args(["env", "GOVERSION"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// Builds the twin; `Err` says why it cannot take part.
pub(crate) fn build() -> Result<(), Box<dyn Error>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("go");
    let mut command = Command::new("go");
    // The toolchain that is there, and no other.
    command
        .env("GOTOOLCHAIN", "local")
        .args(["build", "-buildvcs=false", "-o"])
        .arg(twin()?)
        .arg(".");
    let output = command.current_dir(sources).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr)
        .trim()
        .to_owned()
        .into())
}
