//! Random programs in closed worlds, judged again and again while they run. All
//! share all channels behind an `Arc`, so nothing but everybody's sleep can be
//! known. Nobody of whom a proof was given comes to an end, by the word of the
//! threads and tasks themselves; and when nothing moves any more, whoever has
//! not come to its end is proven. At last a lie is planted, and must be caught
//! by the same check.
//!
//! One second by default; `SOUNDNESS_SECONDS` says how long. The seed is
//! printed with a failure, and `SOUNDNESS_SEED` repeats it.
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, thread};

use chan_core::{Builder, Chan, after};
use chan_select::{select, select_async};
use fastrand::Rng;
use leakwatch::report::{Evidence, Proven, Report};
use leakwatch::test::World;
use leakwatch::{spawn, task};
use tokio::runtime::{Handle, Runtime};

/// One step of a player, on channels by their place.
#[derive(Clone, Debug)]
enum Step {
    Send(usize),
    Recv(usize),
    RecvEither(usize, usize),
    /// The case of a timer wins, or that of the channel.
    RecvInTime(usize),
    TrySend(usize),
    Nap,
    Timer,
    /// A lock that all have, for a moment.
    Lock(usize),
    Begin(Kind, Vec<Step>),
    /// One of a pair that plays a ball to and fro so many times. One of them
    /// always sleeps, and hardly ever the same.
    Serve(u32),
    Return(u32),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Thread,
    Task,
    /// A task that is not introduced.
    Plain,
}

fn script(rng: &mut Rng, kind: Kind, depth: u32) -> Vec<Step> {
    let steps = rng.usize(1..8);
    (0..steps).map(|_| step(rng, kind, depth)).collect()
}

fn step(rng: &mut Rng, of: Kind, depth: u32) -> Step {
    match rng.u8(0..18) {
        0..=3 => Step::Send(rng.usize(..)),
        4..=7 => Step::Recv(rng.usize(..)),
        8..=9 => Step::RecvEither(rng.usize(..), rng.usize(..)),
        10 => Step::RecvInTime(rng.usize(..)),
        11..=12 => Step::TrySend(rng.usize(..)),
        13 => Step::Nap,
        14 => Step::Timer,
        15 => Step::Lock(rng.usize(..)),
        _ if depth > 0 => {
            // What a plain task begins does not inherit the world.
            let kind = match of {
                Kind::Plain => Kind::Plain,
                _ => kind(rng),
            };
            Step::Begin(kind, script(rng, kind, depth - 1))
        }
        _ => Step::TrySend(rng.usize(..)),
    }
}

fn kind(rng: &mut Rng) -> Kind {
    [Kind::Thread, Kind::Task, Kind::Task, Kind::Plain][rng.usize(..4)]
}

const SHORT: Duration = Duration::from_micros(500);

/// What all players of a program have.
struct Shared {
    channels: Vec<Chan<u8>>,
    ball: [Chan<u8>; 2],
    lock: Mutex<u64>,
    /// Whoever has begun.
    players: Mutex<Vec<Player>>,
    number: usize,
    runtime: Handle,
}

enum Player {
    Thread(String, thread::JoinHandle<()>),
    Task(String, tokio::task::JoinHandle<()>),
    /// Its wait is nobody's in reports.
    Plain(tokio::task::JoinHandle<()>),
}

impl Player {
    fn is_over(&self) -> bool {
        match self {
            Player::Thread(_, thread) => thread.is_finished(),
            Player::Task(_, task) | Player::Plain(task) => task.is_finished(),
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Player::Thread(name, _) | Player::Task(name, _) => Some(name),
            Player::Plain(_) => None,
        }
    }
}

impl Shared {
    fn players(&self) -> std::sync::MutexGuard<'_, Vec<Player>> {
        self.players.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chan(&self, place: usize) -> &Chan<u8> {
        &self.channels[place % self.channels.len()]
    }

    fn begin(self: &Arc<Self>, kind: Kind, script: Vec<Step>) {
        let mut players = self.players();
        let name = format!("program {} player {}", self.number, players.len());
        let shared = Arc::clone(self);
        let player = match kind {
            Kind::Thread => {
                Player::Thread(name.clone(), spawn!(name, [] move || shared.play(script)))
            }
            Kind::Task => Player::Task(
                name.clone(),
                self.runtime.spawn(task!(name, [] async move {
                    shared.play_async(script).await;
                })),
            ),
            Kind::Plain => Player::Plain(
                self.runtime
                    .spawn(async move { shared.play_async(script).await }),
            ),
        };
        players.push(player);
    }

    fn play(self: &Arc<Self>, script: Vec<Step>) {
        for step in script {
            match step {
                Step::Send(place) => self.chan(place).send(1),
                Step::Recv(place) => {
                    let _ = self.chan(place).recv();
                }
                Step::RecvEither(one, other) => select! {
                    recv(self.chan(one)) -> _ => {},
                    recv(self.chan(other)) -> _ => {},
                },
                Step::RecvInTime(place) => drop(self.chan(place).recv_timeout(SHORT)),
                Step::Nap => thread::sleep(SHORT),
                Step::Timer => drop(after(SHORT).recv()),
                Step::Serve(times) => (0..times).for_each(|_| {
                    self.ball[0].send(1);
                    self.ball[1].recv();
                }),
                Step::Return(times) => (0..times).for_each(|_| {
                    self.ball[0].recv();
                    self.ball[1].send(1);
                }),
                other => self.now(other),
            }
        }
    }

    async fn play_async(self: &Arc<Self>, script: Vec<Step>) {
        for step in script {
            match step {
                Step::Send(place) => self.chan(place).send_async(1).await,
                Step::Recv(place) => {
                    let _ = self.chan(place).recv_async().await;
                }
                Step::RecvEither(one, other) => select_async! {
                    recv(self.chan(one)) -> _ => {},
                    recv(self.chan(other)) -> _ => {},
                },
                Step::RecvInTime(place) => {
                    let _ = self.chan(place).recv_timeout_async(SHORT).await;
                }
                Step::Nap => tokio::time::sleep(SHORT).await,
                Step::Timer => drop(after(SHORT).recv_async().await),
                Step::Serve(times) => {
                    for _ in 0..times {
                        self.ball[0].send_async(1).await;
                        self.ball[1].recv_async().await;
                    }
                }
                Step::Return(times) => {
                    for _ in 0..times {
                        self.ball[0].recv_async().await;
                        self.ball[1].send_async(1).await;
                    }
                }
                other => self.now(other),
            }
        }
    }

    /// A step that waits for nobody.
    fn now(self: &Arc<Self>, step: Step) {
        match step {
            Step::TrySend(place) => {
                let _ = self.chan(place).try_send(1);
            }
            Step::Lock(place) => {
                let mut count = self.lock.lock().expect("nobody panics with it");
                *count += 1;
                let _ = self.chan(place).try_recv();
            }
            Step::Begin(kind, script) => self.begin(kind, script),
            other => unreachable!("{other:?} waits"),
        }
    }
}

/// Holds what is said against what happens.
#[derive(Default)]
struct Check {
    /// Of whom a proof was ever given.
    proven: BTreeSet<String>,
    /// Plain futures that were ever said to wait in vain.
    dead: usize,
}

impl Check {
    /// Whether everybody who goes on is proven; an error if somebody has come
    /// to its end of whom a proof was given before.
    fn look(&mut self, report: &Report, players: &[Player]) -> Result<bool, String> {
        if !report.alarms.is_empty() {
            return Err(format!("{:#?}", report.alarms));
        }
        let mut said: BTreeMap<&str, Evidence> = BTreeMap::new();
        let mut dead = 0;
        for task in &report.tasks {
            match task.evidence {
                Some(Evidence::Proven(_)) => {
                    self.proven.insert(task.name.to_string());
                    said.insert(&task.name, Evidence::Proven(Proven::ClosedWorld));
                }
                Some(Evidence::DeadWait(Proven::ClosedWorld)) => dead += 1,
                _ => {}
            }
        }
        self.dead = self.dead.max(dead);
        let over = |name: &&String| {
            let mut all = players.iter();
            all.any(|player| player.name() == Some(name) && player.is_over())
        };
        if let Some(name) = self.proven.iter().find(over) {
            return Err(format!("{name} was proven, and has come to its end"));
        }
        let plain = players
            .iter()
            .filter(|player| player.name().is_none() && !player.is_over());
        let plain = plain.count();
        if self.dead > plain {
            return Err(format!("{} futures waited in vain, now {plain}", self.dead));
        }
        let mut named = players.iter().filter(|player| !player.is_over());
        let all = named.all(|player| player.name().is_none_or(|name| said.contains_key(name)));
        Ok(all && dead == plain)
    }
}

/// Stuck threads stay to the end of the run: there are only so many.
const MAX_STUCK_THREADS: usize = 50;

/// Runs one program; how many were stuck, and how many of them threads.
fn round(runtime: &Runtime, rng: &mut Rng, number: usize, threads: bool) -> [usize; 2] {
    let world = World::new();
    let inside = world.enter();
    let shared = Arc::new(Shared {
        channels: (0..rng.usize(2..5))
            .map(|_| Builder::new().capacity(rng.usize(0..3)).chan())
            .collect(),
        ball: [Chan::new(0), Chan::new(0)],
        lock: Mutex::new(0),
        players: Mutex::default(),
        number,
        runtime: runtime.handle().clone(),
    });
    for _ in 0..rng.usize(2..7) {
        let kind = match kind(rng) {
            Kind::Thread if !threads => Kind::Task,
            kind => kind,
        };
        let depth = if threads { 1 } else { 0 };
        shared.begin(kind, script(rng, kind, depth));
    }
    if rng.bool() {
        let times = rng.u32(0..500);
        for step in [Step::Serve(times), Step::Return(times)] {
            // Both come to their end, so they may always be threads.
            shared.begin(kind(rng), vec![step, Step::TrySend(rng.usize(..))]);
        }
    }
    // It belongs to nobody, and nothing is proven before it has ended.
    let plain = rng.bool().then(|| {
        let (shared, mut rng) = (Arc::clone(&shared), rng.fork());
        thread::spawn(move || {
            for _ in 0..rng.u8(0..6) {
                if rng.bool() {
                    let _ = shared.chan(rng.usize(..)).try_send(1);
                } else {
                    let _ = shared.chan(rng.usize(..)).try_recv();
                }
                thread::sleep(SHORT);
            }
        })
    });
    drop(inside);
    let mut check = Check::default();
    // A machine may stand still.
    let (patience, mut looks) = (Instant::now() + Duration::from_secs(120), 0);
    loop {
        looks += 1;
        let report = world.report();
        let all = check.look(&report, &shared.players());
        let all = all.unwrap_or_else(|wrong| panic!("{wrong}: {report:#?}"));
        if all && plain.as_ref().is_none_or(thread::JoinHandle::is_finished) {
            break;
        }
        assert!(
            Instant::now() < patience || looks < 10_000,
            "some neither end nor are proven: {report:#?}"
        );
        thread::yield_now();
    }
    // Whoever goes on in spite of it has a moment for it.
    for _ in 0..3 {
        thread::sleep(SHORT);
        if let Err(wrong) = check.look(&world.report(), &shared.players()) {
            panic!("{wrong}");
        }
    }
    let mut stuck = [0; 2];
    for player in std::mem::take(&mut *shared.players()) {
        let is_over = player.is_over();
        stuck[0] += usize::from(!is_over);
        match player {
            Player::Task(_, task) | Player::Plain(task) => {
                task.abort();
                let ended = runtime.block_on(task);
                assert!(ended.is_ok() || ended.is_err_and(|why| why.is_cancelled()));
            }
            Player::Thread(_, thread) if is_over => thread.join().unwrap(),
            Player::Thread(..) => stuck[1] += 1,
        }
    }
    stuck
}

/// Somebody outside has a handle, and uses it after all.
fn lie(runtime: &Runtime) -> Result<bool, String> {
    let world = World::new();
    let inside = world.enter();
    let shared = Arc::new(Shared {
        channels: vec![Chan::new(0)],
        ball: [Chan::new(0), Chan::new(0)],
        lock: Mutex::new(0),
        players: Mutex::default(),
        number: usize::MAX,
        runtime: runtime.handle().clone(),
    });
    shared.begin(Kind::Thread, vec![Step::Recv(0)]);
    drop(inside);
    let mut check = Check::default();
    while check.look(&world.report(), &shared.players()) != Ok(true) {
        thread::yield_now();
    }
    shared.chan(0).send(1);
    while !shared.players()[0].is_over() {
        thread::yield_now();
    }
    check.look(&world.report(), &shared.players())
}

#[test]
fn what_is_proven_in_a_closed_world_stays_and_what_is_stuck_is_proven() {
    let seed = env::var("SOUNDNESS_SEED")
        .map_or_else(|_| fastrand::u64(..), |it| it.parse().expect("a number"));
    let seconds = env::var("SOUNDNESS_SECONDS").map_or(1, |it| it.parse().expect("a number"));
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut options = leakwatch::Options::default();
    options.max_stacks = 0;
    leakwatch::install_with(options).expect("nobody else watches");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let mut rng = Rng::with_seed(seed);
    println!("SOUNDNESS_SEED={seed}");
    let (mut rounds, mut stuck) = (0, [0; 2]);
    while rounds < 20 || Instant::now() < end {
        let threads = stuck[1] < MAX_STUCK_THREADS;
        let more = round(&runtime, &mut rng, rounds, threads);
        (stuck[0], stuck[1]) = (stuck[0] + more[0], stuck[1] + more[1]);
        rounds += 1;
    }
    println!(
        "{rounds} programs, {} stuck, {} of them threads",
        stuck[0], stuck[1]
    );
    assert!(stuck[0] > 0, "nobody was ever stuck: nothing was tested");
    let caught = lie(&runtime).expect_err("a proof that was wrong is caught");
    assert!(caught.contains("ClosedWorld"), "{caught}");
}
