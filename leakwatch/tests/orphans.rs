//! Who is orphaned is told of at once, by the drop that does it.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use chan_core::{Builder, Chan, RecvChan};
use chan_select::select;
use leakwatch::report::{Evidence, Proven, Report, TaskKind};
use leakwatch::task;

const SOON: Duration = Duration::from_secs(20);

/// The sending side of a channel with a name, and the other one.
fn channel(name: &'static str) -> (chan_core::SendChan<u8>, RecvChan<u8>) {
    Builder::new().name(name).chan().split()
}

fn until_waiting(tx: &chan_core::SendChan<u8>) {
    while tx.waiting_receivers() == 0 {
        thread::yield_now();
    }
}

#[test]
fn whoever_is_left_behind_is_told_of_and_nobody_else() {
    let (tell, told) = mpsc::channel::<Report>();
    leakwatch::on_orphan(move |report| tell.send(report).expect("the test listens")).unwrap();
    assert!(leakwatch::on_orphan(drop).is_err(), "there is one listener");
    let next = |name: &str| {
        let report = told.recv_timeout(SOON).expect("nobody was told");
        assert_eq!((report.tasks.len(), report.findings.len()), (1, 1));
        let task = &report.tasks[0];
        assert_eq!(task.name, name);
        assert!(
            report.findings[0]
                .reason
                .contains("with 0 senders, 0 closers")
        );
        let orphaned = task.cases[0].channel.as_ref().unwrap().orphaned.as_ref();
        let by = orphaned.expect("it is known who did it").task.clone();
        assert_eq!(by.as_deref(), thread::current().name());
        task.clone()
    };
    let nobody = || {
        let told = told.recv_timeout(Duration::from_millis(50));
        assert!(matches!(told, Err(RecvTimeoutError::Timeout)), "{told:#?}");
    };
    let proven = Some(Evidence::Proven(Proven::Orphaned));

    // A thread; its handle that cannot wake it does not matter.
    let (tx, rx) = channel("thread");
    let (other, waiter) = (rx.clone(), thread::Builder::new().name("a thread".into()));
    waiter.spawn(move || rx.recv()).unwrap();
    until_waiting(&tx);
    drop(tx);
    let task = next("a thread");
    assert_eq!((task.evidence, task.kind), (proven, TaskKind::Thread));
    drop(other);

    // A thread that has not parked yet when it happens, most likely.
    let (tx, rx) = channel("early");
    let waiter = thread::Builder::new().name("an early thread".into());
    waiter.spawn(move || rx.recv()).unwrap();
    until_waiting(&tx);
    drop(tx);
    next("an early thread");

    // A tracked task, and a future that is not all of its task.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let (tx, rx) = channel("task");
    runtime.spawn(task!("a task", [rx] async move { rx.recv_async().await }));
    until_waiting(&tx);
    drop(tx);
    assert_eq!(next("a task").evidence, proven);
    let (tx, rx) = channel("future");
    runtime.spawn(async move { rx.recv_async().await });
    until_waiting(&tx);
    drop(tx);
    let dead_wait = Some(Evidence::DeadWait(Proven::Orphaned));
    assert_eq!(next("future").evidence, dead_wait);

    // A select that another channel can still free, until that goes, too.
    let (one, inbox) = channel("one arm");
    let (other, second) = channel("other arm");
    let waiter = thread::Builder::new().name("a select".into());
    let wait = move || select! { recv(inbox) -> _ => {}, recv(second) -> _ => {} };
    waiter.spawn(wait).unwrap();
    until_waiting(&one);
    until_waiting(&other);
    drop(one);
    nobody();
    drop(other);
    assert_eq!(next("a select").evidence, proven);

    // Somebody can still send; nobody waits; it is closed.
    let (tx, rx) = channel("alive");
    let more = tx.clone();
    let waiter = thread::spawn(move || rx.recv());
    until_waiting(&tx);
    drop(tx);
    drop(channel("nobody").0);
    let closed = Chan::<u8>::new(0);
    closed.close();
    drop(closed);
    nobody();
    more.send(1);
    assert_eq!(waiter.join().unwrap(), Some(1));
}
