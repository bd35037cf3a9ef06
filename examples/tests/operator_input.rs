//! `operator` on input that is wrong, as its user sees it: the built program,
//! its exit code, and the exact text on standard error.
//!
//! The samples are in `operator/events/bad`. Each begins with a short list that
//! is good, and most end with a good event after the bad line, so that each
//! test also sees that reading went on.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Longer than any run takes; a run that takes as long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `operator` from the directory of the samples, with this on standard
/// input, without a planted bug.
fn operator(words: &[&str], input: &[u8]) -> Output {
    let reports = Path::new(env!("CARGO_TARGET_TMPDIR")).join("operator_input");
    let mut child = Command::new(env!("CARGO_BIN_EXE_operator"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("operator/events/bad"))
        .args(["--bug", "none", "--out"])
        .arg(reports)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program is built");
    let mut standard_input = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    // It may well end before it has read everything.
    thread::spawn(move || drop(standard_input.write_all(&input)));
    let (done, output) = mpsc::channel();
    thread::spawn(move || done.send(child.wait_with_output()));
    output
        .recv_timeout(PATIENCE)
        .expect("the run does not hang")
        .expect("its output can be read")
}

/// Standard error of a run on a file, which must end with this exit code.
fn complaints(file: &str, code: i32) -> String {
    let output = operator(&["--events", file], b"");
    assert_eq!(output.status.code(), Some(code), "{file}: {output:?}");
    String::from_utf8(output.stderr).expect("messages are text")
}

/// The first line of standard output.
fn first_line(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn the_shipped_stream_is_read_from_any_directory() {
    let output = operator(&[], b"");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

/// The samples that are good but for a line or two, and what is said of these
/// after the name of the file.
const SAMPLES: &[(&str, &[&str])] = &[
    (
        "bad-base64.jsonl",
        &[
            ":7:476: object.data[\".dockerconfigjson\"]: not base64: its length is not a multiple of 4; the event is skipped",
        ],
    ),
    (
        "error-event.jsonl",
        &[
            ":7: the API server ended the watch: 410 Expired: too old resource version: 812 (48210); \
               list again and watch from the list's resourceVersion",
        ],
    ),
    (
        "missing-field.jsonl",
        &[
            ":7:358: object.metadata: missing field `uid`; the event is skipped",
            ":8:521: missing field `object`; the line is skipped",
        ],
    ),
    (
        "not-utf8.jsonl",
        &[":7:456: not UTF-8 (byte 0xb5); the line is skipped"],
    ),
    (
        "unknown-kind.jsonl",
        &[
            ":7: unknown kind \"Pod\": this operator watches ConfigMap, Secret and Database; the event is skipped",
            ":8: unknown version \"demo.example.com/v2\" of Database: \
                 this operator reads demo.example.com/v1; the event is skipped",
        ],
    ),
    (
        "unknown-type.jsonl",
        &[
            ":7: unknown event type \"RENAMED\": a watch sends ADDED, MODIFIED, DELETED, BOOKMARK and ERROR; the line is skipped",
        ],
    ),
    (
        "wrong-type.jsonl",
        &[
            ":7:188: object.metadata.resourceVersion: invalid type: integer `48260`, \
                 expected a string that is not empty; the event is skipped",
            ":8:962: object.spec.replicas: invalid type: string \"two of 1\", expected u32; the event is skipped",
        ],
    ),
];

#[test]
fn bad_lines_are_named_and_skipped() {
    for (file, expected) in SAMPLES {
        let expected: String = expected
            .iter()
            .map(|text| format!("{file}{text}\n"))
            .collect();
        assert_eq!(complaints(file, 0), expected);
        let output = operator(&["--events", file], b"");
        let skipped = expected.lines().count();
        // Three objects, three bookmarks, and the one after the bad line.
        assert_eq!(
            first_line(&output),
            format!("{file}: events: 7, skipped lines: {skipped}")
        );
    }
}

#[test]
fn a_cut_line_says_where_to_take_up_the_watch() {
    assert_eq!(
        complaints("cut-last-line.jsonl", 0),
        "cut-last-line.jsonl:7: the last line is cut after 200 bytes: the stream ended inside an event; \
         watch again from resourceVersion \"48210\"\n"
    );
    assert_eq!(
        complaints("cut-in-list.jsonl", 0),
        "cut-in-list.jsonl:2: the last line is cut after 150 bytes: the stream ended inside an event; \
         list and watch again\n"
    );
}

#[test]
fn what_is_no_watch_stream_at_all() {
    assert_eq!(
        complaints("refused.jsonl", 0),
        "refused.jsonl:1: the API server ended the watch: 403 Forbidden: configmaps is forbidden: \
         User \"system:serviceaccount:demo:operator\" cannot watch resource \"configmaps\" \
         in API group \"\" at the cluster scope; \
         give the operator's service account the verbs list and watch\n"
    );
    let expected: String = (1..=3)
        .map(|line| {
            format!("table.jsonl:{line}:1: not JSON: expected value; the line is skipped\n")
        })
        .collect();
    assert_eq!(complaints("table.jsonl", 0), expected);
}

#[test]
fn input_that_cannot_be_read_ends_with_2() {
    let missing = complaints("no-such-file.jsonl", 2);
    assert!(
        missing.starts_with("no-such-file.jsonl: cannot open: "),
        "{missing}"
    );
    assert!(
        missing.contains("--events FILE") && missing.contains("--events -"),
        "{missing}"
    );
    let directory = complaints(".", 2);
    assert!(directory.starts_with(".: cannot open: "), "{directory}");
}

#[test]
fn wrong_usage_ends_with_2() {
    let output = operator(&["--bugs"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("--bugs"),
        "{output:?}"
    );
}

#[test]
fn standard_input_has_a_name_and_may_be_empty() {
    let output = operator(&["--events", "-"], b"\n{}\n");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "standard input:2:2: missing field `type`; the line is skipped\n"
    );
    let output = operator(&["--events", "-"], b"");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn an_endless_line_is_passed_over() {
    let mut input = vec![b'x'; 5 << 20];
    input.extend_from_slice(b"\n{}");
    let output = operator(&["--events", "-"], &input);
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "standard input:1: the line is longer than 4194304 bytes, \
         more than an API server allows an object; the line is skipped\n\
         standard input:2:2: missing field `type`; the line is skipped\n"
    );
}

#[test]
fn a_stream_of_another_format_does_not_flood_the_terminal() {
    let output = operator(&["--events", "-"], &b"x\n".repeat(1_000));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 21, "{text}");
    assert!(text.ends_with("more lines skipped: 980\n"), "{text}");
}

#[test]
fn the_bugs_are_explained_without_reading_anything() {
    let output = operator(&["--list-bugs", "--events", "no-such-file.jsonl"], b"");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text.lines().count(), 18, "{text}");
    assert_eq!(text.matches("leakwatch finds").count(), 9, "{text}");
}
