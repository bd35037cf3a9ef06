//! Our futures beside others in the selects of tokio and futures: a timer, a
//! socket. Their selects drop the futures that lose, polled or not; two
//! published channels lose messages there. These count.

use std::future::Future;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use chan_core::{Receiver, Sender, bounded, unbounded};
use chan_select::{Select, select_async};
use futures_util::FutureExt;
use tokio::io::AsyncReadExt;

/// What each producer sends.
const EACH: usize = 400;

type Ends = (Sender<usize>, Receiver<usize>);

/// Channels of each kind.
fn kinds() -> [fn() -> Ends; 3] {
    [|| bounded(0), || bounded(2), unbounded]
}

fn runtimes() -> [tokio::runtime::Runtime; 2] {
    use tokio::runtime::Builder;
    [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap(),
    ]
}

/// Producers for four channels; the sums of what they send are known.
fn produce(txs: Vec<Sender<usize>>) -> Vec<tokio::task::JoinHandle<()>> {
    let producer = |tx: Sender<usize>| async move {
        for n in 0..EACH {
            tx.send_async(n).await.unwrap();
            if n % 16 == 0 {
                tokio::task::yield_now().await;
            }
        }
    };
    txs.into_iter()
        .map(|tx| tokio::spawn(producer(tx)))
        .collect()
}

const SUM: usize = 4 * (EACH * (EACH - 1) / 2);

/// Receives from four channels until all of them are closed.
fn consume_all<F: Future<Output = usize>>(consume: impl Fn(Vec<Receiver<usize>>) -> F) {
    for runtime in runtimes() {
        for kind in kinds() {
            let (txs, rxs) = (0..4).map(|_| kind()).unzip();
            let sum = runtime.block_on(async {
                let producers = produce(txs);
                let sum = consume(rxs).await;
                for producer in producers {
                    producer.await.unwrap();
                }
                sum
            });
            assert_eq!(sum, SUM);
        }
    }
}

#[test]
fn receives_in_tokio_select_lose_nothing() {
    consume_all(async |rxs| {
        let (mut sum, mut open) = (0, [true; 4]);
        while open.contains(&true) {
            let (n, got) = tokio::select! {
                got = rxs[0].recv_async(), if open[0] => (0, got),
                got = rxs[1].recv_async(), if open[1] => (1, got),
                got = rxs[2].recv_async(), if open[2] => (2, got),
                got = rxs[3].recv_async(), if open[3] => (3, got),
                () = tokio::time::sleep(Duration::from_micros(50)) => continue,
            };
            match got {
                Ok(value) => sum += value,
                Err(_) => open[n] = false,
            }
        }
        sum
    });
}

#[test]
fn receives_in_futures_select_lose_nothing() {
    consume_all(async |rxs| {
        let (mut sum, mut open) = (0, [true; 4]);
        while open.contains(&true) {
            // A closed channel is ready for ever: ask it no more.
            let next = async |n: usize| match open[n] {
                true => rxs[n].recv_async().await,
                false => std::future::pending().await,
            };
            let (n, got) = futures_util::select! {
                got = Box::pin(next(0).fuse()) => (0, got),
                got = Box::pin(next(1).fuse()) => (1, got),
                got = Box::pin(next(2).fuse()) => (2, got),
                got = Box::pin(next(3).fuse()) => (3, got),
            };
            match got {
                Ok(value) => sum += value,
                Err(_) => open[n] = false,
            }
        }
        sum
    });
}

/// A select of ours, by macro and by builder, is one future among others.
#[test]
fn a_select_of_ours_in_tokio_select_loses_nothing() {
    consume_all(async |rxs| {
        let (mut sum, mut open) = (0, 2);
        let mut dynamic = Select::new();
        let two = dynamic.recv(&rxs[2], |got| (2, got));
        let three = dynamic.recv(&rxs[3], |got| (3, got));
        let (mut a, mut b) = (Some(&rxs[0]), Some(&rxs[1]));
        while open + dynamic.len() > 0 {
            let (n, got) = tokio::select! {
                won = async {
                    select_async! {
                        recv(a) -> got => (0, got),
                        recv(b) -> got => (1, got),
                    }
                } => won,
                won = dynamic.select_async() => won,
                () = tokio::time::sleep(Duration::from_micros(50)) => continue,
            };
            match (n, got) {
                (_, Ok(value)) => sum += value,
                (0, Err(_)) => (a, open) = (None, open - 1),
                (1, Err(_)) => (b, open) = (None, open - 1),
                (2, Err(_)) => assert!(dynamic.remove(two)),
                (_, Err(_)) => assert!(dynamic.remove(three)),
            }
        }
        sum
    });
}

/// Sends beside a timer: a plain send may have happened when its future is
/// dropped, and then its value is gone or there; who must know reserves.
#[test]
fn reserved_sends_in_tokio_select_are_sent_once() {
    for runtime in runtimes() {
        let (tx, rx) = bounded(2);
        let received = thread::spawn(move || rx.into_iter().collect::<Vec<usize>>());
        let sent = runtime.block_on(async {
            let mut next = 0;
            while next < EACH {
                tokio::select! {
                    permit = tx.reserve_async() => {
                        permit.unwrap().send(next).unwrap();
                        next += 1;
                    }
                    () = tokio::time::sleep(Duration::from_micros(20)) => {}
                }
            }
            next
        });
        drop(tx);
        assert_eq!(sent, EACH);
        assert_eq!(received.join().unwrap(), (0..EACH).collect::<Vec<_>>());
    }
}

/// Values that a send future took along when it was dropped are dropped, those
/// that went are received: together they are all.
#[test]
fn plain_sends_in_tokio_select_happen_or_do_not() {
    /// Counts itself unless it was received.
    struct Counted(Option<Arc<AtomicUsize>>);
    impl Drop for Counted {
        fn drop(&mut self) {
            if let Some(dropped) = &self.0 {
                dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    for runtime in runtimes() {
        let dropped = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded(1);
        let received = thread::spawn(move || {
            let keep = |mut value: Counted| {
                value.0 = None;
                thread::yield_now();
            };
            rx.into_iter().map(keep).count()
        });
        let told = runtime.block_on(async {
            let mut told = 0;
            for _ in 0..EACH {
                let value = Counted(Some(dropped.clone()));
                tokio::select! {
                    sent = tx.send_async(value) => told += usize::from(sent.is_ok()),
                    () = tokio::task::yield_now() => {}
                }
            }
            told
        });
        drop(tx);
        let received = received.join().unwrap();
        assert_eq!(received + dropped.load(Ordering::Relaxed), EACH);
        assert!(told <= received, "{told} were sent, {received} received");
    }
}

/// A socket and our channels in one loop: no byte and no value is lost.
#[test]
fn a_socket_beside_channels_loses_nothing() {
    for runtime in runtimes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            for _ in 0..EACH {
                stream.write_all(&[1]).unwrap();
            }
            drop(stream);
        });
        let (tx, rx) = bounded(1);
        let sender = thread::spawn(move || (0..EACH).for_each(|_| tx.send(1_usize).unwrap()));
        let (bytes, values) = runtime.block_on(async {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nonblocking(true).unwrap();
            let mut stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let (mut bytes, mut values, mut buffer) = (0, 0, [0; 1]);
            let (mut reads, mut receives) = (true, true);
            while reads || receives {
                tokio::select! {
                    read = stream.read(&mut buffer), if reads => match read.unwrap() {
                        0 => reads = false,
                        n => bytes += n,
                    },
                    got = rx.recv_async(), if receives => match got {
                        Ok(value) => values += value,
                        Err(_) => receives = false,
                    },
                }
            }
            (bytes, values)
        });
        assert_eq!((bytes, values), (EACH, EACH));
        peer.join().unwrap();
        sender.join().unwrap();
    }
}
