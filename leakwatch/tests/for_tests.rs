//! `leakwatch::test`: what fails a test, what does not, and whom it blames.

use std::env;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::process::Command;
use std::sync::{Arc, Barrier, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe::{self, Channel};
use chan_core::{Builder, Chan, bounded};
use leakwatch::Task;
use leakwatch::test::{Config, guard};

/// So short that a test which fails does so quickly; those who must not be
/// found are given all the time they need.
const SHORT: Duration = Duration::from_millis(200);

/// The text of the panic that ends `body`.
fn failure(body: impl FnOnce()) -> String {
    let panicked = panic::catch_unwind(AssertUnwindSafe(body)).expect_err("it must fail");
    let text = panicked.downcast_ref::<String>().cloned();
    text.or_else(|| panicked.downcast_ref::<&str>().map(ToString::to_string))
        .expect("a text")
}

/// A thread may be late to its park, and who is not there is not found.
fn until_somebody_waits_on(name: &str) {
    // One that still looks around is not there yet.
    let parked = |channel: &Channel| channel.snapshot().waits.iter().any(|it| it.age.is_some());
    let waits = |channel: &Channel| channel.name() == Some(name) && parked(channel);
    while !observe::channels().iter().any(waits) {
        thread::yield_now();
    }
}

// ---- Healthy tests, as users write them. ----

#[leakwatch::test]
fn a_healthy_test_passes() {
    let (tx, rx) = bounded(1);
    let worker = thread::spawn(move || rx.iter().count());
    tx.send(1).unwrap();
    drop(tx);
    assert_eq!(worker.join().unwrap(), 1);
}

#[leakwatch::test(grace = Duration::from_secs(20))]
fn those_who_are_late_have_a_grace() {
    let (tx, rx) = bounded::<u8>(0);
    let (go, gone) = bounded::<u8>(0);
    thread::spawn(move || {
        assert!(gone.recv().is_err());
        drop(tx);
    });
    thread::spawn(move || rx.recv());
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        drop(go);
    });
}

#[leakwatch::test]
fn a_result_is_a_result() -> Result<(), std::num::ParseIntError> {
    let number: u8 = "7".parse()?;
    assert_eq!(number, 7);
    Ok(())
}

#[leakwatch::test]
#[should_panic(expected = "as it should")]
fn a_panic_is_the_body_s() {
    panic!("as it should");
}

#[leakwatch::test]
async fn an_asynchronous_test_needs_no_runtime() -> Result<(), chan_core::RecvError> {
    // Not `Send`, across an await.
    let mine = std::rc::Rc::new(1);
    let (tx, rx) = bounded(1);
    thread::spawn(move || tx.send(1).unwrap());
    assert_eq!(rx.recv_async().await?, *mine);
    Ok(())
}

#[leakwatch::test(ignore_channel = "kept*")]
#[tokio::test]
async fn a_test_of_a_runtime() {
    let (tx, rx) = bounded(1);
    let task = tokio::spawn(async move { rx.recv_async().await });
    tokio::time::sleep(Duration::from_millis(1)).await;
    tx.send_async(1).await.unwrap();
    assert_eq!(task.await.unwrap(), Ok(1));
}

#[leakwatch::test]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[should_panic(expected = "left somebody behind")]
async fn a_test_of_a_runtime_that_leaves_a_task() {
    let (tx, rx) = Builder::new().name("left in tokio").chan::<u8>().split();
    tokio::spawn(async move { rx.recv_async().await });
    static KEPT: OnceLock<chan_core::SendChan<u8>> = OnceLock::new();
    KEPT.set(tx).unwrap();
}

#[leakwatch::test(closed_world, grace = Duration::from_secs(20))]
fn a_closed_world_in_which_all_end() {
    let both = Arc::new((Chan::<u8>::new(0), Chan::<u8>::new(0)));
    let theirs = Arc::clone(&both);
    let other = thread::spawn(move || {
        assert_eq!(theirs.0.recv(), Some(1));
        theirs.1.send(2);
    });
    both.0.send(1);
    assert_eq!(both.1.recv(), Some(2));
    other.join().unwrap();
}

/// Proven, or taken for stuck, as the tests beside it let it.
#[leakwatch::test(stuck_after = SHORT, closed_world)]
#[should_panic(expected = "is stuck")]
fn a_closed_world_in_which_the_body_waits() {
    let chan = Builder::new().name("closed in").chan::<u8>();
    chan.recv();
}

/// Run by hand, and by the test below.
#[leakwatch::test(grace = SHORT)]
#[ignore = "it fails, as it should"]
fn somebody_is_left_in_a_process_of_its_own() {
    let (tx, rx) = Builder::new().name("left alone").chan::<u8>().split();
    thread::spawn(move || rx.recv());
    until_somebody_waits_on("left alone");
    std::mem::forget(tx);
}

#[test]
fn a_process_for_each_test_changes_nothing() {
    // As nextest calls it.
    let run = |name: &str, ignored: bool| {
        let mut test = Command::new(env::current_exe().unwrap());
        test.args(["--exact", name, "--nocapture"]);
        if ignored {
            test.arg("--ignored");
        }
        let ended = test.env("NEXTEST", "1").output().unwrap();
        let text = String::from_utf8_lossy(&ended.stdout).into_owned();
        let text = text + &String::from_utf8_lossy(&ended.stderr);
        assert!(text.contains("running 1 test"), "{text}");
        (ended.status.success(), text)
    };
    for name in [
        "a_healthy_test_passes",
        "those_who_are_late_have_a_grace",
        "an_asynchronous_test_needs_no_runtime",
        "a_test_of_a_runtime_that_leaves_a_task",
    ] {
        let (passes, text) = run(name, false);
        assert!(passes, "{name}: {text}");
    }
    let (passes, text) = run("somebody_is_left_in_a_process_of_its_own", true);
    assert!(!passes, "{text}");
    assert!(text.contains("left somebody behind"), "{text}");
    assert!(text.contains("\"left alone\""), "{text}");
}

// ---- What fails. ----

#[test]
fn a_thread_that_is_left_fails_the_test_with_the_report() {
    let text = failure(|| {
        Config::new().grace(SHORT).run(|| {
            let (tx, rx) = Builder::new().name("left").chan::<u8>().split();
            thread::spawn(move || rx.recv());
            until_somebody_waits_on("left");
            std::mem::forget(tx);
        });
    });
    for part in [
        "left somebody behind",
        "finding 1: Outlived",
        "chan receive",
        "for_tests.rs",
        "\"left\"",
        "a_thread_that_is_left_fails_the_test",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn what_is_proven_is_called_so() {
    let text = failure(|| {
        Config::new().grace(SHORT).run(|| {
            let (tx, rx) = Builder::new().name("orphan").chan::<u8>().split();
            thread::spawn(move || rx.recv());
            until_somebody_waits_on("orphan");
            drop(tx);
        });
    });
    assert!(text.contains("Proven::Orphaned"), "{text}");
}

#[test]
fn a_value_that_nobody_takes_fails_the_test() {
    static KEPT: OnceLock<Chan<u8>> = OnceLock::new();
    let text = failure(|| {
        Config::new().grace(SHORT).run(|| {
            let chan = Builder::new().name("unread").capacity(1).chan();
            chan.send(1);
            KEPT.set(chan).unwrap();
        });
    });
    assert!(
        text.contains("Undelivered") && text.contains("\"unread\""),
        "{text}"
    );
}

#[test]
fn a_future_that_holds_a_value_fails_the_test() {
    let text = failure(|| {
        Config::new().grace(SHORT).run(|| {
            let chan = Builder::new().name("held").chan::<u8>();
            let sender = chan.clone();
            let mut future = Box::pin(async move { chan.recv_async().await });
            let mut context = Context::from_waker(Waker::noop());
            assert_eq!(future.as_mut().poll(&mut context), Poll::Pending);
            sender.send(1);
            std::mem::forget(future);
        });
    });
    assert!(text.contains("\"held\""), "{text}");
}

#[test]
fn a_body_that_waits_for_ever_fails_at_once_if_that_is_proven() {
    let began = Instant::now();
    let text = failure(|| {
        Config::new()
            .stuck_after(Duration::from_secs(3600))
            .run(|| {
                let (tx, rx) = Builder::new().name("stuck").chan::<u8>().split();
                drop(tx);
                rx.recv();
            });
    });
    assert!(
        text.contains("is stuck") && text.contains("Proven::Orphaned"),
        "{text}"
    );
    assert!(began.elapsed() < Duration::from_secs(600));
}

#[test]
fn a_body_that_waits_for_ever_fails_after_a_while_if_it_is_not() {
    let text = failure(|| {
        Config::new().stuck_after(SHORT).run(|| {
            let chan = Builder::new().name("holds both ends").chan::<u8>();
            chan.recv();
        });
    });
    assert!(
        text.contains("is stuck") && text.contains("holds both ends"),
        "{text}"
    );
}

#[test]
fn an_asynchronous_body_that_waits_for_ever_fails() {
    let text = failure(|| {
        Config::new().stuck_after(SHORT).run_async(|| async {
            let chan = Builder::new().name("awaits both").chan::<u8>();
            chan.recv_async().await;
        });
    });
    assert!(
        text.contains("is stuck") && text.contains("awaits both"),
        "{text}"
    );
}

#[leakwatch::test(stuck_after = SHORT)]
#[tokio::test]
#[should_panic(expected = "is stuck")]
async fn a_body_in_a_runtime_that_waits_for_ever_fails() {
    let chan = Builder::new().name("awaits in tokio").chan::<u8>();
    chan.recv_async().await;
}

/// A body that waits long while others work is not stuck.
#[test]
fn a_body_whose_channels_move_is_not_stuck() {
    Config::new()
        .stuck_after(Duration::from_millis(500))
        .run(|| {
            let (beat, beats) = Builder::new().chan::<u8>().split();
            let (done, is_done) = Builder::new().chan::<u8>().split();
            thread::spawn(move || {
                // Longer than the patience, but never silent for as long.
                for _ in 0..30 {
                    thread::sleep(Duration::from_millis(50));
                    beat.send(1);
                }
                beat.close();
                done.close();
            });
            thread::spawn(move || beats.into_iter().count());
            assert_eq!(is_done.recv(), None);
        });
}

// ---- What is ignored. ----

#[test]
fn what_is_ignored_fails_nothing() {
    #[inline(never)]
    fn waits_by_design(rx: chan_core::RecvChan<u8>) {
        rx.recv();
    }
    let leak = || {
        let (tx, rx) = Builder::new().name("idle by design").chan::<u8>().split();
        thread::spawn(move || waits_by_design(rx));
        std::mem::forget(tx);
    };
    Config::new()
        .grace(SHORT)
        .ignore_channel("idle by*")
        .run(leak);
    Config::new()
        .grace(SHORT)
        .ignore_site("for_tests.rs")
        .run(leak);
    let function = "for_tests::what_is_ignored_fails_nothing::waits_by_design";
    // The stack must come in time, so the grace is long.
    let patient = Config::new().grace(Duration::from_secs(20));
    patient.ignore_function(function).run(leak);
    let other = Config::new().grace(SHORT).ignore_channel("another");
    assert!(failure(|| other.run(leak)).contains("idle by design"));
}

// ---- Whom it blames. ----

/// Two tests run at the same time; the one that leaks is blamed, the other is
/// not, though it ends while the leak is there.
#[test]
fn tests_at_the_same_time_do_not_answer_for_each_other() {
    let leaked = Arc::new(Barrier::new(2));
    let (guilty, innocent) = (Arc::clone(&leaked), leaked);
    let leaks = thread::spawn(move || {
        failure(|| {
            Config::new().grace(SHORT).run(move || {
                let (tx, rx) = Builder::new().name("guilty").chan::<u8>().split();
                thread::spawn(move || rx.recv());
                until_somebody_waits_on("guilty");
                std::mem::forget(tx);
                guilty.wait();
            });
        })
    });
    Config::new().run(move || {
        let chan = Builder::new().name("innocent").capacity(1).chan();
        innocent.wait();
        chan.send(1);
        assert_eq!(chan.recv(), Some(1));
    });
    let text = leaks.join().unwrap();
    assert!(
        text.contains("guilty") && !text.contains("innocent"),
        "{text}"
    );
}

/// A channel that a tracked thread makes belongs to the test, one that a plain
/// thread makes to nobody.
#[test]
fn tracked_threads_inherit_and_plain_ones_do_not() {
    fn leaks(name: &'static str, made: &Barrier) {
        let chan = Builder::new().name(name).chan::<u8>();
        made.wait();
        chan.recv();
    }
    let text = failure(|| {
        Config::new().grace(SHORT).run(|| {
            let made = Arc::new(Barrier::new(3));
            let task = Task::new("tracked");
            let tracked = Arc::clone(&made);
            thread::spawn(move || {
                let _task = task.enter();
                leaks("made by the tracked", &tracked);
            });
            let plain = Arc::clone(&made);
            thread::spawn(move || leaks("made by the plain", &plain));
            made.wait();
        });
    });
    assert!(text.contains("made by the tracked"), "{text}");
    assert!(!text.contains("made by the plain"), "{text}");
}

#[test]
fn a_guard_checks_its_block() {
    {
        let _guard = guard();
        let chan = Chan::new(1);
        chan.send(1);
        assert_eq!(chan.recv(), Some(1));
    }
    let text = failure(|| {
        let _guard = Config::new().grace(SHORT).guard();
        let (tx, rx) = Builder::new().name("guarded").chan::<u8>().split();
        thread::spawn(move || rx.recv());
        until_somebody_waits_on("guarded");
        std::mem::forget(tx);
    });
    assert!(text.contains("guarded"), "{text}");
}

#[test]
fn who_is_about_to_park_is_left_all_the_same() {
    for round in 0..40 {
        let name = format!("about to park {round}");
        let text = failure(|| {
            let _guard = Config::new().grace(Duration::ZERO).guard();
            let (tx, rx) = Builder::new().name(name.clone()).chan::<u8>().split();
            thread::spawn(move || rx.recv());
            // In the queue, perhaps before its park.
            while tx.waiting_receivers() == 0 {
                std::hint::spin_loop();
            }
            std::mem::forget(tx);
        });
        assert!(text.contains(&name), "{text}");
    }
}
