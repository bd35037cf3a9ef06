//! Random selects against a plain model, as Go's reflect tests its own: by
//! macro and by `Select`, that look, wait, are polled and are dropped, on
//! channels of every kind that are sent to, received from and closed between.
//!
//! Which of the ready cases wins is chance. The model says which may; that
//! each of them has its share is for the tests that count.

#[path = "select_model/plain.rs"]
mod plain;

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use chan_core::{Chan, Receiver, Sender, bounded, unbounded};
use chan_select::{Select, select, select_async};
use plain::{Case, Fired, Plain, Way};
use proptest::prelude::*;

/// One step of a script. Channels and selects are named by numbers that are
/// taken modulo how many there are.
#[derive(Clone, Debug)]
enum Step {
    Send(usize),
    Recv(usize),
    Close(usize),
    /// A look, with a default.
    Look(Form),
    /// A select is begun and polled once.
    Begin(Form),
    Poll(usize),
    Drop(usize),
}

#[derive(Clone, Debug)]
enum Form {
    /// Up to two receives and two sends; what is missing is nil.
    Macro([Option<usize>; 4]),
    Builder(Vec<(usize, Way)>),
}

/// How many channels there are: unbuffered, small, and one without a limit.
const CAPACITIES: [Option<usize>; 4] = [Some(0), Some(0), Some(2), None];

fn form() -> impl Strategy<Value = Form> {
    let chan = || 0..CAPACITIES.len();
    let way = prop_oneof![Just(Way::Recv), Just(Way::Send)];
    prop_oneof![
        proptest::array::uniform4(proptest::option::weighted(0.7, chan())).prop_map(Form::Macro),
        proptest::collection::vec((chan(), way), 0..7).prop_map(Form::Builder),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<usize>().prop_map(Step::Send),
        4 => any::<usize>().prop_map(Step::Recv),
        1 => any::<usize>().prop_map(Step::Close),
        3 => form().prop_map(Step::Look),
        5 => form().prop_map(Step::Begin),
        4 => any::<usize>().prop_map(Step::Poll),
        2 => any::<usize>().prop_map(Step::Drop),
    ]
}

type Waiting = Pin<Box<dyn Future<Output = Fired>>>;

/// The channels, and the selects that have not come back.
struct Real {
    ends: Vec<(Sender<u32>, Receiver<u32>)>,
    selects: Vec<(usize, Waiting)>,
}

/// The cases of a form, numbered as the select numbers them. All sends of one
/// select to one channel send the same value, so that it does not matter to
/// anybody else which of them goes.
fn cases(form: &Form, name: usize) -> Vec<Case> {
    let value = |chan: usize| (name * CAPACITIES.len() + chan) as u32;
    let case = |(index, (chan, way))| Case {
        index,
        chan,
        way,
        value: value(chan),
    };
    match form {
        Form::Macro(chans) => {
            let ways = [Way::Recv, Way::Recv, Way::Send, Way::Send];
            let there = chans.iter().zip(ways).enumerate();
            there
                .filter_map(|(index, (chan, way))| Some(case((index, ((*chan)?, way)))))
                .collect()
        }
        Form::Builder(list) => list.iter().copied().enumerate().map(case).collect(),
    }
}

/// The four operands of a macro's select, with what they send.
type Operands = (
    [Option<Receiver<u32>>; 2],
    [Option<Sender<u32>>; 2],
    [u32; 2],
);

fn fired_recv<E>(index: usize, result: Result<u32, E>) -> Fired {
    Fired::Received(index, result.ok())
}

impl Real {
    fn new() -> Self {
        let ends = CAPACITIES.map(|capacity| capacity.map_or_else(unbounded, bounded));
        Real {
            ends: ends.into(),
            selects: Vec::new(),
        }
    }

    fn operands(&self, cases: &[Case]) -> Operands {
        let at = |index| cases.iter().find(|case| case.index == index);
        let rx = |index| at(index).map(|case| self.ends[case.chan].1.clone());
        let tx = |index| at(index).map(|case| self.ends[case.chan].0.clone());
        let value = |index| at(index).map_or(0, |case| case.value);
        ([rx(0), rx(1)], [tx(2), tx(3)], [value(2), value(3)])
    }

    fn look(&self, form: &Form, cases: &[Case]) -> Option<Fired> {
        if let Form::Macro(_) = form {
            let ([a, b], [c, d], [to_c, to_d]) = self.operands(cases);
            return select! {
                recv(a) -> value => Some(fired_recv(0, value)),
                recv(b) -> value => Some(fired_recv(1, value)),
                send(c, to_c) -> result => Some(Fired::Sent(2, result.is_ok())),
                send(d, to_d) -> result => Some(Fired::Sent(3, result.is_ok())),
                default => None,
            };
        }
        let mut select = Select::new();
        add(&mut select, &self.ends, cases);
        select.try_select()
    }

    fn begin(&self, form: &Form, cases: Vec<Case>) -> Pin<Box<dyn Future<Output = Fired>>> {
        if let Form::Macro(_) = form {
            let ([a, b], [c, d], [to_c, to_d]) = self.operands(&cases);
            return Box::pin(async move {
                select_async! {
                    recv(a) -> value => fired_recv(0, value),
                    recv(b) -> value => fired_recv(1, value),
                    send(c, to_c) -> result => Fired::Sent(2, result.is_ok()),
                    send(d, to_d) -> result => Fired::Sent(3, result.is_ok()),
                }
            });
        }
        let ends = self.ends.clone();
        Box::pin(async move {
            let mut select = Select::new();
            add(&mut select, &ends, &cases);
            select.select_async().await
        })
    }
}

fn add<'a>(
    select: &mut Select<'a, Fired>,
    ends: &'a [(Sender<u32>, Receiver<u32>)],
    cases: &[Case],
) {
    for case in cases {
        let (index, (tx, rx)) = (case.index, &ends[case.chan]);
        match case.way {
            Way::Recv => drop(select.recv(rx, move |value| fired_recv(index, value))),
            Way::Send => {
                let value = case.value;
                select.send(tx, value, move |result| Fired::Sent(index, result.is_ok()));
            }
        }
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    // Many that are ready in a row give others a turn; one that waits ends the
    // row.
    assert!(
        pin!(Chan::<u8>::nil().recv_async())
            .poll(&mut context)
            .is_pending()
    );
    future.poll(&mut context)
}

/// Plays a script on both.
fn play(steps: &[Step]) {
    let (mut real, mut plain) = (Real::new(), Plain::new(&CAPACITIES));
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Send(chan) => {
                let (chan, value) = (chan % CAPACITIES.len(), u32::MAX - number as u32);
                let sent = real.ends[chan].0.try_send(value).is_ok();
                assert_eq!(sent, plain.try_send(chan, value));
            }
            Step::Recv(chan) => {
                let chan = chan % CAPACITIES.len();
                assert_eq!(real.ends[chan].1.try_recv().ok(), plain.try_recv(chan));
            }
            Step::Close(chan) => {
                let chan = chan % CAPACITIES.len();
                assert_eq!(real.ends[chan].0.close().is_ok(), plain.close(chan));
            }
            Step::Look(form) => {
                let cases = cases(form, number);
                let fired = real.look(form, &cases);
                plain.look(&cases, fired);
            }
            Step::Begin(form) => {
                let cases = cases(form, number);
                let mut future = real.begin(form, cases.clone());
                match poll(future.as_mut()) {
                    Poll::Ready(fired) => plain.look(&cases, Some(fired)),
                    Poll::Pending => {
                        plain.look(&cases, None);
                        plain.park(number, cases);
                        real.selects.push((number, future));
                    }
                }
            }
            Step::Poll(which) if !real.selects.is_empty() => {
                let which = which % real.selects.len();
                let (name, future) = &mut real.selects[which];
                match poll(future.as_mut()) {
                    Poll::Ready(fired) => {
                        plain.came_back(*name, fired);
                        drop(real.selects.swap_remove(which));
                    }
                    Poll::Pending => plain.still_waits(*name),
                }
            }
            Step::Drop(which) if !real.selects.is_empty() => {
                let (name, future) = real.selects.swap_remove(which % real.selects.len());
                drop(future);
                plain.dropped(name);
            }
            Step::Poll(_) | Step::Drop(_) => {}
        }
        for (chan, (_, rx)) in real.ends.iter().enumerate() {
            assert_eq!(rx.len(), plain.len(chan), "channel {chan} after {step:?}");
        }
    }
    for (name, future) in real.selects {
        drop(future);
        plain.dropped(name);
    }
    for (chan, (_, rx)) in real.ends.iter().enumerate() {
        loop {
            let value = rx.try_recv().ok();
            assert_eq!(value, plain.try_recv(chan));
            if value.is_none() {
                break;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn selects_do_what_the_model_does(steps in proptest::collection::vec(step(), 1..60)) {
        play(&steps);
    }
}
