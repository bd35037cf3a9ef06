//! The list of live channels: an entry at birth, gone at death, whether or
//! not somebody watches.
//!
//! The entries are the headers themselves, linked through [`Links`], in a
//! fixed number of lists so that threads that make many channels do not meet.
//!
//! R1  A header's links are guarded by the lock of its list.
//! R2  A linked header's memory is alive: it is unlinked before the last
//!     handle gives up its share. So whoever holds the list's lock may take
//!     another share.
//!
//! Not here: what is in a channel. No channel is locked under a list's lock.

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
#[cfg(not(loom))]
use std::sync::{Mutex, PoisonError};

use crate::header::Header;
#[cfg(not(loom))]
use crate::lock::RawLock;

const LISTS: usize = 16;

/// A header's place in its list.
#[derive(Debug)]
#[cfg_attr(loom, allow(dead_code, reason = "models have no list"))]
pub(crate) struct Links {
    /// A number no other channel of the process has or had; 0 for nil.
    serial: Cell<u64>,
    next: Cell<Option<NonNull<Header>>>,
    prev: Cell<Option<NonNull<Header>>>,
}

impl Links {
    pub(crate) const fn new() -> Self {
        Links {
            serial: Cell::new(0),
            next: Cell::new(None),
            prev: Cell::new(None),
        }
    }

    pub(crate) fn serial(&self) -> u64 {
        self.serial.get()
    }

    /// Of one that was entered.
    #[cfg(not(loom))]
    fn list(&self) -> &'static List {
        &ALIVE[number_of_list(self.serial())]
    }
}

/// The thread that made a channel: its number says which list it is in.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(loom, allow(dead_code, reason = "models have no list"))]
pub(crate) struct Maker(u32);

impl Maker {
    #[cfg(not(loom))]
    #[inline]
    pub(crate) fn this_thread() -> Self {
        Maker(number_of_this_thread())
    }

    #[cfg(loom)]
    pub(crate) fn this_thread() -> Self {
        Maker(0)
    }
}

/// A share of a header's memory.
pub(crate) struct HeaderRef(NonNull<Header>);

// SAFETY: a share of something that is Sync and whose memory may be freed by
// any thread.
unsafe impl Send for HeaderRef {}
// SAFETY: as above.
unsafe impl Sync for HeaderRef {}

// As for handles: a panic cannot leave a header half changed.
impl UnwindSafe for HeaderRef {}
impl RefUnwindSafe for HeaderRef {}

impl HeaderRef {
    /// # Safety
    ///
    /// The memory is alive, and stays so during this call. The pointer was
    /// made from the pointer of the whole channel.
    pub(crate) unsafe fn share(header: NonNull<Header>) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Header::keep_memory(header) };
        HeaderRef(header)
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the share keeps the memory alive.
        unsafe { self.0.as_ref() }
    }
}

impl Clone for HeaderRef {
    fn clone(&self) -> Self {
        // SAFETY: our share keeps the memory alive.
        unsafe { Header::keep_memory(self.0) };
        HeaderRef(self.0)
    }
}

impl Drop for HeaderRef {
    fn drop(&mut self) {
        // SAFETY: our share, used no more.
        unsafe { Header::release_memory(self.0) };
    }
}

/// On a line of its own, so that the lists do not disturb each other.
#[cfg(not(loom))]
#[repr(align(128))]
struct List {
    lock: RawLock,
    head: Cell<Option<NonNull<Header>>>,
    /// How many were ever entered.
    entered: Cell<u64>,
    /// Where the one who reads the list stands between two holds of the lock;
    /// a header that leaves takes it on to the next.
    cursor: Cell<Option<NonNull<Header>>>,
}

// SAFETY: the cells are reached under the lock only.
#[cfg(not(loom))]
unsafe impl Sync for List {}

#[cfg(not(loom))]
static ALIVE: [List; LISTS] = [const {
    List {
        lock: RawLock::new(),
        head: Cell::new(None),
        entered: Cell::new(0),
        cursor: Cell::new(None),
    }
}; LISTS];

/// One reads at a time.
#[cfg(not(loom))]
static TURN: Mutex<()> = Mutex::new(());

/// How many headers are read under one hold of a list's lock.
#[cfg(not(loom))]
const AT_A_TIME: usize = 256;

/// The list of the channel with this serial number, which is not 0.
#[cfg(not(loom))]
fn number_of_list(serial: u64) -> usize {
    ((serial - 1) % LISTS as u64) as usize
}

/// Enters a channel that this thread, whose number is given, has made.
///
/// # Safety
///
/// The header is alive and entered once; the pointer was made from the
/// pointer of the whole channel; [`unlink`] comes before the memory goes.
#[cfg(not(loom))]
#[inline]
pub(crate) unsafe fn link(header: NonNull<Header>, maker: Maker) {
    let number = maker.0 as usize % LISTS;
    let list = &ALIVE[number];
    // SAFETY: alive.
    let links = unsafe { &header.as_ref().links };
    list.lock.lock();
    let entered = list.entered.get();
    list.entered.set(entered + 1);
    links.serial.set(1 + entered * LISTS as u64 + number as u64);
    let next = list.head.replace(Some(header));
    links.next.set(next);
    if let Some(next) = next {
        // SAFETY: linked, hence alive (R2).
        unsafe { next.as_ref() }.links.prev.set(Some(header));
    }
    list.lock.unlock();
}

/// Takes a channel out.
///
/// # Safety
///
/// The header was entered with [`link`] and not taken out since.
#[cfg(not(loom))]
#[inline]
pub(crate) unsafe fn unlink(header: NonNull<Header>) {
    // SAFETY: linked, hence alive.
    let links = unsafe { &header.as_ref().links };
    let list = links.list();
    list.lock.lock();
    let (next, prev) = (links.next.get(), links.prev.get());
    if list.cursor.get() == Some(header) {
        list.cursor.set(next);
    }
    match prev {
        // SAFETY: a neighbour is linked, hence alive.
        Some(prev) => unsafe { prev.as_ref() }.links.next.set(next),
        None => list.head.set(next),
    }
    if let Some(next) = next {
        // SAFETY: as above.
        unsafe { next.as_ref() }.links.prev.set(prev);
    }
    list.lock.unlock();
}

/// A share of every channel that is alive all the time this takes.
#[cfg(not(loom))]
pub(crate) fn alive() -> Vec<HeaderRef> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut all: Vec<HeaderRef> = Vec::new();
    for list in &ALIVE {
        let mut started = false;
        loop {
            // Nothing is allocated under the lock.
            all.reserve(AT_A_TIME);
            list.lock.lock();
            let mut next = if started {
                list.cursor.get()
            } else {
                list.head.get()
            };
            started = true;
            for _ in 0..AT_A_TIME {
                let Some(header) = next else { break };
                // SAFETY: linked, hence alive (R2).
                unsafe {
                    Header::keep_memory(header);
                    next = header.as_ref().links.next.get();
                }
                all.push(HeaderRef(header));
            }
            list.cursor.set(next);
            list.lock.unlock();
            if next.is_none() {
                break;
            }
        }
    }
    all
}

/// A share of the channel that was entered with this number, if it is alive.
#[cfg(not(loom))]
pub(crate) fn find(serial: u64) -> Option<HeaderRef> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if serial == 0 {
        return None;
    }
    let list = &ALIVE[number_of_list(serial)];
    let (mut started, mut found) = (false, None);
    loop {
        list.lock.lock();
        let mut next = if started {
            list.cursor.get()
        } else {
            list.head.get()
        };
        started = true;
        for _ in 0..AT_A_TIME {
            let Some(header) = next else { break };
            // SAFETY: linked, hence alive (R2).
            let links = unsafe { &header.as_ref().links };
            // The youngest stand in front.
            next = links.next.get().filter(|_| links.serial() > serial);
            if links.serial() == serial {
                // SAFETY: as above.
                unsafe { Header::keep_memory(header) };
                found = Some(HeaderRef(header));
            }
        }
        list.cursor.set(next);
        list.lock.unlock();
        if next.is_none() {
            return found;
        }
    }
}

/// A number of its own for each thread.
#[cfg(not(loom))]
fn number_of_this_thread() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};

    static NEXT: AtomicU32 = AtomicU32::new(0);
    thread_local! {
        // No destructor: it can be used while a thread ends.
        static MINE: Cell<u32> = const { Cell::new(u32::MAX) };
    }
    let mine = MINE.get();
    if mine != u32::MAX {
        return mine;
    }
    let mine = NEXT.fetch_add(1, Ordering::Relaxed);
    MINE.set(mine);
    mine
}

// Models look at one channel at a time; the list is not part of them.
#[cfg(loom)]
pub(crate) unsafe fn link(_: NonNull<Header>, _: Maker) {
    let _ = LISTS;
}
#[cfg(loom)]
pub(crate) unsafe fn unlink(_: NonNull<Header>) {}
#[cfg(loom)]
pub(crate) fn alive() -> Vec<HeaderRef> {
    Vec::new()
}
#[cfg(loom)]
pub(crate) fn find(_: u64) -> Option<HeaderRef> {
    None
}
