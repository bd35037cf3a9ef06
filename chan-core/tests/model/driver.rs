//! The two worlds side by side: each step is done to the model first, which
//! says what must come, then to the real channel; then all that can be seen
//! of the two is compared.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::task::{Context, Poll, Waker};

use chan_core::Builder;
use chan_core::observe::{self, Channel, TaskId, WaitState};

use super::handles::{About, Handle, Out};
use super::ops::{Answer, Face, Op, Script, Way};
use super::plain::{Key, Plain, Rule, Task};
use super::value::{Ledger, Log};

/// Runs a script, and panics where the channel does not do as the model says.
/// The rules that were met on the way.
pub(crate) fn run(script: &Script) -> BTreeSet<Rule> {
    let mut driver = Driver::new(script.face, script.capacity);
    for (number, &op) in script.ops.iter().enumerate() {
        driver.step(op);
        driver.compare(&format_args!("step {number}, {op:?}"));
        if driver.plain.is_over() {
            break;
        }
    }
    driver.end(script.backwards)
}

/// A future on its way.
struct Running {
    task: Task,
    future: Pin<Box<dyn Future<Output = ()>>>,
    out: Out,
    wakers: [Waker; 2],
}

struct Driver {
    plain: Plain,
    handles: Vec<(Key, Rc<Handle>)>,
    futures: Vec<Running>,
    ledger: Rc<Ledger>,
    log: Arc<Log>,
    channel: Channel,
    /// The next number of a handle or a future.
    next: usize,
}

impl Driver {
    fn new(face: Face, capacity: usize) -> Driver {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("scripted {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let builder = Builder::new().name(name.clone()).capacity(capacity);
        let handles = match face {
            Face::Rust => {
                let (tx, rx) = builder.channel();
                vec![Handle::Sender(tx), Handle::Receiver(rx)]
            }
            Face::Go => vec![Handle::Chan(builder.chan())],
        };
        let channel = observe::channels()
            .into_iter()
            .find(|channel| channel.name() == Some(&name));
        let mut driver = Driver {
            plain: Plain::new(face, capacity),
            handles: Vec::new(),
            futures: Vec::new(),
            ledger: Rc::default(),
            log: Arc::default(),
            channel: channel.expect("it was made just now"),
            next: 1,
        };
        for handle in handles {
            driver.add(handle);
        }
        driver.compare(&"birth");
        driver
    }

    fn number(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn add(&mut self, handle: Handle) {
        let key = self.number();
        self.plain.add_handle(key, handle.can());
        self.handles.push((key, Rc::new(handle)));
    }

    /// The handle that a number chooses among those that will do.
    fn choose(&self, which: u8, fits: impl Fn(&Handle) -> bool) -> Option<usize> {
        let fit = (0..self.handles.len()).filter(|&at| fits(&self.handles[at].1));
        nth(&fit.collect::<Vec<_>>(), which)
    }

    fn choose_sender(&self, which: u8) -> Option<(Key, Rc<Handle>)> {
        let at = self.choose(which, |handle| handle.can().send)?;
        Some(self.handles[at].clone())
    }

    fn choose_receiver(&self, which: u8) -> Option<(Key, Rc<Handle>)> {
        let at = self.choose(which, |handle| handle.can().recv)?;
        Some(self.handles[at].clone())
    }

    fn step(&mut self, op: Op) {
        // Without anybody to do it the step is skipped.
        let _: Option<()> = match op {
            Op::Send(way, by) => self.send(way, by),
            Op::Recv(way, by) => self.recv(way, by),
            Op::MakeSend { by, polled } => self.make_send(by).map(|at| self.poll_if(polled, at)),
            Op::MakeRecv { by, polled } => self.make_recv(by).map(|at| self.poll_if(polled, at)),
            Op::Poll(which, waker) => {
                let at = self.choose_pollable(which);
                at.map(|at| self.poll(at, waker))
            }
            Op::DropFuture(which) => self.choose_future(which).map(|at| self.drop_future(at)),
            Op::Close { by, polite } => self.close(by, polite),
            Op::Clone(of) => {
                let at = self.choose(of, |_| true);
                at.map(|at| self.add(self.handles[at].1.another()))
            }
            Op::Narrow { of, sender } => {
                let at = self.choose(of, |handle| handle.view(sender).is_some());
                let view = at.and_then(|at| self.handles[at].1.view(sender));
                view.map(|view| self.add(view))
            }
            Op::Split(which) => self.split(which),
            Op::DropHandle(which) => {
                let at = self.choose(which, |_| true);
                at.map(|at| self.drop_handle(at))
            }
            Op::Drain(by) => self.drain(by),
        };
    }

    // ---- Operations. ----

    fn send(&mut self, way: Way, by: u8) -> Option<()> {
        let (_, handle) = self.choose_sender(by)?;
        let way = match way {
            Way::Block if !self.plain.send_is_ready() => Way::Try,
            way => way,
        };
        let id = self.plain.value();
        let value = self.ledger.value();
        let expected = self.plain.send(way, id);
        same(expected, || handle.sends()?.send_by(way, value).into());
        Some(())
    }

    fn recv(&mut self, way: Way, by: u8) -> Option<()> {
        let (_, handle) = self.choose_receiver(by)?;
        let way = match way {
            Way::Block if !self.plain.recv_is_ready() => Way::Try,
            way => way,
        };
        let expected = self.plain.recv(way);
        same(expected, || handle.receives()?.recv_by(way).into());
        Some(())
    }

    fn drain(&mut self, by: u8) -> Option<()> {
        let (_, handle) = self.choose_receiver(by)?;
        let closed = self.plain.closed;
        let expected = self.plain.drain();
        same(expected, || handle.receives()?.drain(closed).into());
        Some(())
    }

    fn close(&mut self, by: u8, polite: bool) -> Option<()> {
        let (_, handle) = self.choose_sender(by)?;
        let expected = self.plain.close(polite);
        same(expected, || handle.sends()?.close_by(polite).into());
        Some(())
    }

    // ---- Futures. ----

    fn make_send(&mut self, by: u8) -> Option<usize> {
        let (key, handle) = self.choose_sender(by)?;
        let (task, out) = (self.number(), Out::default());
        let id = self.plain.value();
        self.plain.make_send(task, key, id);
        let (value, its_out) = (self.ledger.value(), Rc::clone(&out));
        self.start(task, out, async move {
            let sends = handle.sends().expect("chosen for it");
            let operation = sends.send_later(value, its_out);
            one_turn().await;
            operation.await
        });
        Some(self.futures.len() - 1)
    }

    fn make_recv(&mut self, by: u8) -> Option<usize> {
        let (key, handle) = self.choose_receiver(by)?;
        let (task, out) = (self.number(), Out::default());
        self.plain.make_recv(task, key);
        let its_out = Rc::clone(&out);
        self.start(task, out, async move {
            let receives = handle.receives().expect("chosen for it");
            let operation = receives.recv_later(its_out);
            one_turn().await;
            operation.await
        });
        Some(self.futures.len() - 1)
    }

    /// The block owns its share of the handle, and its first turn makes the
    /// operation without polling it.
    fn start(&mut self, task: Task, out: Out, block: impl Future<Output = ()> + 'static) {
        let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(block);
        // A watcher sees by this number whose wait it is.
        let before = observe::set_current_task(TaskId(task as u64));
        let made = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        observe::set_current_task(before);
        assert!(made.is_pending());
        let wakers = [0, 1].map(|which| self.log.waker((task, which)));
        self.futures.push(Running {
            task,
            future,
            out,
            wakers,
        });
    }

    fn choose_future(&self, which: u8) -> Option<usize> {
        nth(&(0..self.futures.len()).collect::<Vec<_>>(), which)
    }

    fn choose_pollable(&self, which: u8) -> Option<usize> {
        let may = |&at: &usize| self.plain.may_poll(self.futures[at].task);
        let fit = (0..self.futures.len()).filter(may);
        nth(&fit.collect::<Vec<_>>(), which)
    }

    fn poll_if(&mut self, wanted: bool, at: usize) {
        if wanted {
            self.poll(at, 0);
        }
    }

    fn poll(&mut self, at: usize, waker: usize) {
        new_turn();
        let running = &mut self.futures[at];
        let expected = self.plain.poll(running.task, waker);
        same(expected, || {
            let mut context = Context::from_waker(&running.wakers[waker]);
            match running.future.as_mut().poll(&mut context) {
                Poll::Ready(()) => unreachable!("it stays until it is dropped"),
                Poll::Pending => running.out.take().or(Some(Answer::Pending)),
            }
        });
    }

    fn drop_future(&mut self, at: usize) {
        let running = self.futures.remove(at);
        self.plain.drop_future(running.task);
        drop(running.future);
    }

    // ---- Handles. ----

    fn split(&mut self, which: u8) -> Option<()> {
        let at = self.choose(which, |handle| matches!(handle, Handle::Chan(_)))?;
        let (key, handle) = self.handles.remove(at);
        // A future may hold it: then it is a clone that is split.
        let whole = match Rc::try_unwrap(handle) {
            Ok(handle) => handle,
            Err(shared) => shared.another(),
        };
        let Handle::Chan(chan) = whole else {
            unreachable!("chosen for it")
        };
        let (tx, rx) = chan.split();
        self.add(Handle::SendChan(tx));
        self.add(Handle::RecvChan(rx));
        self.plain.release(key);
        Some(())
    }

    fn drop_handle(&mut self, at: usize) {
        let (key, handle) = self.handles.remove(at);
        self.plain.release(key);
        drop(handle);
    }

    // ---- Comparing. ----

    #[track_caller]
    fn compare(&mut self, when: &dyn std::fmt::Display) {
        let plain = &mut self.plain;
        let woken = std::mem::take(&mut plain.wakes);
        assert_eq!(self.log.take(), woken, "wakes after {when}");
        assert_eq!(self.ledger.drops(), plain.drops, "drops after {when}");
        let about = About {
            len: plain.len(),
            is_empty: plain.len() == 0,
            is_full: plain.is_full(),
            is_closed: plain.closed,
            senders: plain.senders(),
            receivers: plain.receivers(),
        };
        for (_, handle) in &self.handles {
            assert_eq!(handle.about(), about, "what a handle says after {when}");
        }
        self.compare_snapshot(when);
    }

    #[track_caller]
    fn compare_snapshot(&self, when: &dyn std::fmt::Display) {
        let (plain, seen) = (&self.plain, self.channel.snapshot());
        assert_eq!(seen.len, plain.len(), "length after {when}");
        assert_eq!(seen.closed, plain.closed, "closed after {when}");
        let counts = (seen.sent, seen.received);
        assert_eq!(counts, (plain.sent, plain.received), "counts after {when}");
        if !plain.is_over() {
            let there = seen.received + seen.len as u64 + plain.discarded;
            assert_eq!(seen.sent, there, "conservation after {when}");
        }
        let sides = (seen.handles.send, seen.handles.recv, seen.handles.close);
        let counted = (plain.senders(), plain.receivers(), plain.senders());
        assert_eq!(sides, counted, "handles after {when}");
        let (mut queued, mut done) = (Vec::new(), Vec::new());
        for wait in &seen.waits {
            let task = wait.task.0 as Task;
            match wait.state {
                WaitState::Queued => queued.push(task),
                WaitState::Done { holds_value } => done.push((task, holds_value)),
                other => panic!("unknown state {other:?} after {when}"),
            }
        }
        assert_eq!(queued, plain.queued(), "queues after {when}");
        done.sort_unstable();
        assert_eq!(done, plain.done(), "waits that are over after {when}");
    }

    /// Receives and drops all that is left, with the same care.
    fn end(mut self, backwards: bool) -> BTreeSet<Rule> {
        while let Some(last) = self.futures.len().checked_sub(1) {
            self.drop_future(if backwards { last } else { 0 });
            self.compare(&"the end of a future");
        }
        // The order of what came back shows when it is received.
        let _nobody_can: Option<()> = self.drain(0);
        self.compare(&"the last drain");
        while !self.handles.is_empty() {
            self.drop_handle(0);
            self.compare(&"the end of a handle");
        }
        let every = self.ledger.drops();
        assert!(every.iter().all(|&drops| drops == 1), "drops: {every:?}");
        assert_eq!(Arc::strong_count(&self.log), 1, "a waker was kept");
        let alive = observe::channels()
            .iter()
            .any(|other| other.id() == self.channel.id());
        assert!(!alive, "the channel outlived its handles");
        self.plain.rules
    }
}

/// Element `which` of a list, modulo its length.
fn nth(list: &[usize], which: u8) -> Option<usize> {
    (!list.is_empty()).then(|| list[usize::from(which) % list.len()])
}

/// Pending once.
async fn one_turn() {
    let mut first = true;
    std::future::poll_fn(|_| {
        if std::mem::take(&mut first) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

/// Does an operation and compares its answer; a panic is caught only where
/// the model says that one must come.
#[track_caller]
fn same(expected: Answer, operation: impl FnOnce() -> Option<Answer>) {
    let real = match expected {
        Answer::Panicked(text) => caught(operation).map_or_else(
            // The line of the close may follow.
            |said| {
                Answer::Panicked(if said.starts_with(text) {
                    text
                } else {
                    said.leak()
                })
            },
            |answer| answer.expect("chosen for it"),
        ),
        _ => operation().expect("chosen for it"),
    };
    assert_eq!(real, expected);
}

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Catches a panic that is expected, without a word on stderr.
fn caught<R>(operation: impl FnOnce() -> R) -> Result<R, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                others(info);
            }
        }));
    });
    EXPECTED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(operation));
    EXPECTED.set(false);
    result.map_err(|panic| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(_) => "a panic without a text".to_owned(),
    })
}

/// Begins a new row of ready polls by a wait: after too long a row a future
/// that is ready lets others have their turn, which the model does not know.
fn new_turn() {
    let nil = chan_core::Chan::<u8>::nil();
    let mut wait = std::pin::pin!(nil.recv_async());
    let polled = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
}
