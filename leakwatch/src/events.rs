//! What happens to channels, told by the runtime as it happens: misuses, each
//! remembered once per place and counted.
//!
//! All of it is told at cold places (a close, what is done after a close, a
//! park), so here is time to count. A stack is taken for the first of a kind;
//! where it cannot be known beforehand which will be the first, within a
//! [`Budget`].

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use chan_core::observe::{
    self, ChannelId, ChannelSnapshot, Closing, Misuse as CoreMisuse, Moment, Note, TakenCase,
    Watcher,
};
use parking_lot::Mutex;

use crate::AlreadyInstalled;
use crate::options::Options;
use crate::registry::{Close, Deed, options, registry, set_options};
use crate::report::Misuse;
use crate::sentinel;
use crate::stack::RawStack;

/// Something that happened, with the channel as it was then.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) misuse: Misuse,
    /// None where only the stack knows.
    pub(crate) site: Option<&'static Location<'static>>,
    pub(crate) deed: Deed,
    pub(crate) channel: Option<ChannelSnapshot>,
    pub(crate) count: u64,
}

/// What makes two events the same: what happened, where, and to which
/// channels. Places are told apart by their addresses.
type Key = (Misuse, usize, usize);

#[derive(Default)]
struct Events {
    /// Where in `records` it is; none while it is being made.
    seen: HashMap<Key, Option<usize>>,
    records: Vec<Event>,
}

static EVENTS: Mutex<Option<Events>> = Mutex::new(None);

/// What has happened so far.
pub(crate) fn events() -> Vec<Event> {
    let events = EVENTS.lock();
    events.as_ref().map_or_else(Vec::new, |e| e.records.clone())
}

/// Starts to watch.
pub(crate) fn install(options: Options) -> Result<(), AlreadyInstalled> {
    sentinel::plant();
    observe::install(&Hooks).map_err(|_| AlreadyInstalled)?;
    set_options(options);
    Ok(())
}

fn address<T>(of: &'static T) -> usize {
    std::ptr::from_ref(of) as usize
}

/// It happened `times` more.
fn happened(
    key: Key,
    times: u64,
    site: Option<&'static Location<'static>>,
    channel: Option<ChannelId>,
) {
    {
        let mut events = EVENTS.lock();
        let events = events.get_or_insert_default();
        match events.seen.get(&key) {
            // The same again, in a loop perhaps, is only counted.
            Some(Some(place)) => return events.records[*place].count += times,
            Some(None) => return,
            None if events.seen.len() >= options().max_events => return,
            None => events.seen.insert(key, None),
        };
    }
    // The channel as it is now: it may be gone when the report is made.
    let channel = channel.and_then(|id| {
        let channels = observe::channels();
        let channel = channels.iter().find(|channel| channel.id() == id)?;
        Some(channel.snapshot())
    });
    let event = Event {
        misuse: key.0,
        site,
        deed: Deed::here_and_now(RawStack::here()),
        channel,
        count: times,
    };
    let mut events = EVENTS.lock();
    let events = events.get_or_insert_default();
    events.seen.insert(key, Some(events.records.len()));
    events.records.push(event);
}

/// So many stacks a second, and no more.
struct Budget(Mutex<Option<(Instant, u32)>>);

/// A stack takes some ten microseconds, so this is at most two in a thousand of
/// one core.
const STACKS_PER_SECOND: u32 = 200;

impl Budget {
    const fn new() -> Self {
        Budget(Mutex::new(None))
    }

    fn stack(&self) -> Option<RawStack> {
        {
            let now = Instant::now();
            let mut state = self.0.lock();
            let (began, spent) = state.get_or_insert((now, 0));
            if now.duration_since(*began) >= Duration::from_secs(1) {
                (*began, *spent) = (now, 0);
            }
            if *spent >= STACKS_PER_SECOND {
                return None;
            }
            *spent += 1;
        }
        Some(RawStack::here())
    }
}

// ---- Closes that nobody hears. ----

/// How often in a row the channels of one line were closed unheard at another.
static UNHEARD: Mutex<Option<HashMap<(usize, usize), u32>>> = Mutex::new(None);

/// Lines that make and close channels are few.
const MOST_LINES: usize = 4096;

fn closed(closing: &Closing) {
    let key = (address(closing.birth), address(closing.site));
    let in_a_row = {
        let mut all = UNHEARD.lock();
        let all = all.get_or_insert_default();
        if !closing.unheard {
            all.remove(&key);
            return;
        }
        if all.len() >= MOST_LINES && !all.contains_key(&key) {
            return;
        }
        let in_a_row = all.entry(key).or_default();
        *in_a_row = in_a_row.saturating_add(1);
        *in_a_row
    };
    let enough = options().pseudo_close_after.max(1);
    if in_a_row >= enough {
        let times = if in_a_row == enough { enough } else { 1 };
        let key = (Misuse::PseudoClose, key.0, key.1);
        happened(key, times.into(), Some(closing.site), Some(closing.channel));
    }
}

// ---- Closed cases that are taken again and again. ----

/// How often this thread has taken the closed case of a line.
#[derive(Clone, Copy)]
struct Taken {
    channel: Option<ChannelId>,
    site: usize,
    count: u32,
    since: Option<Instant>,
    told: bool,
}

/// A select has few cases that a closed channel can win.
const LINES: usize = 4;

thread_local! {
    static TAKEN: Cell<[Taken; LINES]> = const {
        Cell::new([Taken { channel: None, site: 0, count: 0, since: None, told: false }; LINES])
    };
}

fn took(taken: &TakenCase) {
    // A channel that never carried a value is a signal: its close is what it
    // has to say, as often as it is asked.
    if !taken.carried {
        return;
    }
    let mut all = TAKEN.get();
    let site = address(taken.site);
    let is_it = |it: &&mut Taken| it.site == site && it.channel == Some(taken.channel);
    let line = match all.iter_mut().find(is_it) {
        Some(line) => line,
        None => {
            // The one that matters least makes room.
            let line = all.iter_mut().min_by_key(|it| it.count);
            let line = line.expect("there are some");
            *line = Taken {
                channel: Some(taken.channel),
                site,
                count: 0,
                since: Some(Instant::now()),
                told: false,
            };
            line
        }
    };
    line.count += 1;
    let enough = line.count >= options().closed_arm_after.max(1);
    let fast = || {
        line.since
            .is_some_and(|it| it.elapsed() <= options().closed_arm_within)
    };
    let times = if enough && (line.told || fast()) {
        line.told = true;
        line.count
    } else {
        0
    };
    if enough {
        (line.count, line.since) = (0, Some(Instant::now()));
    }
    TAKEN.set(all);
    if times > 0 {
        let key = (Misuse::ClosedArm, site, address(taken.birth));
        happened(key, times.into(), Some(taken.site), Some(taken.channel));
    }
}

// ---- Values that lie in a closed channel. ----

fn received_late(deed: &Deed, close: &Close) {
    let now = u64::try_from(deed.at.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let last = close.last_receipt.swap(now, Ordering::Relaxed);
    let pause = Duration::from_nanos(now.saturating_sub(last));
    if pause < options().ghost_after && !close.haunted.load(Ordering::Relaxed) {
        return;
    }
    close.haunted.store(true, Ordering::Relaxed);
    let key = (Misuse::GhostRead, address(close.site), address(close.birth));
    happened(key, 1, None, Some(close.channel));
}

// ---- Channels that nobody can free any more. ----

type Bell = Box<dyn Fn(ChannelId) + Send + Sync>;

/// Who wants to be told of them at once.
static BELL: OnceLock<Bell> = OnceLock::new();

/// Has somebody told of each channel that is orphaned, on the thread that does
/// it; false if another is told already.
pub(crate) fn tell_of_orphans(bell: Bell) -> bool {
    BELL.set(bell).is_ok()
}

/// What the runtime calls.
struct Hooks;

impl Watcher for Hooks {
    fn note(&self, _: Moment) -> Option<Note> {
        // A drop has no line of its own: only the stack tells.
        Some(Arc::new(Deed::here_and_now(RawStack::here())))
    }

    fn orphaned(&self, channel: ChannelId) {
        if let Some(bell) = BELL.get() {
            bell(channel);
        }
    }

    fn closed(&self, closing: &Closing) -> Option<Note> {
        static BUDGET: Budget = Budget::new();

        closed(closing);
        let mut deed = Deed::here_and_now(BUDGET.stack().unwrap_or_default());
        deed.close = Some(Arc::new(Close {
            channel: closing.channel,
            birth: closing.birth,
            site: closing.site,
            last_receipt: AtomicU64::new(0),
            haunted: AtomicBool::new(false),
        }));
        Some(Arc::new(deed))
    }

    fn received_after_close(&self, close: &Note) {
        if let Some(deed) = Deed::of(close)
            && let Some(close) = &deed.close
        {
            received_late(deed, close);
        }
    }

    fn took_closed_case(&self, taken: &TakenCase) {
        took(taken);
    }

    fn parks_in_poll(&self) {
        static BUDGET: Budget = Budget::new();

        // Only the stack says where, so it must be taken to know what it is.
        if let Some(stack) = BUDGET.stack() {
            happened((Misuse::BlockingInPoll, stack.hash(), 0), 1, None, None);
        }
    }

    fn misuse(&self, misuse: CoreMisuse, site: &'static Location<'static>, channel: ChannelId) {
        let misuse = match misuse {
            CoreMisuse::DoubleClose => Misuse::DoubleClose,
            _ => Misuse::SendAfterClose,
        };
        let birth = channel_birth(channel).map_or(0, address);
        happened((misuse, address(site), birth), 1, Some(site), Some(channel));
    }

    fn stack_requested(&self, ticket: u64) {
        registry().stack_came(ticket, RawStack::here());
    }
}

fn channel_birth(id: ChannelId) -> Option<&'static Location<'static>> {
    let channels = observe::channels();
    let channel = channels.iter().find(|channel| channel.id() == id)?;
    Some(channel.birth())
}
