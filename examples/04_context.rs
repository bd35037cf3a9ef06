//! Contexts: the end of a piece of work, told to everybody who does a part.
//!
//! A worker takes a context and selects on its `done` beside its channels. A
//! context is cancelled by its handle, by its deadline or by its parent, and
//! never by a drop.

use std::thread;
use std::time::Duration;

use chan_core::{Chan, Context};
use chan_select::select;

fn main() {
    let (service, shutdown) = Context::background().with_cancel();
    let jobs = Chan::new(0);

    let workers: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|name| {
            // A child ends with its parent. It could also be cancelled alone.
            let (ctx, _cancel) = service.with_cancel();
            let jobs = jobs.clone();
            thread::spawn(move || (name, work(&ctx, &jobs)))
        })
        .collect();

    for job in 1..=6 {
        jobs.send(job);
    }
    shutdown.cancel();
    let mut total = 0;
    for worker in workers {
        let (name, (done, why)) = worker.join().expect("the worker does not panic");
        total += done;
        println!("worker {name} ended: {why}");
    }
    println!("{total} jobs done");

    // A deadline cancels by itself, and says so.
    let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(20));
    let never_answered = Chan::<u32>::new(0);
    select! {
        recv(never_answered) -> answer => println!("answer: {answer:?}"),
        recv(ctx.done()) -> _ => println!("gave up: {}", ctx.cause().expect("it is cancelled")),
    }
}

/// Takes jobs until its context ends.
fn work(ctx: &Context, jobs: &Chan<u32>) -> (usize, String) {
    let mut done = 0;
    loop {
        select! {
            recv(jobs) -> _job => done += 1,
            recv(ctx.done()) -> _ => {
                let cancelled = ctx.cancellation().expect("done is closed");
                return (done, cancelled.cause.to_string());
            }
        }
    }
}
