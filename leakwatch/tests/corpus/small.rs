//! The micro cases and the patterns.

use std::sync::Mutex;
use std::time::Duration;

use chan_core::{Chan, Context, after};

use crate::run::Me;
use crate::words::{end, ends, go, on, recv, send};

// ---- Micro cases. Their twins have a partner. ----

pub(crate) fn nil_recv(me: &Me) {
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 1) });
    go!(me, "T", ends [c: both], |me| {
        if me.fixed() {
            send!(me, c, 1);
            recv!(me, c);
        } else {
            recv!(me, Chan::<u32>::nil());
        }
    });
}

pub(crate) fn nil_send(me: &Me) {
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 1) });
    go!(me, "T", ends [c: both], |me| {
        if me.fixed() {
            send!(me, c, 1);
        } else {
            send!(me, Chan::nil(), 1);
        }
    });
}

pub(crate) fn select_no_cases(me: &Me) {
    let ends = ends!(me; {});
    go!(me, "T", ends [], |me| {
        if me.fixed() {
            on! { me; default => {} }
        } else {
            on! { me; }
        }
    });
}

pub(crate) fn chan_recv(me: &Me) {
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 0) });
    go!(me, "T", ends [c: both], |me| {
        recv!(me, c);
    });
    if me.fixed() {
        go!(me, "other", ends [c: send], |me| {
            send!(me, c, 1);
        });
    }
}

pub(crate) fn chan_send(me: &Me) {
    let ends = ends!(me; { c: Chan<u32> = me.chan("c", 0) });
    go!(me, "T", ends [c: both], |me| {
        send!(me, c, 1);
    });
    if me.fixed() {
        go!(me, "other", ends [c: recv], |me| {
            recv!(me, c);
        });
    }
}

pub(crate) fn select(me: &Me) {
    let ends = ends!(me; {
        a: Chan<u32> = me.chan("a", 0),
        b: Chan<u32> = me.chan("b", 0),
    });
    go!(me, "T", ends [a: both, b: both], |me| {
        on! { me;
            recv(a) -> _ => {}
            send(b, 1) -> () => {}
        }
    });
    if me.fixed() {
        go!(me, "other", ends [b: recv], |me| {
            recv!(me, b);
        });
    }
}

/// A channel in a static is beyond counting: whoever runs can use it.
pub(crate) fn no_leak_global(me: &Me) {
    static GLOBALS: Mutex<Vec<&Chan<u32>>> = Mutex::new(Vec::new());
    // One for each run, of which none is ever dropped.
    let global: &Chan<u32> = Box::leak(Box::new(me.chan("global", 0)));
    me.lets_out(global);
    GLOBALS.lock().expect("no panics").push(global);
    let ends = ends!(me; {});
    go!(me, "T", ends [], |me| {
        recv!(me, global);
    });
    if me.fixed() {
        go!(me, "other", ends [], |me| {
            send!(me, global, 1);
        });
    }
}

// ---- Patterns. ----

/// A producer feeds a list to workers who range over it; nobody closes it.
fn no_close_range(me: &Me, workers: usize) {
    let ends = ends!(me; { list: Chan<u32> = me.chan("list", 0) });
    go!(me, "P", ends [list: send], |me| {
        for item in 0..6 {
            send!(me, list, item);
        }
        if me.fixed() {
            list.close();
        }
    });
    let workers = if me.fixed() { workers.max(1) } else { workers };
    for _ in 0..workers {
        go!(me, "W", ends [list: recv], |me| {
            while recv!(me, list).is_some() {}
        });
    }
}

pub(crate) fn no_close_range_0(me: &Me) {
    no_close_range(me, 0);
}

pub(crate) fn no_close_range_3(me: &Me) {
    no_close_range(me, 3);
}

/// A return is missing after an error was sent.
pub(crate) fn double_send(me: &Me) {
    let ends = ends!(me; { c: Chan<Result<u32, ()>> = me.chan("c", 0) });
    go!(me, "T", ends [c: send], |me| {
        send!(me, c, Err(()));
        if !me.fixed() {
            send!(me, c, Ok(0));
        }
    });
    go!(me, "R", ends [c: recv], |me| {
        assert_eq!(recv!(me, c), Some(Err(())));
    });
}

/// The caller returns by an error before it takes the result of its child.
pub(crate) fn early_return(me: &Me) {
    let ends = ends!(me; {});
    go!(me, "R", ends [], |me| {
        let capacity = if me.fixed() { 1 } else { 0 };
        let child = ends!(me; { c: Chan<u32> = me.chan("c", capacity) });
        go!(me, "T", child [c: send], |me| {
            send!(me, c, 1);
        });
        if "x".parse::<u32>().is_err() {
            return;
        }
        recv!(me, end!(child, c));
    });
}

/// The caller waits for a result or the end of a context that has ended.
pub(crate) fn timeout(me: &Me) {
    let (ctx, cancel) = Context::background().with_cancel();
    cancel.cancel();
    let ends = ends!(me; { ; ctx: Context = ctx });
    go!(me, "R", ends [ctx: plain], |me| {
        for _ in 0..100 {
            let capacity = if me.fixed() { 1 } else { 0 };
            let child = ends!(me; { c: Chan<u32> = me.chan("c", capacity) });
            go!(me, "T", child [c: send], |me| {
                me.gate("nobody listens").await;
                send!(me, c, 1);
            });
            on! { me;
                recv(end!(child, c)) -> _ => {}
                recv(ctx.done()) -> _ => {}
            }
        }
        me.open("nobody listens");
    });
}

/// A task that wakes up again and again and has no way to end. It is not
/// parked for ever.
pub(crate) fn looping_timer(me: &Me) {
    let ends = ends!(me; {});
    go!(me, "T", ends [], |me| {
        me.is_kept();
        while !me.has_leave() {
            let tick = after(Duration::from_millis(1));
            recv!(me, tick).expect("a timer never closes");
        }
    });
}
