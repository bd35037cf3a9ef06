//! What is not proven, because somebody comes, or could.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::time::Duration;
use std::{future, thread};

use chan_core::{Chan, Context, RecvChan, after, bounded};
use leakwatch::test::{Config, World, let_out, outside};
use leakwatch::{spawn, task};

use crate::common::{
    CLOSED, LATE, LOOKS, PATIENCE, alone, both, evidence, is_late, naps, never_proven, not_proven,
    runtime, until, waiter,
};

alone! {
    fn a_plain_thread_that_naps() {
        let world = World::new();
        let inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        thread::spawn(move || {
            naps();
            both.0.send(1);
        });
        drop(inside);
        assert_eq!(never_proven(&world, comes), Some(1));
    }

    /// It waits for nothing that is ours, and for somebody outside.
    fn a_plain_thread_that_waits_for_whoever_asks() {
        let world = World::new();
        let inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        let (gate, gates) = mpsc::channel();
        thread::spawn(move || {
            gates.recv().unwrap();
            both.0.send(1);
        });
        drop(inside);
        not_proven(&world, 1);
        gate.send(()).unwrap();
        assert_eq!(comes.join().unwrap(), Some(1));
    }

    /// The same of one that is introduced, and of a lock.
    fn a_known_thread_that_waits_for_a_lock() {
        let world = World::new();
        let inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        let lock = Arc::new(Mutex::new(()));
        let mine = lock.lock().unwrap();
        let theirs = Arc::clone(&lock);
        spawn!("locked", [] move || {
            drop(theirs.lock().unwrap());
            both.0.send(1);
        });
        drop(inside);
        not_proven(&world, 1);
        drop(mine);
        assert_eq!(comes.join().unwrap(), Some(1));
    }

    fn a_plain_task_that_naps() {
        let runtime = runtime();
        let world = World::new();
        let inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        runtime.spawn(async move {
            while !is_late() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            both.0.send_async(1).await;
        });
        drop(inside);
        assert_eq!(never_proven(&world, comes), Some(1));
    }

    fn a_blocking_thread_of_a_runtime() {
        let runtime = runtime();
        // It was there before the world.
        runtime.block_on(runtime.spawn_blocking(|| {})).unwrap();
        let world = World::new();
        let inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        runtime.spawn_blocking(move || {
            naps();
            both.0.send(1);
        });
        drop(inside);
        assert_eq!(never_proven(&world, comes), Some(1));
    }

    fn a_handle_that_has_got_out_to_an_older_thread() {
        let (give, given) = mpsc::channel::<Arc<(Chan<u8>, Chan<u8>)>>();
        thread::spawn(move || {
            let both = given.recv().unwrap();
            naps();
            both.0.send(1);
        });
        let world = World::new();
        let inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        give.send(both).unwrap();
        drop(inside);
        assert_eq!(never_proven(&world, comes), Some(1));
    }

    /// Somebody has a clone of its waker, and wakes it after a while.
    fn a_task_that_somebody_else_can_wake() {
        let runtime = runtime();
        let world = World::new();
        let inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        let slot = Arc::new(Mutex::new(None::<Waker>));
        let theirs = Arc::clone(&slot);
        runtime.spawn(task!("task", [] async move {
            let mut polls = 0;
            future::poll_fn(|cx| {
                *theirs.lock().unwrap() = Some(cx.waker().clone());
                polls += 1;
                if polls > 1 { Poll::Ready(()) } else { Poll::Pending }
            }).await;
            both.0.send_async(1).await;
        }));
        spawn!("wakes", [] move || {
            naps();
            slot.lock().unwrap().take().unwrap().wake();
        });
        drop(inside);
        assert_eq!(never_proven(&world, comes), Some(1));
    }

    fn somebody_who_will_abort_a_task() {
        let runtime = runtime();
        let world = World::new();
        let inside = world.enter();
        // The drop of the task closes the channel.
        let (tx, rx) = bounded::<u8>(0);
        let stuck = Chan::<u8>::new(0);
        let task = runtime.spawn(task!("aborted", [] async move {
            stuck.recv_async().await;
            drop(tx);
        }));
        let comes = spawn!("waiter", [] move || rx.recv());
        spawn!("aborts", [] move || {
            naps();
            task.abort();
        });
        drop(inside);
        // Of the task the wait is proven, by its own handle alone.
        let mut looks = 0;
        while !comes.is_finished() {
            let report = world.report();
            assert_eq!(evidence(&report, "waiter"), None, "{report:#?}");
            looks += 1;
            LATE.store(looks >= LOOKS, Ordering::Release);
        }
        assert!(comes.join().unwrap().is_err());
        assert!(leakwatch::snapshot().alarms.is_empty());
    }

    fn a_timer() {
        let world = World::new();
        let inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        spawn!("timer", [] move || {
            while !is_late() {
                after(Duration::from_millis(2)).recv().unwrap();
            }
            both.0.send(1);
        });
        drop(inside);
        assert_eq!(never_proven(&world, comes), Some(1));
    }

    fn a_deadline() {
        let world = World::new();
        let inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        spawn!("deadline", [] move || {
            while !is_late() {
                both.1.recv_timeout(Duration::from_millis(2)).unwrap_err();
            }
            both.0.send(1);
        });
        drop(inside);
        assert_eq!(never_proven(&world, comes), Some(1));
    }

    fn the_deadline_of_a_context() {
        let world = World::new();
        let inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        spawn!("context", [] move || {
            while !is_late() {
                let soon = Duration::from_millis(2);
                let (ctx, _cancel) = Context::background().with_timeout(soon);
                ctx.done().recv();
            }
            both.0.send(1);
        });
        drop(inside);
        assert_eq!(never_proven(&world, comes), Some(1));
    }

    fn who_waits_for_somebody_outside() {
        let elsewhere: Chan<u8> = Chan::new(0);
        let world = World::new();
        let inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        let gate = elsewhere.clone();
        spawn!("gated", [] move || {
            gate.recv();
            both.0.send(1);
        });
        drop(inside);
        not_proven(&world, 2);
        elsewhere.send(1);
        assert_eq!(comes.join().unwrap(), Some(1));
    }

    /// Nobody knows where it belongs, and it waits for what is not the world's.
    fn a_plain_thread_that_waits_for_somebody_outside() {
        let elsewhere: Chan<u8> = Chan::new(0);
        let gate = elsewhere.clone();
        let rescuer = thread::spawn(move || {
            let _outside = outside();
            // Nothing tells when a test has been looked at.
            thread::sleep(Duration::from_secs(1));
            elsewhere.send(1);
        });
        let config = Config::new().stuck_after(PATIENCE).closed_world();
        config.run(move || {
            let both = both();
            let theirs = Arc::clone(&both);
            thread::spawn(move || {
                gate.recv();
                theirs.0.send(1);
            });
            assert_eq!(both.0.recv(), Some(1));
        });
        rescuer.join().unwrap();
    }

    fn somebody_of_another_world_who_waits_here() {
        let (world, other) = (World::new(), World::new());
        let inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        drop(inside);
        let inside = other.enter();
        let guest = Arc::clone(&both);
        spawn!("guest", [] move || {
            guest.1.recv();
            guest.0.send(1);
        });
        drop(inside);
        not_proven(&world, 2);
        both.1.send(1);
        assert_eq!(comes.join().unwrap(), Some(1));
    }

    /// As far as what was let out could help.
    fn a_handle_that_was_let_out() {
        let world = World::new();
        let inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        let useless = both.0.receiver();
        let_out(&useless);
        drop(inside);
        until(&world, |report| evidence(report, "waiter") == Some(CLOSED));

        let second = World::new();
        let inside = second.enter();
        let (tx, rx): (_, RecvChan<u8>) = Chan::new(0).split();
        let shared = Arc::new((rx, tx.clone()));
        spawn!("second", [] move || shared.0.recv());
        let_out(&tx);
        drop(inside);
        until(&second, |report| report.tasks.len() == 1);
        for _ in 0..LOOKS {
            assert_eq!(evidence(&second.report(), "second"), None);
            thread::sleep(Duration::from_millis(1));
        }
        assert!(!comes.is_finished());
    }

    /// Who asks from inside is no outside.
    fn whoever_asks_from_inside() {
        let world = World::new();
        let _inside = world.enter();
        let both = both();
        let comes = waiter(&both);
        not_proven(&world, 1);
        both.0.send(1);
        assert_eq!(comes.join().unwrap(), Some(1));
    }

    fn other_threads_that_wake_up_now_and_then_unless_they_say_so() {
        let (tell, told) = mpsc::channel::<()>();
        let (sleeps, asleep) = mpsc::channel::<()>();
        thread::spawn(move || {
            while told.recv_timeout(Duration::from_millis(50)) == Err(mpsc::RecvTimeoutError::Timeout) {}
            let _outside = outside();
            drop(sleeps);
            loop {
                thread::sleep(Duration::from_millis(50));
            }
        });
        let world = World::new();
        let inside = world.enter();
        waiter(&both());
        // Both are gone from here, but the waiter has all.
        let both = both();
        let theirs = Arc::clone(&both);
        spawn!("other", [] move || theirs.0.recv());
        drop((both, inside));
        not_proven(&world, 2);
        drop(tell);
        asleep.recv().unwrap_err();
        until(&world, |report| evidence(report, "other") == Some(CLOSED));
    }
}
