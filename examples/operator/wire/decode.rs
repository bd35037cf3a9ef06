//! One line to one event.
//!
//! Four passes, each only if the one before found nothing wrong, so that the
//! complaint is about the first cause and not about what follows from it:
//!
//! 1. UTF-8 and JSON, with no type in mind. A cut line is told from a wrong one
//!    here.
//! 2. The event type. A bare `Status` is what a server answers to a watch it
//!    refuses, so it counts as an `ERROR` event.
//! 3. Kind and version of the object. They come from anywhere in the object
//!    (custom resources are written with sorted keys), hence a pass of their
//!    own.
//! 4. The object as its type.
//!
//! Each pass reads the text itself and not a tree made of it: only so does an
//! error know its column.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;

use super::fields::{NOT_BASE64, object, or_default, text};
use super::{
    Bookmark, Change, INITIAL_EVENTS_END, Kind, Object, Place, ResourceVersion, WatchEvent,
    WireError, path,
};

/// The event that a line holds. `line` is without its line break and not
/// blank; `at` names it. A line that is the beginning of an event is
/// [`WireError::Unfinished`]: whether the stream was cut is for the caller to
/// say.
pub(crate) fn event(line: &[u8], at: &Place) -> Result<WatchEvent, WireError> {
    let line = Line {
        text: valid_utf8(line, at)?,
        at,
    };
    let IgnoredAny = line.read()?;
    let ObjectOnly::<TypeOnly>(TypeOnly { event_type, kind }) = line.read()?;
    let event_type = match event_type {
        Some(event_type) => event_type,
        None if kind.as_deref() == Some(STATUS) => return Err(line.bare_status()),
        None => return Err(line.field(line.text.len(), "missing field `type`")),
    };
    match event_type.as_str() {
        "ADDED" => line.changed(Change::Added),
        "MODIFIED" => line.changed(Change::Modified),
        "DELETED" => line.changed(Change::Deleted),
        "BOOKMARK" => line.bookmark(),
        "ERROR" => Err(line.error_event()),
        _ => Err(WireError::UnknownEventType {
            at: at.clone(),
            found: event_type,
        }),
    }
}

/// The kind of what an `ERROR` event carries.
const STATUS: &str = "Status";

/// The text of a line. A line that ends inside a character is unfinished.
fn valid_utf8<'a>(line: &'a [u8], at: &Place) -> Result<&'a str, WireError> {
    std::str::from_utf8(line).map_err(|error| match error.error_len() {
        None => WireError::Unfinished {
            at: at.clone(),
            bytes: line.len(),
        },
        Some(_) => {
            let good = error.valid_up_to();
            WireError::NotUtf8 {
                at: at.column(good + 1),
                byte: line[good],
            }
        }
    })
}

/// A line that is being read.
struct Line<'a> {
    /// Valid UTF-8, no line break.
    text: &'a str,
    /// Its name.
    at: &'a Place,
}

impl Line<'_> {
    /// The line as a `T`, or the first thing that is wrong with it.
    fn read<T: DeserializeOwned>(&self) -> Result<T, WireError> {
        serde_json::from_str(self.text).map_err(|error| {
            let problem = without_place(&error);
            match error.classify() {
                Category::Eof => WireError::Unfinished {
                    at: self.at.clone(),
                    bytes: self.text.len(),
                },
                Category::Data => self.field(error.column(), &problem),
                // `Io` is for readers, and this is a string.
                Category::Syntax | Category::Io => WireError::NotJson {
                    at: self.at.column(error.column()),
                    problem,
                },
            }
        })
    }

    /// The object of the line as a `T`.
    fn object<T: DeserializeOwned>(&self) -> Result<T, WireError> {
        self.read().map(|Envelope { object }| object)
    }

    /// A change of an object of a watched kind.
    fn changed(&self, change: Change) -> Result<WatchEvent, WireError> {
        let object = match self.kind()? {
            Kind::ConfigMap => Object::ConfigMap(self.object()?),
            Kind::Secret => Object::Secret(self.object().map_err(without_secrets)?),
            Kind::Database => Object::Database(self.object()?),
        };
        Ok(WatchEvent::Object { change, object })
    }

    /// A bookmark of a watched kind.
    fn bookmark(&self) -> Result<WatchEvent, WireError> {
        let kind = self.kind()?;
        let BookmarkObject { metadata } = self.object()?;
        let initial_events_end = metadata
            .annotations
            .get(INITIAL_EVENTS_END)
            .is_some_and(|value| value == "true");
        Ok(WatchEvent::Bookmark(Bookmark {
            kind,
            resource_version: metadata.resource_version,
            initial_events_end,
        }))
    }

    /// The kind of the object, if it is one of ours in our version.
    fn kind(&self) -> Result<Kind, WireError> {
        let TypeMeta { kind, api_version } = self.object()?;
        let at = self.at.clone();
        match Kind::from_name(&kind) {
            None => Err(WireError::UnknownKind { at, found: kind }),
            Some(kind) if kind.api_version() != api_version => Err(WireError::UnknownVersion {
                at,
                kind,
                found: api_version,
            }),
            Some(kind) => Ok(kind),
        }
    }

    /// What an `ERROR` event says, or what is wrong with it itself.
    fn error_event(&self) -> WireError {
        self.object()
            .map_or_else(|error| error, |status| self.status(status))
    }

    /// The same for a line that is a `Status` and no event.
    fn bare_status(&self) -> WireError {
        self.read()
            .map_or_else(|error| error, |ObjectOnly(status)| self.status(status))
    }

    /// A `Status` as an error.
    fn status(&self, status: Status) -> WireError {
        let Status {
            kind,
            code,
            reason,
            message,
        } = status;
        if kind != STATUS {
            return WireError::Field {
                at: self.at.clone(),
                path: "object.kind".into(),
                problem: format!(
                    "invalid value: string {kind:?}, expected \"Status\" in an ERROR event"
                ),
            };
        }
        WireError::Status {
            at: self.at.clone(),
            code,
            reason,
            message,
        }
    }

    /// A complaint about the field that ends after the first `read` bytes.
    fn field(&self, read: usize, problem: &str) -> WireError {
        let path = path::at(self.text, read);
        WireError::Field {
            at: self.at.column(read),
            path,
            problem: problem.to_owned(),
        }
    }
}

/// Hides what stands in the data of a Secret: serde quotes values that it did
/// not expect. Our own complaints about base64 quote nothing.
fn without_secrets(error: WireError) -> WireError {
    match error {
        WireError::Field { at, path, problem }
            if path.starts_with("object.data") && !problem.starts_with(NOT_BASE64) =>
        {
            let problem =
                "expected an object of base64 strings (what it is instead is not shown)".into();
            WireError::Field { at, path, problem }
        }
        error => error,
    }
}

/// What serde_json says, without the place that it puts at the end: there it
/// is always "line 1".
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// A struct from a JSON object and from nothing else, at the top of the line.
#[derive(Deserialize)]
#[serde(transparent, bound = "T: DeserializeOwned")]
struct ObjectOnly<T>(#[serde(deserialize_with = "object")] T);

/// Pass 2: which event it is.
#[derive(Deserialize)]
struct TypeOnly {
    #[serde(rename = "type")]
    event_type: Option<String>,
    kind: Option<String>,
}

/// Passes 3 and 4: the event around an object.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Envelope<T> {
    #[serde(deserialize_with = "object")]
    object: T,
}

/// Pass 3: which object it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypeMeta {
    #[serde(deserialize_with = "text")]
    kind: String,
    #[serde(deserialize_with = "text")]
    api_version: String,
}

/// What a bookmark carries: nothing but this.
#[derive(Deserialize)]
struct BookmarkObject {
    #[serde(deserialize_with = "object")]
    metadata: BookmarkMetadata,
}

/// `metadata` of a bookmark: no name, no uid.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookmarkMetadata {
    resource_version: ResourceVersion,
    #[serde(default, deserialize_with = "or_default")]
    annotations: std::collections::BTreeMap<String, String>,
}

/// What an `ERROR` event carries. All of it but the kind is optional on the
/// wire.
#[derive(Deserialize)]
struct Status {
    #[serde(deserialize_with = "text")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    code: u16,
    #[serde(default, deserialize_with = "or_default")]
    reason: String,
    #[serde(default, deserialize_with = "or_default")]
    message: String,
}
