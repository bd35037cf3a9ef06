// Included twice, with `chan` being one crate or the other.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::iter::FusedIterator;
use std::thread;
use std::time::{Duration, Instant};

use chan::{
    Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError,
    TrySendError, after, at, bounded, never, tick, unbounded,
};

/// A pool of workers with a queue of jobs and one of results.
struct Pool<J, R> {
    jobs: Sender<J>,
    results: Receiver<R>,
    workers: Vec<thread::JoinHandle<usize>>,
}

impl<J: Send + 'static, R: Send + 'static> Pool<J, R> {
    fn start(size: usize, work: impl Fn(J) -> R + Clone + Send + 'static) -> Self {
        let (jobs, queue): (Sender<J>, Receiver<J>) = bounded(size);
        let (done, results) = unbounded();
        let workers = (0..size)
            .map(|_| {
                let (queue, done, work) = (queue.clone(), done.clone(), work.clone());
                thread::spawn(move || serve(&queue, &done, work))
            })
            .collect();
        Pool {
            jobs,
            results,
            workers,
        }
    }

    fn finish(self) -> (Vec<R>, usize) {
        let Pool {
            jobs,
            results,
            workers,
        } = self;
        drop(jobs);
        let served = workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum();
        (results.into_iter().collect(), served)
    }
}

fn serve<J, R>(queue: &Receiver<J>, done: &Sender<R>, work: impl Fn(J) -> R) -> usize {
    let mut count = 0;
    for job in queue {
        if done.send(work(job)).is_err() {
            break;
        }
        count += 1;
    }
    count
}

/// Errors of all kinds through `?`, without asking anything of the element.
struct Opaque(#[allow(dead_code)] u8);

fn relay(from: &Receiver<Opaque>, to: &Sender<Opaque>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let value = from.recv()?;
    to.send(value)?;
    let value = from.try_recv()?;
    to.try_send(value)?;
    let value = from.recv_timeout(Duration::from_millis(1))?;
    to.send_timeout(value, Duration::from_millis(1))?;
    Ok(())
}

/// An error has words of its own, for people and for programmers.
fn said(error: &dyn Error) {
    assert!(!error.to_string().is_empty() && !format!("{error:?}").is_empty());
}

fn fused<I: FusedIterator>(iter: I) -> I {
    iter
}

fn of_sends(out: &mut String) {
    let (tx, rx) = bounded(1);
    assert_eq!(tx.send(1), Ok(()));
    match tx.try_send(2) {
        Err(error @ TrySendError::Full(value)) => {
            assert!(error.is_full() && !error.is_disconnected());
            said(&error);
            writeln!(out, "{value}").unwrap();
        }
        other => panic!("{other:?}"),
    }
    let late = tx.send_timeout(3, Duration::from_millis(1)).unwrap_err();
    assert!(late.is_timeout() && late == SendTimeoutError::Timeout(3));
    said(&late);
    writeln!(out, "{}", late.into_inner()).unwrap();
    let late = tx.send_deadline(4, Instant::now()).unwrap_err();
    assert!(!late.is_disconnected());
    let copy = tx.clone();
    assert!(copy.same_channel(&tx));
    assert_eq!((tx.len(), tx.is_full(), tx.is_empty()), (1, true, false));
    assert_eq!((tx.capacity(), rx.capacity()), (Some(1), Some(1)));
    drop(rx);
    let SendError(back) = tx.send(5).unwrap_err();
    assert!(tx.try_send(back).unwrap_err().is_disconnected());
    assert_eq!(
        TrySendError::from(SendError(6)),
        TrySendError::Disconnected(6)
    );
    assert!(SendTimeoutError::from(SendError(6)).is_disconnected());
    assert_eq!(SendError(7).into_inner(), 7);
    said(&SendError(()));
    writeln!(out, "{back}").unwrap();
}

fn of_receives(out: &mut String) {
    let (tx, rx) = unbounded();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert!(rx.try_recv().unwrap_err().is_empty());
    let timeout = rx.recv_timeout(Duration::from_millis(1));
    assert_eq!(timeout, Err(RecvTimeoutError::Timeout));
    assert!(rx.recv_deadline(Instant::now()).unwrap_err().is_timeout());
    (0..5).for_each(|n| tx.send(n).unwrap());
    assert_eq!((tx.capacity(), rx.len(), rx.is_full()), (None, 5, false));
    let some: Vec<i32> = fused(rx.iter()).take(2).collect();
    let rest: Vec<i32> = rx.try_iter().collect();
    assert!(rx.clone().same_channel(&rx));
    drop(tx);
    assert_eq!(rx.recv(), Err(RecvError));
    assert!(rx.try_recv().unwrap_err().is_disconnected());
    let closed = rx.recv_timeout(Duration::from_millis(1)).unwrap_err();
    assert!(closed.is_disconnected());
    assert_eq!(TryRecvError::from(RecvError), TryRecvError::Disconnected);
    assert_eq!(RecvTimeoutError::from(RecvError), closed);
    assert_eq!(fused(rx.into_iter()).next(), None::<i32>);
    writeln!(out, "{some:?} {rest:?} {closed:?} {RecvError:?}").unwrap();
}

fn of_time(out: &mut String) {
    let start = Instant::now();
    let delay = Duration::from_millis(2);
    let fired = after(delay).recv().unwrap();
    assert!(fired >= start + delay);
    assert!(at(start).try_recv().is_ok());
    let ticks: Receiver<Instant> = tick(delay);
    let two: Vec<Instant> = ticks.iter().take(2).collect();
    assert!(two[1] - two[0] >= delay);
    let nobody: Receiver<u8> = never();
    assert!(nobody.try_recv().is_err());
    writeln!(out, "{}", two.len()).unwrap();
}

fn of_crowds(out: &mut String) {
    let pool = Pool::start(3, |n: u64| (n % 10, n * n));
    (0..100).for_each(|n| pool.jobs.send(n).unwrap());
    let (results, served) = pool.finish();
    let mut sums = BTreeMap::new();
    for (digit, square) in results {
        *sums.entry(digit).or_insert(0) += square;
    }
    writeln!(out, "{served} {sums:?}").unwrap();
    // Values that borrow, across scoped threads, without a buffer.
    let words = ["one".to_owned(), "two".to_owned()];
    let (tx, rx) = bounded::<&str>(0);
    let got: Vec<&str> = thread::scope(|s| {
        s.spawn(|| {
            let tx = tx;
            words.iter().for_each(|word| tx.send(word).unwrap());
        });
        rx.iter().collect()
    });
    writeln!(out, "{got:?}").unwrap();
}

fn of_errors(out: &mut String) {
    let (tx, rx) = bounded(1);
    drop(tx);
    let (far, _far_end) = bounded(1);
    writeln!(out, "{:?}", relay(&rx, &far).is_err()).unwrap();
    said(&SendError(Opaque(1)));
    said(&TrySendError::Full(Opaque(2)));
    said(&SendTimeoutError::Timeout(Opaque(3)));
}

pub(crate) fn run() -> String {
    let mut out = String::new();
    of_sends(&mut out);
    of_receives(&mut out);
    of_time(&mut out);
    of_crowds(&mut out);
    of_errors(&mut out);
    out
}
