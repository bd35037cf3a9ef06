//! Ways in which a handle comes back that nobody seemed to have, or in which
//! somebody who was given up goes on: by destructors at the end of a thread,
//! of a panic, of a task or of a runtime, by weak handles, by values that come
//! back, by futures that move. Each program tries to be proven wrongly: it is
//! looked at all the time, nothing may be said of who is freed in the end
//! unless a task was dropped for it, and no proof may become an alarm.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use chan_core::{Chan, RecvChan, SendChan};
use leakwatch::report::{Evidence, Report};
use leakwatch::{Carrier, Enclosed, Held, InTask, Kept, OnThread, Shared, local, spawn, task};

fn look() -> Report {
    let _ = leakwatch::install();
    let report = leakwatch::snapshot();
    assert!(report.alarms.is_empty(), "{:#?}", report.alarms);
    report
}

/// Whether a task waits, and if so whether it is proven to be stuck.
fn is_proven(report: &Report, name: &str) -> Option<bool> {
    let task = report.tasks.iter().find(|task| task.name == name)?;
    Some(matches!(task.evidence, Some(Evidence::Proven(_))))
}

fn look_until(what: &str, so: impl Fn(&Report) -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    let mut looks = 0;
    while !so(&look()) {
        looks += 1;
        // A machine may stand still.
        assert!(looks < 500 || Instant::now() < end, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Sees them wait, and proves nothing of them.
fn wait_unproven(names: &[&str]) {
    let wait = |report: &Report| names.iter().all(|name| is_proven(report, name).is_some());
    look_until("they wait", wait);
    for _ in 0..20 {
        let report = look();
        for name in names {
            assert_ne!(is_proven(&report, name), Some(true), "{name}");
        }
    }
}

fn wait_proven(name: &str) {
    look_until(name, |report| is_proven(report, name) == Some(true));
}

/// Looks until a thread has ended, and once more.
fn look_while_it_ends<R>(thread: thread::JoinHandle<R>) -> R {
    look_until("the thread ends", |_| thread.is_finished());
    look();
    thread.join().expect("it does not panic")
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_time().build().unwrap()
}

fn poll(future: &mut Pin<Box<impl Future + ?Sized>>) -> bool {
    let polled = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    polled.is_ready()
}

// ---- Destructors. ----

#[test]
fn a_thread_local_sends_when_its_thread_ends() {
    struct Farewell(Held<SendChan<u8>, OnThread>);
    impl Drop for Farewell {
        fn drop(&mut self) {
            self.0.send(7);
        }
    }
    thread_local! {
        static LAST: RefCell<Option<Farewell>> = const { RefCell::new(None) };
    }
    // The account of a thread is a thread local too; either may go first.
    for account_first in [false, true] {
        let (tx, rx) = Chan::<u8>::new(0).split();
        let (gate, opened) = Chan::<()>::new(0).split();
        let waiter = spawn!("hears a thread end", [rx] move || rx.recv());
        let sender = spawn!("ends", [opened] move || {
            if account_first {
                LAST.with(|_| ());
            }
            let farewell = Farewell(local(tx));
            LAST.with(|last| *last.borrow_mut() = Some(farewell));
            opened.recv();
        });
        wait_unproven(&["hears a thread end", "ends"]);
        gate.close();
        look_while_it_ends(sender);
        assert_eq!(look_while_it_ends(waiter), Some(7));
    }
}

#[test]
fn who_panics_sends_on_the_way_out() {
    struct Last<'h>(&'h Held<SendChan<u8>, OnThread>);
    impl Drop for Last<'_> {
        fn drop(&mut self) {
            self.0.send(7);
        }
    }
    let (tx, rx) = Chan::<u8>::new(0).split();
    let (gate, opened) = Chan::<()>::new(0).split();
    let waiter = spawn!("hears a panic", [rx] move || rx.recv());
    let sender = spawn!("panics", [tx, opened] move || {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _last = Last(&tx);
            opened.recv().expect("the gate is open");
        }));
        caught.is_err()
    });
    wait_unproven(&["hears a panic", "panics"]);
    gate.close();
    assert!(look_while_it_ends(sender));
    assert_eq!(look_while_it_ends(waiter), Some(7));
}

/// Sends what it can when the task goes in which it is.
struct Legacy<F: FnMut()>(F);
impl<F: FnMut()> Drop for Legacy<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A thread that is proven to be stuck, with a task that has what could free
/// it, goes on when the runtime is shut down: the task is dropped, and sends.
fn freed_by_a_shutdown<F: Future<Output = ()> + Send + 'static>(
    name: &'static str,
    task: impl FnOnce(SendChan<u8>) -> F,
) {
    let (tx, rx) = Chan::<u8>::new(1).split();
    let waiter = spawn!(name, [rx] move || rx.recv());
    let runtime = runtime();
    runtime.spawn(task(tx));
    wait_proven(name);
    drop(runtime);
    assert_eq!(look_while_it_ends(waiter), Some(7), "{name}");
}

#[test]
fn a_task_that_is_dropped_sends() {
    freed_by_a_shutdown("shutdown, held", |tx| {
        task!("has a legacy", [tx] async move |own| {
            let tx: Held<SendChan<u8>, InTask<'_>> = tx;
            let _legacy = Legacy(|| {
                tx.try_send(7).ok();
            });
            own.hold(Chan::<u8>::nil()).recv_async().await;
        })
    });
}

#[test]
fn a_task_that_is_dropped_sends_through_what_it_shares() {
    freed_by_a_shutdown("shutdown, shared", |tx| {
        let shared: Shared<Kept<SendChan<u8>>> = Shared::new(|keep| keep.keep(tx));
        task!("shares a legacy", [shared] async move |own| {
            let _legacy = Legacy(|| {
                shared.at(|kept| kept).try_send(7).ok();
            });
            own.hold(Chan::<u8>::nil()).recv_async().await;
        })
    });
}

#[test]
fn a_task_that_is_dropped_opens_a_letter() {
    freed_by_a_shutdown("shutdown, enclosed", |tx| {
        let letters: Chan<Enclosed<SendChan<u8>>> = Chan::new(1);
        letters.send(letters.enclose(tx));
        task!("has letters", [letters] async move |own| {
            let _legacy = Legacy(|| {
                if let Ok(Some(letter)) = letters.try_recv() {
                    letters.open(letter).try_send(7).ok();
                }
            });
            own.hold(Chan::<u8>::nil()).recv_async().await;
        })
    });
}

// ---- Handles that come back. ----

#[test]
fn a_weak_handle_becomes_strong_all_the_time() {
    let (tx, rx) = Chan::<u8>::new(0).split();
    let weak = tx.downgrade();
    let over = Arc::new(AtomicBool::new(false));
    let reviver = thread::spawn({
        let over = Arc::clone(&over);
        move || {
            let mut last = None;
            while !over.load(Ordering::Relaxed) {
                // One of the two is there at any time.
                last = weak.upgrade().filter(|_| last.is_none());
                let another = last.as_ref().map(SendChan::downgrade);
                drop(another);
            }
            weak.upgrade().expect("the waiter has one").send(7);
        }
    });
    let waiter = spawn!("revived", [rx, tx] move || {
        let _tx = tx;
        rx.recv()
    });
    for _ in 0..10 {
        wait_unproven(&["revived"]);
    }
    over.store(true, Ordering::Relaxed);
    assert_eq!(look_while_it_ends(waiter), Some(7));
    reviver.join().unwrap();
}

#[test]
fn a_value_comes_back_from_a_future_that_nobody_polls() {
    let (tx, rx) = Chan::<u8>::new(0).split();
    let mut first = Box::pin({
        let rx = rx.clone();
        async move { rx.recv_async().await }
    });
    assert!(!poll(&mut first));
    // It is handed to the future, and no handle is left that could send.
    tx.send(7);
    let waiter = spawn!("comes second", [rx, tx] move || {
        let _tx = tx;
        rx.recv()
    });
    wait_unproven(&["comes second"]);
    drop(first);
    assert_eq!(look_while_it_ends(waiter), Some(7));
}

#[test]
fn a_handle_in_a_thread_local_of_somebody_else_is_nobody_s() {
    thread_local! {
        static MINE: RefCell<Option<SendChan<u8>>> = const { RefCell::new(None) };
    }
    let (tx, rx) = Chan::<u8>::new(0).split();
    let (go, gone) = mpsc::channel::<()>();
    let other = thread::spawn(move || {
        MINE.with(|mine| *mine.borrow_mut() = Some(tx));
        gone.recv().ok();
    });
    spawn!("waits for a local", [rx] move || rx.recv());
    wait_unproven(&["waits for a local"]);
    drop(go);
    other.join().unwrap();
    // It went with its thread, without a word.
    wait_proven("waits for a local");
}

// ---- Futures and their wakers. ----

#[test]
fn a_task_that_naps_comes_back() {
    let (tx, rx) = Chan::<u8>::new(0).split();
    let waiter = spawn!("waits for one that naps", [rx] move || rx.recv());
    let runtime = runtime();
    let (gate, opened) = tokio::sync::oneshot::channel::<()>();
    runtime.spawn(task!("naps", [tx] async move |own| {
        let never = own.hold(Chan::<u8>::new(0));
        let wait = tokio::time::timeout(Duration::from_millis(50), never.recv_async());
        assert!(wait.await.is_err());
        opened.await.ok();
        tx.send_async(7).await;
    }));
    wait_unproven(&["waits for one that naps"]);
    gate.send(()).unwrap();
    assert_eq!(look_while_it_ends(waiter), Some(7));
}

struct Unpark(Thread);
impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(end) => return end,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_task_that_runs_another_inside_its_poll_is_awake() {
    let (tx, rx) = Chan::<u8>::new(0).split();
    let (gate, opened) = Chan::<()>::new(0).split();
    let waiter = spawn!("waits for the outer one", [rx] move || rx.recv());
    let outer = thread::spawn(move || {
        block_on(task!("outer", [tx] async move {
            block_on(task!("inner", [opened] async move {
                opened.recv_async().await;
            }));
            tx.send_async(7).await;
        }));
    });
    wait_unproven(&["waits for the outer one", "inner"]);
    gate.close();
    look_while_it_ends(outer);
    assert_eq!(look_while_it_ends(waiter), Some(7));
}

#[test]
fn a_future_that_was_polled_by_one_task_is_finished_by_another() {
    type Wait = Pin<Box<dyn Future<Output = Option<()>> + Send>>;
    let (tx, rx) = Chan::<u8>::new(0).split();
    let (news, inbox) = Chan::<()>::new(0).split();
    let news_of =
        |inbox: RecvChan<()>| -> Wait { Box::pin(async move { inbox.recv_async().await }) };
    let (pass, passed) = mpsc::channel::<Wait>();
    let wait = news_of(inbox);
    // It polls the wait once, so that the wait has its waker, gives it away and
    // waits for nothing.
    let mut first = Box::pin(task!("gives away", [] async move |own| {
        let mut wait = wait;
        std::future::poll_fn(|cx| {
            assert!(wait.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        pass.send(wait).unwrap();
        own.hold(Chan::<u8>::nil()).recv_async().await;
    }));
    assert!(!poll(&mut first));
    let wait = passed.recv().unwrap();
    let waiter = spawn!("waits for the finder", [rx] move || rx.recv());
    wait_unproven(&["waits for the finder"]);
    let (tell, told) = mpsc::channel();
    let finder = thread::spawn(move || {
        let mut wait = wait;
        block_on(task!("finder", [tx] async move {
            std::future::poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_pending())).await;
            tell.send(()).unwrap();
            wait.await;
            tx.send_async(7).await;
        }));
    });
    told.recv().unwrap();
    wait_unproven(&["waits for the finder"]);
    news.close();
    look_while_it_ends(finder);
    assert_eq!(look_while_it_ends(waiter), Some(7));
    drop(first);
}
