//! What a script may do, and what operations answer.

/// A number that stands for a value.
pub(crate) type Id = usize;

/// Whose manners the channel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    Rust,
    Go,
}

/// Which form of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `try_send`, `try_recv` and their like.
    Try,
    /// `send`, `recv`; only where the model says that they need not wait.
    Block,
    /// With a timeout of zero.
    Timeout,
}

impl Way {
    /// This one, but none that waits where it is not `ready`.
    pub(crate) fn or_try(self, ready: bool) -> Way {
        match self {
            Way::Block if !ready => Way::Try,
            way => way,
        }
    }
}

/// One step. The numbers choose among the handles, futures or permits that
/// there are and that can do it, modulo their count; without any the step is
/// skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Send(Way, u8),
    Recv(Way, u8),
    /// Makes a future, and polls it if so wanted.
    MakeSend {
        by: u8,
        polled: bool,
    },
    MakeRecv {
        by: u8,
        polled: bool,
    },
    MakeSendMany {
        by: u8,
        count: usize,
        polled: bool,
    },
    MakeRecvMany {
        by: u8,
        max: usize,
        polled: bool,
    },
    MakeReserve {
        by: u8,
        polled: bool,
    },
    /// A future that waits for the close.
    MakeClosed {
        by: u8,
        polled: bool,
    },
    /// Polls a future with the first or second of its wakers.
    Poll(u8, usize),
    DropFuture(u8),
    /// Sends at the cost of the oldest value.
    ForceSend(u8),
    SendMany {
        way: Way,
        by: u8,
        count: usize,
    },
    RecvMany {
        way: Way,
        by: u8,
        max: usize,
    },
    /// Asks for a permit.
    Reserve(Way, u8),
    /// Sends a value with a permit.
    SpendPermit(u8),
    /// Gives a permit a handle of its own.
    OwnPermit(u8),
    DropPermit(u8),
    /// Waits for the close, no longer than no time at all.
    WaitClosed(Way, u8),
    /// `polite` is `try_close` where there is one.
    Close {
        by: u8,
        polite: bool,
    },
    Clone(u8),
    /// Makes a view that only sends, or only receives.
    Narrow {
        of: u8,
        sender: bool,
    },
    /// Gives up a handle for its two views.
    Split(u8),
    DropHandle(u8),
    /// Makes a weak handle, of a handle or of a weak one.
    Downgrade {
        of: u8,
        weak: bool,
    },
    Upgrade(u8),
    DropWeak(u8),
    /// Receives all that there is, at once or one by one.
    Drain {
        by: u8,
        at_once: bool,
    },
}

/// How large a batch is. The largest is more than a block of a channel without
/// a limit holds.
const SIZES: [usize; 8] = [1, 2, 0, 3, 5, 8, 20, 70];

/// How many kinds of steps are told apart; those that are done often take
/// several.
const KINDS: u8 = 128;

impl Op {
    /// Every pair of bytes is a step. Steps that end things are rarer, and
    /// the smallest are the simplest, for those who shrink scripts.
    fn decode(kind: u8, which: u8) -> Op {
        let (by, high) = (which & 0x7f, which >= 0x80);
        match kind % KINDS {
            0..=13 => Op::Send(way(which), which & 0x0f),
            14..=23 => Op::Recv(way(which), which & 0x0f),
            24..=34 => Op::MakeSend { by, polled: high },
            35..=49 => Op::MakeRecv { by, polled: high },
            50..=67 => Op::Poll(by, usize::from(high)),
            68..=75 => Op::DropFuture(which),
            76 => Op::Close { by, polite: high },
            77 => Op::Clone(which),
            78 => Op::Narrow {
                of: by,
                sender: high,
            },
            79 => Op::Split(which),
            80..=83 => Op::DropHandle(which),
            84..=85 => Op::Drain { by, at_once: high },
            kind => Op::decode_rarer(kind, which),
        }
    }

    fn decode_rarer(kind: u8, which: u8) -> Op {
        let (by, high) = (which & 0x7f, which >= 0x80);
        // Of a batch both the handle and the size are in the byte.
        let few = which & 0x03;
        let size = SIZES[usize::from(which >> 2 & 0x07)];
        match kind {
            86..=91 => Op::Reserve(way(which), which & 0x0f),
            92..=98 => Op::MakeReserve { by, polled: high },
            99..=103 => Op::SpendPermit(which),
            104 => Op::OwnPermit(which),
            105..=106 => Op::DropPermit(which),
            107..=111 => Op::ForceSend(which),
            112..=113 => Op::SendMany {
                way: if high { Way::Block } else { Way::Try },
                by: few,
                count: size,
            },
            114..=116 => Op::MakeSendMany {
                by: few,
                count: size,
                polled: high,
            },
            117..=118 => Op::RecvMany {
                way: if high { Way::Block } else { Way::Try },
                by: few,
                max: size,
            },
            119..=120 => Op::MakeRecvMany {
                by: few,
                max: size,
                polled: high,
            },
            121 => Op::WaitClosed(way(which), which & 0x0f),
            122..=123 => Op::MakeClosed { by, polled: high },
            124 => Op::Downgrade { of: by, weak: high },
            125..=126 => Op::Upgrade(which),
            _ => Op::DropWeak(which),
        }
    }
}

/// A timeout is rare, since it gives its turn on the processor away.
fn way(which: u8) -> Way {
    match which >> 4 {
        0..=7 => Way::Try,
        8..=14 => Way::Block,
        _ => Way::Timeout,
    }
}

/// A channel and what happens to it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) face: Face,
    /// None is a channel without a limit.
    pub(crate) capacity: Option<usize>,
    /// At the end futures are dropped from the back.
    pub(crate) backwards: bool,
    pub(crate) ops: Vec<Op>,
}

/// Longer scripts show nothing new and slow the fuzzer down.
const MOST: usize = 400;

impl Script {
    /// The channel is in the first byte, a step in every two that follow.
    pub(crate) fn new(channel: u8, steps: impl IntoIterator<Item = (u8, u8)>) -> Script {
        let face = if channel & 1 == 0 {
            Face::Rust
        } else {
            Face::Go
        };
        let capacity = usize::from(channel >> 2) % 6;
        Script {
            face,
            capacity: (capacity < 5).then_some(capacity),
            backwards: channel & 2 != 0,
            ops: steps
                .into_iter()
                .take(MOST)
                .map(|(kind, which)| Op::decode(kind, which))
                .collect(),
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Script {
        let (channel, steps) = bytes.split_first().unwrap_or((&0, &[]));
        Script::new(*channel, steps.chunks_exact(2).map(|two| (two[0], two[1])))
    }
}

/// What an operation answers, said in the same words for both faces. Values
/// in it are gone when it has been said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Sent,
    Full(Id),
    SendTimedOut(Id),
    /// The channel is closed, and here is the value.
    Unsent(Id),
    /// Sent, and this one made room for it.
    Displaced(Id),
    Got(Id),
    Empty,
    RecvTimedOut,
    /// Closed, and nothing is left.
    Drained,
    All(Vec<Id>),
    /// So many of a batch were sent. What was not is looked at elsewhere.
    SentSome(usize),
    /// The channel is closed, and the batch has what was not sent.
    UnsentRest,
    /// Here is a permit.
    Granted,
    NoRoom,
    ReserveTimedOut,
    /// No permit: the channel is closed.
    NotGranted,
    Closed,
    AlreadyClosed,
    /// Whether a wait for the close was for something.
    WaitedForClose(bool),
    Pending,
    Panicked(&'static str),
}

impl Answer {
    /// The values that came out with it.
    pub(crate) fn values(&self) -> &[Id] {
        match self {
            Answer::Full(id) | Answer::SendTimedOut(id) => std::slice::from_ref(id),
            Answer::Unsent(id) | Answer::Got(id) => std::slice::from_ref(id),
            Answer::Displaced(id) => std::slice::from_ref(id),
            Answer::All(ids) => ids,
            _ => &[],
        }
    }
}
