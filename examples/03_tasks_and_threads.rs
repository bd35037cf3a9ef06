//! Tasks and threads on the same channels.
//!
//! A handle has blocking and `_async` methods; who waits how is decided call
//! by call. Here an OS thread does the heavy work for tokio tasks: no bridge,
//! no second kind of channel.

use std::thread;
use std::time::Duration;

use chan_core::{Receiver, Sender, bounded};
use chan_select::select_async;

/// A question, and the channel for its answer.
struct Request {
    number: u64,
    answer: Sender<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (requests, inbox) = bounded::<Request>(2);
    let worker = thread::spawn(move || serve(inbox));

    let mut tasks = Vec::new();
    for number in [10, 20, 30] {
        let requests = requests.clone();
        tasks.push(tokio::spawn(async move { ask(requests, number).await }));
    }
    for task in tasks {
        println!("{}", task.await.expect("the task does not panic"));
    }

    // The tasks have dropped theirs: this is the last sender.
    drop(requests);
    let served = worker.join().expect("the worker does not panic");
    println!("the thread served {served} requests and ended");
}

/// A task: sends without blocking its executor, waits at most so long.
async fn ask(requests: Sender<Request>, number: u64) -> String {
    let (answer, reply) = bounded(1);
    if requests
        .send_async(Request { number, answer })
        .await
        .is_err()
    {
        return format!("fib({number}): the worker is gone");
    }
    select_async! {
        recv(reply) -> sum => format!("fib({number}) = {}", sum.expect("every request is answered")),
        default(Duration::from_secs(20)) => format!("fib({number}): no answer"),
    }
}

/// A thread: plain blocking receives on the other end of the same channel.
fn serve(inbox: Receiver<Request>) -> usize {
    let mut served = 0;
    for Request { number, answer } in inbox {
        // The task may have given up.
        let _ = answer.send(fib(number));
        served += 1;
    }
    served
}

fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}
