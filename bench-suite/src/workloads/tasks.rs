//! Tasks that send and receive, on tokio.
//!
//! Futures lose their type before they are spawned or blocked on: an executor
//! is compiled anew for each type of future, and would be most of this
//! program. It costs every contender one call through a table for each poll.

use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Barrier;
use tokio::task::JoinHandle;

use super::grown;
use super::memory;
use super::race::{Course, Leg, outcome};
use super::select_tasks::{self, TokioSelect};
use super::threads::{ends, per_message};
use crate::case::{Alone, Capacity, Case, Work, World};
use crate::faces::{Element, Tasks};
use crate::measure::{Histogram, Plan, cpu_ns, operation_ns};
use crate::outcome::Outcome;

/// Runs a row of tasks. `None` if it is not one, or the contender cannot.
pub(crate) fn run<C: Tasks>(case: &Case, plan: &Plan) -> Option<Outcome> {
    if matches!(case.work, Work::Select(_)) {
        return select_tasks::run::<TokioSelect<C>>(case, plan);
    }
    let runtime = runtime(case.world)?;
    match (case.work, case.bytes) {
        (Work::Flow { senders, receivers }, 8) => {
            flow::<C, u64>(&runtime, senders, receivers, case.capacity, plan)
        }
        (Work::Flow { senders, receivers }, 64) => {
            flow::<C, [u64; 8]>(&runtime, senders, receivers, case.capacity, plan)
        }
        (Work::PingPong, 8) => {
            let there = C::make::<u64>(case.capacity)?;
            let back = C::make::<u64>(case.capacity)?;
            let race = boxed(ping_pong::<C, u64>(there, back, plan));
            Some(per_message(runtime.block_on(race)))
        }
        (Work::Alone(Alone::Pair), 8) => pair::<C, u64>(&runtime, case.capacity, plan),
        (Work::Grown(kind), _) => grown::tasks::<C>(kind, &runtime, case, plan),
        (Work::ParkedBytes, 8) => memory::parked_tasks::<C, u64>(&runtime, case.capacity, plan),
        _ => None,
    }
}

/// `None` for the worlds of threads.
pub(super) fn runtime(world: World) -> Option<Runtime> {
    let mut builder = match world {
        World::Threads | World::OneCore => return None,
        World::TokioMulti => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(2);
            builder
        }
        World::TokioSingle => Builder::new_current_thread(),
    };
    Some(builder.build().expect("a runtime needs threads"))
}

/// A future that stays where it is.
type Boxed<'a, R> = Pin<Box<dyn Future<Output = R> + 'a>>;

/// A future that can be spawned.
pub(super) type Spawned<R> = Pin<Box<dyn Future<Output = R> + Send>>;

pub(super) fn boxed<'a, R>(future: impl Future<Output = R> + 'a) -> Boxed<'a, R> {
    Box::pin(future)
}

/// A race between tasks. They are all spawned before the first begins; a
/// thread says when to stop, which knows no executor: a task that never yields
/// must not keep the time from being up.
pub(super) struct Race {
    course: Arc<Course>,
    gate: Arc<Gate>,
    sending: Vec<JoinHandle<Leg>>,
    receiving: Vec<JoinHandle<Leg>>,
}

impl Race {
    /// For so many parties.
    pub(super) fn new(parties: usize) -> Race {
        Race {
            course: Arc::new(Course::new()),
            gate: Arc::new(Gate {
                parties: Barrier::new(parties + 1),
                clock: std::sync::Barrier::new(2),
            }),
            sending: Vec::new(),
            receiving: Vec::new(),
        }
    }

    /// Adds a task that sends while the course goes on, and says how often.
    pub(super) fn send<F>(&mut self, send: impl FnOnce(Arc<Course>) -> F)
    where
        F: Future<Output = u64> + Send + 'static,
    {
        let send = send(self.course.clone());
        let party = Box::pin(async move { (send.await, None) });
        self.sending.push(leg(self.gate.clone(), party));
    }

    /// Adds a task that receives until there is no more, and says how often.
    pub(super) fn receive<F>(&mut self, receive: impl FnOnce(Histogram) -> F)
    where
        F: Future<Output = (u64, Histogram)> + Send + 'static,
    {
        let receive = receive(self.course.histogram());
        let party = Box::pin(async move {
            let (count, times) = receive.await;
            (count, Some(times))
        });
        self.receiving.push(leg(self.gate.clone(), party));
    }

    pub(super) async fn run(self, plan: &Plan) -> Outcome {
        if plan.dry {
            return Outcome::default();
        }
        let (course, gate, time) = (self.course, self.gate.clone(), plan.flow);
        let clock = thread::spawn(move || {
            gate.clock.wait();
            thread::sleep(time);
            course.stop();
        });
        let cpu = cpu_ns();
        self.gate.pass().await;
        let sending = all(self.sending).await;
        let receiving = all(self.receiving).await;
        clock.join().expect("the clock does not panic");
        outcome(&sending, &receiving, cpu_ns() - cpu)
    }
}

/// Spawns a party, which begins when all are there.
fn leg(gate: Arc<Gate>, party: Spawned<(u64, Option<Histogram>)>) -> JoinHandle<Leg> {
    tokio::spawn(async move {
        gate.pass().await;
        let start = Instant::now();
        let (count, times) = party.await;
        Leg {
            start,
            end: Instant::now(),
            count,
            times,
        }
    })
}

/// Where all parties wait for the last one, who also starts the clock.
struct Gate {
    parties: Barrier,
    clock: std::sync::Barrier,
}

impl Gate {
    async fn pass(&self) {
        if self.parties.wait().await.is_leader() {
            self.clock.wait();
        }
    }
}

async fn all(legs: Vec<JoinHandle<Leg>>) -> Vec<Leg> {
    let mut done = Vec::new();
    for leg in legs {
        done.push(leg.await.expect("a party panicked"));
    }
    done
}

/// As many messages as will go.
fn flow<C: Tasks, T: Element>(
    runtime: &Runtime,
    senders: usize,
    receivers: usize,
    capacity: Capacity,
    plan: &Plan,
) -> Option<Outcome> {
    let (tx, rx) = C::make::<T>(capacity)?;
    let unbounded = capacity == Capacity::Unbounded;
    let senders = ends(tx, senders, C::clone_tx)?;
    let receivers = ends(rx, receivers, C::clone_rx)?;
    let race = boxed(flowing::<C, T>(unbounded, senders, receivers, plan));
    Some(runtime.block_on(race))
}

/// Senders of unbounded channels yield now and then: most peers' never do, and
/// would fill the channel before anybody receives.
async fn flowing<C: Tasks, T: Element>(
    unbounded: bool,
    senders: Vec<C::Tx<T>>,
    receivers: Vec<C::Rx<T>>,
    plan: &Plan,
) -> Outcome {
    let mut race = Race::new(senders.len() + receivers.len());
    for mut rx in receivers {
        race.receive(|mut times| async move {
            let mut received = 0;
            while let Some(value) = C::recv(&mut rx).await {
                received += 1;
                times.arrived(value.stamp());
            }
            (received, times)
        });
    }
    for mut tx in senders {
        race.send(|course| async move {
            let mut sent = 0;
            while course.goes_on() && C::send(&mut tx, T::new(course.stamp(sent))).await {
                sent += 1;
                if unbounded && sent % 256 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            sent
        });
    }
    race.run(plan).await
}

/// One message to and fro. The latency is that of the way there.
async fn ping_pong<C: Tasks, T: Element>(
    (mut ping, mut at_echo): (C::Tx<T>, C::Rx<T>),
    (mut echo, mut pong): (C::Tx<T>, C::Rx<T>),
    plan: &Plan,
) -> Outcome {
    let mut race = Race::new(2);
    race.receive(|mut times| async move {
        let mut trips = 0;
        while let Some(value) = C::recv(&mut at_echo).await {
            times.arrived(value.stamp());
            if !C::send(&mut echo, value).await {
                break;
            }
            trips += 1;
        }
        (trips, times)
    });
    race.send(|course| async move {
        let mut trips = 0;
        while course.goes_on() && C::send(&mut ping, T::new(course.stamp(trips))).await {
            if C::recv(&mut pong).await.is_none() {
                break;
            }
            trips += 1;
        }
        trips
    });
    race.run(plan).await
}

/// One task sends and receives.
fn pair<C: Tasks, T: Element>(
    runtime: &Runtime,
    capacity: Capacity,
    plan: &Plan,
) -> Option<Outcome> {
    let (mut tx, mut rx) = C::make::<T>(capacity)?;
    Some(Outcome::nanoseconds(operation_ns(plan, |n| {
        runtime.block_on(boxed(async {
            let start = Instant::now();
            for _ in 0..n {
                C::send(&mut tx, T::new(1)).await;
                black_box(C::recv(&mut rx).await);
            }
            start.elapsed()
        }))
    })))
}
