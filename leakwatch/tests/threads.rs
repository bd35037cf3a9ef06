//! What is said of threads: proofs, stacks, deeds, and silence where nothing
//! is wrong. One process, one watcher, so each test speaks of its own
//! channels, told by their names.

use std::thread;
use std::time::{Duration, Instant};

use chan_core::{Builder, Chan, Context};
use leakwatch::Task;
use leakwatch::report::{Evidence, Finding, Misuse, ParkedTask, Proven, Report, Subject};

fn watch() {
    // Whichever test comes first installs it.
    let _ = leakwatch::install();
}

/// The parked task that waits on the channel called `name`.
fn task_on<'r>(report: &'r Report, name: &str) -> Option<&'r ParkedTask> {
    report.tasks.iter().find(|task| {
        task.cases.iter().any(|case| {
            let channel = case.channel.as_ref();
            channel.and_then(|channel| channel.name.as_deref()) == Some(name)
        })
    })
}

fn finding_on<'r>(report: &'r Report, task: &ParkedTask) -> Option<&'r Finding> {
    let subject_is =
        |finding: &&Finding| matches!(finding.subject, Subject::Task(id) if id == task.id);
    report.findings.iter().find(subject_is)
}

/// Reports until one satisfies `enough`; fails the test if none ever does.
fn report_when(enough: impl Fn(&Report) -> bool) -> Report {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let report = leakwatch::snapshot();
        if enough(&report) {
            return report;
        }
        assert!(Instant::now() < end, "it was never reported: {report:#?}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[inline(never)]
fn wait_in_vain(inbox: chan_core::RecvChan<u32>) -> Option<u32> {
    inbox.recv()
}

#[test]
fn a_receiver_without_senders_is_orphaned() {
    watch();
    let (feed, inbox) = Builder::new().name("orphaned").chan().split();
    let birth = line!() - 1;
    let worker = thread::Builder::new().name("worker-1".into());
    worker.spawn(move || wait_in_vain(inbox)).unwrap();
    report_when(|report| task_on(report, "orphaned").is_some());
    let dropper = thread::Builder::new().name("dropper".into());
    let dropped = line!() + 1;
    dropper.spawn(move || drop(feed)).unwrap().join().unwrap();

    let report = report_when(|report| {
        task_on(report, "orphaned")
            .is_some_and(|task| task.evidence.is_some() && !task.stack.is_empty())
    });
    let task = task_on(&report, "orphaned").unwrap();
    assert_eq!(task.evidence, Some(Evidence::Proven(Proven::Orphaned)));
    assert_eq!(task.name, "worker-1");
    assert_eq!(task.operation, "chan receive");
    assert!(task.age.is_some());
    assert!(
        task.stack[0].function.contains("wait_in_vain"),
        "{:#?}",
        task.stack
    );
    assert!(
        task.stack[0]
            .file
            .as_deref()
            .unwrap()
            .ends_with("threads.rs")
    );
    let channel = task.cases[0].channel.as_ref().unwrap();
    assert_eq!(channel.birth.line, birth);
    assert_eq!(
        (channel.senders, channel.closers, channel.receivers),
        (0, 0, 1)
    );
    let orphaned = channel.orphaned.as_ref().expect("the drop was noted");
    assert_eq!(orphaned.task.as_deref(), Some("dropper"));
    assert_eq!(
        orphaned.site.as_ref().unwrap().line,
        dropped,
        "{:#?}",
        orphaned.stack
    );
    assert!(
        finding_on(&report, task)
            .unwrap()
            .reason
            .contains("0 senders, 0 closers")
    );
}

#[test]
fn a_receive_on_nil_is_never_woken() {
    watch();
    let worker = thread::Builder::new().name("nil-worker".into());
    worker.spawn(|| Chan::<u8>::nil().recv()).unwrap();
    let on_nil = |report: &Report| {
        report
            .tasks
            .iter()
            .position(|task| task.name == "nil-worker")
    };
    let report = report_when(|report| on_nil(report).is_some());
    let task = &report.tasks[on_nil(&report).unwrap()];
    assert_eq!(task.evidence, Some(Evidence::Proven(Proven::Never)));
    assert_eq!(task.operation, "chan receive (nil chan)");
}

#[test]
fn a_held_sender_keeps_hope_alive() {
    watch();
    let (feed, inbox) = Builder::new().name("hope").chan().split();
    let worker = thread::spawn(move || inbox.recv());
    let report = report_when(|report| task_on(report, "hope").is_some());
    let task = task_on(&report, "hope").unwrap();
    assert_eq!(task.evidence, None);
    feed.send(1);
    assert_eq!(worker.join().unwrap(), Some(1));
    // Asked for its stack or not, it got its value and left.
    assert!(task_on(&leakwatch::snapshot(), "hope").is_none());
}

#[test]
fn a_deadline_is_a_way_out() {
    watch();
    let (feed, inbox) = Builder::new().name("deadline").chan::<u8>().split();
    drop(feed);
    // Far away: a first report, which loads the debug info, may take seconds.
    thread::spawn(move || inbox.recv_timeout(Duration::from_secs(3600)));
    let report = report_when(|report| task_on(report, "deadline").is_some());
    let task = task_on(&report, "deadline").unwrap();
    assert!(task.has_deadline);
    assert_eq!(task.evidence, None);
}

#[test]
fn rust_manners_close_and_are_not_blamed() {
    watch();
    let (tx, rx) = Builder::new().name("polite").channel::<u8>();
    let worker = thread::spawn(move || rx.recv());
    report_when(|report| task_on(report, "polite").is_some());
    drop(tx);
    assert!(worker.join().unwrap().is_err());
}

#[test]
fn misuse_is_reported_with_both_lines() {
    watch();
    let chan = Builder::new().name("twice").chan::<u8>();
    chan.close();
    let first = line!() - 1;
    let again = chan.clone();
    assert!(thread::spawn(move || again.close()).join().is_err());
    assert!(thread::spawn(move || chan.send(1)).join().is_err());
    for wanted in [Misuse::DoubleClose, Misuse::SendAfterClose] {
        let report = leakwatch::snapshot();
        let event = report
            .findings
            .iter()
            .find_map(|finding| match &finding.subject {
                Subject::Event(event)
                    if event.misuse == wanted
                        && event.channel.as_ref().unwrap().name.as_deref() == Some("twice") =>
                {
                    Some(event)
                }
                _ => None,
            });
        let event = event.expect("reported");
        let site = event.site.as_ref().unwrap();
        assert!(site.line > first && site.file.ends_with("threads.rs"));
        let closed = event.channel.as_ref().unwrap().closed.as_ref().unwrap();
        assert_eq!(closed.site.as_ref().unwrap().line, first);
    }
}

#[test]
fn a_task_that_outlives_its_context() {
    watch();
    let (ctx, cancel) = Context::background().with_cancel();
    let (feed, inbox) = Builder::new().name("outlived").chan::<u8>().split();
    let worker = thread::spawn({
        let ctx = ctx.clone();
        move || {
            let _task = Task::new("stubborn").context(&ctx).enter();
            inbox.recv()
        }
    });
    report_when(|report| task_on(report, "outlived").is_some());
    cancel.cancel();
    let line = line!() - 1;
    let report = report_when(|report| {
        task_on(report, "outlived").is_some_and(|task| task.evidence.is_some())
    });
    let task = task_on(&report, "outlived").unwrap();
    assert_eq!(task.evidence, Some(Evidence::Outlived));
    assert_eq!(task.name, "stubborn");
    let context = task.context.as_ref().unwrap();
    assert_eq!(context.cancelled.as_ref().unwrap().line, line);
    feed.close();
    assert_eq!(worker.join().unwrap(), None);
}
