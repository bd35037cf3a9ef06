//! Watch events from anything that can be read by lines.
//!
//! An iterator: each line that is not blank yields an event or an error that
//! names the line, and after an error reading goes on. Only an I/O error ends
//! the stream early; the iterator is fused. `next` blocks while the source has
//! nothing, as standard input of a living watch does, and yields a line as soon
//! as it is complete.
//!
//! Invariants.
//! I1. At most [`LINE_LIMIT`] bytes of a line are held, however long it is: the
//!     rest of a longer one is read past in the source's own buffer.
//! I2. `line` counts every line that was begun, blank ones too, so that an
//!     editor finds it.
//! I3. A place to resume is offered only while every kind that was seen has had
//!     its initial list ended by a bookmark: a list comes in the order of names,
//!     so no version inside it says what has been seen.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::iter::FusedIterator;
use std::sync::Arc;

use crate::wire::{self, Kind, Place, ResourceVersion, WatchEvent, WireError};

/// The longest line that is read. API servers refuse objects above some 1.5 MiB
/// (etcd's limit), and JSON escapes inside an object do not triple it.
pub(crate) const LINE_LIMIT: usize = 4 << 20;

/// The events of a watch stream.
pub(crate) struct EventReader<R> {
    /// Where the bytes come from.
    input: R,
    /// Its name, for errors.
    source: Arc<str>,
    /// The line in `buffer`, from 1; 0 before the first.
    line: u64,
    /// The line, without its break.
    buffer: Vec<u8>,
    /// [`LINE_LIMIT`]; less in tests.
    limit: usize,
    /// The kinds that were seen, and whether their initial list is complete.
    lists: HashMap<Kind, bool>,
    /// Of the latest event of a kind whose list is complete.
    latest: Option<ResourceVersion>,
    /// Nothing more will come.
    ended: bool,
}

/// What was found where a line could have been.
enum Line {
    /// A line in the buffer, up to its line break.
    Whole,
    /// A line in the buffer, up to the end of the stream.
    Last,
    /// A line above the limit; it is read past, and not in the buffer.
    TooLong,
    /// The end of the stream.
    None,
}

impl<R: BufRead> EventReader<R> {
    /// A reader of `input`, which errors call `source`.
    pub(crate) fn new(input: R, source: impl Into<Arc<str>>) -> Self {
        Self {
            input,
            source: source.into(),
            line: 0,
            buffer: Vec::new(),
            limit: LINE_LIMIT,
            lists: HashMap::new(),
            latest: None,
            ended: false,
        }
    }

    /// What errors call the input.
    pub(crate) fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// Reads the next line into the buffer.
    fn read_line(&mut self) -> io::Result<Line> {
        self.buffer.clear();
        let (mut begun, mut too_long) = (false, false);
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    // The failure is in a line of which nothing has come.
                    self.line += u64::from(!begun);
                    return Err(error);
                }
            };
            if !begun && !chunk.is_empty() {
                begun = true;
                self.line += 1;
            }
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let piece = &chunk[..end.unwrap_or(chunk.len())];
            too_long |= self.buffer.len() + piece.len() > self.limit;
            if !too_long {
                self.buffer.extend_from_slice(piece);
            }
            let at_end = chunk.is_empty();
            let used = piece.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() || at_end {
                return Ok(match (begun, too_long, at_end) {
                    (false, ..) => Line::None,
                    (_, true, _) => Line::TooLong,
                    (_, _, true) => Line::Last,
                    (_, _, false) => Line::Whole,
                });
            }
        }
    }

    /// The event in the buffer.
    fn event(&mut self, last: bool) -> Result<WatchEvent, WireError> {
        let event = wire::event(&self.buffer, &self.place()).map_err(|error| match error {
            WireError::Unfinished { at, bytes } if last => WireError::Cut {
                at,
                bytes,
                resume: self.resume(),
            },
            error => error,
        })?;
        let complete = self.lists.entry(event.kind()).or_default();
        *complete |= matches!(&event, WatchEvent::Bookmark(it) if it.initial_events_end);
        if *complete {
            self.latest = Some(event.resource_version().clone());
        }
        Ok(event)
    }

    /// Where a new watch may begin without missing anything (I3).
    fn resume(&self) -> Option<ResourceVersion> {
        let complete = self.lists.values().all(|&complete| complete);
        self.latest.clone().filter(|_| complete)
    }

    /// The line in the buffer, for errors.
    fn place(&self) -> Place {
        Place {
            source: self.source.clone(),
            line: self.line,
            column: None,
        }
    }
}

impl<R: BufRead> Iterator for EventReader<R> {
    type Item = Result<WatchEvent, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let last = match self.read_line() {
                Ok(Line::Whole) => false,
                Ok(Line::Last) => true,
                Ok(Line::TooLong) => {
                    return Some(Err(WireError::TooLong {
                        at: self.place(),
                        limit: self.limit,
                    }));
                }
                Ok(Line::None) => break,
                Err(cause) => {
                    self.ended = true;
                    let at = self.place();
                    return Some(Err(WireError::Read { at, cause }));
                }
            };
            if !self.buffer.trim_ascii().is_empty() {
                return Some(self.event(last));
            }
        }
        self.ended = true;
        None
    }
}

impl<R: BufRead> FusedIterator for EventReader<R> {}

#[cfg(test)]
mod tests {
    use std::io::{self, BufReader, Cursor, Read};

    use super::EventReader;
    use crate::wire::{WatchEvent, WireError};

    /// A ConfigMap bookmark with this version.
    fn bookmark(version: &str) -> String {
        format!(
            r#"{{"type":"BOOKMARK","object":{{"kind":"ConfigMap","apiVersion":"v1","metadata":{{"resourceVersion":"{version}"}}}}}}"#
        )
    }

    /// The same, and the initial list is complete.
    fn end_of_list(version: &str) -> String {
        let annotation = r#"","annotations":{"k8s.io/initial-events-end":"true"}"#;
        bookmark(version).replacen(
            &format!("{version}\""),
            &format!("{version}{annotation}"),
            1,
        )
    }

    /// What each item is: the version of an event, or the text of an error.
    fn items(reader: impl Iterator<Item = Result<WatchEvent, WireError>>) -> Vec<String> {
        let item = |event: WatchEvent| event.resource_version().as_str().to_owned();
        reader
            .map(|event| event.map_or_else(|error| error.to_string(), item))
            .collect()
    }

    /// The items of a text, read in pieces of `piece` bytes.
    fn read(text: &str, piece: usize) -> Vec<String> {
        let input = BufReader::with_capacity(piece, Cursor::new(text.to_owned()));
        items(EventReader::new(input, "w"))
    }

    #[test]
    fn lines_are_the_same_in_any_pieces() {
        let text = format!("\n  \n{}\r\n\n{}", bookmark("1"), bookmark("2"));
        for piece in [1, 2, 3, 7, 100, 1_000] {
            assert_eq!(read(&text, piece), ["1", "2"], "{piece}");
            assert_eq!(read(&format!("{text}\n"), piece), ["1", "2"], "{piece}");
        }
        assert!(read("", 8).is_empty());
        assert!(read("\n\n", 8).is_empty());
    }

    #[test]
    fn after_a_bad_line_reading_goes_on_and_lines_are_counted() {
        let text = format!("{}\n\nnonsense\n{{\n{}\n", bookmark("1"), bookmark("2"));
        assert_eq!(
            read(&text, 64),
            [
                "1",
                "w:3:2: not JSON: expected ident; the line is skipped",
                "w:4: the line ends inside an event after 1 bytes: each event is one line; the line is skipped",
                "2",
            ]
        );
    }

    #[test]
    fn a_cut_says_where_to_take_up_the_watch() {
        let cut = |text: String| read(&text, 64).pop().expect("a line");
        assert!(cut(format!("{}\n{{", bookmark("1"))).ends_with("; list and watch again"));
        let listed = end_of_list("5");
        assert!(cut(format!("{listed}\n{{")).ends_with("from resourceVersion \"5\""));
        assert!(
            cut(format!("{listed}\n{}\n{{", bookmark("6"))).ends_with("from resourceVersion \"6\"")
        );
    }

    #[test]
    fn a_cut_inside_the_list_of_a_second_kind_offers_no_place() {
        let secret = |line: String| line.replace("ConfigMap", "Secret");
        let listed = end_of_list("5");
        let listing = format!("{listed}\n{}\n{}\n", secret(bookmark("3")), bookmark("6"));
        let cut = |text: String| read(&text, 64).pop().expect("a line");
        assert!(cut(format!("{listing}{{")).ends_with("; list and watch again"));
        let done = secret(end_of_list("7"));
        assert!(cut(format!("{listing}{done}\n{{")).ends_with("from resourceVersion \"7\""));
    }

    #[test]
    fn a_line_above_the_limit_is_read_past_and_not_held() {
        let (short, long) = (bookmark("1"), "x".repeat(100_000));
        for text in [format!("{long}\n{short}\n"), format!("{short}\n{long}")] {
            let mut reader = EventReader::new(BufReader::with_capacity(16, text.as_bytes()), "w");
            reader.limit = short.len();
            let items = items(&mut reader);
            assert!(items.contains(&"1".to_owned()), "{items:?}");
            assert!(
                items
                    .iter()
                    .any(|item| item.contains("longer than 102 bytes")),
                "{items:?}"
            );
            assert!(
                reader.buffer.capacity() < 1_000,
                "{}",
                reader.buffer.capacity()
            );
        }
    }

    /// Yields its bytes, an interruption, then an error again and again.
    struct Broken(Cursor<Vec<u8>>, bool);

    impl Read for Broken {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.read(into)? {
                0 if !std::mem::replace(&mut self.1, true) => {
                    Err(io::ErrorKind::Interrupted.into())
                }
                0 => Err(io::Error::other("the disk is gone")),
                read => Ok(read),
            }
        }
    }

    #[test]
    fn an_io_error_ends_the_stream_once() {
        for begun in ["", "{\"type\""] {
            let text = format!("{}\n{begun}", bookmark("1"));
            let mut reader =
                EventReader::new(BufReader::new(Broken(Cursor::new(text.into()), false)), "w");
            let failed =
                "w:2: cannot read: the disk is gone; reading ends here, what came before is used";
            assert_eq!(items(&mut reader), ["1", failed]);
            assert!(reader.next().is_none());
        }
    }
}
