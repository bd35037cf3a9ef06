//! Parties of a round that neither send nor receive for a living.

use std::thread;
use std::time::Duration;

use fastrand::Rng;
use tokio::runtime::Handle;

use crate::books::RECEIVED;
use crate::ends::{Got, Tx};
use crate::less_common::{WeakRx, WeakTx};
use crate::round::Party;
use crate::sending::Makes;

/// Waits for the close of each lane, holding a handle that can send: the round
/// has to close them.
pub(crate) fn wait_for_the_close(lanes: Vec<Tx>, thread: bool, tasks: &Handle) -> Party {
    if thread {
        return Party::Thread(thread::spawn(move || {
            for lane in lanes {
                lane.wait_closed();
                assert!(lane.is_closed(), "the wait for the close ended before it");
            }
        }));
    }
    Party::Task(tasks.spawn(async move {
        for lane in lanes {
            lane.closed().await;
            assert!(lane.is_closed(), "the wait for the close ended before it");
        }
    }))
}

/// Uses a lane by handles that it has for a moment only, as long as it can
/// have any.
pub(crate) struct Haunting {
    pub(crate) tx: WeakTx,
    pub(crate) rx: WeakRx,
    pub(crate) makes: Makes,
}

impl Haunting {
    pub(crate) fn start(self) -> Party {
        Party::Thread(thread::spawn(|| self.on_a_thread()))
    }

    fn on_a_thread(mut self) {
        loop {
            let (tx, rx) = (self.tx.upgrade(), self.rx.upgrade());
            if tx.is_none() && rx.is_none() {
                break;
            }
            if let Some(Got::Value(value)) = rx.map(|rx| rx.try_recv()) {
                value.end(RECEIVED);
            }
            // The handle to receive is gone by now.
            if let Some(tx) = tx
                && self.makes.left > 0
            {
                self.makes.send(|value, _| tx.try_send(value));
            }
            pause(&mut self.makes.random);
        }
    }
}

fn pause(random: &mut Rng) {
    thread::sleep(Duration::from_micros(random.u64(0..100)));
}
