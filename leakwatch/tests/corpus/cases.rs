//! The cases and what must be said of them, written down from the published
//! descriptions before the detector was tried on any.
//!
//! The kernels are bugs of known projects, named by the project and the pull
//! request in which each was found; the micro cases and patterns are those of
//! Go's own leak profile and of the study behind it; the special cases are
//! ours. All are rebuilt from descriptions. Each has a fixed twin, of which
//! nothing may be said.
//!
//! A leak is written `task: operation`, with the channels' names and the cases
//! of a select in source order.

use crate::run::Setting;

/// How sure one can be of a case at best: the rungs of the evidence ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rung {
    /// Nil channels and empty selects.
    P0,
    /// Nobody is left who could wake it, or only itself.
    P1,
    /// Only members of the same set could wake it.
    P2,
    /// It is stuck, but somebody unaccounted for could still wake it: it must
    /// not be called proven, whatever else is said.
    S,
    /// A future was woken and is not polled. Nothing may be called proven.
    N,
    /// All is well, and nothing may be said.
    Well,
}

impl Rung {
    /// Whether the leaks must be proven, where nothing is unaccounted for.
    pub(crate) fn is_provable(self) -> bool {
        matches!(self, Rung::P0 | Rung::P1 | Rung::P2)
    }
}

/// Where a case comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Kernel,
    Micro,
    Pattern,
    Special,
    /// It looks like a bug, and must not be taken for one.
    Control,
}

/// Who can reach the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Each task has clones of exactly the handles it uses.
    Owned,
    /// All tasks share one struct with all ends, as in Go, by a pointer that
    /// leakwatch counts.
    Shared,
    /// The same by an `Arc`, which nobody counts: what can be known is known
    /// in a closed world only.
    Arc,
    /// The channel stands in a static.
    Static,
}

/// On what the tasks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// A thread for each.
    Threads,
    /// Tasks of tokio, on one thread.
    TokioOne,
    /// Tasks of tokio, on several threads.
    TokioMany,
    /// By turns a thread and a task.
    Mixed,
}

/// A case.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) rung: Rung,
    pub(crate) forms: &'static [Form],
    pub(crate) flavours: &'static [Flavour],
    /// All that is stuck in the end when the order is forced; a task as often
    /// as it is stuck.
    pub(crate) leaks: &'static [(usize, &'static str)],
    /// What else may be stuck when the order is not forced.
    pub(crate) or: &'static [&'static str],
    /// Whether there is a twin without the bug.
    pub(crate) twin: bool,
    /// How many are seen parked before it counts that nothing is said of a
    /// case where all is well.
    pub(crate) parks: usize,
}

const USUAL: &[Form] = &[Form::Owned, Form::Shared, Form::Arc];
const OWNED: &[Form] = &[Form::Owned];
const STATIC: &[Form] = &[Form::Static];

const ALL: &[Flavour] = &[
    Flavour::Threads,
    Flavour::TokioOne,
    Flavour::TokioMany,
    Flavour::Mixed,
];
/// For what a thread cannot do: leave a future unpolled, drop it half-way.
const TASKS: &[Flavour] = &[Flavour::TokioOne, Flavour::TokioMany];

/// A case in the usual forms and flavours, with a twin.
const fn case(
    kind: Kind,
    name: &'static str,
    rung: Rung,
    leaks: &'static [(usize, &'static str)],
) -> Case {
    Case {
        name,
        kind,
        rung,
        forms: USUAL,
        flavours: ALL,
        leaks,
        or: &[],
        twin: true,
        parks: 0,
    }
}

impl Case {
    const fn or(self, or: &'static [&'static str]) -> Case {
        Case { or, ..self }
    }

    const fn forms(self, forms: &'static [Form]) -> Case {
        Case { forms, ..self }
    }

    const fn flavours(self, flavours: &'static [Flavour]) -> Case {
        Case { flavours, ..self }
    }

    /// Has no twin; so many are parked.
    const fn alone(self, parks: usize) -> Case {
        Case {
            twin: false,
            parks,
            ..self
        }
    }
}

use Kind::{Control, Kernel, Micro, Pattern, Special};
use Rung::{N, P0, P1, P2, S, Well};

/// Every case that needs channels, contexts and timers only.
pub(crate) const CASES: &[Case] = &[
    // ---- Kernels: channels. ----
    case(
        Kernel,
        "cockroach/2448",
        P2,
        &[
            (1, "A: select (chan send callbacks | chan receive stop)"),
            (1, "B: select (chan send events | chan receive stop)"),
        ],
    ),
    case(Kernel, "cockroach/24808", P1, &[(1, "R: chan send c")]),
    case(
        Kernel,
        "cockroach/35073",
        P2,
        &[(1, "A: chan send data"), (1, "R: chan send data")],
    ),
    case(Kernel, "etcd/6857", P1, &[(1, "B: chan send status")]),
    case(Kernel, "grpc/660", P1, &[(1, "B: chan send done")]),
    case(Kernel, "grpc/660 (rounds)", P1, &[(1, "B: chan send done")]),
    case(Kernel, "grpc/1275", P1, &[(1, "B: chan receive buf")]),
    case(
        Kernel,
        "kubernetes/38669",
        P1,
        &[(1, "B: chan send result")],
    ),
    case(Kernel, "moby/4395", P1, &[(1, "B: chan send ch")]),
    case(
        Kernel,
        "syncthing/5795",
        P2,
        &[
            (1, "D: chan receive stopped"),
            (1, "R: chan receive stopped"),
        ],
    ),
    // ---- Kernels: channels and contexts. ----
    case(Kernel, "cockroach/10790", P1, &[(2, "D: chan receive c1")])
        .or(&["D: chan receive c1", "D: chan receive c2"]),
    case(
        Kernel,
        "cockroach/13197",
        P1,
        &[(1, "B: chan receive context done")],
    ),
    case(
        Kernel,
        "istio/18454",
        P2,
        &[(1, "S: chan receive timer"), (1, "P: chan send reset")],
    ),
    case(
        Kernel,
        "kubernetes/25331",
        P1,
        &[(1, "A: chan send results")],
    ),
    // ---- Micro cases. ----
    case(Micro, "NilRecv", P0, &[(1, "T: chan receive (nil chan)")]),
    case(Micro, "NilSend", P0, &[(1, "T: chan send (nil chan)")]),
    case(Micro, "SelectNoCases", P0, &[(1, "T: select (no cases)")]),
    case(Micro, "ChanRecv", P1, &[(1, "T: chan receive c")]),
    case(Micro, "ChanSend", P1, &[(1, "T: chan send c")]),
    case(
        Micro,
        "Select",
        P1,
        &[(1, "T: select (chan receive a | chan send b)")],
    ),
    case(Micro, "NoLeakGlobal", S, &[(1, "T: chan receive global")]).forms(STATIC),
    // ---- Patterns. ----
    case(Pattern, "NoCloseRange (0)", P1, &[(1, "P: chan send list")]),
    case(
        Pattern,
        "NoCloseRange (3)",
        P1,
        &[(3, "W: chan receive list")],
    ),
    case(Pattern, "DoubleSend", P1, &[(1, "T: chan send c")]),
    case(Pattern, "EarlyReturn", P1, &[(1, "T: chan send c")]),
    case(Pattern, "Timeout (100)", P1, &[(100, "T: chan send c")]),
    case(Pattern, "looping timer", Well, &[]).alone(0),
    // ---- Special cases. ----
    case(
        Special,
        "1 wrong-capability holder",
        P1,
        &[(1, "T: chan receive c")],
    )
    .forms(OWNED),
    case(Special, "2 idle holder", S, &[(1, "T: chan receive c")]),
    case(
        Special,
        "3 forgotten sender",
        S,
        &[(1, "T: chan receive c")],
    )
    .forms(OWNED),
    case(
        Special,
        "4 static sender",
        S,
        &[(1, "T: chan receive global")],
    )
    .forms(STATIC),
    case(
        Special,
        "4 static receiver",
        P1,
        &[(1, "T: chan receive global")],
    )
    .forms(STATIC),
    case(
        Special,
        "5 sender in a message, dead",
        P2,
        &[(1, "T: chan receive c")],
    )
    .forms(OWNED),
    case(
        Special,
        "5 sender in a message, live",
        S,
        &[(1, "T: chan receive c")],
    )
    .forms(OWNED),
    case(Special, "6 weak sender", S, &[(1, "T: chan receive c")]).forms(OWNED),
    case(
        Special,
        "6 weak sender, gone",
        P1,
        &[(1, "T: chan receive c")],
    )
    .forms(OWNED),
    case(
        Special,
        "6 weak sender, powerless",
        P1,
        &[(1, "T: chan receive c")],
    )
    .forms(OWNED),
    case(Special, "7 pending after", Well, &[]).alone(1),
    case(Special, "7 pending deadline", Well, &[]).alone(1),
    case(
        Special,
        "7 stopped timer",
        P1,
        &[(1, "T: chan receive timer")],
    ),
    case(Special, "8 futurelock", N, &[(1, "T: chan receive c")])
        .forms(OWNED)
        .flavours(TASKS),
    case(Special, "9 cancelled future", Well, &[])
        .forms(OWNED)
        .flavours(TASKS)
        .alone(0),
    case(
        Special,
        "10 holder in a foreign lock",
        S,
        &[(1, "T: chan receive c")],
    ),
    case(
        Special,
        "11 runtime shut down",
        P1,
        &[(1, "T: chan receive c")],
    )
    .forms(OWNED),
    case(Special, "12 raw handle", S, &[(1, "T: chan receive c")]).forms(OWNED),
    // ---- Controls. ----
    case(Control, "cockroach/2448 (stop held)", Well, &[]).alone(2),
    case(Control, "grpc/1275 (before the timer)", Well, &[]).alone(2),
    case(Control, "daisy chain (100)", Well, &[]).alone(101),
    case(Control, "poller", Well, &[]).alone(1),
];

/// A case in which leakwatch proves less than can be known, unless it is in a
/// closed world. The expectation
/// stays as it is; the table says that it is not met.
#[derive(Debug)]
pub(crate) struct Short {
    pub(crate) case: &'static str,
    pub(crate) flavours: &'static [Flavour],
    pub(crate) why: &'static str,
}

/// All of them. It is a failure if one that is not here is missed, and if one
/// that is here is found.
pub(crate) const SHORT: &[Short] = &[];

impl Case {
    /// Whether it is known to be missed in this flavour. In a closed world
    /// nothing is.
    pub(crate) fn is_short(&self, setting: Setting) -> bool {
        let is_it =
            |short: &Short| short.case == self.name && short.flavours.contains(&setting.flavour);
        !setting.closed && SHORT.iter().any(is_it)
    }
}

/// What follows when the primitives are there that it needs.
pub(crate) const LATER: &[(&str, &str)] = &[
    ("kubernetes/11298", "a condition variable and a lock"),
    ("moby/30408", "a condition variable and a lock"),
    ("etcd/6873", "a lock"),
    ("etcd/7492", "a lock and a wait group"),
    ("etcd/7902", "a lock and a wait group"),
    ("grpc/1353", "locks"),
    ("grpc/1460", "a lock"),
    ("kubernetes/10182", "a lock"),
    ("serving/2137", "locks"),
    ("cockroach/1462", "a wait group"),
    ("WaitGroup", "a wait group"),
    ("Cond", "a condition variable"),
    ("Mixed", "a wait group"),
];
