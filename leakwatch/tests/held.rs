//! Handles that are held do what their handles do, by threads and by tasks,
//! and are let out in the two ways there are.

use std::time::Duration;

use chan_core::select::{RecvArm, SendArm};
use chan_core::{Builder, Chan, Context, Receiver, Sender, bounded};
use chan_select::{select, select_async};
use leakwatch::{Kept, Shared, local, spawn, task};

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn a_thread_has_what_it_captured() {
    let (jobs, inbox) = Chan::new(1).split();
    let out = Chan::new(1);
    let worker = spawn!("worker", [inbox, out = out.sender()] move || {
        for job in &inbox {
            out.send(job * 2);
        }
        out.close();
        std::thread::current().name().map(str::to_owned)
    });
    jobs.send(1);
    assert_eq!(out.recv(), Some(2));
    jobs.close();
    assert_eq!(out.recv(), None);
    assert_eq!(worker.join().unwrap().as_deref(), Some("worker"));
}

#[test]
fn rusts_manners_are_held_as_well() {
    let (tx, rx) = bounded::<u8>(1);
    let worker = spawn!("worker", [tx] move || {
        assert_eq!(tx.send(1), Ok(()));
        assert!(tx.try_send(2).is_err());
        let far: Sender<u8> = tx.clone();
        drop(tx);
        far
    });
    let far = worker.join().unwrap();
    let rx = local(rx);
    assert_eq!((rx.len(), rx.sender_count()), (1, 1));
    assert_eq!(rx.recv(), Ok(1));
    assert!(rx.recv_timeout(Duration::from_millis(1)).is_err());
    drop(far);
    assert!(rx.recv().is_err(), "the last sender is gone");
    let _: Receiver<u8> = rx.into_inner();
}

#[test]
fn a_select_takes_what_is_held() {
    let worker = spawn!("selects", [] move |own| {
        let (a, b) = (own.hold(Chan::new(1)), local(Chan::<u8>::new(0)));
        a.send(3);
        select! {
            recv(a) -> got => got,
            recv(b) -> _ => None,
            send(b, 1) -> _ => None,
        }
    });
    assert_eq!(worker.join().unwrap(), Some(3));
}

#[test]
fn a_task_has_what_it_captured() {
    block_on(async {
        let (jobs, inbox) = Chan::new(0).split();
        let (out, results) = bounded(1);
        // The executor wants it to be `Send`.
        let worker = tokio::spawn(task!("worker", [inbox, out] async move |own| {
            let never = own.hold(Chan::<u8>::new(0));
            loop {
                let job = select_async! {
                    recv(inbox) -> job => job,
                    recv(never) -> _ => None,
                };
                match job {
                    Some(job) => helper(&out, job).await,
                    None => return "over",
                }
            }
        }));
        jobs.send_async(1).await;
        assert_eq!(results.recv_async().await, Ok(2));
        jobs.close();
        assert_eq!(worker.await.unwrap(), "over");
    });
}

/// A function that a task passes what it holds.
async fn helper(out: &leakwatch::Held<Sender<u32>, leakwatch::InTask<'_>>, job: u32) {
    out.send_async(job + 1).await.unwrap();
}

#[test]
fn what_is_held_can_be_captured_again() {
    let (tx, rx) = Chan::new(1).split();
    let outer = spawn!("outer", [tx] move || {
        spawn!("inner", [tx] move || tx.send(1)).join().unwrap();
    });
    outer.join().unwrap();
    assert_eq!(rx.recv(), Some(1));
}

struct Conn {
    data: Kept<Chan<u32>>,
    stop: Kept<Chan<()>>,
    name: &'static str,
}

#[test]
fn a_shared_struct_is_used_by_its_holders() {
    let conn = Shared::new(|keep| Conn {
        data: keep.keep(Builder::new().name("data").chan()),
        stop: keep.keep(Chan::new(0)),
        name: "conn",
    });
    let reader = spawn!("reader", [conn = conn.clone()] move || {
        assert_eq!(conn.name, "conn");
        let mut sum = 0;
        loop {
            select! {
                recv(conn.at(|conn| &conn.data)) -> n => sum += n.unwrap(),
                recv(conn.at(|conn| &conn.stop)) -> _ => return sum,
            }
        }
    });
    conn.at(|conn| &conn.data).send(2);
    conn.at(|conn| &conn.data).send(3);
    conn.at(|conn| &conn.stop).close();
    assert_eq!(reader.join().unwrap(), 5);
}

#[test]
#[should_panic(expected = "kept by another struct")]
fn a_kept_handle_is_used_through_its_own_struct() {
    let one = Shared::new(|keep| keep.keep(Chan::<u8>::new(1)));
    let other = Shared::new(|keep| keep.keep(Chan::<u8>::new(1)));
    one.at(|_| &*other);
}

#[test]
fn a_cancel_handle_is_captured() {
    let (ctx, cancel) = Context::background().with_cancel();
    let canceller = spawn!("cancels", [cancel] move || cancel.cancel());
    assert_eq!(ctx.done().recv(), None);
    canceller.join().unwrap();
}

/// Whether a value may go to another thread. The compiler says the same of a
/// program that tries it, but with the name of every type inside, which is not
/// for a test to know.
macro_rules! may_leave {
    ($value:expr) => {{
        struct Of<'v, T>(&'v T);
        /// Taken where the other is not to be had.
        #[allow(dead_code, reason = "one of the two is")]
        trait Otherwise {
            fn may_leave(&self) -> bool {
                false
            }
        }
        impl<T> Otherwise for Of<'_, T> {}
        #[allow(dead_code, reason = "one of the two is")]
        impl<T: Send> Of<'_, T> {
            fn may_leave(&self) -> bool {
                let _ = self.0;
                true
            }
        }
        Of(&$value).may_leave()
    }};
}

#[test]
fn what_is_held_makes_goes_where_it_may_go() {
    let (free, held) = (Chan::<u8>::new(0), local(Chan::<u8>::new(0)));
    assert!(may_leave!(free.recv_async()) && may_leave!(free.send_async(1)));
    assert!(may_leave!(RecvArm::arm(&free)) && may_leave!(SendArm::arm(&free, 1)));
    assert!(!may_leave!(held.recv_async()) && !may_leave!(held.send_async(1)));
    assert!(!may_leave!(RecvArm::arm(&held)) && !may_leave!(SendArm::arm(&held, 1)));
}
