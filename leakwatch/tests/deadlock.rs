//! `on_deadlock`: programs in which everybody waits, and some in which somebody
//! does not. Each is a process, and this program starts them all.

use std::process::{Child, Command, ExitCode, Output, Stdio, exit};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use chan_core::{Builder, Chan, Context, after};
use leakwatch::Report;
use leakwatch::report::{Evidence, Proven};

/// The variable by which a process knows which program it is.
const CHILD: &str = "DEADLOCK_PROGRAM";

/// What a program ends with when it was called dead, and when it comes to its
/// end.
const DEAD: i32 = 2;
const ALIVE: i32 = 3;

type Program = (&'static str, fn(), i32);

/// What they do, and how they end.
const PROGRAMS: &[Program] = &[
    ("main waits on a channel of its own", own, DEAD),
    ("main joins a plain thread that waits", joins, DEAD),
    ("main waits for a lock of one that waits", locks, DEAD),
    ("two wait for each other", circle, DEAD),
    (
        "a handle is in a static, another is forgotten",
        forgotten,
        DEAD,
    ),
    ("a runtime and its tasks wait", tasks, DEAD),
    ("a timer fires before everybody waits", timers, DEAD),
    ("a thread naps, and sends", naps, ALIVE),
    ("a timer that somebody waits for", timer, ALIVE),
    ("a context with a deadline", deadline, ALIVE),
    ("a task of a runtime naps, and sends", task_naps, ALIVE),
    ("a child process is waited for", child, ALIVE),
    ("nobody waits on a channel", nobody, ALIVE),
];

fn main() -> ExitCode {
    if let Ok(number) = env::var(CHILD) {
        let (_, program, _) = PROGRAMS[number.parse::<usize>().expect("a number")];
        leakwatch::on_deadlock(dead).expect("it starts");
        program();
        exit(ALIVE);
    }
    let is_asked = |what: &str| env::args().any(|arg| arg == what);
    if is_asked("--list") {
        // A runner that asks for those that are ignored is told of none.
        if !is_asked("--ignored") {
            println!("deadlock: test");
        }
        return ExitCode::SUCCESS;
    }
    let known = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));
    if !known || !fs::exists("/proc/thread-self/syscall").unwrap_or(false) {
        println!("skipped: this kernel does not tell who sleeps");
        return ExitCode::SUCCESS;
    }
    let children = PROGRAMS.iter().enumerate().map(|(number, program)| {
        let me = env::current_exe().expect("it has a path");
        let child = Command::new(me)
            .env(CHILD, number.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        (program, child.expect("it starts"))
    });
    let mut failed = 0;
    for (&(name, _, end), child) in children.collect::<Vec<_>>() {
        let output = output(child);
        let is_right = output.status.code() == Some(end);
        println!("{} {name}", if is_right { "ok  " } else { "FAIL" });
        if !is_right {
            failed += 1;
            println!("{}", output.status);
            println!("{}", String::from_utf8_lossy(&output.stdout));
            println!("{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// What a program has said, and how it has ended. One that is dead and not
/// known to be would not.
fn output(mut child: Child) -> Output {
    let end = Instant::now() + Duration::from_secs(120);
    while child.try_wait().expect("it is ours").is_none() && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
    // Of one that has ended this does nothing.
    let _ = child.kill();
    child.wait_with_output().expect("it has ended")
}

/// Everybody sleeps. Whoever is parked is proven, and there is no alarm.
fn dead(report: Report) {
    println!("{}", leakwatch::export::text::to_string(&report));
    let proven = |it: &Option<Evidence>| matches!(it, Some(Evidence::Proven(_)));
    assert!(!report.tasks.is_empty());
    assert!(report.tasks.iter().all(|task| proven(&task.evidence)));
    assert!(report.alarms.is_empty());
    let closed = Some(Evidence::Proven(Proven::ClosedWorld));
    assert!(report.tasks.iter().any(|task| task.evidence == closed));
    exit(DEAD);
}

/// Longer than the looks are apart.
const LONG: Duration = Duration::from_millis(2500);

fn own() {
    let chan = Arc::new(Chan::<u8>::new(0));
    let _other = Arc::clone(&chan);
    chan.recv();
}

fn joins() {
    let chan = Chan::<u8>::new(0);
    let theirs = chan.clone();
    thread::spawn(move || theirs.recv())
        .join()
        .expect("it does not panic");
    chan.send(1);
}

fn locks() {
    let lock = Arc::new(Mutex::new(Chan::<u8>::new(0)));
    let theirs = Arc::clone(&lock);
    let (has, had) = mpsc::channel();
    thread::spawn(move || {
        let chan = theirs.lock().expect("nobody panics with it");
        has.send(()).expect("somebody listens");
        chan.recv()
    });
    had.recv().expect("it has it");
    lock.lock().expect("nobody panics with it").send(1);
}

fn circle() {
    let both = Arc::new((Chan::<u8>::new(0), Chan::<u8>::new(0)));
    let theirs = Arc::clone(&both);
    thread::spawn(move || {
        theirs.0.recv();
        theirs.1.send(1);
    });
    both.1.recv();
    both.0.send(1);
}

fn forgotten() {
    static GLOBAL: Mutex<Option<Chan<u8>>> = Mutex::new(None);
    let chan = Builder::new().name("global").chan();
    *GLOBAL.lock().expect("no panics") = Some(chan.clone());
    let other = Chan::<u8>::new(0);
    std::mem::forget(other.clone());
    thread::spawn(move || other.recv());
    chan.recv();
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_time().build();
    runtime.expect("a runtime can be had")
}

fn tasks() {
    let both = Arc::new((Chan::<u8>::new(0), Chan::<u8>::new(0)));
    runtime().block_on(async move {
        let theirs = Arc::clone(&both);
        let task = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            theirs.0.recv_async().await;
            theirs.1.send_async(1).await;
        });
        both.1.recv_async().await;
        both.0.send_async(1).await;
        task.await.expect("it does not panic");
    });
}

fn timers() {
    let chan = Arc::new(Chan::<u8>::new(0));
    let _other = Arc::clone(&chan);
    after(LONG).recv().expect("a timer never closes");
    chan.recv();
}

fn naps() {
    let chan = Arc::new(Chan::<u8>::new(0));
    let theirs = Arc::clone(&chan);
    thread::spawn(move || {
        thread::sleep(LONG);
        theirs.send(1);
    });
    assert_eq!(chan.recv(), Some(1));
}

fn timer() {
    let chan = Arc::new(Chan::<u8>::new(0));
    let theirs = Arc::clone(&chan);
    thread::spawn(move || {
        after(LONG).recv().expect("a timer never closes");
        theirs.send(1);
    });
    assert_eq!(chan.recv(), Some(1));
}

fn deadline() {
    let (ctx, _cancel) = Context::background().with_timeout(LONG);
    assert_eq!(ctx.done().recv(), None);
}

fn task_naps() {
    let chan = Arc::new(Chan::<u8>::new(0));
    let theirs = Arc::clone(&chan);
    let runtime = runtime();
    runtime.spawn(async move {
        tokio::time::sleep(LONG).await;
        theirs.send_async(1).await;
    });
    assert_eq!(chan.recv(), Some(1));
}

fn child() {
    let chan = Arc::new(Chan::<u8>::new(0));
    let theirs = Arc::clone(&chan);
    thread::spawn(move || {
        let nap = Command::new("sleep").arg("2.5").status();
        assert!(nap.is_ok_and(|status| status.success()));
        theirs.send(1);
    });
    assert_eq!(chan.recv(), Some(1));
}

/// It is stuck, and would be for ever, but not on anything that is ours.
fn nobody() {
    thread::spawn(|| {
        thread::sleep(LONG);
        // The last word of this program.
        exit(ALIVE);
    });
    thread::park();
}
