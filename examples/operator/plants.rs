//! The planted bugs that need an actor of their own, and what each bug shows.
//!
//! The others are a wrong word at their place: see `informer` (zombie,
//! context) and `worker` (ghost reads, closed arm).

use std::any::Any;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use chan_core::{Builder, Chan, Context, SendChan};
use chan_select::select;

use crate::bugs::Bug;
use crate::feeds::{Feed, Work};
use crate::service::spawn;
use crate::wire::Kind;
use crate::worker::Done;

/// How long a handler works on a request.
const HANDLING: Duration = Duration::from_millis(50);

/// An actor that was planted before the watch began.
pub(crate) enum Plant {
    /// Closes a feed that has an owner.
    Closer(SendChan<Work>),
    /// Sends what it held back, without a look at the feed.
    Latecomer(Chan<&'static str>),
    /// A handler in a send, which nobody will receive.
    Handler(JoinHandle<()>),
    /// A loop that makes its stop channel anew in each round.
    Remaker(JoinHandle<u64>),
}

/// Plants the bug's actor, if it has one.
pub(crate) fn before(bug: Bug, feeds: &[Feed], context: &Context) -> io::Result<Option<Plant>> {
    Ok(Some(match bug {
        Bug::DoubleClose => {
            let secrets = feeds.iter().find(|feed| feed.kind == Kind::Secret);
            Plant::Closer(secrets.expect("every kind has a feed").tx.clone())
        }
        Bug::SendAfterClose => Plant::Latecomer(Builder::new().name("audit").capacity(8).chan()),
        Bug::BlockedHandler => Plant::Handler(block_a_handler()?),
        Bug::PseudoClose => Plant::Remaker(remake_in_a_loop(context.clone())?),
        _ => return Ok(None),
    }))
}

impl Plant {
    /// The end of the service, as the actor sees it; what that showed.
    pub(crate) fn after(self) -> Option<String> {
        match self {
            Plant::Closer(feed) => {
                let shutdown = spawn("shutdown", move || feed.close());
                Some(format!("the shutdown panicked: {}", panic_of(shutdown)?))
            }
            Plant::Latecomer(audit) => {
                audit.send("all feeds are closed");
                audit.close();
                let late = spawn("latecomer", move || audit.send("one more thing"));
                Some(format!("the latecomer panicked: {}", panic_of(late)?))
            }
            Plant::Handler(handler) => {
                // Its work takes a moment, its answer none.
                std::thread::sleep(2 * HANDLING);
                let state = if handler.is_finished() {
                    "has returned"
                } else {
                    "has not returned"
                };
                Some(format!("the handler of the HTTP request {state}"))
            }
            Plant::Remaker(rounds) => {
                let rounds = rounds.join().ok()?;
                Some(format!(
                    "{rounds} channels were made and closed, and nobody ever used one"
                ))
            }
        }
    }
}

/// What a bug showed without an actor.
pub(crate) fn seen(bug: Bug, home: &[Done], after_close: u64, beats: u64) -> Option<String> {
    match bug {
        Bug::GhostRead => Some(format!(
            "{after_close} events were reconciled after their feed was closed, as if they were news"
        )),
        Bug::ClosedArm => {
            let looping = home.iter().find(|done| done.empty_rounds > 0)?;
            Some(format!(
                "{} took a closed arm {} times for a success, in {beats} heartbeats",
                looping.worker, looping.empty_rounds
            ))
        }
        _ => None,
    }
}

/// A handler answers on an unbuffered channel; whoever asked has gone after a
/// timeout of a moment.
fn block_a_handler() -> io::Result<JoinHandle<()>> {
    let (answer, answered) = Builder::new().name("answer").chan().split();
    let handler = spawn("http-handler", move || {
        std::thread::sleep(HANDLING);
        answer.send("200 OK");
    })?;
    // The caller's patience, which is shorter than the handler's work.
    let _ = answered.recv_timeout(HANDLING / 10);
    Ok(handler)
}

/// Meant to stop at a close; but each round makes, and closes, its own.
fn remake_in_a_loop(context: Context) -> io::Result<JoinHandle<u64>> {
    spawn("remaker", move || {
        let mut rounds = 0;
        loop {
            let stop = Chan::<()>::new(0);
            select! {
                recv(stop) -> _ => unreachable!("nobody else has it"),
                recv(context.done()) -> _ => return rounds,
                default(Duration::from_millis(1)) => rounds += 1,
            }
            stop.close();
        }
    })
}

/// The text of the panic that ended a thread.
fn panic_of<T>(thread: io::Result<JoinHandle<T>>) -> Option<String> {
    let panic: Box<dyn Any + Send> = thread.ok()?.join().err()?;
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
}
