//! The flamegraphs, as text. How they look is for eyes.

use super::super::{fixture, flamegraph};
use crate::report::Report;

fn svg(report: &Report) -> String {
    let mut bytes = Vec::new();
    flamegraph::write(report, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn svg_by_time(report: &Report) -> String {
    let mut bytes = Vec::new();
    flamegraph::write_by_time(report, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_picture_counts_tasks() {
    let svg = svg(&fixture::report());
    assert!(svg.starts_with("<?xml") && svg.trim_end().ends_with("</svg>"));
    assert!(svg.contains("<title>all (11 tasks, 100%)</title>"));
    assert!(svg.contains("<title>[chan receive on configmaps] (1 tasks, 9.09%)</title>"));
    assert!(svg.contains("process 4242 at 2026-03-09T12:34:56Z: 11 parked tasks"));
}

#[test]
fn a_picture_counts_milliseconds() {
    let svg = svg_by_time(&fixture::report());
    assert!(svg.contains("<title>[chan receive on configmaps] (192,000 ms, "));
}

#[test]
fn a_picture_is_the_same_each_time() {
    assert_eq!(svg(&fixture::report()), svg(&fixture::report()));
}

#[test]
fn nothing_parked_is_a_picture_too() {
    let mut report = fixture::empty();
    for svg in [svg(&report), svg_by_time(&report)] {
        assert!(svg.starts_with("<?xml") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains(": 0 parked tasks</text>") && svg.contains(">No task is "));
    }
    // Parked, but not for a millisecond.
    report.tasks = fixture::crowd(1).tasks;
    report.tasks[0].age = None;
    assert!(svg_by_time(&report).contains("parked for a millisecond"));
}

#[test]
fn hostile_names_stay_text() {
    let svg = svg(&fixture::hostile());
    assert!(svg.contains("(11 tasks, 100%)"));
    assert!(!svg.contains("<g>&amp;]]>"));
    assert!(svg.chars().all(|c| !c.is_control() || c == '\n'));
}

/// A stack that is the beginning of another, with a name that sorts between
/// the number and the `;` of the two.
#[test]
fn order_does_not_depend_on_numbers() {
    let mut report = fixture::crowd(3);
    for (task, name) in report.tasks.iter_mut().zip(["a", "a !", "a ;"]) {
        task.cases.clear();
        task.operation = "wait".into();
        task.stack = [fixture::frame(name, None, None, 1)].into();
    }
    report.tasks[2].operation = "wait] !".into();
    assert!(svg(&report).contains("(3 tasks, 100%)"));
}
