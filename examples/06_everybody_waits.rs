//! Everybody waits: a process in which nobody is left who runs.
//!
//! Two services share one struct with all channels in it, behind an `Arc`, as
//! one does. Each asks the other before it answers, so both wait, and `main`
//! waits for them. Every channel has handles enough, all of them in the hands
//! of those who wait, but nobody can count what an `Arc` shares. What can be
//! known is that no thread runs: Go calls it "all goroutines are asleep".
//!
//! It needs Linux, which tells who sleeps. Elsewhere this waits for ever.

use std::process;
use std::sync::Arc;
use std::thread;

use chan_core::{Builder, Chan};
use leakwatch::Report;

/// What a question is, and where the answer goes, are left out.
struct Switchboard {
    prices: Chan<u32>,
    stock: Chan<u32>,
}

fn main() {
    leakwatch::on_deadlock(tell).expect("a thread can be started");

    let named = |name| Builder::new().name(name).chan();
    let board = Arc::new(Switchboard {
        prices: named("prices"),
        stock: named("stock"),
    });
    let theirs = Arc::clone(&board);
    let pricing = service("pricing", move || {
        // What is scarce is dear.
        let stock = theirs.stock.recv();
        theirs.prices.send(100 / stock.unwrap_or(1));
    });
    let theirs = Arc::clone(&board);
    let storage = service("storage", move || {
        // What is dear is not kept.
        let price = theirs.prices.recv();
        theirs.stock.send(100 / price.unwrap_or(1));
    });
    pricing.join().expect("it does not panic");
    storage.join().expect("it does not panic");
    println!("this line is never reached");
}

fn service(name: &str, body: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(body).expect("a thread can be started")
}

/// Runs when everybody sleeps, on a thread of leakwatch.
fn tell(report: Report) {
    println!("all threads are asleep - deadlock!");
    let mut lines: Vec<String> = report
        .tasks
        .iter()
        .map(|task| {
            let channel = task.cases[0].channel.as_ref().expect("it is not nil");
            let channel = channel.name.as_deref().unwrap_or("?");
            let evidence = task.evidence.expect("everybody sleeps");
            format!(
                "{}: {} on \"{channel}\", {evidence}",
                task.name, task.operation
            )
        })
        .collect();
    lines.sort();
    println!("{}", lines.join("\n"));
    println!("reason: {}", report.findings[0].reason);
    // `leakwatch::export::text` has all of it, stacks included. Go would end
    // with 2; this program has done what it was written for.
    process::exit(0);
}
