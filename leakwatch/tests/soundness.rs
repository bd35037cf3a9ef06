//! Random programs, judged again and again while they run: whoever is proven
//! to be stuck stays so, and when nothing moves any more, whoever has not come
//! to its end is proven.
//!
//! One second by default; `SOUNDNESS_SECONDS` says how long. The seed is
//! printed with a failure, and `SOUNDNESS_SEED` repeats it.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::{Builder, Chan, RecvChan, SendChan};
use chan_select::{select, select_async};
use fastrand::Rng;
use leakwatch::report::{Evidence, Report};
use leakwatch::{spawn, task};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// One step of a task, on the handles that it has, by their place.
#[derive(Clone, Copy, Debug)]
enum Step {
    Send(usize),
    Recv(usize),
    RecvEither(usize, usize),
    DropSender,
    DropReceiver,
    Yield,
}

struct Script {
    senders: Vec<SendChan<u8>>,
    receivers: Vec<RecvChan<u8>>,
    steps: Vec<Step>,
}

fn script(rng: &mut Rng, channels: &[Chan<u8>]) -> Script {
    let mut some = |limit: usize| -> Vec<&Chan<u8>> {
        (0..rng.usize(0..=limit))
            .map(|_| &channels[rng.usize(..channels.len())])
            .collect()
    };
    let senders = some(2).into_iter().map(Chan::sender).collect();
    let receivers = some(2).into_iter().map(Chan::receiver).collect();
    let step = |_| match rng.u8(0..10) {
        0..=2 => Step::Send(rng.usize(..)),
        3..=5 => Step::Recv(rng.usize(..)),
        6 => Step::RecvEither(rng.usize(..), rng.usize(..)),
        7 => Step::DropSender,
        8 => Step::DropReceiver,
        _ => Step::Yield,
    };
    Script {
        senders,
        receivers,
        steps: (0..12).map(step).collect(),
    }
}

/// Plays a script to its end, or for ever.
fn player(name: String, script: Script) -> impl Future<Output = ()> + Send {
    let Script {
        senders,
        receivers,
        steps,
    } = script;
    task!(name, [] async move |own| {
        let mut senders: Vec<_> = senders.into_iter().map(|it| own.hold(it)).collect();
        let mut receivers: Vec<_> = receivers.into_iter().map(|it| own.hold(it)).collect();
        for step in steps {
            match step {
                Step::Send(place) if !senders.is_empty() => {
                    senders[place % senders.len()].send_async(1).await;
                }
                Step::Recv(place) if !receivers.is_empty() => {
                    receivers[place % receivers.len()].recv_async().await;
                }
                Step::RecvEither(one, other) if !receivers.is_empty() => {
                    let one = &receivers[one % receivers.len()];
                    let other = &receivers[other % receivers.len()];
                    select_async! { recv(one) -> _ => {}, recv(other) -> _ => {} }
                }
                Step::DropSender => drop(senders.pop()),
                Step::DropReceiver => drop(receivers.pop()),
                _ => tokio::task::yield_now().await,
            }
        }
    })
}

/// The same by a thread.
fn thread_player(name: String, script: Script) -> thread::JoinHandle<()> {
    let Script {
        senders,
        receivers,
        steps,
    } = script;
    spawn!(name, [] move |own| {
        let mut senders: Vec<_> = senders.into_iter().map(|it| own.hold(it)).collect();
        let mut receivers: Vec<_> = receivers.into_iter().map(|it| own.hold(it)).collect();
        for step in steps {
            match step {
                Step::Send(place) if !senders.is_empty() => {
                    senders[place % senders.len()].send(1);
                }
                Step::Recv(place) if !receivers.is_empty() => {
                    receivers[place % receivers.len()].recv();
                }
                Step::RecvEither(one, other) if !receivers.is_empty() => {
                    let one = &receivers[one % receivers.len()];
                    let other = &receivers[other % receivers.len()];
                    select! { recv(one) -> _ => {}, recv(other) -> _ => {} }
                }
                Step::DropSender => drop(senders.pop()),
                Step::DropReceiver => drop(receivers.pop()),
                _ => thread::yield_now(),
            }
        }
    })
}

enum Player {
    Task(JoinHandle<()>),
    Thread(thread::JoinHandle<()>),
}

impl Player {
    fn is_finished(&self) -> bool {
        match self {
            Player::Task(task) => task.is_finished(),
            Player::Thread(thread) => thread.is_finished(),
        }
    }
}

/// Stuck threads stay to the end of the run, unlike tasks: there are only so
/// many.
const MAX_STUCK_THREADS: usize = 100;

/// Handles that nobody accounts for, used for a while and then dropped.
fn outsider(rng: &mut Rng, channels: &[Chan<u8>]) -> thread::JoinHandle<()> {
    let some: Vec<_> = channels.iter().filter(|_| rng.bool()).cloned().collect();
    let mut rng = rng.fork();
    thread::spawn(move || {
        for chan in some {
            for _ in 0..rng.u8(0..4) {
                if rng.bool() {
                    let _ = chan.try_send(1);
                } else {
                    let _ = chan.try_recv();
                }
                thread::yield_now();
            }
        }
    })
}

fn is_proven(report: &Report, name: &str) -> bool {
    let mut tasks = report.tasks.iter();
    tasks.any(|task| task.name == name && matches!(task.evidence, Some(Evidence::Proven(_))))
}

/// Runs one program; how many of its tasks were stuck.
fn round(runtime: &Runtime, rng: &mut Rng, number: usize, stuck_threads: &mut usize) -> usize {
    let channels: Vec<Chan<u8>> = (0..rng.usize(2..5))
        .map(|_| Builder::new().capacity(rng.usize(0..3)).chan())
        .collect();
    let players: Vec<(String, Player)> = (0..rng.usize(2..8))
        .map(|player_number| {
            let name = format!("round {number} player {player_number}");
            let script = script(rng, &channels);
            let is_thread = *stuck_threads < MAX_STUCK_THREADS && rng.u8(0..4) == 0;
            let player = if is_thread {
                Player::Thread(thread_player(name.clone(), script))
            } else {
                Player::Task(runtime.spawn(player(name.clone(), script)))
            };
            (name, player)
        })
        .collect();
    let outsider = outsider(rng, &channels);
    drop(channels);
    let patience = Instant::now() + Duration::from_secs(60);
    let mut looks = 0;
    loop {
        let report = leakwatch::snapshot();
        looks += 1;
        assert!(report.alarms.is_empty(), "{:#?}", report.alarms);
        let unfinished = || players.iter().filter(|(_, player)| !player.is_finished());
        if outsider.is_finished() && unfinished().all(|(name, _)| is_proven(&report, name)) {
            break;
        }
        assert!(
            // A machine may stand still.
            looks < 1_000 || Instant::now() < patience,
            "some neither end nor are proven: {:?}: {report:#?}",
            unfinished().map(|(name, _)| name).collect::<Vec<_>>()
        );
        thread::yield_now();
    }
    let stuck = players.iter().filter(|(_, player)| !player.is_finished());
    let stuck = stuck.count();
    for (_, player) in players {
        let is_finished = player.is_finished();
        match player {
            Player::Task(task) => {
                task.abort();
                let ended = runtime.block_on(task);
                assert!(ended.is_ok() || ended.is_err_and(|why| why.is_cancelled()));
            }
            Player::Thread(thread) if is_finished => thread.join().unwrap(),
            Player::Thread(_) => *stuck_threads += 1,
        }
    }
    stuck
}

#[test]
fn what_is_proven_stays_and_what_is_stuck_is_proven() {
    let seed = env::var("SOUNDNESS_SEED")
        .map_or_else(|_| fastrand::u64(..), |it| it.parse().expect("a number"));
    let seconds = env::var("SOUNDNESS_SECONDS").map_or(1, |it| it.parse().expect("a number"));
    let end = Instant::now() + Duration::from_secs(seconds);
    let _ = leakwatch::install();
    let looks = Arc::new(AtomicUsize::new(0));
    // Another who looks all the time, so that looks meet each other.
    let looker = {
        let looks = Arc::clone(&looks);
        thread::spawn(move || {
            while Arc::strong_count(&looks) > 1 {
                assert!(leakwatch::snapshot().alarms.is_empty());
                looks.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let mut rng = Rng::with_seed(seed);
    let (mut rounds, mut stuck, mut stuck_threads) = (0, 0, 0);
    println!("SOUNDNESS_SEED={seed}");
    while rounds < 20 || Instant::now() < end {
        stuck += round(&runtime, &mut rng, rounds, &mut stuck_threads);
        rounds += 1;
    }
    let made = looks.load(Ordering::Relaxed);
    println!(
        "{rounds} programs, {stuck} stuck, {stuck_threads} of them threads, {made} looks beside them"
    );
    assert!(stuck > 0, "nobody was ever stuck: nothing was tested");
    drop(looks);
    looker.join().expect("no alarm");
}
