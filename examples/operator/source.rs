//! Where the events come from: the stream that ships with the example, a file,
//! or standard input.
//!
//! The shipped stream is part of the program, so the first run needs no file
//! and works from any directory. Standard input is read as it comes: a living
//! `kubectl get --raw '/api/v1/configmaps?watch=1'` can be piped in.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use crate::reader::EventReader;
use crate::wire::WireError;

/// The stream that ships with the example, written by `generate-events`.
const SHIPPED: &str = include_str!("events/watch.jsonl");

/// A place to read events from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Source {
    /// The stream inside this program.
    #[default]
    Shipped,
    /// Standard input.
    StandardInput,
    /// A file.
    File(PathBuf),
}

/// A reader of any [`Source`], ready to be moved to the thread that reads.
pub(crate) type Events = EventReader<Box<dyn BufRead + Send>>;

impl Source {
    /// What `--events` means: `-` is standard input, as everywhere.
    pub(crate) fn from_argument(argument: PathBuf) -> Source {
        if argument.as_os_str() == "-" {
            Source::StandardInput
        } else {
            Source::File(argument)
        }
    }

    /// What errors call it.
    pub(crate) fn name(&self) -> Arc<str> {
        match self {
            Source::Shipped => "events/watch.jsonl (built in)".into(),
            Source::StandardInput => "standard input".into(),
            Source::File(path) => path.display().to_string().into(),
        }
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// [`WireError::Open`] if there is no such file, or if it may not be read,
    /// or if it is a directory (which some systems open like a file).
    pub(crate) fn open(&self) -> Result<Events, WireError> {
        let input: Box<dyn BufRead + Send> = match self {
            Source::Shipped => Box::new(SHIPPED.as_bytes()),
            Source::StandardInput => Box::new(BufReader::new(io::stdin())),
            Source::File(path) => {
                let file = File::open(path).and_then(refuse_directories);
                let file = file.map_err(|cause| WireError::Open {
                    source: self.name(),
                    cause,
                })?;
                Box::new(BufReader::new(file))
            }
        };
        Ok(EventReader::new(input, self.name()))
    }
}

/// The file, unless it is a directory.
fn refuse_directories(file: File) -> io::Result<File> {
    if file.metadata()?.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else {
        Ok(file)
    }
}
