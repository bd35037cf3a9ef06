//! What the tests share: a process for each, those who come late, looks.

use std::panic::{self, AssertUnwindSafe};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use chan_core::Chan;
use leakwatch::report::{Evidence, ParkedTask, Proven, Report};
use leakwatch::spawn;
use leakwatch::test::World;

/// Nothing that must come is given up before.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How many looks nothing may be proven in.
pub(crate) const LOOKS: usize = 100;

/// So many looks were made, and those who come late may come.
pub(crate) static LATE: AtomicBool = AtomicBool::new(false);

pub(crate) fn is_late() -> bool {
    LATE.load(Ordering::Acquire)
}

/// Naps until it is late; so long that others count it as at rest.
pub(crate) fn naps() {
    while !is_late() {
        thread::sleep(Duration::from_millis(20));
    }
}

/// Runs the body of a test in a process of its own; `name` is its path.
pub(crate) fn in_a_process(name: &str, body: impl FnOnce()) {
    const CHILD: &str = "CLOSED_WORLD_CHILD";
    if env::var(CHILD).is_ok() {
        let mut options = leakwatch::Options::default();
        // They take time, and nothing here depends on them.
        options.max_stacks = 0;
        leakwatch::install_with(options).expect("nobody else watches");
        return body();
    }
    // Its name without that of the crate.
    let (_, name) = name.split_once("::").expect("it is in a module");
    let me = env::current_exe().expect("it has a path");
    let child = Command::new(me)
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

/// Tests that have a process each.
macro_rules! alone {
    ($($(#[$about:meta])* fn $name:ident() $body:block)*) => {
        $($(#[$about])* #[test] fn $name() {
            $crate::common::in_a_process(concat!(module_path!(), "::", stringify!($name)), || $body)
        })*
    };
}

pub(crate) use alone;

pub(crate) const CLOSED: Evidence = Evidence::Proven(Proven::ClosedWorld);

pub(crate) fn evidence(report: &Report, name: &str) -> Option<Evidence> {
    let task = report.tasks.iter().find(|task| task.name == name)?;
    task.evidence
}

/// Looks until it is so.
pub(crate) fn until(world: &World, so: impl Fn(&Report) -> bool) -> Report {
    // A machine may stand still.
    let (end, mut looks) = (Instant::now() + PATIENCE, 0);
    loop {
        looks += 1;
        let report = world.report();
        assert!(report.alarms.is_empty(), "{:#?}", report.alarms);
        if so(&report) {
            return report;
        }
        assert!(
            Instant::now() < end || looks < 10_000,
            "it is never so: {report:#?}"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// Looks often, then has somebody come. Nothing is proven of anybody before,
/// and the one who waited goes on.
pub(crate) fn never_proven<R>(world: &World, waiter: thread::JoinHandle<R>) -> R {
    let mut looks = 0;
    while !waiter.is_finished() {
        let report = world.report();
        let proven = |task: &ParkedTask| task.evidence.is_some();
        assert!(!report.tasks.iter().any(proven), "{report:#?}");
        looks += usize::from(!report.tasks.is_empty());
        if looks >= LOOKS {
            LATE.store(true, Ordering::Release);
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert!(is_late(), "{looks} looks");
    let alarms = leakwatch::snapshot().alarms;
    assert!(alarms.is_empty(), "{alarms:#?}");
    waiter.join().unwrap()
}

/// Of a wait that nothing ends, nothing is proven in so many looks, if this is
/// what somebody looks like.
pub(crate) fn not_proven(world: &World, parked: usize) {
    until(world, |report| report.tasks.len() == parked);
    for _ in 0..LOOKS {
        let report = world.report();
        let closed = |task: &ParkedTask| task.evidence == Some(CLOSED);
        assert!(!report.tasks.iter().any(closed), "{report:#?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Two channels that everybody has, so that no count tells anything.
pub(crate) fn both() -> Arc<(Chan<u8>, Chan<u8>)> {
    Arc::new((Chan::new(0), Chan::new(0)))
}

/// A thread that waits for a channel that is shared.
pub(crate) fn waiter(both: &Arc<(Chan<u8>, Chan<u8>)>) -> thread::JoinHandle<Option<u8>> {
    let both = Arc::clone(both);
    spawn!("waiter", [] move || both.0.recv())
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_time().build().unwrap()
}

/// The text of the panic that ends `body`.
pub(crate) fn failure(body: impl FnOnce()) -> String {
    let panicked = panic::catch_unwind(AssertUnwindSafe(body)).expect_err("it must fail");
    *panicked.downcast::<String>().expect("a text")
}
