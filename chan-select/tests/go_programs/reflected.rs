//! reflect's TestSelect: selects of any number of random cases, made at run
//! time, against a small model. It knows of each case what it finds on its
//! channel and so which cases may win and what they must say; of a select that
//! has to wait it makes one case ready, which then wins. In the end every
//! channel holds what the model says, so nothing else has happened.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use chan_core::observe::Channel;
use chan_select::{CaseKey, Select};
use fastrand::Rng;
use futures_util::FutureExt;

use crate::choose::{add_recv, add_send, first_of};
use crate::common::parked;
use crate::worlds::{Ch, Manners, World, sized};

/// What a case finds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Finds {
    Nil,
    /// Nothing to receive, no room.
    Nobody,
    /// A value, room.
    Buffer,
    /// A party that waits.
    Partner,
    Closed,
    /// Closed with a value in it.
    ClosedFull,
}

/// A case of a trial.
#[derive(Clone, Copy, Debug)]
struct Plan {
    sends: bool,
    finds: Finds,
    capacity: u32,
}

/// What is received by the case of this number.
const fn given(n: usize) -> u32 {
    1000 + n as u32
}

/// What is sent by it.
const fn sent(n: usize) -> u32 {
    2000 + n as u32
}

/// What fills a channel.
const FILLER: u32 = 7;

impl Plan {
    fn random(rng: &mut Rng, quiet: bool) -> Self {
        let sends = rng.bool();
        let finds = match rng.u8(..30) {
            0..3 => Finds::Nil,
            _ if quiet => Finds::Nobody,
            3..20 => Finds::Nobody,
            20..24 => Finds::Buffer,
            24..26 => Finds::Partner,
            26..28 => Finds::Closed,
            _ => Finds::ClosedFull,
        };
        let capacity = match finds {
            Finds::Nobody => rng.u32(0..3),
            Finds::Buffer | Finds::ClosedFull => rng.u32(1..3),
            Finds::Nil | Finds::Partner | Finds::Closed => 0,
        };
        Plan {
            sends,
            finds,
            capacity,
        }
    }

    fn is_ready(self) -> bool {
        !matches!(self.finds, Finds::Nil | Finds::Nobody)
    }

    fn is_closed(self) -> bool {
        matches!(self.finds, Finds::Closed | Finds::ClosedFull)
    }

    /// What is in the channel of case `n` before the select.
    fn values(self, n: usize) -> Vec<u32> {
        match (self.finds, self.sends) {
            (Finds::Nobody, true) => vec![FILLER; self.capacity as usize],
            (Finds::Buffer, true) => vec![FILLER; self.capacity as usize - 1],
            (Finds::Buffer, false) | (Finds::ClosedFull, _) => vec![given(n)],
            _ => Vec::new(),
        }
    }
}

/// How a select has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fired {
    Received(usize, Option<u32>),
    /// And whether the value went over, which Go's manners say by a panic.
    Sent(usize, bool),
    Panicked,
}

/// What a party tells who was partner of a case: what it has received.
type Ended<W> = Ch<W, (usize, Option<u32>)>;

struct Trial<W> {
    w: W,
    plans: Vec<Plan>,
    chans: Vec<Ch<W, u32>>,
    /// The case that a party will make ready, if the select is to wait.
    woken: Option<(usize, Channel)>,
    ended: Ended<W>,
}

impl<W: World> Trial<W> {
    /// Makes the channels. If none of the cases in `kept` can go on, one of
    /// them will be woken, unless all are nil.
    async fn new(w: &W, rng: &mut Rng, plans: Vec<Plan>, kept: &[usize]) -> Self {
        let ready = kept.iter().any(|&n| plans[n].is_ready());
        let quiet = |&n: &usize| plans[n].finds == Finds::Nobody;
        let can_be_woken: Vec<usize> = kept.iter().copied().filter(quiet).collect();
        let wake = if ready {
            None
        } else {
            rng.choice(can_be_woken)
        };
        let mut trial = Trial {
            w: w.clone(),
            plans: Vec::new(),
            chans: Vec::new(),
            woken: None,
            ended: w.chan(plans.len()),
        };
        for (n, &plan) in plans.iter().enumerate() {
            let capacity = plan.capacity as usize;
            let chan = if wake == Some(n) {
                let (chan, seen) = w.watched(capacity);
                trial.woken = Some((n, seen));
                chan
            } else if plan.finds == Finds::Partner {
                trial.partner(n, plan).await
            } else if plan.finds == Finds::Nil {
                Ch::nil()
            } else {
                w.chan(capacity)
            };
            for value in plan.values(n) {
                assert!(chan.try_send(value).is_ok());
            }
            if plan.is_closed() {
                chan.close();
            }
            trial.chans.push(chan);
        }
        trial.plans = plans;
        trial
    }

    /// A channel with a party that waits for case `n`.
    async fn partner(&self, n: usize, plan: Plan) -> Ch<W, u32> {
        let (chan, seen) = self.w.watched(0);
        let (other, ended) = (chan.clone(), self.ended.clone());
        self.w.go(async move {
            let received = if plan.sends {
                other.recv().await
            } else {
                other.send(given(n)).await;
                None
            };
            ended.send((n, received)).await;
        });
        self.w.until(|| parked(&seen) == 1).await;
        chan
    }

    /// Adds all cases.
    fn add<'a>(&'a self, select: &mut Select<'a, Fired>) -> Vec<CaseKey> {
        let add = |(n, plan): (usize, &Plan)| {
            let chan = &self.chans[n];
            if plan.sends {
                add_send(select, chan, sent(n), move |ok| Fired::Sent(n, ok)).key()
            } else {
                add_recv(select, chan, move |value| Fired::Received(n, value))
            }
        };
        self.plans.iter().enumerate().map(add).collect()
    }

    /// Sees to it that the case to be woken is, when the select waits. `close`
    /// says how.
    fn wake(&self, close: bool) {
        let Some((n, seen)) = self.woken.clone() else {
            return;
        };
        let (w, chan, ended) = (self.w.clone(), self.chans[n].clone(), self.ended.clone());
        let sends = self.plans[n].sends;
        self.w.go(async move {
            w.until(|| parked(&seen) == 1).await;
            let received = match (close, sends) {
                (true, _) => {
                    chan.close();
                    None
                }
                (false, true) => chan.try_recv().expect("it waits to send"),
                (false, false) => {
                    assert!(chan.try_send(given(n)).is_ok(), "it waits to receive");
                    None
                }
            };
            ended.send((n, received)).await;
        });
    }

    /// What the case does that has won, and what it leaves in its channel and
    /// to its partner.
    fn outcome(&self, n: usize, closed: bool) -> (Fired, Vec<u32>, Option<u32>) {
        let plan = self.plans[n];
        let (mut values, woken) = (plan.values(n), self.woken.is_some());
        let mut partner = None;
        let fired = if !plan.sends {
            let all_gone = closed && values.is_empty();
            values.clear();
            Fired::Received(n, (!all_gone).then_some(given(n)))
        } else if closed {
            match self.w.manners() {
                Manners::Rust => Fired::Sent(n, false),
                Manners::Go | Manners::Views => Fired::Panicked,
            }
        } else {
            values.push(sent(n));
            if woken || plan.finds == Finds::Partner {
                partner = Some(values.remove(0));
            }
            Fired::Sent(n, true)
        };
        (fired, values, partner)
    }

    /// Holds the channels to what should be in them now that case `won` has
    /// won, if one has.
    async fn check(&self, won: Option<(usize, Vec<u32>, Option<u32>)>) {
        let (mut told, mut expected) = (0, Vec::new());
        for (n, (chan, plan)) in self.chans.iter().zip(&self.plans).enumerate() {
            let (values, partner) = match &won {
                Some((winner, values, partner)) if *winner == n => (values.clone(), Some(*partner)),
                _ => (plan.values(n), None),
            };
            let woken = self.woken.as_ref().is_some_and(|(woken, _)| *woken == n);
            if plan.finds == Finds::Partner || woken {
                told += 1;
                expected.push((n, partner.unwrap_or_else(|| Self::relieve(n, plan, chan))));
            }
            assert_eq!(chan.len(), values.len(), "case {n}");
            for value in values {
                assert_eq!(chan.try_recv(), Ok(Some(value)), "case {n}");
            }
            // Whoever was left in a queue would be met here.
            assert!(!matches!(chan.try_recv(), Ok(Some(_))), "case {n}");
            let quiet = plan.finds == Finds::Nobody && plan.capacity == 0;
            if quiet && !chan.is_closed() {
                assert!(chan.try_send(0).is_err(), "case {n}");
            }
        }
        for _ in 0..told {
            let end = self.ended.value().await;
            let place = expected.iter().position(|&other| other == end);
            expected.swap_remove(place.unwrap_or_else(|| panic!("{end:?} of {expected:?}")));
        }
    }

    /// Meets the partner whom the select has not met.
    fn relieve(n: usize, plan: &Plan, chan: &Ch<W, u32>) -> Option<u32> {
        if plan.sends {
            assert!(chan.try_send(FILLER).is_ok(), "case {n} has lost");
            Some(FILLER)
        } else {
            assert_eq!(chan.try_recv(), Ok(Some(given(n))), "case {n} has lost");
            None
        }
    }
}

/// Runs a select that may panic because it sends on a closed channel.
async fn caught(select: impl Future<Output = Option<Fired>> + Send) -> Option<Fired> {
    let ended = AssertUnwindSafe(select).catch_unwind().await;
    ended.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        let closed = text.is_some_and(|text| text.starts_with("send on closed channel"));
        assert!(closed, "{text:?}");
        Some(Fired::Panicked)
    })
}

/// See the head of this file.
pub(crate) async fn go_reflect_select<W: World>(w: W) {
    let mut rng = Rng::with_seed(63);
    let (mut waited, mut panicked) = (0, 0);
    let trials = sized(300, 5000);
    for trial in 0..trials {
        let quiet = rng.bool();
        let count = rng.usize(0..=if trial % 50 == 0 { 200 } else { 12 });
        let plans: Vec<Plan> = (0..count).map(|_| Plan::random(&mut rng, quiet)).collect();
        // In every other trial cases are removed again.
        let keep = |_: &usize| trial % 2 == 0 || rng.u8(..4) > 0;
        let kept: Vec<usize> = (0..count).filter(keep).collect();
        let trial = Trial::new(&w, &mut rng, plans, &kept).await;
        let (close, by_look) = (rng.bool(), rng.bool());

        let mut select = Select::new();
        for (n, key) in trial.add(&mut select).into_iter().enumerate() {
            assert!(kept.contains(&n) || select.remove(key));
        }
        let mut may_win: Vec<usize> = kept.clone();
        may_win.retain(|&n| trial.plans[n].is_ready());
        let fired = if may_win.is_empty() {
            assert_eq!(select.try_select(), None, "none can go on");
            if let Some((woken, _)) = trial.woken {
                trial.wake(close);
                may_win.push(woken);
                waited += 1;
                caught(async { Some(first_of::<W, _>(&mut select).await) }).await
            } else {
                None
            }
        } else if by_look {
            caught(async { select.try_select() }).await
        } else {
            caught(async { Some(first_of::<W, _>(&mut select).await) }).await
        };
        drop(select);

        panicked += u32::from(fired == Some(Fired::Panicked));
        let closed = |n: usize| match trial.woken {
            Some(_) => close,
            None => trial.plans[n].is_closed(),
        };
        let outcomes = may_win.iter().map(|&n| (n, trial.outcome(n, closed(n))));
        let mut fitting = outcomes.filter(|(_, (outcome, _, _))| Some(*outcome) == fired);
        let won = fitting
            .next()
            .map(|(n, (_, values, told))| (n, values, told));
        assert_eq!(won.is_some(), !may_win.is_empty(), "{fired:?}");
        trial.check(won).await;
    }
    assert!(waited > trials / 10, "some of all kinds");
    assert!(
        panicked > 0 || w.manners() == Manners::Rust,
        "some of all kinds"
    );
}
