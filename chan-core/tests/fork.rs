//! What works in a child after `fork`, as the crate page says. Each test runs
//! itself again as a process that does nothing else, which forks.
#![cfg(all(target_os = "linux", not(loom)))]

mod common;

use std::fs;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use chan_core::{Context, Receiver, Timer, after, bounded};
use common::{Counting, until};

/// Soon, and yet not before the next lines have run.
const SOON: Duration = Duration::from_millis(20);

/// So far away that it must not come.
const HOUR: Duration = Duration::from_secs(3600);

/// Set in the process that forks.
const FORKS: &str = "CHAN_CORE_TEST_FORKS";

/// Runs the test of this name in a process of its own: true in there.
fn in_own_process(test: &str) -> bool {
    if std::env::var_os(FORKS).is_some() {
        return true;
    }
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", test, "--test-threads=1", "--nocapture"]);
    let output = command.env(FORKS, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// Forks, runs `child` in the child, and says whether it was content.
fn fork(child: impl FnOnce()) -> bool {
    until(others_sleep);
    // SAFETY: all other threads of this process sleep, holding no lock that
    // the child takes.
    match unsafe { libc::fork() } {
        -1 => panic!("no fork"),
        0 => {
            // SAFETY: plain calls. The alarm ends a child that hangs; nothing
            // of the parent's is run at the exit.
            unsafe {
                libc::alarm(120);
                let content = panic::catch_unwind(AssertUnwindSafe(child)).is_ok();
                libc::_exit(i32::from(!content));
            }
        }
        pid => {
            let mut status = 0;
            // SAFETY: our child, and a place for its status.
            assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
            libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
        }
    }
}

/// Whether no other thread of the process is running.
fn others_sleep() -> bool {
    // SAFETY: a plain call.
    let own = unsafe { libc::gettid() }.to_string();
    fs::read_dir("/proc/self/task").unwrap().all(|task| {
        let task = task.unwrap();
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The state follows the name, which is in parentheses.
        let state = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next());
        task.file_name() == *own || state == Some('S')
    })
}

/// Threads of this process meet on channels.
fn channels_work() {
    let (tx, rx) = bounded(0);
    let sender = thread::spawn(move || (0..100).try_for_each(|n| tx.send(n)));
    assert_eq!(rx.iter().sum::<i32>(), 4950);
    sender.join().unwrap().unwrap();
}

/// A timer ends a wait that nobody else can end.
fn timers_work() {
    let rx: Receiver<Instant> = after(SOON);
    assert!(thread::spawn(move || rx.recv()).join().unwrap().is_ok());
}

#[test]
fn without_a_timer_before_the_fork_all_of_it_works() {
    if !in_own_process("without_a_timer_before_the_fork_all_of_it_works") {
        return;
    }
    channels_work();
    assert!(fork(|| {
        channels_work();
        timers_work();
    }));
    timers_work();
}

#[test]
fn after_a_timer_only_looks_fire_timers_in_the_child() {
    if !in_own_process("after_a_timer_only_looks_fire_timers_in_the_child") {
        return;
    }
    timers_work();
    let inherited = after(HOUR);
    let content = fork(|| {
        channels_work();
        // Nobody is there to wake a task, or to end a context.
        let rx = after(Duration::from_millis(1));
        let (counting, waker) = Counting::new();
        let mut task = std::task::Context::from_waker(&waker);
        let mut future = Box::pin(rx.recv_async());
        let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(1));
        if future.as_mut().poll(&mut task).is_pending() {
            thread::sleep(10 * SOON);
            assert_eq!(counting.wakes(), 0);
            assert!(future.as_mut().poll(&mut task).is_ready());
        }
        assert!(!ctx.is_cancelled());
        // Looks fire what is due.
        let rx = after(SOON);
        until(|| rx.try_recv().is_ok());
        assert!(after(Duration::ZERO).recv().is_ok());
        assert!(after(SOON).recv_timeout(2 * SOON).is_ok());
        // What was set can be stopped and dropped.
        let timer = Timer::new(HOUR);
        assert!(timer.stop());
        drop(inherited.clone());
    });
    assert!(content);
    // The parent does not notice.
    timers_work();
    assert!(inherited.try_recv().unwrap_err().is_empty());
}
