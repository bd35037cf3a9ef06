//! A pipeline: three stages, a thread each, channels between them.
//!
//! These are the handles with Rust's manners. Nobody calls `close`: each stage
//! drops its sender when it is done, which ends the loop of the next one.

use std::thread;

use chan_core::{Receiver, Sender, bounded};

fn main() {
    let (numbers_in, numbers) = bounded(4);
    let (squares_in, squares) = bounded(4);

    thread::scope(|s| {
        s.spawn(|| generate(numbers_in));
        s.spawn(|| square(numbers, squares_in));

        // One producer, one consumer: the order is kept.
        for (n, square) in squares.iter().enumerate() {
            println!("{} squared is {square}", n + 1);
        }
        println!("the last sender is gone: {:?}", squares.recv());
    });

    refused();
}

fn generate(out: Sender<u64>) {
    for n in 1..=5 {
        out.send(n).expect("the next stage takes all we have");
    }
}

/// Takes its handles by value: when it returns, its side of both channels goes.
fn square(numbers: Receiver<u64>, out: Sender<u64>) {
    for n in numbers {
        out.send(n * n).expect("main takes all we have");
    }
}

/// A send that fails gives the value back.
fn refused() {
    let (tx, rx) = bounded(1);
    tx.send("first").expect("there is room for one");
    let full = tx.try_send("second").expect_err("there is no room for two");
    println!(
        "refused: {full}, and here it is again: {}",
        full.into_inner()
    );
    drop(rx);
    let closed = tx.send("third").expect_err("nobody can receive any more");
    println!("refused: {closed}, and here it is again: {}", closed.0);
}
