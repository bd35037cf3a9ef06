//! Go's prime sieves: long chains of filters, and a merge of many streams.
//! Go's run until the process ends; these close their channels when they are
//! through, and everybody comes home.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::worlds::{Ch, World, sized};

/// What the sieves must find: by division.
fn primes_below(limit: usize) -> Vec<usize> {
    let is_prime = |n: &usize| {
        (2..*n)
            .take_while(|d| d * d <= *n)
            .all(|d| !n.is_multiple_of(d))
    };
    (2..limit).filter(is_prime).collect()
}

/// test/chan/sieve1: the numbers run through a chain of filters that grows by
/// one for every prime that comes out of it.
pub(crate) async fn go_sieve1<W: World>(w: W) {
    let limit = sized(300, 2000);
    let numbers = w.chan(0);
    w.go({
        let numbers = numbers.clone();
        async move {
            for n in 2..limit {
                numbers.send(n).await;
            }
            numbers.close();
        }
    });
    let mut primes = Vec::new();
    let mut chain = numbers;
    while let Some(prime) = chain.recv().await {
        primes.push(prime);
        let (from, to) = (chain, w.chan(0));
        chain = to.clone();
        w.go(async move {
            while let Some(n) = from.recv().await {
                if n % prime != 0 {
                    to.send(n).await;
                }
            }
            to.close();
        });
    }
    assert_eq!(primes, primes_below(limit));
}

/// Sends the odd multiples of an odd prime, from its square on.
fn multiples<W: World>(w: &W, prime: usize, limit: usize) -> Ch<W, usize> {
    let stream = w.chan(10);
    let to = stream.clone();
    w.go(async move {
        for multiple in (prime * prime..limit).step_by(2 * prime) {
            to.send(multiple).await;
        }
        to.close();
    });
    stream
}

/// Merges the multiples of all primes that come in: the odd numbers that are
/// no primes, in order, each once.
async fn merge<W: World>(w: W, limit: usize, bases: Ch<W, usize>, composites: Ch<W, usize>) {
    let mut streams = vec![multiples(&w, 3, limit)];
    let mut heads = BinaryHeap::new();
    heads.push(Reverse((streams[0].value().await, 0)));
    let (mut last_base, mut last_sent) = (3, 0);
    while let Some(&Reverse((head, stream))) = heads.peek() {
        // The multiples of a prime that is still to come begin at its square.
        if head >= (last_base + 2) * (last_base + 2) {
            match bases.recv().await {
                Some(base) => {
                    last_base = base;
                    streams.push(multiples(&w, base, limit));
                    let newest = streams.len() - 1;
                    heads.push(Reverse((streams[newest].value().await, newest)));
                }
                None => last_base = limit,
            }
            continue;
        }
        heads.pop();
        if let Some(next) = streams[stream].recv().await {
            heads.push(Reverse((next, stream)));
        }
        if head > last_sent {
            composites.send(head).await;
            last_sent = head;
        }
    }
    composites.close();
}

/// test/chan/sieve2: odd candidates against a heap of streams of multiples,
/// all through buffers.
pub(crate) async fn go_sieve2<W: World>(w: W) {
    let limit = sized(1000, 20_000);
    // Room for all primes whose square is below the limit: whoever finds one
    // never waits for whoever merges.
    let (bases, composites) = (w.chan(50), w.chan(50));
    w.go(merge(w.clone(), limit, bases.clone(), composites.clone()));
    let candidates = w.chan(20);
    w.go({
        let candidates = candidates.clone();
        async move {
            for candidate in (3..limit).step_by(2) {
                candidates.send(candidate).await;
            }
            candidates.close();
        }
    });
    let mut primes = vec![2];
    let mut composite = composites.recv().await;
    while let Some(candidate) = candidates.recv().await {
        while composite.is_some_and(|composite| composite < candidate) {
            composite = composites.recv().await;
        }
        if composite == Some(candidate) {
            continue;
        }
        primes.push(candidate);
        if candidate > 3 && candidate * candidate < limit {
            bases.send(candidate).await;
        } else if candidate * candidate >= limit && !bases.is_closed() {
            bases.close();
        }
    }
    assert_eq!(primes, primes_below(limit));
}
