//! The kernels of channels and contexts.

use std::time::Duration;

use chan_core::observe::Direction::Send;
use chan_core::{Cancel, Chan, Context, Timer};

use crate::run::Me;
use crate::words::{end, ends, go, on, recv, send};

/// Where both sides of a hand-over can be cancelled, a drainer is left to
/// receive what nobody sends any more.
pub(crate) fn cockroach_10790(me: &Me) {
    let (ctx, cancel) = Context::background().with_cancel();
    let ends = ends!(me; {
        c1: Chan<u32> = me.chan("c1", 0),
        c2: Chan<u32> = me.chan("c2", 0),
        quiescer: Chan<()> = me.chan("quiescer", 0),
        cancel: Cancel = cancel;
        ctx: Context = ctx,
    });
    go!(me, "H", ends [c1: send, c2: send, ctx: plain], |me| {
        me.gate("cancelled").await;
        for chan in [c1, c2] {
            let go_on = on! { me;
                send(chan, 1) -> () => true,
                recv(ctx.done()) -> _ => false,
            };
            if !go_on { break }
        }
        me.open("no sender");
    });
    let drain = ends.clone();
    go!(me, "A", ends [c1: recv, c2: recv, ctx: plain], with [drain], |me| {
        me.gate("no sender").await;
        for chan in [c1, c2] {
            let cancelled = on! { me;
                recv(chan) -> _ => false,
                recv(ctx.done()) -> _ => true,
            };
            if !cancelled { continue }
            go!(me, "D", drain [c1: recv, c2: recv, quiescer: recv], |me| {
                for chan in [c1, c2] {
                    if me.fixed() {
                        let go_on = on! { me;
                            recv(chan) -> _ => true,
                            recv(quiescer) -> _ => false,
                        };
                        if !go_on { break }
                    } else {
                        recv!(me, chan);
                    }
                }
            });
        }
    });
    go!(me, "B", ends [cancel: held], |me| {
        cancel.cancel();
        me.open("cancelled");
    });
    go!(me, "R", ends [quiescer: send], |me| {
        me.gate("cancelled").await;
        quiescer.close();
    });
}

/// A transaction begins a task that waits for its end, and is thrown away
/// without a commit or a rollback.
pub(crate) fn cockroach_13197(me: &Me) {
    let (ctx, cancel) = Context::background().with_cancel();
    let tx = ends!(me; { cancel: Cancel = cancel; ctx: Context = ctx });
    go!(me, "B", tx [ctx: plain], |me| {
        recv!(me, ctx.done());
    });
    go!(me, "R", tx [cancel: held], |me| {
        if me.fixed() {
            cancel.cancel();
        }
    });
}

/// A strategy batches events by a timer, and drains the timer's channel when
/// it is too late to stop it; the tick may be gone.
pub(crate) fn istio_18454(me: &Me) {
    let (ctx_p, cancel_p) = Context::background().with_cancel();
    let (ctx_s, cancel_s) = Context::background().with_cancel();
    let ends = ends!(me; {
        events: Chan<u32> = me.chan("events", 1024),
        reset: Chan<()> = me.chan("reset", 1),
        cancel_p: Cancel = cancel_p,
        cancel_s: Cancel = cancel_s;
        ctx_p: Context = ctx_p,
        ctx_s: Context = ctx_s,
    });
    for event in 0..1024 {
        end!(ends, events).send(event);
    }
    let strategy = ends.clone();
    go!(me, "P", ends [events: recv, reset: send, ctx_p: plain, cancel_s: held], with [strategy], |me| {
        let mut strategy = Some(strategy);
        loop {
            let go_on = on! { me;
                recv(ctx_p.done()) -> _ => false,
                recv(events) -> _ => true,
            };
            if !go_on { break }
            let Some(strategy) = strategy.take() else {
                me.gate("ticked").await;
                if me.fixed() {
                    on! { me; send(reset, ()) -> () => {} recv(ctx_p.done()) -> _ => {} }
                } else {
                    send!(me, reset, ());
                }
                continue;
            };
            go!(me, "S", strategy [reset: recv, ctx_s: plain], |me, own| {
                let timer = own.hold(Timer::new(Duration::from_nanos(1)));
                loop {
                    let rearm = on! { me;
                        recv(timer.channel()) -> _ => {
                            me.open("ticked");
                            false
                        }
                        recv(reset) -> _ => true,
                        recv(ctx_s.done()) -> _ => break,
                    };
                    if !rearm { continue }
                    if !timer.stop() {
                        if me.fixed() {
                            timer.channel().try_recv().ok();
                        } else {
                            recv!(me, timer.channel()).expect("a timer never closes");
                        }
                    }
                    timer.reset(Duration::from_nanos(1));
                }
            });
        }
        cancel_s.cancel();
    });
    go!(me, "R", ends [cancel_p: held], |me| {
        if !me.fixed() {
            me.until(|| me.waits("reset", Send, 1)).await;
        }
        cancel_p.cancel();
    });
}

/// An error cancels the very context that would take the answer to it.
pub(crate) fn kubernetes_25331(me: &Me) {
    let (ctx, cancel) = Context::background().with_cancel();
    let ends = ends!(me; {
        errs: Chan<u32> = me.chan("errs", 0),
        results: Chan<u32> = me.chan("results", 0),
        cancel: Cancel = cancel;
        ctx: Context = ctx,
    });
    go!(me, "A", ends [errs: recv, results: send, ctx: plain, cancel: held], |me| {
        on! { me;
            recv(errs) -> error => {
                let error = error.expect("nobody closes it");
                if me.fixed() {
                    on! { me;
                        send(results, error) -> () => {}
                        recv(ctx.done()) -> _ => {}
                    }
                    cancel.cancel();
                } else {
                    cancel.cancel();
                    send!(me, results, error);
                }
            }
            recv(ctx.done()) -> _ => {}
        }
    });
    go!(me, "B", ends [errs: send, cancel: held], |me| {
        send!(me, errs, 5);
        cancel.cancel();
    });
}
