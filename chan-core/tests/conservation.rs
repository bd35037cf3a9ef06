//! Every value that is sent is received exactly once: both faces, with and
//! without buffer, threads and tasks as senders and receivers of one channel,
//! in the blocking, the timed, the trying and the awaited form.
//!
//! A million messages each in an optimised build, fewer otherwise.
#![cfg(not(loom))]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use chan_core::{
    Chan, Receiver, RecvChan, SendChan, SendTimeoutError, Sender, TrySendError, bounded,
};

const MESSAGES: usize = if cfg!(debug_assertions) {
    100_000
} else {
    1_000_000
};

/// How many threads, and how many tasks, send; as many receive.
const OF_EACH: usize = 2;

/// What has become of the messages.
struct Ledger {
    received: Vec<AtomicU8>,
    dropped: AtomicUsize,
}

/// A message that knows where it is written down.
struct Message {
    number: usize,
    ledger: Arc<Ledger>,
}

impl Message {
    fn receive(self) {
        let before = self.ledger.received[self.number].fetch_add(1, Ordering::Relaxed);
        assert_eq!(before, 0, "message {} came twice", self.number);
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.ledger.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// The sending end of either face.
trait Tx: Clone + Send + Sync + 'static {
    fn send(&self, message: Message);
    fn try_send(&self, message: Message) -> Result<(), Message>;
    fn send_timeout(&self, message: Message, timeout: Duration) -> Result<(), Message>;
    fn send_async(&self, message: Message) -> impl Future<Output = ()> + Send;
    /// The end of this handle; the last one ends the channel.
    fn close(self);
}

/// The receiving end of either face. `Err` is "not now", `None` is closed.
trait Rx: Clone + Send + Sync + 'static {
    fn recv(&self) -> Option<Message>;
    fn try_recv(&self) -> Result<Option<Message>, ()>;
    fn recv_timeout(&self, timeout: Duration) -> Result<Option<Message>, ()>;
    fn recv_async(&self) -> impl Future<Output = Option<Message>> + Send;
}

impl Tx for Sender<Message> {
    fn send(&self, message: Message) {
        assert!(Sender::send(self, message).is_ok());
    }

    fn try_send(&self, message: Message) -> Result<(), Message> {
        Sender::try_send(self, message).map_err(TrySendError::into_inner)
    }

    fn send_timeout(&self, message: Message, timeout: Duration) -> Result<(), Message> {
        Sender::send_timeout(self, message, timeout).map_err(SendTimeoutError::into_inner)
    }

    async fn send_async(&self, message: Message) {
        assert!(Sender::send_async(self, message).await.is_ok());
    }

    fn close(self) {}
}

impl Rx for Receiver<Message> {
    fn recv(&self) -> Option<Message> {
        Receiver::recv(self).ok()
    }

    fn try_recv(&self) -> Result<Option<Message>, ()> {
        match Receiver::try_recv(self) {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.is_empty() => Err(()),
            Err(_) => Ok(None),
        }
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<Option<Message>, ()> {
        match Receiver::recv_timeout(self, timeout) {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.is_timeout() => Err(()),
            Err(_) => Ok(None),
        }
    }

    async fn recv_async(&self) -> Option<Message> {
        Receiver::recv_async(self).await.ok()
    }
}

impl Tx for SendChan<Message> {
    fn send(&self, message: Message) {
        SendChan::send(self, message);
    }

    fn try_send(&self, message: Message) -> Result<(), Message> {
        SendChan::try_send(self, message).map_err(|full| full.0)
    }

    fn send_timeout(&self, message: Message, timeout: Duration) -> Result<(), Message> {
        SendChan::send_timeout(self, message, timeout).map_err(|late| late.0)
    }

    async fn send_async(&self, message: Message) {
        SendChan::send_async(self, message).await;
    }

    fn close(self) {
        SendChan::close(&self);
    }
}

impl Rx for RecvChan<Message> {
    fn recv(&self) -> Option<Message> {
        RecvChan::recv(self)
    }

    fn try_recv(&self) -> Result<Option<Message>, ()> {
        RecvChan::try_recv(self).map_err(drop)
    }

    fn recv_timeout(&self, timeout: Duration) -> Result<Option<Message>, ()> {
        RecvChan::recv_timeout(self, timeout).map_err(drop)
    }

    async fn recv_async(&self) -> Option<Message> {
        RecvChan::recv_async(self).await
    }
}

/// Sends its share as a thread, in all three forms.
fn send_share(tx: &impl Tx, messages: impl Iterator<Item = Message>) {
    for mut message in messages {
        match message.number % 3 {
            0 => tx.send(message),
            1 => {
                while let Err(back) = tx.send_timeout(message, Duration::from_micros(50)) {
                    message = back;
                }
            }
            _ => {
                while let Err(back) = tx.try_send(message) {
                    message = back;
                    thread::yield_now();
                }
            }
        }
    }
}

/// Receives as a thread, in all three forms, until closed.
fn receive_all(rx: &impl Rx) {
    for turn in 0_usize.. {
        let received = match turn % 3 {
            0 => Ok(rx.recv()),
            1 => rx.recv_timeout(Duration::from_micros(50)),
            _ => rx.try_recv(),
        };
        match received {
            Ok(Some(message)) => message.receive(),
            Ok(None) => return,
            Err(()) => thread::yield_now(),
        }
    }
}

fn conserves(tx: impl Tx, rx: impl Rx) {
    let ledger = Arc::new(Ledger {
        received: (0..MESSAGES).map(|_| AtomicU8::new(0)).collect(),
        dropped: AtomicUsize::new(0),
    });
    let share = |sender: usize| {
        let ledger = Arc::clone(&ledger);
        let numbers = (sender..MESSAGES).step_by(2 * OF_EACH);
        numbers.map(move |number| Message {
            number,
            ledger: Arc::clone(&ledger),
        })
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let (mut threads, mut tasks) = (Vec::new(), Vec::new());
    let (mut senders, mut sending_tasks) = (Vec::new(), Vec::new());
    for number in 0..OF_EACH {
        let (mine, theirs) = (rx.clone(), rx.clone());
        threads.push(thread::spawn(move || receive_all(&mine)));
        tasks.push(runtime.spawn(async move {
            while let Some(message) = theirs.recv_async().await {
                message.receive();
            }
        }));
        let (mine, theirs) = (tx.clone(), tx.clone());
        let messages = share(number);
        senders.push(thread::spawn(move || send_share(&mine, messages)));
        let messages = share(OF_EACH + number);
        sending_tasks.push(runtime.spawn(async move {
            for message in messages {
                theirs.send_async(message).await;
            }
        }));
    }
    drop(rx);
    senders
        .into_iter()
        .for_each(|sender| sender.join().unwrap());
    runtime.block_on(async {
        for task in sending_tasks {
            task.await.unwrap();
        }
    });
    tx.close();
    threads
        .into_iter()
        .for_each(|receiver| receiver.join().unwrap());
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(ledger.dropped.load(Ordering::Relaxed), MESSAGES);
    let missing = ledger
        .received
        .iter()
        .filter(|mark| mark.load(Ordering::Relaxed) != 1)
        .count();
    assert_eq!(missing, 0, "messages never came");
}

fn sender_and_receiver(capacity: usize) {
    let (tx, rx) = bounded(capacity);
    conserves(tx, rx);
}

fn chan(capacity: usize) {
    let (tx, rx) = Chan::new(capacity).split();
    conserves(tx, rx);
}

#[test]
fn sender_and_receiver_capacity_0() {
    sender_and_receiver(0);
}

#[test]
fn sender_and_receiver_capacity_1() {
    sender_and_receiver(1);
}

#[test]
fn sender_and_receiver_capacity_16() {
    sender_and_receiver(16);
}

#[test]
fn sender_and_receiver_capacity_512() {
    sender_and_receiver(512);
}

#[test]
fn chan_capacity_0() {
    chan(0);
}

#[test]
fn chan_capacity_1() {
    chan(1);
}

#[test]
fn chan_capacity_16() {
    chan(16);
}

#[test]
fn chan_capacity_512() {
    chan(512);
}
