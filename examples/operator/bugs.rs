//! The bugs that can be planted, and what is told about them.
//!
//! Each name stands for one class of channel bug from real services. The
//! service asks [`Bug`] at the one place where the classes differ from the
//! healthy code; everything that is said to people about a class is here, so
//! that `--list-bugs`, `--help` and the end of a run agree.

use std::io::{self, Write};

use clap::ValueEnum;

/// What is planted in the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Bug {
    /// Nothing: the healthy service.
    None,
    /// A watch ends without closing its channel.
    Zombie,
    /// Two owners close one channel.
    DoubleClose,
    /// A sender does not know that the channel is closed.
    SendAfterClose,
    /// Values received after the close are taken for live ones.
    GhostRead,
    /// A select keeps taking a closed arm as success.
    ClosedArm,
    /// A handler is stuck in a send that nobody receives.
    BlockedHandler,
    /// A worker does not listen to its cancelled context.
    Context,
    /// A channel is made anew in the loop, so that its close reaches nobody.
    PseudoClose,
}

impl Bug {
    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Bug::None => "none",
            Bug::Zombie => "zombie",
            Bug::DoubleClose => "double-close",
            Bug::SendAfterClose => "send-after-close",
            Bug::GhostRead => "ghost-read",
            Bug::ClosedArm => "closed-arm",
            Bug::BlockedHandler => "blocked-handler",
            Bug::Context => "context",
            Bug::PseudoClose => "pseudo-close",
        }
    }

    /// What goes wrong in the service, in one line.
    pub(crate) fn story(self) -> &'static str {
        match self {
            Bug::None => {
                "Nothing: every watch closes its channel, every worker ends with its context."
            }
            Bug::Zombie => {
                "A watch ends without closing its channel: the worker behind it waits for ever."
            }
            Bug::DoubleClose => {
                "The informer and the shutdown both close one channel; only its owner may."
            }
            Bug::SendAfterClose => {
                "A late event is sent on a channel that the shutdown has already closed."
            }
            Bug::GhostRead => {
                "Long after the close, a worker takes what is left in the channel for live events."
            }
            Bug::ClosedArm => {
                "A select takes the arm of a closed channel again and again, as if it had won."
            }
            Bug::BlockedHandler => {
                "A handler sends on an unbuffered channel whose receiver has left: it is stuck."
            }
            Bug::Context => {
                "The context is cancelled, but a worker waits on its channel and never looks."
            }
            Bug::PseudoClose => {
                "The loop makes its stop channel anew each round, so closing it stops nobody."
            }
        }
    }

    /// How it shows and what leakwatch says about it, in one line.
    pub(crate) fn symptom(self) -> &'static str {
        match self {
            Bug::None => "leakwatch finds nothing.",
            Bug::Zombie => {
                "leakwatch finds Proven::Orphaned, with the line that dropped the last sender."
            }
            Bug::DoubleClose => {
                "Panics as in Go; leakwatch finds a double close, with the lines of both."
            }
            Bug::SendAfterClose => {
                "Panics as in Go; leakwatch finds a send after close, with the lines of both."
            }
            Bug::GhostRead => {
                "leakwatch finds ghost reads, with the lines of the receive and of the close."
            }
            Bug::ClosedArm => {
                "leakwatch finds a closed arm that was taken again and again, with its line."
            }
            Bug::BlockedHandler => {
                "leakwatch finds a blocked handler: a send that can never succeed."
            }
            Bug::Context => {
                "leakwatch finds Outlived, with the worker's wait and the line of the cancel."
            }
            Bug::PseudoClose => {
                "leakwatch finds pseudo-closes: how many, made where, closed where."
            }
        }
    }
}

/// `--list-bugs`: two lines for each name.
pub(crate) fn list(out: &mut impl Write) -> io::Result<()> {
    for bug in Bug::value_variants() {
        writeln!(out, "{:<17} {}", bug.name(), bug.story())?;
        writeln!(out, "{:<17} {}", "", bug.symptom())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Bug, list};
    use clap::ValueEnum;

    #[test]
    fn names_are_those_of_the_command_line() {
        for bug in Bug::value_variants() {
            let value = bug.to_possible_value().expect("no bug is hidden");
            assert_eq!(value.get_name(), bug.name());
        }
    }

    #[test]
    fn the_list_has_two_lines_for_each_and_fits_a_terminal() {
        let mut out = Vec::new();
        list(&mut out).expect("a Vec takes everything");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text.lines().count(), 2 * Bug::value_variants().len());
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }

    #[test]
    fn every_bug_has_its_finding() {
        for bug in Bug::value_variants() {
            assert!(bug.symptom().contains("leakwatch finds"), "{}", bug.name());
        }
    }
}
