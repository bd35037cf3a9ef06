//! A leak that leakwatch makes itself. Every look must find it, by the very
//! way by which others are found; otherwise its silence would mean nothing.
//!
//! It is a future that waits on a channel whose only sender was dropped. It is
//! left out of what is reported.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Waker};

use chan_core::observe::{self, ChannelId, ScopeId, TaskId};
use chan_core::{Builder, RecvChan};
use parking_lot::Mutex;

/// The future is only kept: it is never polled again.
struct Sentinel {
    channel: ChannelId,
    _waits: Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// The channel of the sentinel, which waits from here on.
pub(crate) fn plant() -> ChannelId {
    static SENTINEL: OnceLock<Sentinel> = OnceLock::new();
    SENTINEL.get_or_init(make).channel
}

fn make() -> Sentinel {
    // It belongs to nobody.
    let task = observe::set_current_task(TaskId(0));
    let scope = observe::set_current_scope(ScopeId(0));
    let (send, receive) = Builder::new().name("leakwatch sentinel").chan().split();
    let mut waits: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(wait(receive));
    let first = waits.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending(), "nobody has sent");
    let by_name = |channel: &observe::Channel| channel.name() == Some("leakwatch sentinel");
    let channel = observe::channels().into_iter().find(by_name);
    drop(send);
    observe::set_current_scope(scope);
    observe::set_current_task(task);
    Sentinel {
        channel: channel.expect("its handle is in the future").id(),
        _waits: Mutex::new(waits),
    }
}

async fn wait(receive: RecvChan<()>) {
    let _ = receive.recv_async().await;
}
