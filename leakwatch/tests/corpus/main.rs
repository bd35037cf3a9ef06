//! Known bugs, rebuilt, and what leakwatch says of them: the program prints
//! the table, then recall and precision, and fails if anything is not as
//! [`cases`] says: a leak that is missed and not known to be, one that is known
//! to be missed and is found, and anything said that is not so.
//!
//! ```text
//! cargo test -p leakwatch --test corpus                 forced orders, few natural runs
//! CORPUS_NATURAL=100 cargo test -p leakwatch --test corpus
//! cargo test -p leakwatch --test corpus -- etcd         cases by name
//! cargo test -p leakwatch --test corpus -- --soak 3600  random runs under load
//! ```
//!
//! Each case has a process to itself, and another one for every few natural
//! runs: the threads that are left parked end with it, and disturb no other
//! case. (A hundred runs of a leak of a hundred threads would be more threads
//! than a system gives, and each look would be a look at all of them.)

mod cases;
mod judge;
mod kernels;
mod kernels_context;
mod run;
mod small;
mod soak;
mod special;
mod table;
mod words;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::iter;
use std::process::{Command, ExitCode, Stdio, exit};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cases::{CASES, Case, Form, Kind, LATER, SHORT};
use run::{Me, Setting};
use table::Row;

/// The variable by which a process knows that it plays a [`Part`] of a case.
const CHILD: &str = "CORPUS_CASE";

/// How often each leak is left to happen by itself.
const NATURAL: &str = "CORPUS_NATURAL";

/// How many natural runs of each form and flavour one process plays.
const A_FEW: usize = 10;

/// What one process plays of a case.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// Its number among the [`CASES`].
    case: usize,
    /// All runs of forced order.
    forced: bool,
    /// So many natural runs of each form and flavour.
    natural: usize,
}

impl Part {
    /// All parts of a case.
    fn of(case: usize, natural: usize) -> impl Iterator<Item = Part> {
        let first = Part {
            case,
            forced: true,
            natural: natural.min(A_FEW),
        };
        let rest = natural - first.natural;
        let others = (0..rest).step_by(A_FEW).map(move |from| Part {
            case,
            forced: false,
            natural: A_FEW.min(rest - from),
        });
        iter::once(first).chain(others)
    }

    /// As a process is told it.
    fn order(self) -> String {
        format!(
            "{} {} {}",
            self.case,
            usize::from(self.forced),
            self.natural
        )
    }

    /// From such an order.
    fn parse(order: &str) -> Part {
        let numbers = order.split(' ').map(|it| it.parse().expect("a number"));
        let [case, forced, natural] = numbers.collect::<Vec<_>>()[..] else {
            panic!("{order} has not three numbers");
        };
        Part {
            case,
            forced: forced == 1,
            natural,
        }
    }
}

fn main() -> ExitCode {
    watch();
    if let Ok(order) = env::var(soak::CHILD) {
        soak::shift(&order);
    }
    if let Ok(order) = env::var(CHILD) {
        for row in play(Part::parse(&order)) {
            println!("{}", row.line());
        }
        // Those who are stuck end with the process.
        exit(0);
    }
    let args: Vec<String> = env::args().skip(1).collect();
    let is_asked = |what: &str| args.iter().any(|arg| arg == what);
    if is_asked("--list") {
        // A runner that asks for those that are ignored is told of none.
        if !is_asked("--ignored") {
            println!("corpus: test");
        }
        return ExitCode::SUCCESS;
    }
    if let ["--soak", seconds] = args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return soak::soak(seconds.parse().expect("--soak SECONDS"));
    }
    let mut wanted: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    if is_asked("--exact") {
        // By a runner, which names the test and no case.
        wanted.retain(|name| *name != "corpus");
    }
    let is_wanted =
        |case: &Case| wanted.is_empty() || wanted.iter().any(|w| case.name.contains(*w));
    let chosen: Vec<usize> = (0..CASES.len())
        .filter(|&at| is_wanted(&CASES[at]))
        .collect();
    let rows = all(&chosen);
    let provable = CASES.iter().filter(|case| case.rung.is_provable()).count();
    println!(
        "\n{} cases, {provable} of them provable; {} played",
        CASES.len(),
        chosen.len()
    );
    for short in SHORT {
        let known = CASES.iter().any(|case| case.name == short.case);
        assert!(known, "{} is no case", short.case);
        println!(
            "short: {} ({:?}): {}",
            short.case, short.flavours, short.why
        );
    }
    if !can_be_closed() {
        println!("no closed worlds: this kernel does not tell who sleeps");
    }
    for (name, needs) in LATER {
        println!("later: {name}, which needs {needs}");
    }
    table::sums(&rows);
    let wrong = rows.iter().filter(|row| !row.is_right()).count();
    if wrong > 0 {
        println!("\n{wrong} runs are not as they should be");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Plays cases, several parts at a time, and prints each in its turn.
fn all(chosen: &[usize]) -> Vec<Row> {
    let parts: Vec<Vec<Part>> = chosen
        .iter()
        .map(|&case| Part::of(case, naturals(&CASES[case])).collect())
        .collect();
    let in_turn = parts.iter().enumerate();
    let in_turn: Vec<(usize, Part)> = in_turn
        .flat_map(|(place, parts)| parts.iter().map(move |&part| (place, part)))
        .collect();
    let next = AtomicUsize::new(0);
    // Of each case, how many parts are missing, and the rows of the others.
    let missing: Vec<_> = parts
        .iter()
        .map(|parts| (parts.len(), Vec::new()))
        .collect();
    let done = Mutex::new((0, missing, Vec::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(&(place, part)) = in_turn.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let rows = in_a_process(part);
                    let mut done = done.lock().expect("nobody panics with it");
                    let (printed, played, all) = &mut *done;
                    played[place].0 -= 1;
                    played[place].1.extend(rows);
                    while let Some((0, rows)) = played.get_mut(*printed) {
                        table::print(&CASES[chosen[*printed]], rows);
                        all.append(rows);
                        *printed += 1;
                    }
                }
            });
        }
    });
    done.into_inner().expect("nobody panicked with it").2
}

fn in_a_process(part: Part) -> Vec<Row> {
    let me = env::current_exe().expect("it has a path");
    let child = Command::new(me)
        .env(CHILD, part.order())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let rows: Vec<Row> = lines
        .map(|line| line.expect("it can be read"))
        .filter_map(|line| Row::parse(&line))
        .collect();
    let end = child.wait().expect("it ends");
    assert!(end.success(), "{}: {part:?}: {end}", CASES[part.case].name);
    rows
}

fn watch() {
    let mut options = leakwatch::Options::default();
    // Where somebody waits is known by the line; stacks take time.
    options.max_stacks = 0;
    leakwatch::install_with(options).expect("nobody else watches");
}

/// How often each form and flavour of a case is left to itself.
fn naturals(case: &Case) -> usize {
    let many = env::var(NATURAL).map_or(2, |many| many.parse().expect("a number"));
    match case.kind {
        Kind::Kernel | Kind::Micro | Kind::Pattern if case.rung.is_provable() => many,
        _ => 0,
    }
}

/// All runs of a part of a case.
fn play(part: Part) -> Vec<Row> {
    let case = &CASES[part.case];
    let stage = stage(case.name);
    let mut rows = Vec::new();
    // Who is stuck in a closed world is known to belong there. Of those who are
    // left by the others nobody knows, and a world beside them counts as open.
    let worlds = [true, false]
        .into_iter()
        .filter(|closed| !closed || can_be_closed());
    for closed in worlds {
        for &form in case.forms {
            for &flavour in case.flavours {
                let mut play = |fixed, forced| {
                    let setting = Setting {
                        form,
                        flavour,
                        forced,
                        fixed,
                        closed,
                    };
                    let outcome = judge::play(case, stage, setting);
                    rows.push(Row::new(case, setting, &outcome));
                };
                if part.forced {
                    play(false, true);
                }
                if part.forced && case.twin {
                    play(true, true);
                }
                // Of an `Arc` nothing is known but in a closed world, and of the
                // others nothing more.
                if closed == (form == Form::Arc) {
                    (0..part.natural).for_each(|_| play(false, false));
                }
            }
        }
    }
    rows
}

/// Whether the kernel tells who sleeps.
fn can_be_closed() -> bool {
    let known = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));
    known && fs::exists("/proc/thread-self/syscall").unwrap_or(false)
}

/// What a case does.
fn stage(name: &str) -> fn(&Me) {
    match name {
        "cockroach/2448" => kernels::cockroach_2448,
        "cockroach/24808" => kernels::cockroach_24808,
        "cockroach/35073" => kernels::cockroach_35073,
        "etcd/6857" => kernels::etcd_6857,
        "grpc/660" => kernels::grpc_660,
        "grpc/660 (rounds)" => kernels::grpc_660_rounds,
        "grpc/1275" => kernels::grpc_1275,
        "kubernetes/38669" => kernels::kubernetes_38669,
        "moby/4395" => kernels::moby_4395,
        "syncthing/5795" => kernels::syncthing_5795,
        "cockroach/10790" => kernels_context::cockroach_10790,
        "cockroach/13197" => kernels_context::cockroach_13197,
        "istio/18454" => kernels_context::istio_18454,
        "kubernetes/25331" => kernels_context::kubernetes_25331,
        "NilRecv" => small::nil_recv,
        "NilSend" => small::nil_send,
        "SelectNoCases" => small::select_no_cases,
        "ChanRecv" => small::chan_recv,
        "ChanSend" => small::chan_send,
        "Select" => small::select,
        "NoLeakGlobal" => small::no_leak_global,
        "NoCloseRange (0)" => small::no_close_range_0,
        "NoCloseRange (3)" => small::no_close_range_3,
        "DoubleSend" => small::double_send,
        "EarlyReturn" => small::early_return,
        "Timeout (100)" => small::timeout,
        "looping timer" => small::looping_timer,
        "1 wrong-capability holder" => special::wrong_capability,
        "2 idle holder" => special::idle_holder,
        "3 forgotten sender" => special::forgotten,
        "4 static sender" => special::static_sender,
        "4 static receiver" => special::static_receiver,
        "5 sender in a message, dead" => special::message_dead,
        "5 sender in a message, live" => special::message_live,
        "6 weak sender" => special::weak_sender,
        "6 weak sender, gone" => special::weak_sender_gone,
        "6 weak sender, powerless" => special::weak_sender_powerless,
        "7 pending after" => special::pending_after,
        "7 pending deadline" => special::pending_deadline,
        "7 stopped timer" => special::stopped_timer,
        "8 futurelock" => special::futurelock,
        "9 cancelled future" => special::cancelled_future,
        "10 holder in a foreign lock" => special::foreign_lock,
        "11 runtime shut down" => special::runtime_shut_down,
        "12 raw handle" => special::raw_handle,
        "cockroach/2448 (stop held)" => kernels::cockroach_2448_held,
        "grpc/1275 (before the timer)" => kernels::grpc_1275_before,
        "daisy chain (100)" => special::daisy_chain,
        "poller" => special::poller,
        other => unreachable!("{other} is listed and not built"),
    }
}
