//! The smallest executor that can run more than one task: one thread, one
//! queue of those who were woken, boxed futures, and nothing else. It shows
//! that channels need of an executor what `std::task` says and no more.
//!
//! Nobody outside wakes its tasks, so when nobody is in the queue nobody ever
//! will be: it knows a deadlock when it sees one, as Go does.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Executor {
    woken: Mutex<VecDeque<Arc<Task>>>,
    alive: AtomicUsize,
}

struct Task {
    /// Nothing when it is over.
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    /// In the queue: woken again, it need not enter twice.
    queued: AtomicBool,
    executor: Arc<Executor>,
}

impl Executor {
    /// Adds a task. It runs when those before it have had their turn.
    pub(crate) fn spawn(self: &Arc<Self>, future: impl Future<Output = ()> + Send + 'static) {
        self.alive.fetch_add(1, Ordering::Relaxed);
        let task = Arc::new(Task {
            future: Mutex::new(Some(Box::pin(future))),
            queued: AtomicBool::new(false),
            executor: Arc::clone(self),
        });
        task.wake();
    }

    /// Runs a future and all it spawns, to the end of the last.
    ///
    /// # Panics
    ///
    /// If tasks are left and none of them can go on; and as its tasks do.
    pub(crate) fn block_on(self: &Arc<Self>, main: impl Future<Output = ()> + Send + 'static) {
        self.spawn(main);
        while let Some(task) = self.next() {
            task.poll();
        }
        let asleep = self.alive.load(Ordering::Relaxed);
        assert_eq!(asleep, 0, "all tasks are asleep: deadlock");
    }

    fn next(&self) -> Option<Arc<Task>> {
        self.woken.lock().unwrap().pop_front()
    }
}

impl Task {
    fn poll(self: Arc<Self>) {
        // A wake from here on means another turn.
        self.queued.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&self));
        let mut future = self.future.lock().unwrap();
        // A wake may come after the end.
        let Some(running) = future.as_mut() else {
            return;
        };
        if let Poll::Ready(()) = running.as_mut().poll(&mut Context::from_waker(&waker)) {
            *future = None;
            self.executor.alive.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            let executor = Arc::clone(&self.executor);
            executor.woken.lock().unwrap().push_back(self);
        }
    }
}
