//! Where in a line an error stands, said as a path: `object.metadata.uid`.
//!
//! serde_json knows how many bytes it had read when it gave up, not which
//! field it was in; a column alone is little help in a line of two thousand
//! characters. So the line is walked once more, up to that byte, and the keys
//! on the way are remembered. This runs for broken lines only.
//!
//! What "up to that byte" means, by kind of complaint (tested against
//! serde_json in `decode`): after a wrong string, number, boolean or null; just
//! before a wrong object or array; after the closing brace of an object that
//! lacks a field; after a key that came twice. In each case the innermost key
//! or index still open is the field in question.

use std::fmt::Write as _;

/// The path of the value that ends, or that is about to begin, after the first
/// `read` bytes of a line. Empty for the line as a whole. The line must be
/// valid JSON; for anything else the answer is some path of keys of the line.
pub(super) fn at(line: &str, read: usize) -> String {
    let mut open: Vec<Level<'_>> = Vec::new();
    let bytes = line.as_bytes();
    let mut next = 0;
    while next < read.min(bytes.len()) {
        let start = next;
        next += 1;
        match bytes[start] {
            b'{' => open.push(Level::Object(None)),
            b'[' => open.push(Level::Array(0)),
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                next = end_of_string(bytes, start);
                // A string after `{` or `,` is a key; it stays the field we
                // are in until the next comma.
                if let Some(Level::Object(key @ None)) = open.last_mut() {
                    *key = line.get(start + 1..next - 1);
                }
            }
            b',' => match open.last_mut() {
                Some(Level::Object(key)) => *key = None,
                Some(Level::Array(index)) => *index += 1,
                None => {}
            },
            _ => {}
        }
    }
    spell(&open)
}

/// One object or array around the place we look for.
enum Level<'a> {
    /// With the key we are at, or none before it.
    Object(Option<&'a str>),
    /// With the index we are at.
    Array(usize),
}

/// The index after the closing quote of the string that opens at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut next = start + 1;
    while next < bytes.len() {
        match bytes[next] {
            b'"' => return next + 1,
            b'\\' => next += 2,
            _ => next += 1,
        }
    }
    bytes.len()
}

/// `object.metadata.ownerReferences[0].uid`. Keys that would make the path
/// ambiguous, such as those of labels, are put in brackets and quotes.
fn spell(open: &[Level<'_>]) -> String {
    let mut path = String::new();
    for level in open {
        // Writing to a String cannot fail.
        let _ = match level {
            Level::Object(None) => Ok(()),
            Level::Object(Some(key)) if !is_plain(key) => write!(path, "[\"{key}\"]"),
            Level::Object(Some(key)) if path.is_empty() => write!(path, "{key}"),
            Level::Object(Some(key)) => write!(path, ".{key}"),
            Level::Array(index) => write!(path, "[{index}]"),
        };
    }
    path
}

/// Whether a key can stand after a dot.
fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::at;

    /// The path after everything before the first `^`, which is taken out.
    fn path(marked: &str) -> String {
        let read = marked.find('^').expect("a mark");
        at(&marked.replacen('^', "", 1), read)
    }

    #[test]
    fn values_are_named_by_their_keys() {
        assert_eq!(path(r#"{"a":{"b":5^,"c":1}}"#), "a.b");
        assert_eq!(path(r#"{"a":{"b":^{"c":1}}}"#), "a.b");
        assert_eq!(path(r#"{"a":{"b":[{"c":1},{"c":"x"^}]}}"#), "a.b[1].c");
        assert_eq!(path(r#"{"a":{"b":1,"b"^:2}}"#), "a.b");
        assert_eq!(path("[1,[2,3^]]"), "[1][1]");
    }

    #[test]
    fn a_closed_object_is_named_by_its_own_key() {
        assert_eq!(path(r#"{"a":{"b":5}^,"c":1}"#), "a");
        assert_eq!(path(r#"{"a":{"b":5},"c":1}^"#), "");
        assert_eq!(path("5^"), "");
    }

    #[test]
    fn braces_and_commas_inside_strings_do_not_count() {
        assert_eq!(path(r#"{"a":"}{,\"[","b":{"c":",","d":7^}}"#), "b.d");
        assert_eq!(path(r#"{"a":"\\","b":7^}"#), "b");
    }

    #[test]
    fn keys_with_dots_are_quoted() {
        assert_eq!(
            path(r#"{"m":{"labels":{"app.kubernetes.io/name":5^}}}"#),
            r#"m.labels["app.kubernetes.io/name"]"#
        );
        assert_eq!(path(r#"{"":{"b":5^}}"#), r#"[""].b"#);
    }

    #[test]
    fn no_line_makes_it_stumble() {
        for line in ["", "\"", "\"\\", "]]]}", "{\"ä", "{,,", "[\"\\\"", "{\"a\\"] {
            for read in 0..line.len() + 3 {
                at(line, read);
            }
        }
    }
}
