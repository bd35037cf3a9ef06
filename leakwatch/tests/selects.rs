//! A select that waits is one task, with each of its cases, for threads and
//! for tasks.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::{Builder, Chan};
use chan_select::{Select, select, select_async};
use leakwatch::report::{Direction, ParkedTask, Report, TaskKind, WaitCase};

/// The tasks that wait, with whatever case, on the channel of this name.
fn tasks_on<'r>(report: &'r Report, name: &str) -> Vec<&'r ParkedTask> {
    let is_it = |case: &WaitCase| name_of(case) == Some(name);
    let waits = |task: &&ParkedTask| task.cases.iter().any(is_it);
    report.tasks.iter().filter(waits).collect()
}

fn name_of(case: &WaitCase) -> Option<&str> {
    case.channel.as_ref()?.name.as_deref()
}

/// Each case as index, direction, line, and the name of its channel.
fn cases(task: &ParkedTask) -> Vec<(usize, Direction, u32, Option<&str>)> {
    let case = |case: &WaitCase| (case.index, case.direction, case.site.line);
    let mut cases: Vec<_> = task
        .cases
        .iter()
        .map(|it| (case(it).0, case(it).1, case(it).2, name_of(it)))
        .collect();
    cases.sort_by_key(|case| case.0);
    cases
}

const IN: Direction = Direction::Receive;
const OUT: Direction = Direction::Send;

#[test]
fn a_select_of_a_thread_is_one_task_with_its_cases() {
    let _ = leakwatch::install();
    let inbox: Chan<u8> = Builder::new().name("thread-in").chan();
    let outbox: Chan<u8> = Builder::new().name("thread-out").chan();
    let nil = Chan::<u8>::nil();
    thread::scope(|s| {
        let line = line!() + 2;
        s.spawn(|| {
            select! {
                recv(nil) -> _ => {}
                recv(inbox) -> _ => {}
                send(outbox, 1) -> () => {}
                recv(inbox) -> _ => {}
            }
        });
        let end = Instant::now() + Duration::from_secs(60);
        let task = loop {
            let report = leakwatch::snapshot();
            if let [task] = tasks_on(&report, "thread-out")[..]
                && task.age.is_some()
            {
                assert_eq!(tasks_on(&report, "thread-in").len(), 1, "it is the same");
                break task.clone();
            }
            assert!(Instant::now() < end, "it was never reported");
            thread::sleep(Duration::from_millis(1));
        };
        assert_eq!(task.operation, "select");
        assert_eq!(task.site.line, line);
        // The nil case is listed with nil's waiters, and is the same task's.
        assert_eq!(
            cases(&task),
            [
                (0, IN, line, None),
                (1, IN, line, Some("thread-in")),
                (2, OUT, line, Some("thread-out")),
                (3, IN, line, Some("thread-in")),
            ]
        );
        inbox.close();
    });
    assert!(tasks_on(&leakwatch::snapshot(), "thread-out").is_empty());
}

#[test]
fn a_select_of_a_task_is_one_task_with_its_cases() {
    let _ = leakwatch::install();
    let a: Chan<u8> = Builder::new().name("task-a").chan();
    let b: Chan<u8> = Builder::new().name("task-b").chan();
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut wait = pin!(async {
            select_async! { recv(a) -> _ => {}, send(b, 1) -> () => {} }
        });
        assert!(wait.as_mut().poll(&mut context).is_pending());
        let report = leakwatch::snapshot();
        let [task] = tasks_on(&report, "task-a")[..] else {
            panic!("one task: {report:#?}")
        };
        assert_eq!((task.kind, &*task.operation), (TaskKind::Future, "select"));
        let cases: Vec<_> = cases(task).iter().map(|case| (case.0, case.1)).collect();
        assert_eq!(cases, [(0, IN), (1, OUT)]);
        // A case that wins takes the others with it.
        a.close();
        assert!(wait.as_mut().poll(&mut context).is_ready());
        assert!(tasks_on(&leakwatch::snapshot(), "task-b").is_empty());
    }
    // Built at run time: each case has a line of its own.
    let c: Chan<u8> = Builder::new().name("task-c").chan();
    let mut select = Select::new();
    let line = line!();
    select.recv(&c, |_| ());
    select.send(&b, 2, |()| ());
    {
        let mut wait = pin!(select.select_async());
        assert!(wait.as_mut().poll(&mut context).is_pending());
        let report = leakwatch::snapshot();
        let [task] = tasks_on(&report, "task-c")[..] else {
            panic!("one task: {report:#?}")
        };
        assert_eq!(
            cases(task),
            [
                (0, IN, line + 1, Some("task-c")),
                (1, OUT, line + 2, Some("task-b")),
            ]
        );
    }
    assert!(tasks_on(&leakwatch::snapshot(), "task-c").is_empty());
}
