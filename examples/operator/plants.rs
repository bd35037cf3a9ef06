//! The planted bugs that need an actor of their own, and what each bug shows.
//!
//! The others are a wrong word at their place: see `informer` (zombie,
//! context) and `worker` (ghost reads, closed arm).

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use chan_core::{Builder, Chan, Context, SendChan, WeakSendChan};
use chan_select::select;

use crate::bugs::Bug;
use crate::feeds::{Feed, Work};
use crate::service::spawn;
use crate::wire::Kind;
use crate::worker::Done;

/// How long somebody waits for the answer to a request, before he leaves.
const PATIENCE: Duration = Duration::from_millis(5);

/// An actor that was planted before the watch began.
pub(crate) enum Plant {
    /// Closes a feed that has an owner.
    Closer(SendChan<Work>),
    /// Sends what it held back, without a look at the feed.
    Latecomer(Chan<&'static str>),
    /// A handler in a send, which nobody will receive, and where it sends.
    Handler(JoinHandle<()>, WeakSendChan<&'static str>),
    /// A loop that makes its stop channel anew in each round.
    Remaker(JoinHandle<u64>, Arc<AtomicU64>),
}

/// Plants the bug's actor, if it has one.
pub(crate) fn before(bug: Bug, feeds: &[Feed], context: &Context) -> io::Result<Option<Plant>> {
    Ok(Some(match bug {
        Bug::DoubleClose => {
            let secrets = feeds.iter().find(|feed| feed.kind == Kind::Secret);
            Plant::Closer(secrets.expect("every kind has a feed").tx.clone())
        }
        Bug::SendAfterClose => Plant::Latecomer(Builder::new().name("audit").capacity(8).chan()),
        Bug::BlockedHandler => block_a_handler()?,
        Bug::PseudoClose => {
            let rounds = Arc::new(AtomicU64::new(0));
            let remaker = remake_in_a_loop(context.clone(), Arc::clone(&rounds))?;
            Plant::Remaker(remaker, rounds)
        }
        _ => return Ok(None),
    }))
}

/// The rounds after which a loop is one.
const ROUNDS: u64 = 200;

impl Plant {
    /// Lets it do what it does for long enough to be seen.
    pub(crate) fn grow(&self) {
        if let Plant::Remaker(remaker, rounds) = self {
            while rounds.load(Ordering::Relaxed) < ROUNDS && !remaker.is_finished() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

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
            Plant::Handler(handler, answer) => {
                let state = if is_left_alone(&handler, &answer) {
                    "has not returned"
                } else {
                    "has returned"
                };
                Some(format!("the handler of the HTTP request {state}"))
            }
            Plant::Remaker(remaker, _) => {
                let rounds = remaker.join().ok()?;
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

/// A handler answers on an unbuffered channel; whoever asked lost patience
/// before the work was done.
fn block_a_handler() -> io::Result<Plant> {
    let (answer, answered) = Builder::new().name("answer").chan().split();
    let line = answer.downgrade();
    let (leave, left) = Builder::new().name("caller left").chan::<()>().split();
    let handler = spawn("http-handler", move || {
        // The work takes as long as that, however slow the machine is.
        let _ = left.recv();
        answer.send("200 OK");
    })?;
    let _ = answered.recv_timeout(PATIENCE);
    drop(answered);
    leave.close();
    Ok(Plant::Handler(handler, line))
}

/// Whether a handler that answers nobody got as far as its send and stays there.
fn is_left_alone(handler: &JoinHandle<()>, answer: &WeakSendChan<&'static str>) -> bool {
    loop {
        if answer
            .upgrade()
            .is_some_and(|answer| answer.waiting_senders() > 0)
        {
            return true;
        }
        if handler.is_finished() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Meant to stop at a close; but each round makes, and closes, its own.
fn remake_in_a_loop(context: Context, rounds: Arc<AtomicU64>) -> io::Result<JoinHandle<u64>> {
    spawn("remaker", move || {
        loop {
            let stop = Chan::<()>::new(0);
            select! {
                recv(stop) -> _ => unreachable!("nobody else has it"),
                recv(context.done()) -> _ => return rounds.load(Ordering::Relaxed),
                default(Duration::from_millis(1)) => {}
            }
            rounds.fetch_add(1, Ordering::Relaxed);
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
