//! A made-up report with every kind of finding in it: an operator that shut
//! down in the wrong order.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::report::*;

/// 2026-03-09T12:34:56Z, and a quarter of a second.
fn taken() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_773_059_696_250)
}

pub(super) fn empty() -> Report {
    Report {
        schema: SCHEMA,
        taken: taken(),
        pid: 4242,
        findings: Vec::new(),
        tasks: Vec::new(),
        sets: Vec::new(),
        alarms: Vec::new(),
        channels: 0,
        sentinel: true,
        allowed: 0,
        suspicions: Suspicions::default(),
    }
}

pub(super) fn report() -> Report {
    let mut tasks = vec![orphaned(), dead_wait(), select(), outlived()];
    tasks.extend(circle());
    tasks.extend((0..5).map(nil_receive));
    let mut findings = Vec::new();
    for task in &tasks {
        let Some(evidence) = task.evidence else {
            continue;
        };
        let (reason, fingerprint) = match evidence {
            Evidence::Proven(Proven::Never) => ("it waits on a nil channel", "9c1d44f0a2b3c4d5"),
            Evidence::Proven(Proven::DeadSet) => (
                "channel \"acks\" is open with 1 senders, 1 closers, only with \"acker\", who is stuck itself",
                "1a2b3c4d5e6f7081",
            ),
            Evidence::Proven(_) => ("0 handles can send, 0 can close", "0123456789abcdef"),
            Evidence::DeadWait(_) => ("0 handles can receive, 0 can close", "4f5e6d7c8b9a0f1e"),
            _ => ("its context was cancelled 30s ago", "77aa55cc33ee11ff"),
        };
        findings.push(finding(
            evidence,
            reason,
            fingerprint,
            Subject::Task(task.id),
        ));
    }
    findings.push(double_close());
    findings.sort_by_key(|f| f.evidence);
    Report {
        findings,
        tasks,
        sets: vec![DeadSet {
            members: vec![21, 22],
            root: Some(22),
        }],
        alarms: vec![Alarm {
            task: "reaper".into(),
            operation: "chan receive".into(),
            site: site("src/reaper.rs", 8, 11),
            evidence: Evidence::Proven(Proven::Orphaned),
            reason: "channel \"dead\" is open with 0 senders, 0 closers".into(),
        }],
        channels: 9,
        ..empty()
    }
}

/// As [`report`], but with names chosen to break out of their line.
pub(super) fn hostile() -> Report {
    let bad = "a\"b;c\nd\re\tf\u{1b}[31m\u{0}\u{202e}<g>&amp;]]>\\ 7";
    let long = "n".repeat(1_000_000);
    let mut report = report();
    for task in &mut report.tasks {
        task.name = format!("{bad}\n\ntask 1 \"x\" [chan receive]:\n").into();
        task.operation = format!("{bad} {long}").into();
        task.site.file = bad.into();
        for case in &mut task.cases {
            let Some(c) = &mut case.channel else { continue };
            let c = Arc::make_mut(c);
            c.name = Some(format!(" # {bad}").into());
            c.element = long.clone().into();
        }
    }
    for task in &mut report.tasks {
        task.waits_for = vec![bad.into()];
        task.spawned = Some(site(bad, 1, 1));
    }
    report.sets[0].members = vec![1, u64::MAX];
    report.alarms[0].task = bad.into();
    report.alarms[0].operation = bad.into();
    report.alarms[0].reason = bad.into();
    report.tasks[0].stack = [bad, "", " ", "# no comment", &long]
        .map(|name| frame(name, Some(bad), Some(1), 0))
        .into();
    report.tasks[1].stack = [frame("0x5566", None, None, 0x5566)].into();
    report.tasks[2].cases.clear();
    for finding in &mut report.findings {
        finding.reason = bad.into();
        finding.fingerprint = bad.into();
    }
    report
        .findings
        .push(finding(Evidence::Outlived, "", "", Subject::Task(u64::MAX)));
    report
}

/// `n` tasks that differ in nothing but their number, each with its finding.
pub(super) fn crowd(n: usize) -> Report {
    let mut report = empty();
    report.channels = 1;
    for id in 0..n as u64 {
        report.tasks.push(ParkedTask { id, ..orphaned() });
        let evidence = Evidence::Proven(Proven::Orphaned);
        report.findings.push(finding(
            evidence,
            "no handle is left",
            "00ff",
            Subject::Task(id),
        ));
    }
    report
}

pub(super) fn frame(function: &str, file: Option<&str>, line: Option<u32>, address: u64) -> Frame {
    Frame {
        function: function.into(),
        file: file.map(Into::into),
        line,
        address,
    }
}

pub(super) fn site(file: &'static str, line: u32, column: u32) -> Site {
    Site {
        file: file.into(),
        line,
        column,
    }
}

fn finding(evidence: Evidence, reason: &str, fingerprint: &str, subject: Subject) -> Finding {
    Finding {
        evidence,
        reason: reason.into(),
        fingerprint: fingerprint.into(),
        subject,
    }
}

fn task(id: u64, name: &str, operation: &'static str, age: Duration, at: Site) -> ParkedTask {
    ParkedTask {
        id,
        name: name.to_owned().into(),
        kind: TaskKind::Thread,
        operation: operation.into(),
        age: Some(age),
        site: at,
        stack: Arc::default(),
        has_deadline: false,
        cases: Vec::new(),
        context: None,
        evidence: None,
        spawned: None,
        waits_for: Vec::new(),
        set: None,
    }
}

fn case(index: usize, direction: Direction, at: Site, channel: Option<ChannelInfo>) -> WaitCase {
    WaitCase {
        index,
        direction,
        site: at,
        channel: channel.map(Arc::new),
    }
}

fn chan(id: u64, name: Option<&'static str>, element: &'static str, birth: Site) -> ChannelInfo {
    ChannelInfo {
        id,
        name: name.map(Into::into),
        element: element.into(),
        birth,
        capacity: Some(0),
        permits: 0,
        len: 0,
        senders: 1,
        receivers: 1,
        closers: 1,
        sent: 0,
        received: 0,
        closed: None,
        orphaned: None,
    }
}

/// `reconcile` is inlined into `run`: they share an address.
fn orphaned() -> ParkedTask {
    let at = site("src/controller/configmap.rs", 88, 21);
    let configmaps = ChannelInfo {
        capacity: Some(16),
        permits: 0,
        senders: 0,
        closers: 0,
        sent: 10,
        received: 10,
        orphaned: Some(Deed {
            task: Some("main".into()),
            site: None,
            stack: [
                frame(
                    "operator::manager::shutdown",
                    Some("src/manager.rs"),
                    Some(120),
                    0x55d0_7100,
                ),
                frame("operator::main", Some("src/main.rs"), Some(44), 0x55d0_7200),
            ]
            .into(),
            ago: Some(Duration::from_millis(187_400)),
        }),
        ..chan(
            41,
            Some("configmaps"),
            "ConfigMap",
            site("src/manager.rs", 30, 18),
        )
    };
    ParkedTask {
        stack: [
            frame(
                "operator::controller::configmap::reconcile",
                Some("src/controller/configmap.rs"),
                Some(88),
                0x55d0_1040,
            ),
            frame(
                "operator::controller::configmap::run",
                Some("src/controller/configmap.rs"),
                Some(61),
                0x55d0_1040,
            ),
            frame(
                "<operator::Manager as Spawn>::spawn",
                Some("src/manager.rs"),
                Some(77),
                0x55d0_2080,
            ),
        ]
        .into(),
        cases: vec![case(0, Direction::Receive, at.clone(), Some(configmaps))],
        evidence: Some(Evidence::Proven(Proven::Orphaned)),
        ..task(
            3,
            "reconcile-configmap",
            "chan receive",
            Duration::from_secs(192),
            at,
        )
    }
}

fn dead_wait() -> ParkedTask {
    let at = site("src/sync/audit.rs", 20, 14);
    let audit = ChannelInfo {
        receivers: 0,
        closers: 0,
        ..chan(
            17,
            None,
            "Option<[u8; 32]>",
            site("src/sync/audit.rs", 9, 20),
        )
    };
    ParkedTask {
        kind: TaskKind::Future,
        cases: vec![case(0, Direction::Send, at.clone(), Some(audit))],
        evidence: Some(Evidence::DeadWait(Proven::Orphaned)),
        ..task(5, "future", "chan send", Duration::from_millis(12_430), at)
    }
}

fn select() -> ParkedTask {
    let file = "src/dispatch.rs";
    let events = ChannelInfo {
        capacity: Some(64),
        permits: 0,
        senders: 3,
        sent: 90_210,
        received: 90_210,
        ..chan(2, Some("events"), "Event", site("src/main.rs", 12, 22))
    };
    let results = ChannelInfo {
        capacity: Some(1),
        permits: 0,
        len: 1,
        sent: 7,
        received: 6,
        ..chan(
            3,
            Some("results"),
            "Result<Status, Error>",
            site("src/main.rs", 13, 23),
        )
    };
    ParkedTask {
        stack: [
            frame(
                "operator::dispatch::next",
                Some(file),
                Some(40),
                0x55d0_3010,
            ),
            frame("operator::dispatch::run", Some(file), Some(25), 0x55d0_3090),
            frame(
                "<operator::Manager as Spawn>::spawn",
                Some("src/manager.rs"),
                Some(77),
                0x55d0_2080,
            ),
        ]
        .into(),
        has_deadline: true,
        cases: vec![
            case(0, Direction::Receive, site(file, 41, 13), Some(events)),
            case(1, Direction::Send, site(file, 42, 13), Some(results)),
            case(2, Direction::Receive, site(file, 43, 13), None),
        ],
        ..task(
            8,
            "dispatcher",
            "select",
            Duration::from_millis(1_250),
            site(file, 40, 9),
        )
    }
}

/// Its stack did not come in time.
fn outlived() -> ParkedTask {
    let at = site("src/worker.rs", 51, 30);
    let jobs = ChannelInfo {
        sent: 4,
        received: 4,
        ..chan(9, Some("jobs"), "Job", site("src/worker.rs", 12, 24))
    };
    ParkedTask {
        cases: vec![case(0, Direction::Receive, at.clone(), Some(jobs))],
        context: Some(Box::new(ContextInfo {
            birth: site("src/main.rs", 20, 15),
            cancelled: Some(site("src/main.rs", 61, 9)),
            cause: Some("deadline exceeded".into()),
            cancelled_ago: Some(Duration::from_secs(30)),
        })),
        evidence: Some(Evidence::Outlived),
        age: None,
        ..task(9, "worker-1", "chan receive", Duration::ZERO, at)
    }
}

/// Two that wait for each other: a thread and a task.
fn circle() -> [ParkedTask; 2] {
    let member = |id, name: &str, kind, other: &str, channel, line| {
        let at = site("src/acks.rs", line, 20);
        let channel = chan(id, Some(channel), "Ack", site("src/acks.rs", 10, 20));
        ParkedTask {
            kind,
            spawned: Some(site("src/acks.rs", line - 3, 5)),
            cases: vec![case(0, Direction::Receive, at.clone(), Some(channel))],
            evidence: Some(Evidence::Proven(Proven::DeadSet)),
            waits_for: vec![other.into()],
            set: Some(0),
            ..task(id, name, "chan receive", Duration::from_secs(60 + id), at)
        }
    };
    [
        member(21, "sender", TaskKind::Thread, "acker", "acks", 40),
        member(22, "acker", TaskKind::Future, "sender", "items", 50),
    ]
}

fn nil_receive(n: u64) -> ParkedTask {
    let at = site("src/pool.rs", 33, 17);
    ParkedTask {
        stack: [
            frame(
                "operator::pool::Pool::serve",
                Some("src/pool.rs"),
                Some(33),
                0x55d0_4000,
            ),
            frame("0x55d04800", None, None, 0x55d0_4800),
        ]
        .into(),
        cases: vec![case(0, Direction::Receive, at.clone(), None)],
        evidence: Some(Evidence::Proven(Proven::Never)),
        ..task(
            11 + n,
            &format!("pool-{n}"),
            "chan receive (nil chan)",
            Duration::from_millis(900 - 200 * n),
            at,
        )
    }
}

fn double_close() -> Finding {
    let done = ChannelInfo {
        closed: Some(Deed {
            task: Some("closer-1".into()),
            site: Some(site("src/done.rs", 14, 5)),
            stack: [frame(
                "operator::done::stop",
                Some("src/done.rs"),
                Some(14),
                0x55d0_5000,
            )]
            .into(),
            ago: Some(Duration::from_secs(7)),
        }),
        ..chan(6, Some("done"), "()", site("src/done.rs", 3, 16))
    };
    let event = MisuseEvent {
        misuse: Misuse::DoubleClose,
        task: "closer-2".into(),
        site: Some(site("src/done.rs", 19, 5)),
        stack: [frame(
            "operator::done::abort",
            Some("src/done.rs"),
            Some(19),
            0x55d0_5100,
        )]
        .into(),
        ago: Duration::from_secs(5),
        count: 1,
        channel: Some(done),
    };
    let reason = "\"done\" was closed already";
    let evidence = Evidence::Misuse(Misuse::DoubleClose);
    finding(
        evidence,
        reason,
        "e0e1e2e3e4e5e6e7",
        Subject::Event(Box::new(event)),
    )
}
