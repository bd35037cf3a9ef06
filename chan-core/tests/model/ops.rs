//! What a script may do, and what operations answer.

/// A number that stands for a value.
pub(crate) type Id = usize;

/// Whose manners the channel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    Rust,
    Go,
}

/// Which form of a send or receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `try_send`, `try_recv`.
    Try,
    /// `send`, `recv`; only where the model says that they need not wait.
    Block,
    /// With a timeout of zero.
    Timeout,
}

/// One step. The numbers choose among the handles or futures that there are
/// and that can do it, modulo their count; without any the step is skipped.
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
    /// Polls a future with the first or second of its wakers.
    Poll(u8, usize),
    DropFuture(u8),
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
    /// Receives all that there is.
    Drain(u8),
}

impl Op {
    /// Every pair of bytes is a step. Steps that end things are rarer, and
    /// the smallest are the simplest, for those who shrink scripts.
    fn decode(kind: u8, which: u8) -> Op {
        // A timeout is rare, since it gives its turn on the processor away.
        let way = match which >> 4 {
            0..=7 => Way::Try,
            8..=14 => Way::Block,
            _ => Way::Timeout,
        };
        match kind % 64 {
            0..=9 => Op::Send(way, which & 0x0f),
            10..=17 => Op::Recv(way, which & 0x0f),
            18..=25 => Op::MakeSend {
                by: which & 0x7f,
                polled: which >= 0x80,
            },
            26..=37 => Op::MakeRecv {
                by: which & 0x7f,
                polled: which >= 0x80,
            },
            38..=49 => Op::Poll(which & 0x7f, usize::from(which >> 7)),
            50..=55 => Op::DropFuture(which),
            56 => Op::Close {
                by: which & 0x7f,
                polite: which >= 0x80,
            },
            57 => Op::Clone(which),
            58 => Op::Narrow {
                of: which & 0x7f,
                sender: which >= 0x80,
            },
            59 => Op::Split(which),
            60..=62 => Op::DropHandle(which),
            _ => Op::Drain(which),
        }
    }
}

/// A channel and what happens to it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) face: Face,
    pub(crate) capacity: usize,
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
        Script {
            face,
            capacity: usize::from(channel >> 2) % 5,
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
    Got(Id),
    Empty,
    RecvTimedOut,
    /// Closed, and nothing is left.
    Drained,
    All(Vec<Id>),
    Closed,
    AlreadyClosed,
    Pending,
    Panicked(&'static str),
}

impl Answer {
    /// The values that came out with it.
    pub(crate) fn values(&self) -> &[Id] {
        match self {
            Answer::Full(id) | Answer::SendTimedOut(id) => std::slice::from_ref(id),
            Answer::Unsent(id) | Answer::Got(id) => std::slice::from_ref(id),
            Answer::All(ids) => ids,
            _ => &[],
        }
    }
}
