//! The two worlds side by side: each step is done to the model first, which
//! says what must come, then to the real channel; then all that can be seen
//! of the two is compared. `driver/tasks.rs` has the futures, and
//! `driver/permits.rs` the permits.

use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};

use chan_core::observe::{self, Channel, WaitState};
use chan_core::{Builder, OwnedPermit};

use super::handles::{About, Handle, Weak};
use super::ops::{Answer, Face, Id, Op, Script, Way};
use super::plain::{Key, Plain, Task};
use super::rule::Rule;
use super::value::{Ledger, Log, Value};
use tasks::Running;

mod permits;
mod tasks;

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

struct Driver {
    plain: Plain,
    handles: Vec<(Key, Rc<Handle>)>,
    weak: Vec<Weak>,
    futures: Vec<Running>,
    /// With the numbers of their handles.
    owned: Vec<(Key, OwnedPermit<Value>)>,
    ledger: Rc<Ledger>,
    log: Arc<Log>,
    channel: Channel,
    /// The next number of a handle or a future.
    next: usize,
}

impl Driver {
    fn new(face: Face, capacity: Option<usize>) -> Driver {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("scripted {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let builder = Builder::new().name(name.clone());
        let builder = match capacity {
            Some(capacity) => builder.capacity(capacity),
            None => builder.unbounded(),
        };
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
            weak: Vec::new(),
            futures: Vec::new(),
            owned: Vec::new(),
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
            Op::MakeSendMany { by, count, polled } => {
                let at = self.make_send_many(by, count);
                at.map(|at| self.poll_if(polled, at))
            }
            Op::MakeRecvMany { by, max, polled } => {
                let at = self.make_recv_many(by, max);
                at.map(|at| self.poll_if(polled, at))
            }
            Op::MakeReserve { by, polled } => {
                let at = self.make_reserve(by);
                at.map(|at| self.poll_if(polled, at))
            }
            Op::MakeClosed { by, polled } => {
                let at = self.make_closed(by);
                at.map(|at| self.poll_if(polled, at))
            }
            Op::Poll(which, waker) => {
                let at = self.choose_pollable(which);
                at.map(|at| self.poll(at, waker))
            }
            Op::DropFuture(which) => self.choose_future(which).map(|at| self.drop_future(at)),
            Op::ForceSend(by) => self.force_send(by),
            Op::SendMany { way, by, count } => self.send_many(way, by, count),
            Op::RecvMany { way, by, max } => self.recv_many(way, by, max),
            Op::WaitClosed(way, by) => self.wait_closed(way, by),
            Op::Close { by, polite } => self.close(by, polite),
            Op::Drain { by, at_once } => self.drain(by, at_once),
            Op::Reserve(way, by) => self.reserve(way, by),
            Op::SpendPermit(which) => self.spend_permit(which),
            Op::OwnPermit(which) => self.own_permit(which),
            Op::DropPermit(which) => self.drop_permit(which),
            op => self.step_of_handles(op),
        };
    }

    fn step_of_handles(&mut self, op: Op) -> Option<()> {
        match op {
            Op::Clone(of) => {
                let at = self.choose(of, |_| true)?;
                self.add(self.handles[at].1.another());
            }
            Op::Narrow { of, sender } => {
                let at = self.choose(of, |handle| handle.view(sender).is_some())?;
                self.add(self.handles[at].1.view(sender)?);
            }
            Op::Split(which) => self.split(which)?,
            Op::DropHandle(which) => {
                let at = self.choose(which, |_| true)?;
                self.drop_handle(at);
            }
            Op::Downgrade { of, weak: true } => {
                let at = self.choose_weak(of)?;
                self.weak.push(self.weak[at].clone());
            }
            Op::Downgrade { of, weak: false } => {
                let at = self.choose(of, |_| true)?;
                self.weak.push(self.handles[at].1.downgrade());
            }
            Op::Upgrade(which) => self.upgrade(which)?,
            Op::DropWeak(which) => {
                let at = self.choose_weak(which)?;
                drop(self.weak.remove(at));
            }
            other => unreachable!("no step of handles: {other:?}"),
        }
        Some(())
    }

    // ---- Operations. ----

    /// A new value, in both worlds.
    fn value(&mut self) -> (Id, Value) {
        (self.plain.value(), self.ledger.value())
    }

    fn send(&mut self, way: Way, by: u8) -> Option<()> {
        let (_, handle) = self.choose_sender(by)?;
        let way = way.or_try(self.plain.send_is_ready(1));
        let (id, value) = self.value();
        let expected = self.plain.send(way, id);
        same(expected, || handle.sends()?.send_by(way, value).into());
        Some(())
    }

    fn force_send(&mut self, by: u8) -> Option<()> {
        let (_, handle) = self.choose_sender(by)?;
        let (id, value) = self.value();
        let expected = self.plain.force_send(id);
        same(expected, || handle.sends()?.force(value).into());
        Some(())
    }

    fn send_many(&mut self, way: Way, by: u8, count: usize) -> Option<()> {
        let (_, handle) = self.choose_sender(by)?;
        let way = way.or_try(self.plain.send_is_ready(count));
        let (mut ids, mut values): (VecDeque<_>, VecDeque<_>) =
            (0..count).map(|_| self.value()).unzip();
        let expected = self.plain.send_many(way, &mut ids);
        same(expected, || {
            handle.sends()?.send_many_by(way, &mut values).into()
        });
        let left: Vec<Id> = values.into_iter().map(Value::end).collect();
        assert_eq!(ids, left, "what was not sent");
        self.plain.all_gone(&left);
        Some(())
    }

    fn recv(&mut self, way: Way, by: u8) -> Option<()> {
        let (_, handle) = self.choose_receiver(by)?;
        let way = way.or_try(self.plain.recv_is_ready());
        let expected = self.plain.recv(way);
        same(expected, || handle.receives()?.recv_by(way).into());
        Some(())
    }

    fn recv_many(&mut self, way: Way, by: u8, max: usize) -> Option<()> {
        let (_, handle) = self.choose_receiver(by)?;
        let way = way.or_try(self.plain.recv_is_ready() || max == 0);
        let expected = self.plain.recv_many(way, max);
        same(expected, || {
            handle.receives()?.recv_many_by(way, max).into()
        });
        Some(())
    }

    fn drain(&mut self, by: u8, at_once: bool) -> Option<()> {
        let (_, handle) = self.choose_receiver(by)?;
        let closed = self.plain.closed;
        let expected = self.plain.drain();
        same(expected, || {
            let receives = handle.receives()?;
            Some(if at_once {
                receives.drain_at_once()
            } else {
                receives.drain(closed)
            })
        });
        Some(())
    }

    fn close(&mut self, by: u8, polite: bool) -> Option<()> {
        let (_, handle) = self.choose_sender(by)?;
        let expected = self.plain.close(polite);
        same(expected, || handle.sends()?.close_by(polite).into());
        Some(())
    }

    fn wait_closed(&mut self, way: Way, by: u8) -> Option<()> {
        let at = self.choose(by, |_| true)?;
        let closed = self.plain.closed;
        let way = if closed { way } else { Way::Timeout };
        let handle = Rc::clone(&self.handles[at].1);
        same(Answer::WaitedForClose(closed), || {
            handle.wait_closed(way).into()
        });
        Some(())
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

    fn choose_weak(&self, which: u8) -> Option<usize> {
        nth(&(0..self.weak.len()).collect::<Vec<_>>(), which)
    }

    fn upgrade(&mut self, which: u8) -> Option<()> {
        let at = self.choose_weak(which)?;
        let can = self.weak[at].can();
        let handle = self.weak[at].upgrade();
        assert_eq!(handle.is_some(), self.plain.upgrade(can), "upgrade");
        self.add(handle?);
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
            waiting_senders: plain.waiting().1,
            waiting_receivers: plain.waiting().0,
        };
        for (_, handle) in &self.handles {
            assert_eq!(handle.about(), about, "what a handle says after {when}");
        }
        for weak in &self.weak {
            let counts = (plain.senders(), plain.receivers());
            assert_eq!(
                weak.counts(),
                counts,
                "what a weak handle says after {when}"
            );
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
        assert_eq!(seen.permits, plain.permits, "permits after {when}");
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
        while !self.owned.is_empty() {
            self.drop_owned(0);
            self.compare(&"the end of a permit");
        }
        // The order of what came back shows when it is received.
        let _nobody_can: Option<()> = self.drain(0, backwards);
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
        let reborn = self.weak.iter().find_map(Weak::upgrade);
        assert!(reborn.is_none(), "a channel without handles came back");
        self.plain.rules
    }
}

/// Element `which` of a list, modulo its length.
fn nth(list: &[usize], which: u8) -> Option<usize> {
    (!list.is_empty()).then(|| list[usize::from(which) % list.len()])
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
        Err(panic) => match panic.downcast_ref::<&str>() {
            Some(text) => (*text).to_owned(),
            None => "a panic without a text".to_owned(),
        },
    })
}
