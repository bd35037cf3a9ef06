//! Closed worlds for tests: what is inside, what is outside, and what is said
//! of one ([`crate::closed`] has the argument).

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use chan_core::after;
use chan_core::observe::{self, ScopeId, TaskId};

use super::fresh_scope;
use crate::closed::{self, World as Bounds};
use crate::events;
use crate::held::Handle;
use crate::kernel::{self, Tid};
use crate::options::{Allow, Options};
use crate::places::{self, Place, Stay};
use crate::registry::registry;
use crate::report::Report;
use crate::survey::{About, survey_in};

/// A part of a program that nothing outside acts on, and of which something
/// outside asks: for programs whose body is not a test's. A test says
/// [`Config::closed_world`](super::Config::closed_world).
///
/// What is made by a thread while it is inside ([`World::enter`]) belongs to the
/// world: channels, and [`Task`](crate::Task)s, [`spawn!`](crate::spawn!) and
/// [`task!`](crate::task!) with all they make in turn. When all of them sleep,
/// each that is parked is [`Proven::ClosedWorld`](crate::report::Proven), however
/// they share their handles.
///
/// The thread that opens the world and those that ask for reports are outside,
/// and run; so the promise of [closed worlds](super#closed-worlds) is about them,
/// too, and they see to it that they keep no handle. Also, every thread that
/// was born since the world was opened must be introduced and be parked in a
/// channel operation; while a plain thread lives, nothing is proven. (In a test
/// it is enough that it sleeps.)
///
/// # Examples
///
/// ```standalone_crate
/// use std::sync::Arc;
/// use chan_core::Chan;
/// use leakwatch::{spawn, test::World};
///
/// let world = World::new();
/// {
///     let _inside = world.enter();
///     // Each has both channels, so counts cannot tell who waits in vain.
///     let both = Arc::new((Chan::<u8>::new(0), Chan::<u8>::new(0)));
///     let (one, other) = (Arc::clone(&both), both);
///     spawn!("one", [] move || { one.0.recv(); one.1.send(1) });
///     spawn!("other", [] move || { other.1.recv(); other.0.send(1) });
/// }
/// # if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
/// let report = loop {
///     let report = world.report();
///     if report.findings.len() == 2 {
///         break report;
///     }
/// #   std::thread::yield_now();
/// };
/// assert!(report.findings.iter().all(|it| it.evidence.to_string() == "Proven::ClosedWorld"));
/// # }
/// ```
pub struct World {
    scope: ScopeId,
    before: BTreeSet<Tid>,
}

impl World {
    /// Opens a world. It has nothing in it yet.
    #[must_use]
    pub fn new() -> World {
        let _ = events::install(Options::default());
        // The thread of the timers belongs to nobody. It begins with the first.
        drop(after(Duration::ZERO));
        World {
            scope: fresh_scope(),
            before: kernel::threads().unwrap_or_default(),
        }
    }

    /// This thread works inside until the guard is dropped.
    pub fn enter(&self) -> Inside {
        Inside {
            outer: observe::set_current_scope(self.scope),
            _stay: places::enter(Place::In(self.scope)),
        }
    }

    /// Looks: a report on what belongs to the world. This thread must not be
    /// inside, else nothing is concluded from everybody's sleep.
    #[must_use]
    pub fn report(&self) -> Report {
        let inside = observe::current_scope() == self.scope;
        let _stay = (!inside).then(outside);
        let bounds = Bounds::Scope(self.scope, &self.before);
        let about = About::Scope {
            scope: self.scope,
            task: None,
            ended: false,
            allowed: &[],
            stacks: true,
        };
        survey_in(&about, (!inside).then_some(bounds)).report
    }
}

impl Default for World {
    fn default() -> World {
        World::new()
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("World").field(&self.scope).finish()
    }
}

/// This thread is inside a [`World`]; made by [`World::enter`].
#[must_use = "dropped at once, it leaves at once"]
pub struct Inside {
    outer: ScopeId,
    _stay: Stay,
}

impl Drop for Inside {
    fn drop(&mut self) {
        observe::set_current_scope(self.outer);
    }
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inside")
    }
}

/// This thread has nothing to do with any closed world while the guard lives,
/// and will leave them alone: one that samples, say. Others whose threads wake
/// up now and then keep a world from being called closed.
///
/// # Examples
///
/// ```
/// let sampler = std::thread::spawn(|| {
///     let _outside = leakwatch::test::outside();
///     std::thread::sleep(std::time::Duration::from_millis(1)); // and so on
/// });
/// # sampler.join().unwrap();
/// ```
pub fn outside() -> Outside {
    Outside {
        _stay: places::enter(Place::Outside),
        here: PhantomData,
    }
}

/// This thread is outside of all worlds; made by [`outside`].
#[must_use = "dropped at once, it says nothing"]
pub struct Outside {
    _stay: Stay,
    here: PhantomData<*const ()>,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}

/// Says that a handle like this one is with somebody outside: in a static that
/// other tests use, or given away to code of another language. No closed world
/// in which somebody waits for what it can do is called closed from then on.
///
/// # Examples
///
/// ```
/// use std::sync::OnceLock;
/// use chan_core::SendChan;
///
/// static EVENTS: OnceLock<SendChan<u8>> = OnceLock::new();
///
/// let (events, inbox) = chan_core::Chan::new(1).split();
/// leakwatch::test::let_out(&events);
/// EVENTS.set(events).unwrap();
/// # drop(inbox);
/// ```
pub fn let_out<H: Handle>(handle: &H) {
    if let Some(entry) = handle.entry() {
        closed::let_out(entry);
    }
}

/// What is left of a test in a closed world of which nobody can ever come, the
/// body or those that it has left: nothing if somebody can, or could.
pub(super) fn deadlock(scope: ScopeId, body: Option<TaskId>, allowed: &[Allow]) -> Option<Report> {
    let bounds = Bounds::Test(scope);
    // Mostly somebody runs, and then this is all there is to do.
    bounds.calm()?;
    let about = About::Scope {
        scope,
        task: body,
        ended: body.is_none(),
        allowed,
        stacks: true,
    };
    let surveyed = survey_in(&about, Some(bounds));
    // It may have come to its end just before.
    let goes_on = body.is_none_or(|body| registry().is_going(body));
    (surveyed.is_closed && goes_on).then_some(surveyed.report)
}
