//! What the kernel says of the threads of this process: which of them sleep
//! until another thread of it wakes them.
//!
//! This is what a closed world rests on: no count and no type, but that nobody
//! runs. Linux tells for each thread in what call it is blocked, and how often
//! it has gone to sleep so far (`/proc/self/task/N/syscall` and `status`).
//!
//! N1  A thread *sleeps* if it is blocked in a wait on a futex that has no time
//!     limit and that only this process can wake: a private one, or one in
//!     memory that is mapped privately. Parks, locks, condition variables and
//!     the join of a thread wait so; sleeps, sockets, pipes and whatever has a
//!     deadline do not. The kernel gives an answer only for a thread that is
//!     off every run queue, so one that was woken and has not run yet does not
//!     count as asleep. A thread that is stopped, or traced, counts as awake.
//! N2  A thread that is seen asleep twice, with the same count of sleeps read
//!     before the first and after the second, has not run between: to sleep
//!     again it would have had to be counted.
//! N3  There was an instant, that at which the kernel was asked how many threads
//!     there are, at which all of them slept, but for the one that asks: each
//!     that was listed was there before and after it, they are as many, and a
//!     second list is the same. (The one that asks has no lock then.)
//! N4  The *excused* may wake up by themselves: they may also be in a wait on a
//!     futex with a limit, or in a nap. They must not run, for who runs may have
//!     a lock (that of the allocator, say) that somebody sleeps for. Locks of
//!     channels nap too, for a millisecond at most, so a nap must be longer.
//! N5  No signal is caught but those of faults, and those that the C library
//!     keeps for itself. A handler can wake a thread (`sem_post`), and signals
//!     come from anywhere.
//!
//! What is not known (another system, no `/proc`, another machine's numbers of
//! calls) is awake.
//!
//! Not here: who is excused, and what follows ([`crate::closed`]).

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::ops::Range;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

/// A thread, told apart from all that have or had its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tid {
    number: u32,
    /// In the kernel's ticks since it booted.
    started: u64,
}

/// The thread that asks.
pub(crate) fn this_thread() -> Option<Tid> {
    tid(&fs::read_to_string("/proc/thread-self/stat").ok()?)
}

/// The thread that began the process.
pub(crate) fn first_thread() -> Option<Tid> {
    tid(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// All threads there are.
pub(crate) fn threads() -> Option<BTreeSet<Tid>> {
    // One that ends meanwhile has no file any more.
    let all = numbers()?.into_iter();
    Some(all.filter_map(|number| tid(&of(number, "stat")?)).collect())
}

/// Longer than our own locks nap, and than a clock is late.
const LONG_NAP: Duration = Duration::from_millis(5);

/// Threads that were asleep, each at some moment.
pub(crate) struct Asleep {
    /// Some of the excused nap.
    some_nap: bool,
    /// All that were listed.
    numbers: BTreeSet<u32>,
    sleepers: Vec<Sleeper>,
}

struct Sleeper {
    tid: Tid,
    may: Sleep,
    /// How often it had gone to sleep, read before it was seen asleep.
    sleeps: u64,
}

impl Asleep {
    /// Looks whether all threads sleep, but for the one that asks.
    pub(crate) fn look(excused: &BTreeSet<Tid>) -> Option<Asleep> {
        if !is_real() {
            return None;
        }
        let (mut memory, me) = (None, this_thread()?);
        let numbers = numbers()?;
        let mut some_nap = false;
        let mut sleepers = Vec::with_capacity(numbers.len());
        for &number in &numbers {
            let tid = tid(&of(number, "stat")?)?;
            if tid == me {
                continue;
            }
            let may = match excused.contains(&tid) {
                true => Sleep::Limited,
                false => Sleep::Unlimited,
            };
            let sleeps = sleeps(number)?;
            some_nap |= asleep(number, may, &mut memory)?.is_nap;
            sleepers.push(Sleeper { tid, may, sleeps });
        }
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let are_all = field(&status, "Threads:") == Some(numbers.len() as u64);
        (are_all && catches_faults_only(&status)).then_some(Asleep {
            some_nap,
            numbers,
            sleepers,
        })
    }

    /// Whether they have slept ever since, and nobody has come (N3).
    pub(crate) fn still(&self) -> bool {
        if self.some_nap {
            thread::sleep(LONG_NAP);
        }
        let mut memory = None;
        let still = |sleeper: &Sleeper| {
            asleep(sleeper.tid.number, sleeper.may, &mut memory).is_some()
                && sleeps(sleeper.tid.number) == Some(sleeper.sleeps)
        };
        self.sleepers.iter().all(still) && numbers().as_ref() == Some(&self.numbers)
    }

    /// The threads that sleep until somebody wakes them.
    pub(crate) fn sleepers(&self) -> impl Iterator<Item = Tid> {
        let all = self.sleepers.iter();
        let without_limit = all.filter(|sleeper| sleeper.may == Sleep::Unlimited);
        without_limit.map(|sleeper| sleeper.tid)
    }
}

fn numbers() -> Option<BTreeSet<u32>> {
    let all = fs::read_dir("/proc/self/task").ok()?;
    all.map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// What the kernel says of a thread.
fn of(number: u32, what: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/self/task/{number}/{what}")).ok()
}

/// `NUMBER (NAME) STATE …`, the name being anything; the start is number 22.
fn tid(stat: &str) -> Option<Tid> {
    let (number, _) = stat.split_once(' ')?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(Tid {
        number: number.parse().ok()?,
        started: rest.split_ascii_whitespace().nth(19)?.parse().ok()?,
    })
}

/// `NAME:\tNUMBER` in a file of many such lines.
fn field(status: &str, name: &str) -> Option<u64> {
    let mut values = status.lines().filter_map(|line| line.strip_prefix(name));
    values.next()?.trim().parse().ok()
}

/// How often a thread that is asleep has gone to sleep so far.
fn sleeps(number: u32) -> Option<u64> {
    sleeps_of(&of(number, "status")?)
}

fn sleeps_of(status: &str) -> Option<u64> {
    let is_asleep = status.lines().any(|line| line.starts_with("State:\tS"));
    let is_traced = field(status, "TracerPid:") != Some(0);
    let sleeps = field(status, "voluntary_ctxt_switches:");
    sleeps.filter(|_| is_asleep && !is_traced)
}

/// Whether the kernel sees the threads as the program does. Valgrind has them
/// wait for each other by itself.
fn is_real() -> bool {
    static REAL: OnceLock<bool> = OnceLock::new();
    *REAL.get_or_init(|| {
        let preloaded = env::var_os("LD_PRELOAD").unwrap_or_default();
        !preloaded.to_string_lossy().contains("vgpreload")
    })
}

/// In what a thread sleeps, if it does, for no shorter than it may (N1, N4).
fn asleep(number: u32, may: Sleep, memory: &mut Option<Memory>) -> Option<Wait> {
    let wait = wait(&of(number, "syscall")?)?;
    let mut ours = |at| memory.get_or_insert_with(Memory::read).is_private(at);
    let sleeps = wait.sleep >= may && wait.shared.is_none_or(&mut ours);
    sleeps.then_some(wait)
}

/// N5.
fn catches_faults_only(status: &str) -> bool {
    /// ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS; the two of glibc, the three of musl.
    const HARMLESS: [u32; 10] = [4, 5, 6, 7, 8, 11, 31, 32, 33, 34];

    let harmless = HARMLESS
        .iter()
        .fold(0, |mask, signal| mask | 1 << (signal - 1));
    let mut caught = status
        .lines()
        .filter_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught
        .next()
        .map(|mask| u64::from_str_radix(mask.trim(), 16));
    matches!(caught, Some(Ok(caught)) if caught & !harmless == 0)
}

/// For how long a thread sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sleep {
    /// It may wake up by itself.
    Limited,
    /// Until somebody wakes it.
    Unlimited,
}

/// A call in which a thread sleeps.
#[derive(Debug, PartialEq, Eq)]
struct Wait {
    sleep: Sleep,
    is_nap: bool,
    /// The address of a futex that other processes may know.
    shared: Option<u64>,
}

/// The numbers of calls on this machine.
struct Calls {
    futex: u64,
    /// Two ways to nap; and what a wait with a limit is called when it goes on
    /// after the process was stopped.
    naps: [u64; 3],
}

const CALLS: Option<Calls> = if cfg!(not(target_os = "linux")) {
    None
} else if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
    Some(Calls {
        futex: 202,
        naps: [35, 230, 219],
    })
} else if cfg!(any(target_arch = "aarch64", target_arch = "riscv64")) {
    Some(Calls {
        futex: 98,
        naps: [101, 115, 128],
    })
} else {
    None
};

/// `CALL ARGUMENT… STACK COUNTER`; `running`; `-1 …` if it is in no call.
fn wait(call: &str) -> Option<Wait> {
    const WAIT: u64 = 0;
    const WAIT_BITSET: u64 = 9;
    const PRIVATE: u64 = 128;
    const REALTIME: u64 = 256;

    let Calls { futex, naps } = CALLS?;
    let mut words = call.split_ascii_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    if naps.contains(&number) {
        return Some(Wait {
            sleep: Sleep::Limited,
            is_nap: true,
            shared: None,
        });
    }
    let mut argument = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    let [at, what, _expected, limit] = [argument()?, argument()?, argument()?, argument()?];
    let waits = matches!(what & !(PRIVATE | REALTIME), WAIT | WAIT_BITSET);
    (number == futex && waits).then_some(Wait {
        sleep: match limit {
            0 => Sleep::Unlimited,
            _ => Sleep::Limited,
        },
        is_nap: false,
        shared: (what & PRIVATE == 0).then_some(at),
    })
}

/// Which parts of memory no other process has.
struct Memory(Vec<Range<u64>>);

impl Memory {
    fn read() -> Memory {
        let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        Memory(maps.lines().filter_map(private).collect())
    }

    fn is_private(&self, address: u64) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }
}

/// `FROM-TO rwxp …`: the last of the four is `s` if it is shared.
fn private(line: &str) -> Option<Range<u64>> {
    let mut words = line.split_ascii_whitespace();
    let (from, to) = words.next()?.split_once('-')?;
    let is_private = words.next()?.ends_with('p');
    let number = |text| u64::from_str_radix(text, 16).ok();
    is_private.then_some(number(from)?..number(to)?)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};
    use std::thread::JoinHandle;
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_kernel_s_words_are_understood() {
        let named = "17 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 42 20";
        let expected = Tid {
            number: 17,
            started: 42,
        };
        assert_eq!(tid(named), Some(expected));
        assert_eq!(tid("17 (a) S 1"), None);
        let status = |state, tracer| {
            sleeps_of(&format!(
                "State:\t{state} (x)\nTracerPid:\t{tracer}\nvoluntary_ctxt_switches:\t7\n"
            ))
        };
        assert_eq!(status("S", 0), Some(7));
        assert_eq!(
            (status("R", 0), status("t", 0), status("S", 9)),
            (None, None, None)
        );
        assert_eq!(field("a:\t1\nThreads:\t12\n", "Threads:"), Some(12));
        let faults = "SigCgt:\t0000000180000440\n";
        assert!(catches_faults_only(faults));
        assert!(!catches_faults_only("SigCgt:\t0000000000000442\n"), "INT");
        assert!(!catches_faults_only("Threads:\t1\n"));
        let line = "7f00-7f10 rw-p 00000000 00:00 0";
        assert_eq!(private(line), Some(0x7f00..0x7f10));
        assert_eq!(private("7f00-7f10 rw-s 00000000 00:00 0"), None);
    }

    #[test]
    fn only_a_wait_on_a_futex_without_a_limit_is_one_until_woken() {
        let Some(Calls { futex, naps }) = CALLS else {
            return;
        };
        let call = |what: u64, limit: &str| {
            wait(&format!(
                "{futex} 0x7f08 {what:#x} 0x1 {limit} 0x0 0xffffffff 0x7ffc 0x7f99"
            ))
        };
        let waits = |sleep, shared| {
            let is_nap = false;
            Some(Wait {
                sleep,
                is_nap,
                shared,
            })
        };
        // As std, a lock, and a join wait.
        assert_eq!(call(0x89, "0x0"), waits(Sleep::Unlimited, None));
        assert_eq!(call(0x80, "0x0"), waits(Sleep::Unlimited, None));
        assert_eq!(call(0x109, "0x0"), waits(Sleep::Unlimited, Some(0x7f08)));
        // With a limit, a nap, and a wake.
        assert_eq!(call(0x89, "0x7ffd"), waits(Sleep::Limited, None));
        let nap = wait(&format!("{} 0x0", naps[1]));
        assert!(nap.is_some_and(|it| it.is_nap && it.sleep == Sleep::Limited));
        assert_eq!(call(0x81, "0x0"), None);
        for other in ["running\n", "-1 0x7ffc 0x7f99\n", "0 0x0 0x0 0x0 0x0", ""] {
            assert_eq!(wait(other), None, "{other}");
        }
    }

    /// A thread that does this, and which it is.
    fn thread_that(does: impl FnOnce() + Send + 'static) -> (Tid, JoinHandle<()>) {
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            tell.send(this_thread()).unwrap();
            does();
        });
        let tid = told.recv().unwrap();
        (tid.expect("Linux has /proc"), thread)
    }

    fn sleeps_now(tid: Tid) -> bool {
        asleep(tid.number, Sleep::Unlimited, &mut None).is_some()
    }

    fn sleeps_soon(tid: Tid) -> bool {
        let end = Instant::now() + Duration::from_secs(60);
        while Instant::now() < end {
            if sleeps_now(tid) {
                return true;
            }
            thread::sleep(Duration::from_millis(1));
        }
        false
    }

    #[test]
    #[cfg(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    ))]
    fn parks_and_joins_are_sleep_and_naps_are_not() {
        let (parked, thread) = thread_that(thread::park);
        assert!(sleeps_soon(parked));
        let handle = thread.thread().clone();
        let (joins, joiner) = thread_that(move || thread.join().unwrap());
        assert!(sleeps_soon(joins), "a join is in private memory");
        assert!(sleeps_now(parked));

        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let (naps, napper) = thread_that(move || {
            while !until.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
        });
        let seen = |_: &u64| assert!(!sleeps_now(naps));
        let mut naps_counted = BTreeSet::new();
        while naps_counted.len() < 5 {
            naps_counted.extend(sleeps(naps.number).inspect(seen));
        }
        over.store(true, Ordering::Relaxed);
        napper.join().unwrap();
        handle.unpark();
        joiner.join().unwrap();
        assert!(!sleeps_now(parked), "it is gone");
    }

    /// Other tests run beside this one, so that nobody runs cannot be seen
    /// here; `tests/closed_world.rs` sees to it.
    #[test]
    #[cfg(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    ))]
    fn who_runs_is_seen() {
        let all = threads().unwrap();
        assert!(all.contains(&this_thread().unwrap()));
        assert!(all.contains(&first_thread().unwrap()));
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let (busy, thread) = thread_that(move || {
            while !until.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        assert!(threads().unwrap().contains(&busy));
        let everybody = threads().unwrap();
        assert!(Asleep::look(&everybody).is_none(), "one runs");
        over.store(true, Ordering::Relaxed);
        thread.join().unwrap();
        assert!(!threads().unwrap().contains(&busy));
    }
}
