//! A task that does not answer is left alone. It has a process to itself:
//! looks of other tests beside it would have it asked anew.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use chan_core::Builder;

/// Counts how often it wakes.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_task_that_does_not_answer_is_asked_for_its_stack_once() {
    leakwatch::install().expect("nobody else watches");
    let count = Arc::new(Count::default());
    let chan = Builder::new().name("deaf").chan::<u8>();
    let mut future = Box::pin(chan.recv_async());
    let waker = Waker::from(Arc::clone(&count));
    let first = future.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(first.is_pending());
    for _ in 0..3 {
        let report = leakwatch::snapshot();
        let [task] = &report.tasks[..] else {
            panic!("one task waits: {report:#?}");
        };
        assert!(task.stack.is_empty());
        // That leakwatch woke it is no sign that somebody meant it.
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}
