//! A select whose cases come and go while the program runs.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use chan_core::select::{
    Alarm, CaseKey, CaseSet, RecvArm, RecvFace, SendArm, SendFace, SendKey, select_nothing,
};

use crate::selectgo::below;

/// What a receive from an operand `A` says.
type Received<'a, A> = <<A as RecvArm<'a>>::Face as RecvFace<<A as RecvArm<'a>>::Item>>::Out;

/// What a send to an operand `A` says.
type Sent<'a, A> = <<A as SendArm<'a>>::Face as SendFace<<A as SendArm<'a>>::Item>>::Out;

/// A select with any number of cases: Go's `reflect.Select`, with types.
///
/// Cases are added once and stay until they are removed; each select waits for
/// the first of them. A case has a function that makes an `R` of its result,
/// so cases may be of any types. The operation is done, and the function has
/// run, when the select returns: there is nothing left to complete or to
/// forget. It is the same for threads and for tasks, and its rules are those
/// of the [macros](crate).
///
/// - A receive case stays as it is, select after select.
/// - A send case has a value when it is added. Once that has gone the case is
///   idle until [`put`](Select::put) gives it another. A value that was not
///   sent stays in its case, or comes out by [`take_back`](Select::take_back).
/// - A case can be made to go [`first`](Select::first).
///
/// A case allocates when it is added; selects allocate nothing. Adding a case
/// beyond the 65,536th panics, as in Go. Values and functions cross threads
/// with the select, so they are `Send`; for others there are the macros.
///
/// # Examples
///
/// Many producers of one kind, and a way out:
///
/// ```
/// use chan_core::{Context, Receiver, unbounded};
/// use chan_select::Select;
///
/// enum Event {
///     Said(usize, Option<&'static str>),
///     Quit,
/// }
///
/// let (ctx, _cancel) = Context::background().with_cancel();
/// let (senders, feeds): (Vec<_>, Vec<Receiver<_>>) = (0..3).map(|_| unbounded()).unzip();
/// let done = ctx.done();
///
/// let mut select = Select::new();
/// let mut cases = Vec::new();
/// for (n, feed) in feeds.iter().enumerate() {
///     cases.push(select.recv(feed, move |said| Event::Said(n, said.ok())));
/// }
/// let quit = select.recv(&done, |_| Event::Quit);
/// select.first(quit, true);
///
/// for (n, sender) in senders.into_iter().enumerate() {
///     sender.send(["eins", "zwei", "drei"][n]).unwrap();
/// }
/// let mut heard = Vec::new();
/// // The senders are gone: every feed ends, and its case with it.
/// while select.len() > 1 {
///     match select.select() {
///         Event::Said(_, Some(said)) => heard.push(said),
///         Event::Said(n, None) => drop(select.remove(cases[n])),
///         Event::Quit => break,
///     }
/// }
/// heard.sort();
/// assert_eq!(heard, ["drei", "eins", "zwei"]);
/// ```
pub struct Select<'a, R> {
    cases: CaseSet<'a, R>,
}

impl<'a, R> Select<'a, R> {
    /// A select without cases.
    ///
    /// # Examples
    ///
    /// ```
    /// let select = chan_select::Select::<()>::new();
    /// assert!(select.is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Select {
            cases: CaseSet::new(),
        }
    }

    /// Adds a receive case. The operand is what [`select!`](crate::select!)
    /// takes, by reference; `then` gets what the operand's `recv` returns.
    ///
    /// # Panics
    ///
    /// `select: too many cases (max 65536)`.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(1);
    /// tx.send(2).unwrap();
    /// let mut select = chan_select::Select::new();
    /// select.recv(&rx, |value| value.unwrap() + 1);
    /// assert_eq!(select.select(), 3);
    /// ```
    #[track_caller]
    pub fn recv<A>(
        &mut self,
        operand: A,
        then: impl FnMut(Received<'a, A>) -> R + Send + 'a,
    ) -> CaseKey
    where
        A: RecvArm<'a>,
        A::Item: Send,
        A::Face: Send + 'a,
    {
        self.cases.recv(operand, then)
    }

    /// Adds a send case for this value; `then` gets what the operand's `send`
    /// returns.
    ///
    /// # Panics
    ///
    /// `select: too many cases (max 65536)`.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::new(1);
    /// let mut select = chan_select::Select::new();
    /// let out = select.send(&chan, 1, |()| "sent");
    /// assert_eq!(select.select(), "sent");
    /// // It has nothing to send now.
    /// assert_eq!(chan.recv(), Some(1));
    /// assert_eq!(select.try_select(), None);
    /// assert_eq!(select.put(out, 2), Ok(None));
    /// assert_eq!(select.try_select(), Some("sent"));
    /// ```
    #[track_caller]
    pub fn send<A>(
        &mut self,
        operand: A,
        value: A::Item,
        then: impl FnMut(Sent<'a, A>) -> R + Send + 'a,
    ) -> SendKey<A::Item>
    where
        A: SendArm<'a>,
        A::Item: Send,
        A::Face: Send + 'a,
    {
        self.cases.send(operand, value, then)
    }

    /// Gives a send case another value. The one that it had comes back, if it
    /// has not gone.
    ///
    /// # Errors
    ///
    /// The value, if the case has been removed or is another select's.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::new(0);
    /// let mut select = chan_select::Select::new();
    /// let out = select.send(&chan, 1, |()| ());
    /// assert_eq!(select.put(out, 2), Ok(Some(1)));
    /// select.remove(out);
    /// assert_eq!(select.put(out, 3), Err(3));
    /// ```
    pub fn put<T>(&mut self, case: SendKey<T>, value: T) -> Result<Option<T>, T> {
        self.cases.put(case, value)
    }

    /// Takes the value of a send case back: nothing if it has gone, or if the
    /// case is not there.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::new(1);
    /// let mut select = chan_select::Select::new();
    /// let out = select.send(&chan, 1, |()| ());
    /// assert_eq!(select.take_back(out), Some(1));
    /// assert_eq!(select.try_select(), None, "there is room, and nothing to send");
    /// ```
    pub fn take_back<T>(&mut self, case: SendKey<T>) -> Option<T> {
        self.cases.take_back(case)
    }

    /// Has a case looked at before the others, or no longer: those that go
    /// first are looked at in the order of their numbers. False if the case is
    /// not there.
    ///
    /// # Examples
    ///
    /// ```
    /// let (a, b) = (chan_core::Chan::<()>::new(0), chan_core::Chan::<()>::new(0));
    /// a.close();
    /// b.close();
    /// let mut select = chan_select::Select::new();
    /// select.recv(&a, |_| "a");
    /// let rare = select.recv(&b, |_| "b");
    /// assert!(select.first(rare, true));
    /// assert!((0..100).all(|_| select.select() == "b"));
    /// ```
    pub fn first(&mut self, case: impl Into<CaseKey>, first: bool) -> bool {
        self.cases.set_first(case.into(), first)
    }

    /// Removes a case, and the value that it did not send. False if it is not
    /// there.
    ///
    /// # Examples
    ///
    /// ```
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// let mut select = chan_select::Select::new();
    /// let case = select.recv(&rx, |_| ());
    /// assert!(select.remove(case));
    /// assert!(!select.remove(case));
    /// ```
    pub fn remove(&mut self, case: impl Into<CaseKey>) -> bool {
        self.cases.remove(case.into())
    }

    /// How many cases there are.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::<u8>::nil();
    /// let mut select = chan_select::Select::new();
    /// select.recv(&chan, |_| ());
    /// assert_eq!(select.len(), 1);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    /// Whether there is no case.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(chan_select::Select::<u8>::default().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// Waits for the first case to be ready, as a thread. Without a case that
    /// can ever be ready it waits for ever.
    ///
    /// # Panics
    ///
    /// `send on closed channel`, if a send case of a
    /// [`Chan`](chan_core::Chan) that is closed is chosen. What a case's
    /// function panics with.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::bounded;
    ///
    /// let ((tx, numbers), (_quit, quit)) = (bounded(0), bounded::<()>(0));
    /// let mut select = chan_select::Select::new();
    /// select.recv(&numbers, |number| number.ok());
    /// select.recv(&quit, |_| None);
    /// std::thread::scope(|s| {
    ///     s.spawn(|| tx.send(5));
    ///     assert_eq!(select.select(), Some(5));
    /// });
    /// ```
    #[track_caller]
    pub fn select(&mut self) -> R {
        match self.cases.wait(below, None) {
            Some(result) => result,
            None => select_nothing(),
        }
    }

    /// The first case that is ready, if one is: that none is, is true at one
    /// moment for all of them.
    ///
    /// # Panics
    ///
    /// As [`Select::select`].
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(1);
    /// let mut select = chan_select::Select::new();
    /// select.recv(&rx, |value| value);
    /// assert_eq!(select.try_select(), None);
    /// tx.send('x').unwrap();
    /// assert_eq!(select.try_select(), Some(Ok('x')));
    /// ```
    #[track_caller]
    pub fn try_select(&mut self) -> Option<R> {
        self.cases.look(below)
    }

    /// Waits for the first case to be ready, no longer than `timeout`.
    ///
    /// # Panics
    ///
    /// As [`Select::select`].
    ///
    /// # Examples
    ///
    /// ```
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// let mut select = chan_select::Select::new();
    /// select.recv(&rx, |value| value);
    /// let soon = std::time::Duration::from_millis(5);
    /// assert_eq!(select.select_timeout(soon), None);
    /// ```
    #[track_caller]
    pub fn select_timeout(&mut self, timeout: Duration) -> Option<R> {
        // A time beyond the clock's end never comes.
        let deadline = Instant::now().checked_add(timeout);
        self.cases.wait(below, deadline)
    }

    /// Waits for the first case to be ready, until `deadline`.
    ///
    /// # Panics
    ///
    /// As [`Select::select`].
    ///
    /// # Examples
    ///
    /// ```
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// let mut select = chan_select::Select::new();
    /// select.recv(&rx, |value| value);
    /// assert_eq!(select.select_deadline(std::time::Instant::now()), None);
    /// ```
    #[track_caller]
    pub fn select_deadline(&mut self, deadline: Instant) -> Option<R> {
        self.cases.wait(below, Some(deadline))
    }

    /// Waits for the first case to be ready, as a task, on any executor.
    ///
    /// # Panics
    ///
    /// As [`Select::select`], when it is polled.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped, or forgotten, in any state: a value received
    /// goes on to the next receiver, a value sent stays sent, and what was not
    /// sent is still in its case.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (tx, rx) = chan_core::bounded(0);
    /// let mut select = chan_select::Select::new();
    /// select.recv(&rx, |value| value);
    /// let (got, sent) = tokio::join!(select.select_async(), tx.send_async(1));
    /// assert_eq!((got, sent), (Ok(1), Ok(())));
    /// # });
    /// ```
    pub fn select_async(&mut self) -> SelectFuture<'_, 'a, R> {
        SelectFuture(self.within(Alarm::new(None)))
    }

    /// The same, no longer than `timeout`; chan-core's own timer thread ends
    /// it.
    ///
    /// # Panics
    ///
    /// As [`Select::select`], when it is polled.
    ///
    /// # Cancel safety
    ///
    /// As [`Select::select_async`].
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// let mut select = chan_select::Select::new();
    /// select.recv(&rx, |value| value);
    /// let soon = std::time::Duration::from_millis(5);
    /// assert_eq!(select.select_timeout_async(soon).await, None);
    /// # });
    /// ```
    pub fn select_timeout_async(&mut self, timeout: Duration) -> SelectTimeoutFuture<'_, 'a, R> {
        self.within(Alarm::within(timeout))
    }

    /// The same, until `deadline`.
    ///
    /// # Panics
    ///
    /// As [`Select::select`], when it is polled.
    ///
    /// # Cancel safety
    ///
    /// As [`Select::select_async`].
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// let mut select = chan_select::Select::new();
    /// select.recv(&rx, |value| value);
    /// let now = std::time::Instant::now();
    /// assert_eq!(select.select_deadline_async(now).await, None);
    /// # });
    /// ```
    pub fn select_deadline_async(&mut self, deadline: Instant) -> SelectTimeoutFuture<'_, 'a, R> {
        self.within(Alarm::new(Some(deadline)))
    }

    fn within(&mut self, alarm: Alarm) -> SelectTimeoutFuture<'_, 'a, R> {
        // One that was forgotten may still wait.
        self.cases.abandon();
        SelectTimeoutFuture {
            cases: &mut self.cases,
            alarm,
            over: false,
        }
    }
}

impl<R> Default for Select<'_, R> {
    fn default() -> Self {
        Select::new()
    }
}

impl<R> fmt::Debug for Select<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Select").field(&self.cases).finish()
    }
}

/// A select of a task; made by [`Select::select_async`].
///
/// # Cancel safety
///
/// It may be dropped in any state; see there.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let chan = chan_core::Chan::new(1);
/// let mut select = chan_select::Select::new();
/// select.send(&chan, 1, |()| ());
/// let future: chan_select::SelectFuture<'_, '_, ()> = select.select_async();
/// future.await;
/// assert_eq!(chan.len(), 1);
/// # });
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct SelectFuture<'s, 'a, R>(SelectTimeoutFuture<'s, 'a, R>);

/// A select of a task that gives up in time; made by
/// [`Select::select_timeout_async`] and [`Select::select_deadline_async`].
///
/// # Cancel safety
///
/// It may be dropped in any state; see there.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut select = chan_select::Select::<()>::new();
/// let future: chan_select::SelectTimeoutFuture<'_, '_, ()> =
///     select.select_timeout_async(std::time::Duration::from_millis(1));
/// assert_eq!(future.await, None);
/// # });
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct SelectTimeoutFuture<'s, 'a, R> {
    cases: &'s mut CaseSet<'a, R>,
    alarm: Alarm,
    over: bool,
}

impl<R> Future for SelectTimeoutFuture<'_, '_, R> {
    type Output = Option<R>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<R>> {
        let this = self.get_mut();
        assert!(!this.over, "polled after it was ready");
        // What has happened counts, however late it is looked at: the channels
        // first, the clock second, and the channels once more.
        let polled = this.cases.poll(cx, below, this.alarm.is_set());
        if let Poll::Ready(result) = polled {
            this.over = true;
            return Poll::Ready(Some(result));
        }
        if !this.alarm.is_due(cx) {
            return Poll::Pending;
        }
        this.over = true;
        Poll::Ready(this.cases.give_up())
    }
}

impl<R> Future for SelectFuture<'_, '_, R> {
    type Output = R;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let polled = Pin::new(&mut self.0).poll(cx);
        polled.map(|result| result.expect("without a deadline a case wins"))
    }
}

impl<R> Drop for SelectTimeoutFuture<'_, '_, R> {
    fn drop(&mut self) {
        self.cases.abandon();
    }
}

impl<R> fmt::Debug for SelectTimeoutFuture<'_, '_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SelectTimeoutFuture")
            .field(&self.cases)
            .finish()
    }
}

impl<R> fmt::Debug for SelectFuture<'_, '_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SelectFuture").field(&self.0.cases).finish()
    }
}
