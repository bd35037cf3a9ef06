//! Orphans told of as they happen: no look around, no waiting for one.
//!
//! The drop that leaves a waiter behind rings a bell and goes on. Whoever was
//! told to listen looks at that one channel and judges those who wait there by
//! its counts alone. That takes as long with a hundred thousand parked tasks
//! as with one.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe::{self, Channel, ChannelId, Who};
use parking_lot::{Condvar, Mutex};

use crate::events;
use crate::hash::Set;
use crate::options::Options;
use crate::report::Report;
use crate::survey::orphans_of;

/// A thread that still looks around parks soon or goes on.
const MAY_LOOK: Duration = Duration::from_secs(1);

/// Between two looks at one that looks: at first, since a thread mostly parks
/// at once, and when it seems to be late.
const SOON: Duration = Duration::from_micros(20);
const LATER: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Bell {
    rung: Mutex<Vec<ChannelId>>,
    rings: Condvar,
}

/// Starts a thread that calls `then` whenever a drop has left somebody waiting
/// on a channel that nobody can free any more, within a millisecond of it if
/// the machine has time. The report is about those who wait there: their lines,
/// the channel, who has dropped its last handle and when. Stacks take longer;
/// [`snapshot`](crate::snapshot()) has them.
///
/// It tells of what the counts of one channel prove. Those whose own handles
/// keep a channel from being orphaned, who wait for each other, or who begin
/// to wait on a channel that is orphaned already are found by the next look.
///
/// # Errors
///
/// If the thread cannot be started, or if it was started before.
///
/// # Examples
///
/// ```standalone_crate
/// use std::sync::mpsc;
/// use chan_core::Builder;
///
/// let (tell, told) = mpsc::channel();
/// leakwatch::on_orphan(move |report| {
///     tell.send(report.findings[0].reason.clone()).ok();
/// })?;
///
/// let (feed, inbox) = Builder::new().name("feed").chan::<u32>().split();
/// std::thread::spawn(move || inbox.recv());
/// # while feed.waiting_receivers() == 0 { std::thread::yield_now(); }
/// drop(feed); // nobody closed it
/// assert!(told.recv().unwrap().contains("\"feed\" is open with 0 senders"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn on_orphan(mut then: impl FnMut(Report) + Send + 'static) -> io::Result<()> {
    let _ = events::install(Options::default());
    let bell = Arc::new(Bell::default());
    let rope = Arc::clone(&bell);
    if !events::tell_of_orphans(Box::new(move |channel| rope.ring(channel))) {
        let why = "somebody listens for orphans already";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
    }
    let thread = thread::Builder::new().name("leakwatch orphans".into());
    thread.spawn(move || {
        // Those in front of whom a thread still looks.
        let mut looking: Vec<(Channel, Instant)> = Vec::new();
        // A select may be orphaned on several channels.
        let mut told = Set::default();
        let mut pause = SOON;
        loop {
            let rung = bell.wait((!looking.is_empty()).then_some(pause));
            pause = match rung.is_empty() {
                true => (pause * 2).min(LATER),
                false => SOON,
            };
            let until = Instant::now() + MAY_LOOK;
            let rung = rung.into_iter().filter_map(observe::channel);
            looking.extend(rung.map(|channel| (channel, until)));
            looking.retain(|(channel, until)| {
                if let Some(report) = orphans_of(channel, &mut told) {
                    then(report);
                }
                Instant::now() < *until && is_looked_at(channel)
            });
            if looking.is_empty() {
                told.clear();
            }
        }
    })?;
    Ok(())
}

impl Bell {
    /// The last handle that could have freed those who wait on a channel was
    /// dropped just now.
    fn ring(&self, channel: ChannelId) {
        self.rung.lock().push(channel);
        self.rings.notify_one();
    }

    /// Waits until it is rung, or for a while.
    fn wait(&self, patience: Option<Duration>) -> Vec<ChannelId> {
        let mut rung = self.rung.lock();
        if rung.is_empty() {
            match patience {
                None => self.rings.wait(&mut rung),
                Some(patience) => drop(self.rings.wait_for(&mut rung, patience)),
            }
        }
        std::mem::take(&mut rung)
    }
}

/// Whether a thread is about to park there.
fn is_looked_at(channel: &Channel) -> bool {
    let waits = channel.snapshot().waits;
    waits
        .iter()
        .any(|wait| matches!(wait.who, Who::LookingThread))
}
