//! What is said below a proof, and what is told of events: each with its
//! finding, and none on healthy use. One process, one watcher, one set of
//! options, so that each test speaks of its own channels.

use std::future::Future;
use std::pin::Pin;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::{Builder, Chan};
use chan_select::{select, select_async};
use leakwatch::report::{Evidence, Finding, Misuse, ParkedTask, Report, Subject, TaskKind};
use leakwatch::{Allow, Limits, Options, Task};

/// A value that has lain so long in a closed channel is a ghost.
const GHOST: Duration = Duration::from_millis(400);

fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut quick = Limits::default();
        quick.suspect_after = Duration::from_millis(100);
        quick.slow_after = Duration::from_millis(100);
        quick.not_polled_after = Duration::from_millis(50);
        let mut crowded = quick;
        crowded.crowd = 8;
        let mut options = Options::default()
            .at("signals.rs", quick)
            .at("nowhere.rs:1", crowded)
            .allow(Allow::Channel("allowed*".into()));
        options
            .lines
            .insert(0, (format!("signals.rs:{CROWD}"), crowded));
        let mut patient = quick;
        patient.grace = Duration::from_secs(3600);
        let line = format!("signals.rs:{PATIENT}");
        options.lines.insert(0, (line, patient));
        options.ghost_after = GHOST;
        leakwatch::install_with(options).unwrap();
    });
}

fn is_on(task: &ParkedTask, name: &str) -> bool {
    task.cases.iter().any(|case| {
        let channel = case.channel.as_ref();
        channel.and_then(|channel| channel.name.as_deref()) == Some(name)
    })
}

fn task_on<'r>(report: &'r Report, name: &str) -> Option<&'r ParkedTask> {
    report.tasks.iter().find(|task| is_on(task, name))
}

/// The event of a kind on a channel of this name.
fn event_on(report: &Report, misuse: Misuse, name: Option<&str>) -> Option<Finding> {
    let is_it = |finding: &&Finding| match &finding.subject {
        Subject::Event(event) => {
            let channel = event.channel.as_ref();
            event.misuse == misuse && channel.and_then(|it| it.name.as_deref()) == name
        }
        _ => false,
    };
    report.findings.iter().find(is_it).cloned()
}

/// Reports until one satisfies `enough`; fails the test if none ever does.
fn report_when(enough: impl Fn(&Report) -> bool) -> Report {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let report = leakwatch::snapshot();
        if enough(&report) {
            return report;
        }
        assert!(Instant::now() < end, "it was never reported: {report:#?}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn evidence_on(report: &Report, name: &str) -> Option<Evidence> {
    task_on(report, name)?.evidence
}

fn polled<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    let first = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending());
    future
}

// ---- The sentinel. ----

#[test]
fn the_sentinel_is_found_and_not_shown() {
    watch();
    let report = leakwatch::snapshot();
    assert!(report.sentinel);
    assert!(task_on(&report, "leakwatch sentinel").is_none());
    assert!(
        report
            .findings
            .iter()
            .all(|it| it.evidence != Evidence::Blind)
    );
}

// ---- Waits. ----

#[test]
fn a_sender_without_a_receiver_is_a_blocked_handler() {
    watch();
    let (answer, asked) = Builder::new().name("answer").chan().split();
    thread::spawn(move || answer.send(1));
    report_when(|report| task_on(report, "answer").is_some());
    let before = leakwatch::snapshot();
    assert_ne!(
        evidence_on(&before, "answer"),
        Some(Evidence::BlockedHandler)
    );
    drop(asked);
    let report =
        report_when(|report| evidence_on(report, "answer") == Some(Evidence::BlockedHandler));
    let print = |report: &Report| {
        let is_it = |it: &&Finding| it.evidence == Evidence::BlockedHandler;
        report
            .findings
            .iter()
            .find(is_it)
            .unwrap()
            .fingerprint
            .clone()
    };
    assert_eq!(
        print(&report),
        print(&leakwatch::snapshot()),
        "it is stable"
    );
}

#[test]
fn a_future_that_is_woken_and_left_alone_is_not_polled() {
    watch();
    let chan = Builder::new().name("left alone").chan::<u8>();
    let mut future = polled(chan.recv_async());
    let calm = leakwatch::snapshot();
    assert_eq!(
        evidence_on(&calm, "left alone"),
        None,
        "nobody has woken it"
    );
    chan.send(1);
    let report =
        report_when(|report| evidence_on(report, "left alone") == Some(Evidence::NotPolled));
    assert_eq!(
        task_on(&report, "left alone").unwrap().kind,
        TaskKind::Future
    );
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(future.as_mut().poll(&mut context), Poll::Ready(Some(1)));
    assert!(task_on(&leakwatch::snapshot(), "left alone").is_none());
}

#[test]
fn a_select_that_is_woken_and_left_alone_is_told_once() {
    watch();
    let (one, other) = (
        Builder::new().name("left one"),
        Builder::new().name("left other"),
    );
    let (one, other) = (one.chan::<u8>(), other.chan::<u8>());
    let mut future = polled(async {
        select_async! {
            recv(one) -> value => value,
            recv(other) -> value => value,
        }
    });
    one.send(7);
    let about = |report: &Report| {
        let tasks = report.tasks.iter();
        tasks
            .filter(|task| is_on(task, "left one") || is_on(task, "left other"))
            .count()
    };
    let report = report_when(|report| about(report) > 0);
    assert_eq!(about(&report), 1, "{report:#?}");
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(future.as_mut().poll(&mut context), Poll::Ready(Some(7)));
}

const CROWD: u32 = line!() + 11;

#[test]
fn a_crowd_at_one_line_is_suspected_and_the_suspicion_is_counted() {
    watch();
    let chan = Builder::new().name("crowd").chan::<u8>();
    let (leave, stay) = std::sync::mpsc::channel::<()>();
    let helper = leakwatch::spawn!("helper", [tx = chan.sender()] move || {
        // It waits for something else, and may yet come.
        assert!(stay.recv().is_err() && tx.is_closed());
    });
    let wait = |_| polled(async { chan.recv_async().await });
    let before = leakwatch::snapshot().suspicions;
    let all: Vec<_> = (0..8).map(wait).collect();
    let report = report_when(|report| {
        let raised = report.suspicions.raised >= before.raised + 8;
        raised && evidence_on(report, "crowd") == Some(Evidence::Suspected)
    });
    let suspected = |it: &&Finding| {
        it.evidence == Evidence::Suspected && it.reason.contains("channel \"crowd\"")
    };
    let reason = &report.findings.iter().find(suspected).unwrap().reason;
    assert!(reason.contains("8 wait at this line"), "{reason}");
    assert!(reason.contains("unaccounted: 1 of 2 senders"), "{reason}");
    assert!(
        reason.contains("others with \"helper\" (sends)"),
        "{reason}"
    );
    // All of them go on: they were wrong.
    chan.close();
    drop(leave);
    helper.join().unwrap();
    drop(all);
    let after = report_when(|report| report.suspicions.resumed >= before.resumed + 8);
    assert!(after.suspicions.resumed <= after.suspicions.raised);
}

#[test]
fn a_wait_that_is_longer_than_usual_is_slow() {
    watch();
    let chan = Builder::new().name("usual").chan::<u8>();
    let busy = Builder::new()
        .name("keeps it busy")
        .capacity(1)
        .chan::<u8>();
    let stop = AtomicBool::new(false);
    let wait = || {
        polled(async {
            select_async! {
                recv(chan) -> _ => (),
                recv(busy) -> _ => (),
            }
        })
    };
    // Each is seen, and ends at once.
    for _ in 0..12 {
        let mut one = wait();
        report_when(|report| task_on(report, "usual").is_some());
        busy.send(1);
        let mut context = Context::from_waker(Waker::noop());
        assert!(one.as_mut().poll(&mut context).is_ready());
        report_when(|report| task_on(report, "usual").is_none());
    }
    let _long = wait();
    thread::scope(|s| {
        // Something moves on its channels, so it is not suspected.
        s.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = chan.try_recv();
                thread::sleep(Duration::from_millis(5));
            }
        });
        report_when(|report| {
            matches!(
                evidence_on(report, "usual"),
                Some(Evidence::Slow | Evidence::Suspected)
            )
        });
        stop.store(true, Ordering::Relaxed);
    });
}

const PATIENT: u32 = line!() + 13;

#[test]
fn a_line_has_a_grace_of_its_own() {
    watch();
    let (ctx, cancel) = chan_core::Context::background().with_cancel();
    let (keep, inbox) = Builder::new().name("with a grace").chan::<u8>().split();
    let wait = |patient: bool| {
        let (ctx, inbox) = (ctx.clone(), inbox.clone());
        let name = if patient { "patient" } else { "impatient" };
        thread::spawn(move || {
            let _task = Task::new(name).context(&ctx).enter();
            if patient {
                inbox.recv();
            } else {
                assert_eq!(inbox.recv(), None, "nobody sends");
            }
        })
    };
    let waiters = [wait(true), wait(false)];
    cancel.cancel();
    let said = |report: &Report, name: &str| {
        let task = report.tasks.iter().find(|task| task.name == name)?;
        Some(task.evidence == Some(Evidence::Outlived))
    };
    let report = report_when(|report| {
        said(report, "patient").is_some() && said(report, "impatient") == Some(true)
    });
    assert_eq!(said(&report, "patient"), Some(false));
    keep.close();
    for waiter in waiters {
        waiter.join().unwrap();
    }
}

#[test]
fn daemons_are_not_doubted_and_the_allowed_not_told() {
    watch();
    let (keep, idle) = Builder::new()
        .name("allowed to be idle")
        .chan::<u8>()
        .split();
    thread::spawn(move || idle.recv());
    report_when(|report| task_on(report, "allowed to be idle").is_some());
    drop(keep);
    let report = report_when(|report| report.allowed > 0);
    assert_eq!(evidence_on(&report, "allowed to be idle"), None);

    let (ctx, cancel) = chan_core::Context::background().with_cancel();
    let (keep, idle) = Builder::new().name("daemon").chan::<u8>().split();
    let task = Task::new("daemon").context(&ctx).daemon();
    let daemon = thread::spawn(move || {
        let _task = task.enter();
        idle.recv()
    });
    cancel.cancel();
    report_when(|report| {
        task_on(report, "daemon").is_some_and(|task| {
            // Longer than the grace of one second.
            task.context.as_ref().and_then(|it| it.cancelled_ago)
                > Some(Duration::from_millis(1_200))
        })
    });
    assert_eq!(evidence_on(&leakwatch::snapshot(), "daemon"), None);
    keep.close();
    assert_eq!(daemon.join().unwrap(), None);
}

// ---- Stacks of futures. ----

#[inline(never)]
async fn awaits_here(chan: &Chan<u8>) -> Option<u8> {
    chan.recv_async().await
}

#[test]
fn a_task_shows_the_stack_of_its_poll() {
    watch();
    let chan = Builder::new().name("stack of a task").chan::<u8>();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let task = runtime.spawn({
        let chan = chan.clone();
        async move { awaits_here(&chan).await }
    });
    let report = report_when(|report| {
        task_on(report, "stack of a task").is_some_and(|task| !task.stack.is_empty())
    });
    let stack = &task_on(&report, "stack of a task").unwrap().stack;
    let shown = stack
        .iter()
        .any(|frame| frame.function.contains("awaits_here"));
    assert!(shown, "{stack:#?}");
    // It was woken for that, and still waits.
    chan.send(7);
    assert_eq!(runtime.block_on(task).unwrap(), Some(7));
}

// ---- Blocking within a poll. ----

#[test]
fn a_park_within_a_poll_is_told() {
    watch();
    let (tx, rx) = Builder::new().name("blocks a worker").chan::<u8>().split();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let task = runtime.spawn(async move { rx.recv() });
    report_when(|report| evidence_on(report, "blocks a worker") == Some(Evidence::BlockingInPoll));
    tx.send(1);
    assert_eq!(runtime.block_on(task).unwrap(), Some(1));

    // A tracked task tells it itself, however short it was.
    let (tx, rx) = Builder::new().name("blocks shortly").chan::<u8>().split();
    let task = runtime.spawn(Task::new("short").wrap(async move { rx.recv() }));
    report_when(|report| task_on(report, "blocks shortly").is_some());
    tx.send(1);
    assert_eq!(runtime.block_on(task).unwrap(), Some(1));
    report_when(|report| event_on(report, Misuse::BlockingInPoll, None).is_some());
}

#[test]
fn a_park_where_one_may_block_is_not_told() {
    watch();
    let (tx, rx) = Builder::new().name("may block").chan::<u8>().split();
    let (txi, rxi) = Builder::new()
        .name("may block in place")
        .chan::<u8>()
        .split();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let one = runtime.spawn_blocking(move || rx.recv());
    let two = runtime.spawn(async move { tokio::task::block_in_place(move || rxi.recv()) });
    let has_stack = |report: &Report, name: &str| {
        task_on(report, name).is_some_and(|task| !task.stack.is_empty())
    };
    let report = report_when(|report| {
        has_stack(report, "may block") && has_stack(report, "may block in place")
    });
    assert_eq!(evidence_on(&report, "may block"), None);
    assert_eq!(evidence_on(&report, "may block in place"), None);
    tx.send(1);
    txi.send(1);
    runtime.block_on(async { (one.await.unwrap(), two.await.unwrap()) });
}

// ---- Closes, and what comes after. ----

#[test]
fn a_value_that_lay_in_a_closed_channel_is_a_ghost() {
    watch();
    let drained = Builder::new().name("drained").capacity(8).chan();
    let haunted = Builder::new().name("haunted").capacity(8).chan();
    for chan in [&drained, &haunted] {
        (0..3).for_each(|n| chan.send(n));
        chan.close();
    }
    assert_eq!(drained.receiver().into_iter().count(), 3);
    thread::sleep(GHOST + Duration::from_millis(50));
    let line = line!() + 1;
    assert_eq!(haunted.recv(), Some(0));
    assert_eq!((haunted.recv(), haunted.recv()), (Some(1), Some(2)));
    let report = leakwatch::snapshot();
    let finding = event_on(&report, Misuse::GhostRead, Some("haunted")).expect("told");
    let Subject::Event(event) = finding.subject else {
        unreachable!("that is what was looked for")
    };
    assert_eq!(event.count, 3);
    let site = event.site.expect("its stack tells");
    assert!(site.file.ends_with("signals.rs"), "{site}");
    assert_eq!(site.line, line, "{:#?}", event.stack);
    let closed = event.channel.unwrap().closed.unwrap();
    assert!(
        closed.site.is_some() && !closed.stack.is_empty(),
        "{closed:?}"
    );
}

#[test]
fn a_loop_on_a_closed_arm_is_told() {
    watch();
    let chan = Builder::new().name("closed arm").capacity(1).chan::<u8>();
    let quit = Chan::<u8>::new(0);
    chan.send(1);
    chan.close();
    let mut empty = 0;
    while empty < 200 {
        select! {
            recv(chan) -> value => empty += u32::from(value.is_none()),
            recv(quit) -> _ => unreachable!("nobody quits"),
        }
    }
    let report = leakwatch::snapshot();
    let finding = event_on(&report, Misuse::ClosedArm, Some("closed arm")).expect("told");
    assert!(finding.reason.contains("200 times"), "{}", finding.reason);
}

#[test]
fn closed_arms_that_are_meant_are_not_told() {
    watch();
    // A signal: it carries nothing but its close.
    let quit = Builder::new().name("signal").chan::<u8>();
    quit.close();
    let (ctx, cancel) = chan_core::Context::background().with_cancel();
    cancel.cancel();
    // A worker that ends when its channel does, many times over.
    let chan = Builder::new().name("few").capacity(1).chan::<u8>();
    chan.send(1);
    chan.close();
    for round in 0..300 {
        select! {
            recv(quit) -> _ => (),
        }
        select! {
            recv(ctx.done()) -> _ => (),
        }
        if round % 10 == 0 {
            select! {
                recv(chan) -> _ => (),
            }
        }
    }
    let report = leakwatch::snapshot();
    for name in ["signal", "few", "context done"] {
        assert!(
            event_on(&report, Misuse::ClosedArm, Some(name)).is_none(),
            "{name}"
        );
    }
}

#[test]
fn channels_that_are_closed_unheard_again_and_again_are_told() {
    watch();
    for _ in 0..150 {
        Builder::new().name("unheard").chan::<()>().close();
    }
    let report = leakwatch::snapshot();
    let finding = event_on(&report, Misuse::PseudoClose, Some("unheard")).expect("told");
    assert!(
        finding.reason.contains("150 channels"),
        "{}",
        finding.reason
    );
}

#[test]
fn channels_whose_close_is_heard_are_not_told() {
    watch();
    for round in 0..300 {
        // Somebody has it, waits on it, or has used it.
        let held = Builder::new().name("heard").chan::<()>();
        let listener = held.clone();
        held.close();
        assert_eq!(listener.recv(), None);
        let used = Builder::new().name("heard").capacity(1).chan::<()>();
        used.send(());
        used.close();
        let waited = Builder::new().name("heard").chan::<()>();
        let _waits = polled(async { waited.closed().await });
        waited.close();
        // Mostly unheard, but not in a row.
        let close = |chan: &Chan<()>| chan.close();
        let mixed = Builder::new().name("heard").chan::<()>();
        let kept = (round % 50 == 0).then(|| mixed.clone());
        close(&mixed);
        drop(kept);
        // The end of a context, of which nobody has asked.
        let (_ctx, cancel) = chan_core::Context::background().with_cancel();
        cancel.cancel();
    }
    let report = leakwatch::snapshot();
    for name in ["heard", "context done"] {
        assert!(
            event_on(&report, Misuse::PseudoClose, Some(name)).is_none(),
            "{name}"
        );
    }
}

#[test]
fn a_double_close_has_both_stacks() {
    watch();
    let chan = Builder::new().name("both stacks").chan::<u8>();
    chan.close();
    let again = chan.clone();
    assert!(thread::spawn(move || again.close()).join().is_err());
    let report = leakwatch::snapshot();
    let finding = event_on(&report, Misuse::DoubleClose, Some("both stacks")).expect("told");
    let Subject::Event(event) = finding.subject else {
        unreachable!("that is what was looked for")
    };
    let has = |stack: &[leakwatch::report::Frame]| {
        stack
            .iter()
            .any(|frame| frame.function.contains("a_double_close_has_both_stacks"))
    };
    assert!(has(&event.stack), "{:#?}", event.stack);
    let closed = event.channel.unwrap().closed.unwrap();
    assert!(has(&closed.stack), "{:#?}", closed.stack);
}
