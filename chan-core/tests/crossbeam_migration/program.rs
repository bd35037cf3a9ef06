// An indexer of texts: readers, a pool of workers, a collector. The second
// half goes through the rest of the interface, error by error.

use std::collections::BTreeMap;
use std::error::Error;
use std::iter::FusedIterator;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use chan::{
    IntoIter, Iter, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender,
    TryIter, TryRecvError, TrySendError, after, at, bounded, never, tick, unbounded,
};

const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(2);

/// A part of the program, and its name.
type Part = (&'static str, fn() -> Vec<String>);

pub(crate) const PARTS: [Part; 9] = [
    ("the indexer", index_texts),
    ("errors of sends", errors_of_sends),
    ("errors of receives", errors_of_receives),
    ("iterators", iterators),
    ("times", times),
    ("timers", timers),
    ("sizes", sizes),
    ("handles", handles),
    ("conversions", conversions),
];

// ---- The indexer. ----

/// What goes to a worker; the answer comes by its own channel.
struct Job {
    line: usize,
    text: &'static str,
    reply: Sender<Found>,
}

struct Found {
    line: usize,
    words: Vec<String>,
}

/// A pool that anybody may hand jobs to. Cloned with its handles.
#[derive(Clone, Debug)]
struct Pool<T> {
    jobs: Sender<T>,
    idle: Receiver<usize>,
}

impl<T: Send + 'static> Pool<T> {
    fn start(workers: usize, work: fn(T)) -> (Self, Vec<thread::JoinHandle<usize>>) {
        let (jobs, queue) = bounded::<T>(2);
        let (free, idle) = unbounded();
        let threads = (0..workers).map(|number| {
            let (queue, free) = (queue.clone(), free.clone());
            thread::spawn(move || serve(number, &queue, &free, work))
        });
        let threads = threads.collect();
        (Pool { jobs, idle }, threads)
    }
}

fn serve<T>(number: usize, queue: &Receiver<T>, free: &Sender<usize>, work: fn(T)) -> usize {
    let mut done = 0;
    while let Ok(job) = queue.recv() {
        work(job);
        done += 1;
    }
    // Nobody may want to know.
    let _ = free.send(number);
    done
}

fn submit<T>(pool: &Pool<T>, jobs: impl IntoIterator<Item = T>) -> Result<usize, SendError<T>> {
    let mut count = 0;
    for job in jobs {
        pool.jobs.send(job)?;
        count += 1;
    }
    Ok(count)
}

fn index_texts() -> Vec<String> {
    const TEXTS: [&str; 4] = [
        "one ring two",
        "two towers",
        "three rings one",
        "one two three",
    ];
    let (pool, threads) = Pool::start(3, |job: Job| {
        let words = job.text.split(' ').map(str::to_owned).collect();
        let found = Found {
            line: job.line,
            words,
        };
        job.reply.send(found).expect("somebody collects");
    });
    let (reply, found) = unbounded();
    let jobs = TEXTS.iter().enumerate();
    let jobs = jobs.map(|(line, text)| Job {
        line,
        text,
        reply: reply.clone(),
    });
    let sent = submit(&pool, jobs).map_err(|SendError(job)| job.line);
    drop(reply);
    let mut index = BTreeMap::<String, Vec<usize>>::new();
    for Found { line, words } in &found {
        words
            .into_iter()
            .for_each(|word| index.entry(word).or_default().push(line));
    }
    index.values_mut().for_each(|lines| lines.sort_unstable());
    let Pool { jobs, idle } = pool;
    drop(jobs);
    let done: usize = threads.into_iter().map(|it| it.join().unwrap()).sum();
    let mut idle: Vec<usize> = idle.into_iter().collect();
    idle.sort_unstable();
    vec![format!("{sent:?} {done} {idle:?} {index:?}")]
}

// ---- The interface, piece by piece. ----

/// How a program tells errors apart.
fn of_try_send(answer: Result<(), TrySendError<u8>>) -> String {
    let Err(error) = answer else {
        return "sent".to_owned();
    };
    let (full, closed) = (error.is_full(), error.is_disconnected());
    match error {
        TrySendError::Full(value) => format!("full {value} {full} {closed}"),
        TrySendError::Disconnected(value) => format!("closed {value} {full} {closed}"),
    }
}

fn of_send_timeout(answer: Result<(), SendTimeoutError<u8>>) -> String {
    let Err(error) = answer else {
        return "sent".to_owned();
    };
    let (late, closed) = (error.is_timeout(), error.is_disconnected());
    match error {
        SendTimeoutError::Timeout(value) => format!("late {value} {late} {closed}"),
        SendTimeoutError::Disconnected(value) => format!("closed {value} {late} {closed}"),
    }
}

fn errors_of_sends() -> Vec<String> {
    let (tx, rx) = bounded(1);
    let mut said = vec![of_try_send(tx.try_send(1)), of_try_send(tx.try_send(2))];
    said.push(of_send_timeout(tx.send_timeout(3, SOON)));
    said.push(of_send_timeout(tx.send_deadline(4, Instant::now())));
    drop(rx);
    said.push(of_try_send(tx.try_send(5)));
    said.push(of_send_timeout(tx.send_timeout(6, HOUR)));
    said.push(of_send_timeout(tx.send_deadline(7, Instant::now() + HOUR)));
    let error = tx.send(8).unwrap_err();
    said.push(format!("{} {}", error == SendError(8), error.0));
    said.push(format!(
        "{} {:?}",
        error.into_inner(),
        tx.send(9).map_err(|it| it.0)
    ));
    let back = [
        tx.try_send(1).map_err(TrySendError::into_inner),
        tx.send_timeout(2, HOUR)
            .map_err(SendTimeoutError::into_inner),
    ];
    said.push(format!("{back:?}"));
    // No receiver waits on a channel without a buffer, or there is one.
    let (tx, rx) = bounded(0);
    said.push(of_try_send(tx.try_send(1)));
    let receiver = thread::spawn(move || rx.recv());
    let mut value = 10;
    while let Err(TrySendError::Full(back)) = tx.try_send(value) {
        value = back;
        thread::yield_now();
    }
    said.push(format!("{:?}", receiver.join().unwrap()));
    said
}

fn errors_of_receives() -> Vec<String> {
    let (tx, rx) = unbounded();
    let mut said = Vec::new();
    let mut look = |rx: &Receiver<u8>| {
        let soon = rx.recv_timeout(SOON);
        if let Err(error) = soon {
            said.push(format!(
                "{} {}",
                error.is_timeout(),
                error.is_disconnected()
            ));
        }
        let now = rx.try_recv();
        if let Err(error) = &now {
            said.push(format!("{} {}", error.is_empty(), error.is_disconnected()));
        }
        said.push(format!(
            "{soon:?} {now:?} {:?}",
            rx.recv_deadline(Instant::now())
        ));
    };
    look(&rx);
    (1..=4).for_each(|value| tx.send(value).unwrap());
    look(&rx);
    drop(tx);
    look(&rx);
    said.push(format!("{:?} {:?}", rx.recv(), rx.recv() == Err(RecvError)));
    said.push(format!("{:?}", rx.recv_deadline(Instant::now() + HOUR)));
    let none = match rx.try_recv() {
        Err(TryRecvError::Empty) => "empty",
        Err(TryRecvError::Disconnected) => "over",
        Ok(_) => "a value",
    };
    let never = match never::<u8>().recv_timeout(SOON) {
        Err(RecvTimeoutError::Timeout) => "late",
        Err(RecvTimeoutError::Disconnected) => "over",
        Ok(_) => "a value",
    };
    said.push(format!("{none} {never}"));
    said
}

fn fused<I: FusedIterator<Item = u8>>(mut values: I) -> String {
    let all: Vec<u8> = values.by_ref().collect();
    format!("{all:?} {:?} {:?}", values.next(), values.next())
}

struct Batch<'a> {
    all: Iter<'a, u8>,
    ready: TryIter<'a, u8>,
}

fn iterators() -> Vec<String> {
    let fill = || {
        let (tx, rx) = unbounded();
        (0..3).for_each(|value| tx.send(value).unwrap());
        (tx, rx)
    };
    let filled = || fill().1;
    let (tx, rx) = fill();
    let mut batch = Batch {
        all: rx.iter(),
        ready: rx.try_iter(),
    };
    let first = (batch.all.next(), batch.ready.next());
    let rest: Vec<u8> = batch.ready.by_ref().collect();
    tx.send(7).unwrap();
    let mut said = vec![format!("{first:?} {rest:?} {:?}", batch.ready.next())];
    drop(tx);
    said.push(fused(batch.all));
    said.push(fused(filled().iter()));
    let owned: IntoIter<u8> = filled().into_iter();
    said.push(fused(owned));
    let mut sum = 0;
    for value in &filled() {
        sum += value;
    }
    for value in filled() {
        sum += value;
    }
    said.push(sum.to_string());
    said
}

fn times() -> Vec<String> {
    let (tx, rx) = bounded(0);
    let start = Instant::now();
    let late = (
        rx.recv_timeout(SOON).is_err(),
        tx.send_timeout(1, SOON).is_err(),
    );
    let waited = start.elapsed() >= 2 * SOON;
    let start = Instant::now();
    let at_once = rx.recv_deadline(start).is_err() && rx.recv_timeout(Duration::ZERO).is_err();
    let sender = thread::spawn(move || {
        let far = tx.send_timeout(2, Duration::MAX);
        (
            far.is_ok(),
            tx.send_deadline(3, Instant::now() + HOUR).is_ok(),
        )
    });
    let values = (
        rx.recv_timeout(Duration::MAX),
        rx.recv_deadline(Instant::now() + HOUR),
    );
    let sent = sender.join().unwrap();
    vec![format!("{late:?} {waited} {at_once} {values:?} {sent:?}")]
}

fn timers() -> Vec<String> {
    let start = Instant::now();
    let (once, moment, beats) = (after(SOON), at(start + SOON), tick(SOON));
    let early = once.recv().unwrap() < start + SOON || moment.recv().unwrap() < start + SOON;
    let steps: Vec<Instant> = beats.iter().take(3).collect();
    let apart = steps.windows(2).all(|pair| pair[0] < pair[1]);
    let again = once.try_recv() == Err(TryRecvError::Empty);
    let far = after(HOUR).recv_timeout(SOON) == Err(RecvTimeoutError::Timeout);
    // Optional times, as loops have them.
    let limit: Option<Duration> = None;
    let limit = limit.map(after).unwrap_or(never());
    let none = limit.try_recv().is_err_and(|error| error.is_empty());
    vec![format!("{early} {apart} {again} {far} {none}")]
}

fn sizes() -> Vec<String> {
    fn size<T>(tx: &Sender<T>, rx: &Receiver<T>) -> String {
        let sending = (tx.len(), tx.is_empty(), tx.is_full(), tx.capacity());
        let receiving = (rx.len(), rx.is_empty(), rx.is_full(), rx.capacity());
        assert_eq!(sending, receiving);
        format!("{sending:?}")
    }
    let (tx, rx) = bounded(2);
    let mut said = vec![size(&tx, &rx)];
    (0..2).for_each(|value| {
        tx.send(value).unwrap();
        said.push(size(&tx, &rx));
    });
    let (tx, rx) = unbounded();
    said.push(size(&tx, &rx));
    tx.send(()).unwrap();
    said.push(size(&tx, &rx));
    let (tx, rx) = bounded::<u8>(0);
    said.push(size(&tx, &rx));
    let none = never::<u8>();
    said.push(format!("{} {}", none.len(), none.is_empty()));
    said
}

fn handles() -> Vec<String> {
    fn whole<T: Send + Sync + Clone + Unpin + UnwindSafe + RefUnwindSafe + std::fmt::Debug>(_: &T) {
    }
    let ((tx, rx), (other, another)) = (unbounded::<String>(), bounded::<String>(1));
    whole(&tx);
    whole(&rx);
    let mut said = vec![format!(
        "{} {} {} {}",
        tx.same_channel(&tx.clone()),
        tx.same_channel(&other),
        rx.same_channel(&rx.clone()),
        rx.same_channel(&another),
    )];
    // Shared, stored and passed on; open until the last of each kind is gone.
    let shared = Arc::new(tx);
    let kept: BTreeMap<u8, Sender<String>> = [(1, (*shared).clone())].into();
    drop(shared);
    kept[&1].send("still open".to_owned()).unwrap();
    drop(kept);
    said.push(format!("{:?} {:?}", rx.recv(), rx.recv()));
    // A channel of channels: request and answer.
    let (requests, inbox) = bounded::<(u32, Sender<u32>)>(0);
    let server = thread::spawn(move || {
        for (number, reply) in inbox {
            reply.send(number * number).unwrap();
        }
    });
    let answers = (1..4).map(|number| {
        let (reply, answer) = bounded(1);
        requests.send((number, reply)).unwrap();
        answer.recv().unwrap()
    });
    said.push(format!("{:?}", answers.collect::<Vec<_>>()));
    drop(requests);
    server.join().unwrap();
    // Borrowed values and threads of a scope.
    let text = String::from("borrowed");
    let (tx, rx) = bounded(0);
    thread::scope(|s| {
        s.spawn(|| tx.send(text.as_str()).unwrap());
        said.push(rx.recv().unwrap().to_owned());
    });
    said
}

/// What `?` makes of them.
#[derive(Debug)]
enum Failed {
    Sending,
    Receiving,
    Late,
}

impl<T> From<SendError<T>> for Failed {
    fn from(_: SendError<T>) -> Self {
        Failed::Sending
    }
}

impl From<RecvError> for Failed {
    fn from(_: RecvError) -> Self {
        Failed::Receiving
    }
}

impl From<RecvTimeoutError> for Failed {
    fn from(error: RecvTimeoutError) -> Self {
        if error.is_timeout() {
            Failed::Late
        } else {
            Failed::Receiving
        }
    }
}

fn exchange(tx: &Sender<u8>, rx: &Receiver<u8>, value: u8) -> Result<u8, Failed> {
    tx.send(value)?;
    let first = rx.recv()?;
    Ok(first + rx.recv_timeout(SOON)?)
}

fn boxed(tx: &Sender<u8>, rx: &Receiver<u8>) -> Result<u8, Box<dyn Error + Send + Sync>> {
    rx.try_recv().map_err(|_| tx.try_send(1).unwrap_err())?;
    Ok(rx.recv()?)
}

fn conversions() -> Vec<String> {
    let (tx, rx) = bounded(2);
    let mut said = vec![format!("{:?}", exchange(&tx, &rx, 1))];
    tx.send(2).unwrap();
    said.push(format!("{:?}", exchange(&tx, &rx, 3)));
    let lone = tx.clone();
    drop(rx);
    said.push(format!("{:?}", exchange(&tx, &never(), 1)));
    let (other, ended) = bounded::<u8>(1);
    drop(other);
    said.push(boxed(&lone, &ended).is_err().to_string());
    said.push(format!(
        "{:?}",
        ended.recv_timeout(SOON).map_err(Failed::from)
    ));
    // From the error of the simple form to those of the others.
    said.push(of_try_send(Err(TrySendError::from(SendError(1)))));
    said.push(of_send_timeout(Err(SendTimeoutError::from(SendError(2)))));
    said.push(format!("{:?}", TryRecvError::from(RecvError)));
    said.push(format!("{:?}", RecvTimeoutError::from(RecvError)));
    said
}
