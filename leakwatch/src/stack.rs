//! Stacks: taken raw where something happens, given names where a report is
//! made.
//!
//! Taking one is a walk that stores return addresses; it runs on the watched
//! threads. Names need debug information and locks, so they are looked up on
//! the thread that makes the report, each address once per process.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use dashmap::DashMap;

use crate::hash::Map;
use crate::report::Frame;

/// Deeper stacks are cut: what matters is near the wait.
const MAX_FRAMES: usize = 64;

/// Return addresses, innermost first. Shared: the same stack may be shown by
/// many reports.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct RawStack(Arc<[usize]>);

impl RawStack {
    /// The stack of this thread.
    pub(crate) fn here() -> RawStack {
        let mut addresses = Vec::with_capacity(MAX_FRAMES);
        backtrace::trace(|frame| {
            addresses.push(frame.ip() as usize);
            addresses.len() < MAX_FRAMES
        });
        RawStack(addresses.into())
    }

    /// The same for the same stack.
    pub(crate) fn hash(&self) -> usize {
        let mix = |hash: usize, ip: &usize| (hash ^ ip).wrapping_mul(0x0100_0000_01b3_usize);
        self.0.iter().fold(0x9ce4_8422_2325, mix)
    }

    /// Names for the frames, less those of the channel and of the runtime
    /// around the thread.
    fn resolve(&self) -> Vec<Frame> {
        let frames: Vec<Frame> = self.0.iter().flat_map(|ip| resolve(*ip).to_vec()).collect();
        trim(frames)
    }
}

/// The stacks of one report, by their addresses: many may be the same.
#[derive(Default)]
pub(crate) struct Named {
    known: Map<RawStack, Arc<[Frame]>>,
    /// There is no time for names.
    none: bool,
}

impl Named {
    /// For a report without stacks.
    pub(crate) fn none() -> Named {
        Named {
            none: true,
            ..Named::default()
        }
    }

    /// The stack with names.
    pub(crate) fn name(&mut self, stack: &RawStack) -> Arc<[Frame]> {
        if self.none {
            return Arc::default();
        }
        if let Some(named) = self.known.get(stack) {
            return Arc::clone(named);
        }
        let named: Arc<[Frame]> = stack.resolve().into();
        self.known.insert(stack.clone(), Arc::clone(&named));
        named
    }
}

/// The frames of one address: more than one where calls were inlined.
fn resolve(ip: usize) -> Arc<[Frame]> {
    static KNOWN: OnceLock<DashMap<usize, Arc<[Frame]>>> = OnceLock::new();
    let known = KNOWN.get_or_init(DashMap::new);
    if let Some(frames) = known.get(&ip) {
        return Arc::clone(&frames);
    }
    // Not under the map's lock: reading debug information takes a while.
    let frames: Arc<[Frame]> = look_up(ip).into();
    known.insert(ip, Arc::clone(&frames));
    frames
}

fn look_up(ip: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    backtrace::resolve(ip as *mut _, |symbol| {
        let function = match symbol.name() {
            // The alternate form leaves out the hash of the compilation.
            Some(name) => format!("{name:#}"),
            None => format!("{ip:#x}"),
        };
        frames.push(Frame {
            function,
            file: symbol.filename().map(shown),
            line: symbol.lineno(),
            address: ip as u64,
        });
    });
    if frames.is_empty() {
        frames.push(Frame {
            function: format!("{ip:#x}"),
            file: None,
            line: None,
            address: ip as u64,
        });
    }
    frames
}

/// A path as a person at the project's root would write it.
fn shown(path: &Path) -> String {
    static ROOT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let root = ROOT.get_or_init(|| env::current_dir().ok());
    let path = match root {
        Some(root) => path.strip_prefix(root).unwrap_or(path),
        None => path,
    };
    path.display().to_string()
}

/// Crates whose frames say how a thread waits or a watcher looks, not why.
const OURS: [&str; 9] = [
    "backtrace::",
    "chan_core::",
    "chan_select::",
    "leakwatch::",
    "std::",
    "core::",
    "alloc::",
    "__rust",
    "_Unwind",
];

/// The same by where their sources lie: builds with little debug information
/// name inlined functions without their crates. (The compiler's own libraries
/// are all under `/rustc/`.)
fn is_our_source(file: &str) -> bool {
    // `…/chan-core/src/`, as the compiler was given it.
    let folder = |lib: &'static str| lib.strip_suffix("lib.rs").unwrap_or(lib);
    file.starts_with("/rustc/")
        || file.contains("/backtrace-0.")
        || file.contains(folder(chan_core::observe::SOURCE))
        || file.contains(folder(crate::SOURCE))
}

/// The outermost frame of everything that a thread's closure or `main` is
/// called from.
const RUNTIME: &str = "__rust_begin_short_backtrace";

fn is_ours(frame: &Frame) -> bool {
    // `<chan_core::Chan<T> as …>::f` is chan_core's; so is `f<…>` of it.
    let name = frame.function.trim_start_matches(['<', '&', '*']);
    let name = name.trim_start_matches("mut ").trim_start_matches("dyn ");
    OURS.iter().any(|ours| name.starts_with(ours))
        || name.starts_with("0x")
        || frame.file.as_deref().is_some_and(is_our_source)
}

/// Leaves out our own frames at the inner end and the runtime's at the outer
/// one. A stack of nothing else stays as it is.
fn trim(mut frames: Vec<Frame>) -> Vec<Frame> {
    let inner = frames.iter().take_while(|frame| is_ours(frame)).count();
    let outer = frames
        .iter()
        .position(|frame| frame.function.contains(RUNTIME));
    let mut end = outer.unwrap_or(frames.len());
    // Between the runtime and the outermost user frame stand shims.
    while end > inner && is_ours(&frames[end - 1]) {
        end -= 1;
    }
    if inner < end {
        frames.truncate(end);
        frames.drain(..inner);
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str) -> Frame {
        Frame {
            function: function.to_owned(),
            file: None,
            line: None,
            address: 0,
        }
    }

    fn names(frames: &[Frame]) -> Vec<&str> {
        frames.iter().map(|frame| frame.function.as_str()).collect()
    }

    #[test]
    fn trims_ours_and_the_runtime() {
        let stack = [
            "backtrace::backtrace::trace",
            "<leakwatch::registry::Hooks as chan_core::watch::Watcher>::stack_requested",
            "std::panicking::try",
            "chan_core::parker::Party::wait",
            "chan_core::chan::RecvChan<T>::recv",
            "operator::worker::run",
            "operator::main::{{closure}}",
            "std::sys::backtrace::__rust_begin_short_backtrace",
            "std::thread::Builder::spawn",
        ];
        let trimmed = trim(stack.iter().map(|name| frame(name)).collect());
        assert_eq!(
            names(&trimmed),
            ["operator::worker::run", "operator::main::{{closure}}"]
        );
    }

    #[test]
    fn keeps_what_would_vanish() {
        let stack = vec![frame("chan_core::parker::Party::wait"), frame("std::rt::x")];
        assert_eq!(trim(stack).len(), 2);
    }

    #[test]
    fn finds_this_function() {
        let frames = RawStack::here().resolve();
        let named = |frame: &Frame| frame.function.contains("finds_this_function");
        // This test is leakwatch's own, so nothing is trimmed before it.
        assert!(
            RawStack::here()
                .0
                .iter()
                .any(|ip| resolve(*ip).iter().any(named)),
            "{frames:?}"
        );
    }
}
