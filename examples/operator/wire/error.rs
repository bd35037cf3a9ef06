//! What can be wrong with a watch stream, one variant for each thing that a
//! person would do something different about.
//!
//! Every text has the same shape, so that an editor can jump to it:
//! `source:line[:column]: what is wrong; what follows from it`. Columns count
//! bytes from 1, as compilers do. What is quoted from the input is escaped and
//! cut to a length that fits a terminal, and nothing from a Secret's data is
//! ever quoted.
//!
//! All but [`WireError::Open`] and [`WireError::Read`] leave the stream
//! readable: the reader goes on with the next line.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::{Kind, ResourceVersion};

/// A line of a watch stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file as it was named on the command line, or `standard input`.
    pub(crate) source: Arc<str>,
    /// From 1, blank lines counted.
    pub(crate) line: u64,
    /// From 1, in bytes, where it is known.
    pub(crate) column: Option<usize>,
}

impl Place {
    /// The same line, at a column.
    pub(crate) fn column(&self, column: usize) -> Place {
        Place {
            column: Some(column),
            ..self.clone()
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.line)?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}

/// What is wrong with a watch stream or with one line of it.
#[derive(Debug)]
pub(crate) enum WireError {
    /// The stream could not be opened at all.
    Open {
        /// As it was named on the command line.
        source: Arc<str>,
        /// Why.
        cause: io::Error,
    },
    /// Reading failed in the middle; the stream ends here.
    Read {
        /// The line that was being read.
        at: Place,
        /// Why.
        cause: io::Error,
    },
    /// A line longer than the reader is willing to hold.
    TooLong {
        /// The line.
        at: Place,
        /// What the reader holds, in bytes.
        limit: usize,
    },
    /// A byte that is not UTF-8.
    NotUtf8 {
        /// The byte.
        at: Place,
        /// Its value.
        byte: u8,
    },
    /// A line that no JSON begins with.
    NotJson {
        /// Where it goes wrong.
        at: Place,
        /// The parser's own words.
        problem: String,
    },
    /// The stream ended inside its last line.
    Cut {
        /// The line.
        at: Place,
        /// How much of it is there.
        bytes: usize,
        /// Where a new watch may begin without missing anything.
        resume: Option<ResourceVersion>,
    },
    /// A line that ends inside an event, with more lines after it.
    Unfinished {
        /// The line.
        at: Place,
        /// Its length.
        bytes: usize,
    },
    /// An event type that watches do not have.
    UnknownEventType {
        /// The line.
        at: Place,
        /// The type.
        found: String,
    },
    /// An object of a kind that this operator does not watch.
    UnknownKind {
        /// The line.
        at: Place,
        /// The kind.
        found: String,
    },
    /// A watched kind in a version that this operator does not read.
    UnknownVersion {
        /// The line.
        at: Place,
        /// The kind.
        kind: Kind,
        /// Its `apiVersion`.
        found: String,
    },
    /// A field that is missing, of a wrong type or of an impossible value.
    Field {
        /// Where parsing stopped.
        at: Place,
        /// The field, from the top of the line; empty for the line itself.
        path: String,
        /// serde's own words.
        problem: String,
    },
    /// The API server says that this watch has failed.
    Status {
        /// The line.
        at: Place,
        /// An HTTP status code, 0 if the server gave none.
        code: u16,
        /// One word in CamelCase, such as `Expired`.
        reason: String,
        /// A sentence for people.
        message: String,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Open { source, cause } => write!(
                f,
                "{source}: cannot open: {cause}; name a watch stream with --events FILE, \
                 or give it on standard input with --events -"
            ),
            WireError::Read { at, cause } => {
                write!(
                    f,
                    "{at}: cannot read: {cause}; reading ends here, what came before is used"
                )
            }
            WireError::TooLong { at, limit } => write!(
                f,
                "{at}: the line is longer than {limit} bytes, more than an API server allows an object; {SKIPPED}"
            ),
            WireError::NotUtf8 { at, byte } => {
                write!(f, "{at}: not UTF-8 (byte 0x{byte:02x}); {SKIPPED}")
            }
            WireError::NotJson { at, problem } => write!(f, "{at}: not JSON: {problem}; {SKIPPED}"),
            WireError::Cut { at, bytes, resume } => fmt_cut(f, at, *bytes, resume.as_ref()),
            WireError::Unfinished { at, bytes } => write!(
                f,
                "{at}: the line ends inside an event after {bytes} bytes: each event is one line; {SKIPPED}"
            ),
            WireError::UnknownEventType { at, found } => write!(
                f,
                "{at}: unknown event type {:?}: a watch sends ADDED, MODIFIED, DELETED, BOOKMARK and ERROR; {SKIPPED}",
                short(found)
            ),
            WireError::UnknownKind { at, found } => write!(
                f,
                "{at}: unknown kind {:?}: this operator watches ConfigMap, Secret and Database; the event is skipped",
                short(found)
            ),
            WireError::UnknownVersion { at, kind, found } => write!(
                f,
                "{at}: unknown version {:?} of {kind}: this operator reads {}; the event is skipped",
                short(found),
                kind.api_version()
            ),
            WireError::Field { at, path, problem } => fmt_field(f, at, path, problem),
            WireError::Status {
                at,
                code,
                reason,
                message,
            } => fmt_status(f, at, *code, reason, message),
        }
    }
}

/// What becomes of a line that is no event.
const SKIPPED: &str = "the line is skipped";

/// [`WireError::Field`]: without a path it is the line that is wrong.
fn fmt_field(f: &mut fmt::Formatter<'_>, at: &Place, path: &str, problem: &str) -> fmt::Result {
    if path.is_empty() {
        return write!(f, "{at}: {}; {SKIPPED}", Plain(problem));
    }
    let (path, problem) = (Plain(path), Plain(problem));
    write!(f, "{at}: {path}: {problem}; the event is skipped")
}

/// [`WireError::Cut`]: what is lost is the rest of the watch, so say where to
/// take it up again.
fn fmt_cut(
    f: &mut fmt::Formatter<'_>,
    at: &Place,
    bytes: usize,
    resume: Option<&ResourceVersion>,
) -> fmt::Result {
    write!(
        f,
        "{at}: the last line is cut after {bytes} bytes: the stream ended inside an event; "
    )?;
    match resume {
        Some(version) => write!(
            f,
            "watch again from resourceVersion {:?}",
            short(version.as_str())
        ),
        None => f.write_str("list and watch again"),
    }
}

/// [`WireError::Status`]: the server's words, then what a client does about
/// this code.
fn fmt_status(
    f: &mut fmt::Formatter<'_>,
    at: &Place,
    code: u16,
    reason: &str,
    message: &str,
) -> fmt::Result {
    let advice = match code {
        // What etcd held for this resourceVersion is compacted away.
        410 => "list again and watch from the list's resourceVersion",
        401 | 403 => "give the operator's service account the verbs list and watch",
        429 | 500.. => "wait a little and watch again",
        _ => "watch again",
    };
    let reason = if reason.is_empty() {
        "no reason"
    } else {
        reason
    };
    let message = if message.is_empty() {
        "no message"
    } else {
        message
    };
    write!(f, "{at}: the API server ended the watch: ")?;
    if code != 0 {
        write!(f, "{code} ")?;
    }
    write!(f, "{}: {}; {advice}", Plain(reason), Plain(message))
}

impl std::error::Error for WireError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WireError::Open { cause, .. } | WireError::Read { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

impl WireError {
    /// Whether nothing more comes after this: the input could not be opened or
    /// could not be read to its end.
    pub(crate) fn ends_the_stream(&self) -> bool {
        matches!(self, WireError::Open { .. } | WireError::Read { .. })
    }
}

/// How much of a foreign text a message repeats.
const SHOWN: usize = 160;

/// The beginning of a text from the input.
fn short(text: &str) -> &str {
    text.char_indices()
        .nth(SHOWN)
        .map_or(text, |(end, _)| &text[..end])
}

/// A text from the input that stands in a sentence without quotes: cut, and
/// with no control characters, which could rewrite the terminal's other lines.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = short(self.0);
        for letter in shown.chars() {
            if letter.is_control() {
                write!(f, "{}", letter.escape_default())?;
            } else {
                write!(f, "{letter}")?;
            }
        }
        if shown.len() < self.0.len() {
            f.write_str(" …")
        } else {
            Ok(())
        }
    }
}
