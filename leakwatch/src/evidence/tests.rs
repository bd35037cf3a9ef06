//! What a judgement takes, in steps: as many as there are parties and handles,
//! whatever hangs on what. And what happens while handles are counted.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Waker};

use chan_core::{Chan, RecvChan, SendChan};

use crate::evidence::graph::STEPS;
use crate::evidence::{Between, Judgement, judge, judge_while};
use crate::snapshot::Look;
use crate::{Carrier, Enclosed, Kept, Shared, Tracked, task};

type Tasks = Vec<Pin<Box<dyn Future<Output = ()>>>>;

/// Polls each task once.
fn park(tasks: &mut Tasks) {
    for task in tasks {
        let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
}

/// Tasks each of which waits for what the one before it would send, and what
/// frees the first.
fn chain(links: usize) -> (Tasks, SendChan<u8>) {
    let (first, mut inbox) = Chan::<u8>::new(0).split();
    let mut tasks = Tasks::new();
    for _ in 0..links {
        let (out, next) = Chan::<u8>::new(0).split();
        tasks.push(Box::pin(task!("link", [inbox, out] async move {
            inbox.recv_async().await;
            out.send_async(1).await;
        })));
        inbox = next;
    }
    park(&mut tasks);
    (tasks, first)
}

/// A struct of many channels, and as many tasks that share it.
fn crowd(size: usize) -> Tasks {
    struct Many(Vec<Kept<Chan<u8>>>);
    let many = Shared::new(|keep| Many((0..size).map(|_| keep.keep(Chan::new(0))).collect()));
    let mut tasks = Tasks::new();
    for place in 0..size {
        tasks.push(Box::pin(
            task!("one of a crowd", [many = many.clone()] async move {
                many.at(|many| &many.0[place]).recv_async().await;
            }),
        ));
    }
    drop(many);
    park(&mut tasks);
    tasks
}

/// Other tests may run beside this one, with tasks of their own: few.
fn steps() -> (usize, Judgement) {
    STEPS.set(0);
    let judgement = judge(&Look::around());
    (STEPS.get(), judgement)
}

fn largest_set(judgement: &Judgement) -> usize {
    let sizes = judgement.sets.iter().map(|set| set.members.len());
    sizes.max().unwrap_or(0)
}

#[test]
fn four_times_the_tasks_take_four_times_the_steps() {
    // Each of these would be sixteen times.
    let alive = |size| {
        let (tasks, first) = chain(size);
        let (steps, judgement) = steps();
        assert!(largest_set(&judgement) < size, "the first may be freed");
        drop((tasks, first));
        steps
    };
    let dead = |size| {
        let (tasks, first) = chain(size);
        drop(first);
        let (steps, judgement) = steps();
        assert_eq!(largest_set(&judgement), size);
        drop(tasks);
        steps
    };
    let shared = |size| {
        let tasks = crowd(size);
        let (steps, judgement) = steps();
        assert_eq!(largest_set(&judgement), size);
        drop(tasks);
        steps
    };
    let shapes: [&dyn Fn(usize) -> usize; 3] = [&alive, &dead, &shared];
    for (shape, steps) in shapes.iter().enumerate() {
        let (few, many) = (steps(250), steps(1_000));
        assert!(many > 1_000, "shape {shape}: nothing was counted");
        assert!(many < 6 * few, "shape {shape}: {few} steps became {many}");
    }
}

/// Whether a task is called dead, if something is done meanwhile.
fn is_dead<F: Future>(task: Tracked<F>, meanwhile: impl FnMut(Between)) -> bool {
    let mut task = Box::pin(task);
    let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    let look = Look::around();
    let mut parties = look.parties.iter();
    let place = parties.position(|party| party.wait().task == task.id());
    let judgement = judge_while(&look, meanwhile);
    judgement.verdicts[place.expect("it waits")].is_some()
}

/// Whether a task is called dead that waits for a sender, while another one who
/// can come to it does so at some moment, and then lets go of the way there.
fn is_dead_while<W, F: Future>(
    make: impl Fn(SendChan<u8>, RecvChan<u8>) -> (W, Tracked<F>),
    take: impl Fn(W) -> SendChan<u8>,
    when: Option<Between>,
) -> bool {
    let (tx, inbox) = Chan::<u8>::new(0).split();
    let (way, task) = make(tx, inbox);
    // He has let go of it before anybody looks, if there is no moment.
    let (mut way, mut taken) = (when.map(|_| way), None);
    let dead = is_dead(task, |now| {
        if Some(now) == when {
            taken = way.take().map(&take);
        }
    });
    assert_eq!(taken.is_some(), when.is_some());
    dead
}

const MOMENTS: [Between; 2] = [Between::ReadAndCounted, Between::CountedAndRead];

#[test]
fn what_is_shared_and_cloned_while_it_is_counted_is_alive() {
    let dead = |when| {
        let make = |tx, inbox: RecvChan<u8>| {
            let shared = Shared::new(|keep| keep.keep(tx));
            let task = task!("shares", [inbox, _shared = shared.clone()] async move {
                inbox.recv_async().await;
            });
            (shared, task)
        };
        // The clone is his, whatever becomes of the struct.
        is_dead_while(make, |shared| shared.at(|kept| kept).clone(), when)
    };
    assert!(dead(None), "nobody has anything but the task");
    for when in MOMENTS {
        assert!(!dead(Some(when)), "{when:?}");
    }
}

#[test]
fn what_leaves_a_struct_while_it_is_counted_hides_nobody() {
    type Cupboard = Mutex<Option<Kept<SendChan<u8>>>>;
    // Somebody has taken out what the struct kept. After the look at who waits
    // he makes a handle of it and lets go of the struct; then he drops it, for
    // which he needs no handle of the struct.
    let dead = |makes: bool, when: Option<Between>| {
        let (tx, inbox) = Chan::<u8>::new(0).split();
        let shared = Shared::new(|keep| Cupboard::new(Some(keep.keep(tx))));
        let mut taken = shared.lock().unwrap().take();
        let mut task = Box::pin(task!("shares", [inbox, _s = shared.clone()] async move {
            inbox.recv_async().await;
        }));
        let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        let look = Look::around();
        let mut parties = look.parties.iter();
        let place = parties.position(|party| party.wait().task == task.id());
        let kept = taken.as_ref().unwrap();
        let other = makes.then(|| shared.at(|_| kept).clone());
        drop(shared);
        let judgement = judge_while(&look, |now| {
            if Some(now) == when {
                taken = None;
            }
        });
        assert_eq!(taken.is_none(), when.is_some());
        drop(other);
        judgement.verdicts[place.expect("it waits")].is_some()
    };
    assert!(dead(false, None), "it can be had with the struct only");
    assert!(!dead(true, None), "there is one outside");
    // Entered once, and counted once: but the one that is counted is the other.
    for when in MOMENTS {
        assert!(!dead(true, Some(when)), "{when:?}");
    }
}

#[test]
fn what_is_taken_out_of_a_message_while_it_is_counted_is_alive() {
    let dead = |when| {
        let make = |tx, inbox: RecvChan<u8>| {
            let (out, letters) = Chan::<Enclosed<SendChan<u8>>>::new(2).split();
            out.send(out.enclose(tx));
            let other = letters.clone();
            let task = task!("writes", [inbox, _letters = letters] async move {
                inbox.recv_async().await;
            });
            (other, task)
        };
        let take = |letters: RecvChan<_>| letters.open(letters.recv().expect("it was sent"));
        is_dead_while(make, take, when)
    };
    assert!(dead(None), "nobody can receive the message but the task");
    for when in MOMENTS {
        assert!(!dead(Some(when)), "{when:?}");
    }
}

#[test]
fn who_hides_his_way_in_the_channel_that_it_leads_to_is_found_out() {
    let (tx, inbox) = Chan::<u8>::new(0).split();
    /// A letter has what is waited for, another the way to the letters.
    enum Letter {
        Sender(Enclosed<SendChan<u8>>),
        Way(#[expect(dead_code, reason = "it lies there")] Enclosed<Chan<Letter>>),
    }
    let way = Chan::<Letter>::new(2);
    way.send(Letter::Sender(way.enclose(tx)));
    let letters = way.receiver();
    let mut task = Box::pin(task!("waits", [inbox, _letters = letters] async move {
        inbox.recv_async().await;
    }));
    let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    let look = Look::around();
    let mut parties = look.parties.iter();
    let place = parties.position(|party| party.wait().task == task.id());
    // He was counted with one way, which lies in a letter when these are looked
    // at; so nobody misses the other one, with which he takes the sender.
    let other = way.clone();
    other.send(Letter::Way(other.enclose(way)));
    let mut other = Some(other);
    let mut taken = None;
    let judgement = judge_while(&look, |now| {
        if now == Between::ReadAndCounted
            && let Some(other) = other.take()
            && let Some(Letter::Sender(letter)) = other.recv()
        {
            taken = Some(other.open(letter));
        }
    });
    assert!(taken.is_some());
    let verdict = &judgement.verdicts[place.expect("it waits")];
    assert!(verdict.is_none(), "the sender is not in a letter any more");
}
