//! What channels ask of the allocator: once per channel, once more for what few
//! need, never to wait, and what a burst took comes back. Each thread counts its own.

#![cfg(not(loom))]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::select::{self, CaseList, End, RecvArm, Selection, SendArm};
use chan_core::{Builder, Chan, bounded, unbounded};
use common::{PATIENCE, until_parked, watched};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    /// How often this thread has asked for memory, and the bytes that it has
    /// more than it has given back.
    static ASKED: Cell<(usize, isize)> = const { Cell::new((0, 0)) };
}

fn note(times: usize, bytes: isize) {
    // A thread that ends counts no more.
    let _ = ASKED.try_with(|asked| {
        let (all, live) = asked.get();
        asked.set((all + times, live + bytes));
    });
}

// SAFETY: every call goes to the system's allocator as it came; counting
// neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size() as isize);
        // SAFETY: what our caller promised of `layout`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(0, -(layout.size() as isize));
        // SAFETY: `pointer` came from `System`, with `layout`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// How often `f` asks for memory on this thread, and what comes of it.
fn asks<R>(f: impl FnOnce() -> R) -> (usize, R) {
    let (before, _) = ASKED.get();
    let result = f();
    (ASKED.get().0 - before, result)
}

/// Bytes that this thread has.
fn live() -> isize {
    ASKED.get().1
}

#[track_caller]
fn asks_for_nothing<R>(f: impl FnOnce() -> R) -> R {
    let (times, result) = asks(f);
    assert_eq!(times, 0, "memory was asked for");
    result
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_channel_is_one_allocation() {
    // The first of a process makes the list of channels.
    drop(Chan::<u8>::new(0));
    for capacity in [0, 1, 15, 16, 17, 1000] {
        let before = live();
        let (times, chan) = asks(|| Chan::<u64>::new(capacity));
        assert_eq!(times, 1, "capacity {capacity}");
        asks_for_nothing(|| {
            for value in 0..3 * capacity as u64 {
                assert!(chan.try_send(value).is_ok());
                assert!(chan.try_recv().is_ok());
            }
            while chan.try_send(7).is_ok() {}
            assert_eq!(chan.len(), capacity);
            let handles = (chan.clone(), chan.sender(), chan.receiver());
            drop(handles);
            drop(chan);
        });
        assert_eq!(live(), before, "capacity {capacity}");
    }
    // Its first block comes with the first value.
    assert_eq!(asks(unbounded::<u64>).0, 1);
}

/// What CHANGELOG.md says.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_channel_is_as_small_as_it_was() {
    drop(Chan::<u8>::new(0));
    let bytes = |make: &dyn Fn() -> Chan<u64>| {
        let before = live();
        let chan = make();
        let bytes = live() - before;
        drop(chan);
        bytes
    };
    for capacity in [0, 1, 16, 512] {
        let slots = 8 * capacity as isize;
        let header = bytes(&|| Chan::new(capacity)) - slots;
        assert!(header <= 192, "capacity {capacity}: {header} bytes");
    }
    let header = bytes(&|| Builder::new().unbounded().chan());
    assert!(header <= 192, "{header} bytes");
}

#[test]
fn a_task_waits_in_its_future() {
    let (chan, full) = (Chan::new(0), Chan::new(1));
    full.send(1);
    asks_for_nothing(|| {
        let mut receive = pin!(chan.recv_async());
        assert!(poll(receive.as_mut()).is_pending());
        assert!(chan.try_send(7).is_ok());
        assert_eq!(poll(receive), Poll::Ready(Some(7)));

        let mut send = pin!(full.send_async(2));
        assert!(poll(send.as_mut()).is_pending());
        let mut permit = pin!(full.reserve_async());
        assert!(poll(permit.as_mut()).is_pending());
        assert_eq!(full.try_recv(), Ok(Some(1)));
        assert_eq!(poll(send), Poll::Ready(()));
        assert_eq!(full.try_recv(), Ok(Some(2)));
        let Poll::Ready(permit) = poll(permit) else {
            panic!("there is room")
        };
        drop(permit);

        let cases = End.and(RecvArm::arm(&chan)).and(SendArm::arm(&chan, 8));
        let mut select = pin!(Selection::<_, 2>::new(cases, 0, false));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(select.as_mut().poll(&mut cx, |_| 0).is_pending());
        assert_eq!(chan.try_recv(), Ok(Some(8)));
        assert!(select.poll(&mut cx, |_| 0).is_ready());
    });
}

/// A wait for the close, the line of a close, a weak handle, a value that comes
/// back: what comes first asks, and those after it do not.
#[test]
fn what_few_channels_need_is_asked_for_once() {
    drop(Chan::<u8>::new(0));
    let before = live();
    let wait = |chan: &Chan<u8>| {
        let mut end = pin!(chan.closed());
        assert!(poll(end.as_mut()).is_pending());
    };
    let end = |chan: Chan<u8>| {
        let mut end = pin!(chan.closed());
        assert!(poll(end.as_mut()).is_pending());
        drop(chan.downgrade());
        chan.close();
        assert!(poll(end).is_ready());
    };
    // Has a value handed over, and gives it back.
    let cancel = |chan: &Chan<u8>| {
        {
            let mut receive = pin!(chan.recv_async());
            assert!(poll(receive.as_mut()).is_pending());
            assert!(chan.try_send(7).is_ok());
        }
        assert_eq!(chan.try_recv(), Ok(Some(7)));
    };
    let first_is = |first: &dyn Fn(&Chan<u8>)| {
        let chan = Chan::<u8>::new(0);
        assert_eq!(asks(|| first(&chan)).0, 1);
        if !chan.is_closed() {
            asks_for_nothing(|| end(chan));
        }
    };
    first_is(&wait);
    first_is(&|chan| drop(chan.downgrade()));
    first_is(&|chan| assert!(chan.try_close().is_ok()));

    let chan = Chan::<u8>::new(0);
    // What comes back needs memory for itself.
    assert_eq!(asks(|| cancel(&chan)).0, 2);
    assert_eq!(asks(|| cancel(&chan)).0, 1);
    asks_for_nothing(|| end(chan));

    let named = Builder::new().name("named").chan::<u8>();
    asks_for_nothing(|| end(named));
    // A side that goes closes without a line.
    let (tx, rx) = bounded::<u8>(1);
    asks_for_nothing(|| drop(tx));
    asks_for_nothing(|| drop(rx));
    assert_eq!(live(), before);
}

#[test]
fn a_thread_waits_in_its_frame() {
    let name = "waits in its frame";
    let chan = Builder::new().name(name).chan::<u64>();
    let (_idle, never) = bounded::<u64>(0);
    let channel = watched(name);
    // The first wait of a process looks how many processors there are.
    assert!(never.recv_timeout(Duration::from_millis(1)).is_err());
    thread::scope(|s| {
        let receiver = s.spawn(|| {
            asks_for_nothing(|| {
                let first = chan.recv_timeout(PATIENCE);
                let cases = End.and(RecvArm::arm(&chan)).and(RecvArm::arm(&never));
                let second = select::wait::<_, 2>(cases, 0, |_| 0, Some(Instant::now() + PATIENCE));
                assert!(never.recv_timeout(Duration::from_millis(1)).is_err());
                (first, second.is_some(), chan.recv())
            })
        });
        for value in 1..=3 {
            until_parked(&channel, 1);
            chan.send(value);
        }
        let received = receiver.join().expect("it asked for nothing");
        assert_eq!(received, (Ok(Some(1)), true, Some(3)));
    });
}

#[test]
fn what_a_burst_took_comes_back() {
    const MANY: usize = 100_000;
    let (tx, rx) = unbounded::<[u64; 4]>();
    let before = live();
    let mut most = 0;
    for _ in 0..3 {
        for value in 0..MANY as u64 {
            tx.send([value; 4]).unwrap();
        }
        most = most.max(live() - before);
        for value in 0..MANY as u64 {
            assert_eq!(rx.try_recv(), Ok([value; 4]));
        }
        // The block in use and a spare one, of a kilobyte each.
        let left = live() - before;
        assert!(left < 2 * 1200, "{left} bytes are left");
    }
    assert!(most > (MANY * size_of::<[u64; 4]>()) as isize);
    drop((tx, rx));
}
