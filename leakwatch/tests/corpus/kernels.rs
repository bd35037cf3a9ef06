//! The kernels that need channels only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use chan_core::observe::Direction::Send;
use chan_core::{Chan, SendChan, after};

use crate::run::Me;
use crate::words::{end, ends, go, on, recv, send};

/// How many events pass in a twin that would else go on for ever.
const EVENTS: u32 = 20;

/// A store takes events and answers each by a callback; the state loop takes
/// callbacks unless it publishes. Each can end up offering to the other.
///
/// A callback is what the store does with an event: it needs the store's own
/// handles only, so the event carries none.
pub(crate) fn cockroach_2448(me: &Me) {
    two_loops(me, false);
}

/// The same with somebody at work who could close `stop`: both would end.
pub(crate) fn cockroach_2448_held(me: &Me) {
    two_loops(me, true);
}

fn two_loops(me: &Me, held: bool) {
    let ends = ends!(me; {
        events: Chan<u32> = me.chan("events", 0),
        callbacks: Chan<u32> = me.chan("callbacks", 0),
        stop: Chan<()> = me.chan("stop", 0),
    });
    let handled = Arc::new(AtomicU32::new(0));
    go!(me, "A", ends [events: recv, callbacks: send, stop: recv], with [handled], |me| {
        if held {
            me.is_kept();
        }
        loop {
            let event = on! { me;
                recv(events) -> event => event,
                recv(stop) -> _ => None,
            };
            let Some(event) = event else { break };
            // B has gone round, and publishes again.
            if !me.fixed() {
                me.until(|| me.waits("events", Send, 1)).await;
            }
            on! { me;
                send(callbacks, event) -> () => { handled.fetch_add(1, Ordering::Relaxed); }
                recv(stop) -> _ => {}
            }
        }
    });
    if me.fixed() {
        go!(me, "B", ends [events: send, callbacks: recv, stop: recv], |me| {
            // What is to be published waits in a queue, so that a callback can
            // be taken meanwhile.
            let (mut next, mut queue) = (0, std::collections::VecDeque::new());
            loop {
                if queue.len() < 2 {
                    queue.push_back(next);
                    next += 1;
                }
                let head = queue.front().copied();
                let go_on = on! { me;
                    recv(stop) -> _ => false,
                    recv(callbacks) -> _ => true,
                    send(events, head.expect("there is one")) -> () => {
                        queue.pop_front();
                        true
                    }
                };
                if !go_on { break }
            }
        });
    } else {
        go!(me, "B", ends [events: send, callbacks: recv, stop: recv], |me| {
            if held {
                me.is_kept();
            }
            let mut next = 0;
            loop {
                let publish = on! { me;
                    recv(stop) -> _ => return,
                    recv(callbacks) -> _ => false,
                    default => true,
                };
                if publish {
                    next += 1;
                    on! { me;
                        send(events, next) -> () => {}
                        recv(stop) -> _ => {}
                    }
                }
            }
        });
    }
    if me.fixed() {
        go!(me, "R", ends [stop: send], |me| {
            me.wait(|| handled.load(Ordering::Relaxed) >= EVENTS).await;
            stop.close();
        });
    } else if held {
        go!(me, "R", ends [stop: send], |me| {
            me.stay().await;
            stop.close();
        });
    }
}

/// A start routine sends a wake-up into a full channel before it begins the
/// loop that would take it.
pub(crate) fn cockroach_24808(me: &Me) {
    let ends = ends!(me; {
        c: Chan<u32> = me.chan("c", 1),
        stop: Chan<()> = me.chan("stop", 0),
    });
    let held = ends.clone();
    go!(me, "R", ends [c: both, stop: both], with [held], |me| {
        c.send(0);
        if me.fixed() {
            c.try_send(1).ok();
        } else {
            drop(held);
            send!(me, c, 1);
            unreachable!("nobody receives");
        }
        go!(me, "loop", held [c: recv, stop: recv], |me| {
            loop {
                let go_on = on! { me; recv(stop) -> _ => false, recv(c) -> _ => true };
                if !go_on { break }
            }
        });
        stop.close();
    });
}

/// Rows are pushed as long as the consumer wants more; it goes without saying
/// so, and leaves a full channel behind.
pub(crate) fn cockroach_35073(me: &Me) {
    let ends = ends!(me; {
        data: Chan<u32> = me.chan("data", 16),
        gone: Chan<()> = me.chan("gone", 0),
    });
    for row in 0..16 {
        end!(ends, data).send(row);
    }
    let more = Arc::new(AtomicBool::new(true));
    go!(me, "A", ends [data: send], with [more], |me| {
        if more.load(Ordering::Acquire) {
            send!(me, data, 16);
        }
    });
    go!(me, "B", ends [data: recv, gone: send], with [more], |me| {
        if me.fixed() {
            more.store(false, Ordering::Release);
            // Somebody may be at it already.
            data.try_recv().ok();
        }
        gone.close();
    });
    go!(me, "R", ends [data: send, gone: recv], with [more], |me| {
        recv!(me, gone);
        if more.load(Ordering::Acquire) {
            send!(me, data, 17);
        }
    });
}

/// A node answers requests for its status until it is stopped; a request that
/// comes later waits for ever.
pub(crate) fn etcd_6857(me: &Me) {
    let ends = ends!(me; {
        status: Chan<SendChan<u32>> = me.chan("status", 0),
        stop: Chan<()> = me.chan("stop", 0),
        done: Chan<()> = me.chan("done", 0),
    });
    go!(me, "A", ends [status: recv, stop: recv, done: send], |me| {
        loop {
            let reply = on! { me;
                recv(status) -> reply => reply,
                recv(stop) -> _ => None,
            };
            let Some(reply) = reply else { break };
            send!(me, reply, 7);
        }
        done.close();
    });
    go!(me, "B", ends [status: send, done: recv], |me| {
        me.gate("stopped").await;
        let answer = me.chan("answer", 0);
        let reply = answer.sender();
        if me.fixed() {
            let asked = on! { me;
                send(status, reply) -> () => true,
                recv(done) -> _ => false,
            };
            if asked {
                recv!(me, answer);
            }
        } else {
            send!(me, status, reply);
            recv!(me, answer);
        }
    });
    go!(me, "C", ends [stop: send, done: recv], |me| {
        on! { me;
            send(stop, ()) -> () => {}
            recv(done) -> _ => {}
        }
        recv!(me, done);
        me.open("stopped");
    });
}

/// A benchmark asks again and again, each time on a fresh channel; whoever is
/// asked when it stops has nobody to answer.
pub(crate) fn grpc_660(me: &Me) {
    rounds(me, 1);
}

/// The same after many rounds: only the last one is stuck.
pub(crate) fn grpc_660_rounds(me: &Me) {
    rounds(me, 50);
}

fn rounds(me: &Me, last: u32) {
    let ends = ends!(me; { stop: Chan<()> = me.chan("stop", 0) });
    go!(me, "A", ends [stop: recv], |me| {
        let mut round = 0;
        loop {
            round += 1;
            let capacity = if me.fixed() { 1 } else { 0 };
            let fresh = ends!(me; { done: Chan<u32> = me.chan("done", capacity) });
            if round == last {
                me.open("the last round");
            }
            go!(me, "B", fresh [done: send], |me| {
                if round >= last && !me.fixed() {
                    me.gate("stopped").await;
                }
                send!(me, done, round);
            });
            let go_on = on! { me;
                recv(stop) -> _ => false,
                recv(end!(fresh, done)) -> _ => true,
            };
            if !go_on { break }
        }
        me.open("stopped");
    });
    go!(me, "H", ends [stop: send], |me| {
        me.gate("the last round").await;
        send!(me, stop, ());
    });
}

/// A stream is closed by somebody who forgets its reader.
pub(crate) fn grpc_1275(me: &Me) {
    stream(me, Duration::from_nanos(300));
}

/// The same, while the other side still waits for a timer: it could remember.
pub(crate) fn grpc_1275_before(me: &Me) {
    stream(me, Duration::from_secs(3600));
}

fn stream(me: &Me, patience: Duration) {
    let ends = ends!(me; {
        buf: Chan<u32> = me.chan("buf", 0),
        donec: Chan<()> = me.chan("donec", 0),
    });
    go!(me, "B", ends [buf: recv, donec: send], |me| {
        if patience > Duration::from_secs(1) {
            me.is_kept();
        }
        recv!(me, buf);
        donec.close();
    });
    go!(me, "R", ends [buf: send, donec: recv], |me| {
        if patience > Duration::from_secs(1) {
            me.is_kept();
        }
        if me.fixed() {
            send!(me, buf, 0);
        }
        on! { me;
            recv(donec) -> _ => {}
            recv(after(patience)) -> _ => {}
        }
    });
}

/// A watcher is stopped before its first events were taken.
pub(crate) fn kubernetes_38669(me: &Me) {
    let ends = ends!(me; {
        input: Chan<u32> = me.chan("input", 0),
        result: Chan<u32> = me.chan("result", 0),
        done: Chan<()> = me.chan("done", 0),
    });
    go!(me, "B", ends [input: recv, result: send, done: recv], |me| {
        for event in 0..2 {
            if me.fixed() {
                on! { me;
                    send(result, event) -> () => {}
                    recv(done) -> _ => {}
                }
            } else {
                send!(me, result, event);
            }
        }
        while recv!(me, input).is_some() {}
        result.close();
    });
    go!(me, "R", ends [input: send, result: recv, done: send], |me| {
        input.close();
        if me.fixed() {
            done.close();
        }
        // It held the results without ever taking one.
        assert!(result.is_empty());
    });
}

/// A helper computes in a task and hands out the channel of its result, which
/// the caller throws away.
pub(crate) fn moby_4395(me: &Me) {
    let ends = ends!(me; {});
    go!(me, "R", ends [], |me| {
        let capacity = if me.fixed() { 1 } else { 0 };
        let helper = ends!(me; { ch: Chan<u32> = me.chan("ch", capacity) });
        go!(me, "B", helper [ch: send], |me| {
            send!(me, ch, 1);
        });
        drop(helper);
    });
}

/// A dispatcher's own handler asks it to stop, and waits until it has.
pub(crate) fn syncthing_5795(me: &Me) {
    let ends = ends!(me; {
        inbox: Chan<u32> = me.chan("inbox", 0),
        closed: Chan<()> = me.chan("closed", 0),
        stopped: Chan<()> = me.chan("stopped", 0),
    });
    let held = ends.clone();
    go!(me, "D", ends [inbox: recv, closed: both, stopped: both], with [held], |me| {
        let mut held = Some(held);
        loop {
            let message = on! { me;
                recv(inbox) -> message => message,
                recv(closed) -> _ => None,
            };
            if message.is_none() { break }
            // The connection is closed for this message.
            let held = held.take().expect("there is one message");
            if me.fixed() {
                go!(me, "X", held [closed: send, stopped: recv], |me| {
                    closed.close();
                    recv!(me, stopped);
                });
            } else {
                drop(held);
                closed.close();
                recv!(me, stopped);
            }
        }
        stopped.close();
    });
    go!(me, "S", ends [closed: recv], |me| {
        me.wait(|| closed.is_closed()).await;
    });
    go!(me, "R", ends [inbox: send, stopped: recv], |me| {
        send!(me, inbox, 1);
        recv!(me, stopped);
    });
}
