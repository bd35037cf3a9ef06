//! What is proven, and what becomes of it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chan_core::Builder;
use leakwatch::report::{Evidence, Proven};
use leakwatch::test::{Config, World};
use leakwatch::{spawn, task};

use crate::common::{
    CLOSED, PATIENCE, alone, both, evidence, failure, naps, never_proven, runtime, until, waiter,
};

alone! {
    fn a_circle_of_threads_that_share_all() {
        let world = World::new();
        let inside = world.enter();
        let (one, other) = (both(), both());
        for (name, from, to) in [("one", &one, &other), ("other", &other, &one)] {
            let (from, to) = (Arc::clone(from), Arc::clone(to));
            spawn!(name, [] move || {
                from.0.recv();
                to.0.send(1);
            });
        }
        drop((one, other, inside));
        let report = until(&world, |report| evidence(report, "one") == Some(CLOSED));
        assert_eq!(evidence(&report, "other"), Some(CLOSED));
        let reason = &report.findings[0].reason;
        assert!(reason.contains("2 are parked on channels"), "{reason}");
        let [set] = &report.sets[..] else { panic!("{report:#?}") };
        assert_eq!(set.members.len(), 2);
    }

    fn a_circle_of_tasks_and_a_thread() {
        let runtime = runtime();
        let world = World::new();
        let inside = world.enter();
        let both = both();
        let shared = Arc::clone(&both);
        spawn!("thread", [] move || {
            shared.0.recv();
            shared.1.send(1);
        });
        runtime.spawn(task!("task", [] async move {
            both.1.recv_async().await;
            both.0.send_async(1).await;
        }));
        drop(inside);
        let report = until(&world, |report| evidence(report, "task") == Some(CLOSED));
        assert_eq!(evidence(&report, "thread"), Some(CLOSED));
        // The task is dropped, and it says nothing that was wrong.
        runtime.shutdown_timeout(PATIENCE);
        until(&world, |report| report.tasks.len() == 1);
    }

    /// A future that nobody has introduced may be dropped by its runtime.
    fn of_a_plain_task_the_wait_is_dead() {
        let runtime = runtime();
        let world = World::new();
        let inside = world.enter();
        let both = both();
        runtime.spawn(async move {
            both.1.recv_async().await;
        });
        drop(inside);
        let dead = Some(Evidence::DeadWait(Proven::ClosedWorld));
        until(&world, |report| evidence(report, "future") == dead);
        runtime.shutdown_timeout(PATIENCE);
    }

    fn the_body_of_a_test_that_joins_a_plain_thread() {
        let text = failure(|| {
            let config = Config::new().stuck_after(PATIENCE).closed_world();
            config.run(|| {
                let both = both();
                let theirs = Arc::clone(&both);
                thread::Builder::new().name("plain".into()).spawn(move || theirs.0.recv())
                    .unwrap().join().unwrap();
                both.0.send(1);
            });
        });
        assert!(text.contains("the body of this test is stuck"), "{text}");
        assert!(text.contains("\"plain\" [chan receive") && text.contains("Proven::ClosedWorld"), "{text}");
    }

    fn the_body_of_a_test_that_waits_for_a_plain_task() {
        let text = failure(|| {
            let config = Config::new().stuck_after(PATIENCE).closed_world();
            config.run(|| {
                let runtime = runtime();
                let both = both();
                let theirs = Arc::clone(&both);
                runtime.spawn(async move {
                    theirs.0.recv_async().await;
                    theirs.1.send_async(1).await;
                });
                both.1.recv();
            });
        });
        assert!(text.contains("2 parked") || text.contains("2 tasks parked"), "{text}");
        assert!(text.contains("Proven::ClosedWorld"), "{text}");
    }

    fn an_asynchronous_body() {
        let text = failure(|| {
            let config = Config::new().stuck_after(PATIENCE).closed_world();
            config.run_async(|| async {
                let both = both();
                let _theirs = Arc::clone(&both);
                both.0.recv_async().await;
            });
        });
        assert!(text.contains("Proven::ClosedWorld"), "{text}");
    }

    fn the_body_of_a_test_of_a_runtime() {
        let text = failure(|| {
            runtime().block_on(async {
                let config = Config::new().stuck_after(PATIENCE).closed_world();
                config.watch(async {
                    let both = both();
                    let theirs = Arc::clone(&both);
                    tokio::spawn(async move { theirs.0.recv_async().await }).await.unwrap();
                    both.0.send_async(1).await;
                }).await;
            });
        });
        assert!(text.contains("DeadWait (closed world)"), "{text}");
    }

    /// The grace is for those who can still come.
    fn who_is_left_by_a_test_fails_it_at_once() {
        let began = Instant::now();
        let text = failure(|| {
            let config = Config::new().grace(Duration::from_secs(3600)).closed_world();
            config.run(|| {
                let both = both();
                let theirs = Arc::clone(&both);
                thread::spawn(move || theirs.0.recv());
                thread::spawn(move || both.1.recv());
            });
        });
        assert!(text.contains("left somebody behind") && text.contains("Proven::ClosedWorld"), "{text}");
        assert!(began.elapsed() < PATIENCE);
    }

    /// Those who look are at rest most of the time.
    fn tests_at_the_same_time() {
        let tests: Vec<_> = (0..4).map(|number| {
            std::thread::spawn(move || failure(|| {
                let config = Config::new().stuck_after(PATIENCE).closed_world();
                config.run(move || {
                    let name = format!("of test {number}");
                    let chan = Arc::new(Builder::new().name(name).chan::<u8>());
                    let theirs = Arc::clone(&chan);
                    thread::spawn(move || theirs.recv()).join().unwrap();
                    chan.send(1);
                });
            }))
        }).collect();
        for (number, test) in tests.into_iter().enumerate() {
            let text = test.join().unwrap();
            assert!(text.contains("Proven::ClosedWorld"), "{text}");
            for other in 0..4 {
                let name = format!("of test {other}");
                assert_eq!(text.contains(&name), other == number, "{text}");
            }
        }
    }

    /// Other tests are at rest beside it, and their waits are not its own.
    fn worlds_do_not_answer_for_each_other() {
        let (first, second) = (World::new(), World::new());
        let inside = first.enter();
        let mine = both();
        waiter(&mine);
        drop((mine, inside));
        let inside = second.enter();
        let theirs = both();
        let sender = Arc::clone(&theirs);
        let comes = waiter(&theirs);
        spawn!("sender", [] move || {
            naps();
            sender.0.send(1);
        });
        drop((theirs, inside));
        let report = until(&first, |report| evidence(report, "waiter") == Some(CLOSED));
        assert_eq!(report.tasks.len(), 1, "{report:#?}");
        assert_eq!(never_proven(&second, comes), Some(1));
    }
}

// ---- What becomes of a promise that is not kept. ----

alone! {
    fn whoever_breaks_the_promise_raises_the_alarm() {
        let world = World::new();
        let inside = world.enter();
        let shared = Arc::new(Builder::new().name("promised").chan::<u8>());
        let theirs = Arc::clone(&shared);
        let comes = spawn!("waiter", [] move || theirs.recv());
        drop(inside);
        until(&world, |report| evidence(report, "waiter") == Some(CLOSED));
        shared.send(1);
        assert_eq!(comes.join().unwrap(), Some(1));
        let alarms = leakwatch::snapshot().alarms;
        let [alarm] = &alarms[..] else { panic!("{alarms:#?}") };
        assert_eq!((&*alarm.task, alarm.evidence), ("waiter", CLOSED));
    }
}
