//! `generate-events`: writes the watch stream that ships with `operator`.
//!
//! ```text
//! cargo run -p examples --bin generate-events           # the shipped file
//! cargo run -p examples --bin generate-events -- FILE   # another one
//! cargo run -p examples --bin generate-events -- -      # standard output
//! ```
//!
//! The same bytes each time, on every machine: the story (`story`, which happens
//! to a `cluster` of `objects`) has its own random numbers and its own clock. A test
//! below fails when the shipped file is not what this program writes, so
//! change the story, run this, and look at the difference.

mod cluster;
mod objects;
mod story;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// The shipped file, inside the package.
const SHIPPED: &str = "operator/events/watch.jsonl";

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    let target = match (words.next(), words.next()) {
        (None, _) => shipped_file(),
        (Some(word), None) if !word.to_string_lossy().starts_with("--") => Some(word.into()),
        _ => None,
    };
    let Some(target) = target else {
        eprintln!(
            "usage: generate-events [FILE]; without FILE only by `cargo run`, `-` is standard output"
        );
        return ExitCode::from(2);
    };
    match write(&target) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "generate-events: cannot write {}: {error}",
                target.display()
            );
            ExitCode::FAILURE
        }
    }
}

/// Where the shipped file is. cargo tells programs that it runs; the path is
/// not compiled in, since a program may be run elsewhere than it was built.
fn shipped_file() -> Option<PathBuf> {
    Some(PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?).join(SHIPPED))
}

/// Writes the stream to a file, or to standard output for `-`.
fn write(target: &PathBuf) -> io::Result<()> {
    let stream = story::watch_stream();
    if target.as_os_str() == "-" {
        return io::stdout().lock().write_all(stream.as_bytes());
    }
    fs::write(target, stream)
}

#[cfg(test)]
mod tests {
    use super::story;

    #[test]
    fn the_shipped_file_is_what_this_program_writes() {
        let shipped = include_str!("watch.jsonl");
        let written = story::watch_stream();
        for (number, (shipped, written)) in shipped.lines().zip(written.lines()).enumerate() {
            assert_eq!(shipped, written, "line {}", number + 1);
        }
        assert!(shipped == written, "one of the two has more lines");
    }
}
