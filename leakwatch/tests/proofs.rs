//! What is proven when it is known who has which handles, by threads and by
//! tasks; and what is not proven, because somebody could still come.
//!
//! Each test speaks of its own tasks, told by their names.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use chan_core::{Builder, Chan, Context, SendChan};
use chan_select::{select, select_async};
use leakwatch::report::{Evidence, ParkedTask, Proven, Report};
use leakwatch::{Carrier, Enclosed, Kept, Shared, local, spawn, task};

const ORPHANED: Option<Evidence> = Some(Evidence::Proven(Proven::Orphaned));
const DEAD_SET: Option<Evidence> = Some(Evidence::Proven(Proven::DeadSet));

fn named<'r>(report: &'r Report, name: &str) -> Option<&'r ParkedTask> {
    report.tasks.iter().find(|task| task.name == name)
}

/// The evidence on the task called `name`.
fn evidence(report: &Report, name: &str) -> Option<Evidence> {
    named(report, name)?.evidence
}

/// Reports until one satisfies `enough`; fails the test if none ever does.
fn report_when(enough: impl Fn(&Report) -> bool) -> Report {
    let _ = leakwatch::install();
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

/// Many looks at tasks that are parked, none of which proves anything of them.
fn never_proven(names: &[&str]) {
    report_when(|report| names.iter().all(|name| named(report, name).is_some()));
    for _ in 0..20 {
        let report = leakwatch::snapshot();
        for name in names {
            let said = evidence(&report, name);
            assert!(
                !matches!(said, Some(Evidence::Proven(_))),
                "{name}: {said:?}"
            );
        }
        thread::yield_now();
    }
}

fn proven(names: &[(&str, Option<Evidence>)]) -> Report {
    report_when(|report| {
        let right = |&(name, expected): &(&str, _)| evidence(report, name) == expected;
        names.iter().all(right)
    })
}

/// The same of members of sets. Who is just being asked for a stack is in none,
/// whatever was proven of it before.
fn proven_in_sets(names: &[(&str, Option<Evidence>)]) -> Report {
    report_when(|report| {
        let right = |&(name, expected): &(&str, _)| {
            named(report, name).is_some_and(|it| it.evidence == expected && it.set.is_some())
        };
        names.iter().all(right)
    })
}

/// Runs a tokio of one worker for as long as the test goes on.
fn on_tokio<F: Future + Send + 'static>(
    tasks: impl IntoIterator<Item = F>,
) -> tokio::runtime::Runtime
where
    F::Output: Send,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    for task in tasks {
        runtime.spawn(task);
    }
    runtime
}

#[test]
fn a_channel_that_only_its_waiter_knows() {
    thread::Builder::new()
        .name("p1 alone".into())
        .spawn(|| local(Chan::<u8>::new(0)).recv())
        .unwrap();
    spawn!("p1 select", [] move |own| {
        let (a, b) = (own.hold(Chan::<u8>::new(0)), own.hold(Chan::<u8>::new(0)));
        select! { recv(a) -> _ => {}, send(b, 1) -> _ => {} }
    });
    let tokio = on_tokio([task!("p1 task", [] async move |own| {
        own.hold(Chan::<u8>::new(0)).send_async(1).await;
    })]);
    proven(&[
        ("p1 alone", ORPHANED),
        ("p1 select", ORPHANED),
        ("p1 task", ORPHANED),
    ]);
    drop(tokio);
}

#[test]
fn a_receiver_saves_no_receiver() {
    let (tx, rx) = Chan::<u8>::new(0).split();
    let alive = rx.clone();
    spawn!("p1 wrong capability", [rx, tx] move || {
        let _tx = tx;
        rx.recv()
    });
    proven(&[("p1 wrong capability", ORPHANED)]);
    drop(alive);
}

#[test]
fn two_that_wait_for_each_other() {
    let (a_tx, a_rx) = Builder::new().name("a").chan::<u8>().split();
    let (b_tx, b_rx) = Builder::new().name("b").chan::<u8>().split();
    spawn!("p2 one", [a_rx, b_tx] move || {
        a_rx.recv();
        b_tx.send(1);
    });
    let two = task!("p2 two", [b_rx, a_tx] async move {
        b_rx.recv_async().await;
        a_tx.send_async(1).await;
    });
    let tokio = on_tokio([two]);
    let report = proven_in_sets(&[("p2 one", DEAD_SET), ("p2 two", DEAD_SET)]);
    let (one, two) = (
        named(&report, "p2 one").unwrap(),
        named(&report, "p2 two").unwrap(),
    );
    assert_eq!(one.waits_for, ["p2 two"]);
    assert_eq!(two.waits_for, ["p2 one"]);
    assert_eq!(one.spawned.as_ref().unwrap().file, file!());
    let set = &report.sets[one.set.unwrap()];
    assert_eq!(set.members.len(), 2);
    assert!(set.members.contains(&one.id) && set.members.contains(&two.id));
    drop(tokio);
}

#[test]
fn a_chain_begins_with_its_orphan() {
    let (a_tx, a_rx) = Chan::<u8>::new(0).split();
    let (b_tx, b_rx) = Chan::<u8>::new(0).split();
    spawn!("chain end", [a_rx, b_tx] move || {
        a_rx.recv();
        b_tx.send(1);
    });
    spawn!("chain start", [b_rx] move || b_rx.recv());
    never_proven(&["chain end", "chain start"]);
    drop(a_tx);
    let report = proven_in_sets(&[("chain end", ORPHANED), ("chain start", DEAD_SET)]);
    let (end, start) = (
        named(&report, "chain end").unwrap(),
        named(&report, "chain start").unwrap(),
    );
    assert_eq!(start.set, end.set);
    assert_eq!(report.sets[start.set.unwrap()].root, Some(end.id));
}

#[test]
fn a_handle_elsewhere_could_still_come() {
    let (tx, rx) = Chan::<u8>::new(0).split();
    let outside = tx.clone();
    let waiter = spawn!("alive", [rx, tx] move || {
        let _tx = tx;
        rx.recv()
    });
    never_proven(&["alive"]);
    outside.send(1);
    assert_eq!(waiter.join().unwrap(), Some(1));
}

#[test]
fn a_running_holder_could_still_come() {
    let (tx, rx) = Chan::<u8>::new(0).split();
    let (go, gone) = mpsc::channel::<()>();
    let sender = spawn!("runs", [tx] move || {
        gone.recv().unwrap(); // foreign: it may wake at any time
        tx.send(1);
    });
    let waiter = spawn!("waits for one that runs", [rx] move || rx.recv());
    never_proven(&["waits for one that runs"]);
    go.send(()).unwrap();
    assert_eq!(waiter.join().unwrap(), Some(1));
    sender.join().unwrap();
}

#[test]
fn a_weak_handle_could_still_come() {
    let (tx, rx) = Chan::<u8>::new(0).split();
    let weak = tx.downgrade();
    spawn!("weakly", [rx, tx] move || {
        let _tx = tx;
        rx.recv()
    });
    never_proven(&["weakly"]);
    drop(weak);
    proven(&[("weakly", ORPHANED)]);
}

#[test]
fn a_context_that_nobody_can_cancel() {
    report_when(|_| true); // contexts are known from now on
    let (ctx, cancel) = Context::background().with_cancel();
    let (child, own) = ctx.with_cancel();
    spawn!("cancel", [own] move || {
        let _own = own;
        child.done().recv()
    });
    never_proven(&["cancel"]);
    drop(cancel);
    proven(&[("cancel", ORPHANED)]);

    let (timed, _) = Context::background().with_timeout(Duration::from_secs(3600));
    let timed_out = thread::Builder::new().name("cancelled in time".into());
    timed_out.spawn(move || timed.done().recv()).unwrap();
    never_proven(&["cancelled in time"]);
}

struct Both {
    jobs: Kept<Chan<u8>>,
    done: Kept<Chan<()>>,
}

#[test]
fn one_struct_with_both_ends_is_shared_by_all() {
    let both = Shared::new(|keep| Both {
        jobs: keep.keep(Chan::new(0)),
        done: keep.keep(Chan::new(0)),
    });
    let outside = both.clone();
    spawn!("shared 1", [both = both.clone()] move || both.at(|both| &both.jobs).send(1));
    let two = task!("shared 2", [both] async move {
        let done = both.at(|both| &both.done);
        select_async! { recv(done) -> _ => {} }
    });
    let tokio = on_tokio([two]);
    never_proven(&["shared 1", "shared 2"]);
    drop(outside);
    proven(&[("shared 1", DEAD_SET), ("shared 2", DEAD_SET)]);
    drop(tokio);
}

#[test]
fn somebody_else_may_wake_the_task() {
    let slow = task!("has a timer", [] async move |own| {
        let chan = own.hold(Chan::<u8>::new(0));
        tokio::select! {
            _ = chan.recv_async() => {}
            () = tokio::time::sleep(Duration::from_secs(3600)) => {}
        }
    });
    let tokio = on_tokio([slow]);
    never_proven(&["has a timer"]);
    drop(tokio);
}

#[test]
fn a_chain_of_a_thousand() {
    const LINKS: usize = 1_000;
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..LINKS).map(|_| Chan::<u8>::new(0).split()).unzip();
    // Each waits for what the one before it would send; nobody sends to the
    // first.
    let before = receivers.into_iter();
    let mut senders = senders.into_iter();
    let nobody = senders.next().unwrap();
    let after = senders.chain([Default::default()]);
    let tasks = before.zip(after).enumerate().map(|(link, (inbox, out))| {
        task!(format!("link {link}"), [inbox, out] async move {
            inbox.recv_async().await;
            out.send_async(1).await;
        })
    });
    let tokio = on_tokio(tasks);
    drop(nobody);
    report_when(|report| {
        let ends = [("link 0", ORPHANED), ("link 999", DEAD_SET)];
        let set = named(report, "link 500").and_then(|link| report.sets.get(link.set?));
        ends.iter()
            .all(|&(name, expected)| evidence(report, name) == expected)
            && set.is_some_and(|set| {
                set.members.len() == LINKS && set.root == named(report, "link 0").map(|it| it.id)
            })
    });
    drop(tokio);
}

#[test]
fn who_waits_for_a_sender_in_a_message_is_stuck_with_those_who_could_receive_it() {
    struct Request {
        reply: Enclosed<SendChan<u8>>,
    }
    let requests = Chan::<Request>::new(1);
    let (reply, answer) = Chan::new(0).split();
    requests.send(Request {
        reply: requests.enclose(reply),
    });
    let (inbox, nobody) = (requests.receiver(), Chan::<u8>::new(0));
    spawn!("letter asks", [answer] move || answer.recv());
    // It has the message within reach, and waits for something else.
    spawn!("letter answers", [inbox, gate = nobody.receiver()] move || {
        gate.recv();
        let Some(Request { reply }) = inbox.recv() else { return };
        inbox.open(reply).send(1);
    });
    let live = ["letter asks", "letter answers"];
    never_proven(&live);
    drop(requests);
    // The gate can be opened, and then the message comes.
    never_proven(&live);
    drop(nobody);
    proven_in_sets(&[("letter asks", DEAD_SET), ("letter answers", ORPHANED)]);
}

#[test]
#[should_panic(expected = "enclosed for another channel")]
fn a_handle_is_opened_with_its_own_channel_only() {
    let (one, other) = (Chan::<u8>::new(0), Chan::<u8>::new(0));
    other.open(one.enclose(other.clone()));
}
