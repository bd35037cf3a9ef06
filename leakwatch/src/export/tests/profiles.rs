//! The profile, read back.

use std::collections::HashSet;
use std::io::Read;
use std::time::Duration;

use prost::Message;

use super::super::fixture::{self, frame};
use super::super::pprof;
use super::super::proto::Profile;
use crate::report::Report;

fn read_back(report: &Report) -> Profile {
    let mut bytes = Vec::new();
    pprof::write(report, &mut bytes).unwrap();
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes.as_slice())
        .read_to_end(&mut plain)
        .unwrap();
    let profile = Profile::decode(plain.as_slice()).unwrap();
    check(&profile);
    profile
}

/// What `go tool pprof` demands, and that no sample comes twice.
fn check(p: &Profile) {
    assert_eq!(p.string_table[0], "");
    let texts: HashSet<_> = p.string_table.iter().collect();
    assert_eq!(texts.len(), p.string_table.len());
    let text = |n: i64| assert!((0..p.string_table.len() as i64).contains(&n));
    for (n, f) in p.function.iter().enumerate() {
        assert_eq!(f.id, n as u64 + 1);
        [f.name, f.filename].into_iter().for_each(text);
    }
    for (n, l) in p.location.iter().enumerate() {
        assert_eq!((l.id, l.mapping_id), (n as u64 + 1, 1));
        assert!(!l.line.is_empty());
        assert!(
            l.line
                .iter()
                .all(|l| (1..=p.function.len() as u64).contains(&l.function_id))
        );
    }
    let mut seen = HashSet::new();
    for s in &p.sample {
        assert!(!s.location_id.is_empty());
        assert!(
            s.location_id
                .iter()
                .all(|id| (1..=p.location.len() as u64).contains(id))
        );
        assert_eq!(s.value.len(), p.sample_type.len());
        let labels: Vec<_> = s.label.iter().map(|l| (l.key, l.str)).collect();
        labels
            .iter()
            .for_each(|&(key, str)| [key, str].into_iter().for_each(text));
        assert!(seen.insert((s.location_id.clone(), labels)));
    }
}

fn totals(p: &Profile) -> (i64, i64) {
    p.sample
        .iter()
        .fold((0, 0), |(n, t), s| (n + s.value[0], t + s.value[1]))
}

/// How many tasks carry a label.
fn labelled(p: &Profile, key: &str, value: &str) -> i64 {
    let text = |n: i64| p.string_table[n as usize].as_str();
    let has = |s: &&super::super::proto::Sample| {
        s.label
            .iter()
            .any(|l| (text(l.key), text(l.str)) == (key, value))
    };
    p.sample.iter().filter(has).map(|s| s.value[0]).sum()
}

#[test]
fn counts_and_times_are_those_of_the_report() {
    for report in [
        fixture::report(),
        fixture::hostile(),
        fixture::empty(),
        fixture::crowd(77),
    ] {
        let age: Duration = report.tasks.iter().filter_map(|t| t.age).sum();
        let want = (report.tasks.len() as i64, age.as_nanos() as i64);
        assert_eq!(totals(&read_back(&report)), want);
    }
    let crowd = read_back(&fixture::crowd(100_000));
    assert_eq!(crowd.sample.len(), 1);
    assert_eq!(totals(&crowd).0, 100_000);
}

#[test]
fn head_and_labels() {
    let p = read_back(&fixture::report());
    let text = |n: i64| p.string_table[n as usize].as_str();
    let types: Vec<_> = p
        .sample_type
        .iter()
        .map(|t| (text(t.r#type), text(t.unit)))
        .collect();
    assert_eq!(types, [("tasks", "count"), ("parked", "nanoseconds")]);
    assert_eq!(text(p.default_sample_type), "tasks");
    assert_eq!((p.period_type, p.period), (Some(p.sample_type[0]), 1));
    assert_eq!(p.time_nanos, 1_773_059_696_250_000_000);
    assert_eq!(
        text(p.comment[0]),
        "leakwatch: parked tasks of process 4242"
    );

    assert_eq!(labelled(&p, "evidence", "Proven::Orphaned"), 1);
    assert_eq!(labelled(&p, "evidence", "Proven::Never"), 5);
    assert_eq!(labelled(&p, "operation", "chan receive (nil chan)"), 5);
    assert_eq!(labelled(&p, "kind", "future"), 2);
    assert_eq!(labelled(&p, "kind", "thread"), 9);
    assert_eq!(labelled(&p, "waits_for", "acker"), 1);
    assert_eq!(labelled(&p, "channel", "configmaps"), 1);
    assert_eq!(labelled(&p, "channel", "src/sync/audit.rs:9"), 1);
    // A select has the labels of all its channels.
    assert_eq!(labelled(&p, "channel", "events"), 1);
    assert_eq!(labelled(&p, "channel", "results"), 1);
}

#[test]
fn inlined_calls_share_a_location() {
    let p = read_back(&fixture::report());
    let name = |line: &super::super::proto::Line| {
        p.string_table[p.function[line.function_id as usize - 1].name as usize].as_str()
    };
    let location = p
        .location
        .iter()
        .find(|l| l.address == 0x55d0_1040)
        .unwrap();
    let lines: Vec<_> = location.line.iter().map(|l| (name(l), l.line)).collect();
    let module = "operator::controller::configmap";
    assert_eq!(
        lines,
        [
            (&*format!("{module}::reconcile"), 88),
            (&*format!("{module}::run"), 61)
        ]
    );
    let future = p
        .location
        .iter()
        .find(|l| name(&l.line[0]) == "future at src/sync/audit.rs:20");
    assert_eq!(future.unwrap().line[0].line, 20);
}

#[test]
fn recursion_is_not_inlining() {
    let mut report = fixture::crowd(1);
    let walk = frame("walk", Some("src/tree.rs"), Some(7), 0x77);
    let step = frame("step", Some("src/tree.rs"), Some(9), 0x77);
    report.tasks[0].stack = [&step, &walk, &step, &walk, &walk].map(Clone::clone).into();
    let p = read_back(&report);
    // Twice the pair, then `walk` alone.
    let ids = &p.sample[0].location_id;
    assert_eq!((ids.len(), p.location.len()), (3, 2));
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
}

#[test]
fn unknown_addresses_are_not_joined() {
    let mut report = fixture::crowd(1);
    report.tasks[0].stack = [frame("a", None, None, 0), frame("b", None, None, 0)].into();
    assert_eq!(read_back(&report).sample[0].location_id.len(), 2);
}

#[test]
fn times_do_not_overflow() {
    let mut report = fixture::crowd(3);
    report.tasks[0].age = Some(Duration::MAX);
    report.tasks[1].stack = report.tasks[1].stack[..1].into();
    assert_eq!(totals(&read_back(&report)), (3, i64::MAX));
}
