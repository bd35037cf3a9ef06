//! What a judgement takes, in steps: as many as there are parties and handles,
//! whatever hangs on what.

use std::pin::Pin;
use std::task::{Context, Waker};

use chan_core::{Chan, SendChan};

use crate::evidence::graph::STEPS;
use crate::evidence::{Judgement, judge};
use crate::snapshot::Look;
use crate::{Kept, Shared, task};

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
