//! The words in which a case is written, once for all forms and flavours.
//!
//! `ends!` names the channels of a case. `go!` begins a task with the ends it
//! uses: clones of exactly these where each task owns its handles, a handle of
//! the shared struct where all share one. `send!`, `recv!` and `on!` (a
//! select) block in a thread and await in a task.

use std::sync::Arc;

use leakwatch::Shared;

use crate::run::Me;

/// The ends of a case, as its form has them.
pub(crate) enum Ends<O, S> {
    Owned(O),
    Shared(Shared<S>),
    Arc(Arc<O>),
}

impl<O: Clone, S> Clone for Ends<O, S> {
    fn clone(&self) -> Self {
        match self {
            Ends::Owned(ends) => Ends::Owned(ends.clone()),
            Ends::Shared(ends) => Ends::Shared(ends.clone()),
            Ends::Arc(ends) => Ends::Arc(Arc::clone(ends)),
        }
    }
}

/// The ends of a case: `ends!(me; { name: Type = value, …; name: Type = value,
/// … })`. In front stand what leakwatch can count: handles of channels and of
/// contexts to be cancelled. Behind the semicolon stands the rest.
macro_rules! ends {
    ($me:expr; {
        $($name:ident: $kind:ty = $value:expr),* $(,)?
        $(; $($plain:ident: $plain_kind:ty = $plain_value:expr),* $(,)?)?
    }) => {{
        #[derive(Clone)]
        #[allow(dead_code, reason = "some ends are only there")]
        struct Owned {
            $($name: $kind,)*
            $($($plain: $plain_kind,)*)?
        }
        #[allow(dead_code, reason = "some ends are only there")]
        struct Shared {
            $($name: ::leakwatch::Kept<$kind>,)*
            $($($plain: $plain_kind,)*)?
        }
        let ends = Owned {
            $($name: $value,)*
            $($($plain: $plain_value,)*)?
        };
        match $me.run.setting.form {
            $crate::cases::Form::Owned | $crate::cases::Form::Static => {
                $crate::words::Ends::Owned(ends)
            }
            $crate::cases::Form::Shared => {
                $crate::words::Ends::Shared(::leakwatch::Shared::new(|_keep| Shared {
                    $($name: _keep.keep(ends.$name),)*
                    $($($plain: ends.$plain,)*)?
                }))
            }
            $crate::cases::Form::Arc => $crate::words::Ends::Arc(::std::sync::Arc::new(ends)),
        }
    }};
}

/// One of the ends themselves, for whoever has them all.
macro_rules! end {
    ($ends:expr, $name:ident) => {
        match &$ends {
            $crate::words::Ends::Owned(ends) => &ends.$name,
            $crate::words::Ends::Shared(ends) => ends.at(|ends| &ends.$name),
            $crate::words::Ends::Arc(ends) => &ends.$name,
        }
    };
}

/// Begins a task: `go!(me, "label", ends [name: side, …], |me| { … })`. A side
/// of a channel is `recv`, `send` or `both`; what has no sides is `held` if
/// leakwatch counts it, else `plain`. Behind the ends may stand what else it
/// takes along, as it is: `with [name, …]`. With `|me, own|` the body can bind
/// to its task what it makes itself.
macro_rules! go {
    ($me:expr, $label:literal, $ends:ident [$($name:ident: $side:ident),* $(,)?],
        $(with [$($more:ident),*],)? |$inner:ident| $body:block) => {
        $crate::words::go!($me, $label, $ends [$($name: $side),*],
            $(with [$($more),*],)? |$inner, _own| $body)
    };
    ($me:expr, $label:literal, $ends:ident [$($name:ident: $side:ident),* $(,)?],
        $(with [$($more:ident),*],)? |$inner:ident, $own:ident| $body:block) => {{
        let seat = $me.seat($label);
        match &$ends {
            $crate::words::Ends::Owned(_ends) => {
                $(let $name = $crate::words::side!(_ends.$name, $side);)*
                $crate::words::launch!(seat, [$($($more),*)?], |$inner, $own| {
                    $($crate::words::hold!($own, $name, $side);)*
                    $body
                })
            }
            $crate::words::Ends::Shared(ends) => {
                let ends = ends.clone();
                $crate::words::launch!(seat, [$($($more),*)?], |$inner, $own| {
                    let _ends = &$own.hold(ends);
                    $($crate::words::at!(_ends, $name, $side);)*
                    $body
                })
            }
            $crate::words::Ends::Arc(ends) => {
                let ends = ::std::sync::Arc::clone(ends);
                let $crate::run::Seat { me: $inner, name } = seat;
                $($(let $more = $more.clone();)*)?
                // Nothing is bound to its task, so threads and tasks are one.
                $crate::words::begin(&$inner.clone(), name, async move {
                    let _ending = $crate::run::Ending($inner.clone());
                    let $inner = &$inner;
                    let $own = $crate::words::Nobody;
                    let _ends = &ends;
                    $(let $name = &_ends.$name;)*
                    $body
                })
            }
        }
    }};
}

/// One side of a handle.
macro_rules! side {
    ($chan:expr, recv) => {
        $chan.receiver()
    };
    ($chan:expr, send) => {
        $chan.sender()
    };
    ($handle:expr, $any:ident) => {
        $handle.clone()
    };
}

/// A handle that a task has to itself.
macro_rules! hold {
    ($own:ident, $name:ident, plain) => {
        let $name = &$name;
    };
    ($own:ident, $name:ident, $side:ident) => {
        let $name = &$own.hold($name);
    };
}

/// A handle in a struct that is shared.
macro_rules! at {
    ($ends:ident, $name:ident, plain) => {
        let $name = &$ends.$name;
    };
    ($ends:ident, $name:ident, $side:ident) => {
        let $name = &$ends.at(|ends| &ends.$name);
    };
}

/// Begins a thread or a task that has its handles to itself.
macro_rules! launch {
    ($seat:ident, [$($more:ident),*], |$me:ident, $own:ident| $body:block) => {{
        let $crate::run::Seat { me: $me, name } = $seat;
        $(let $more = $more.clone();)*
        if $me.blocks() {
            ::leakwatch::spawn!(name, [] move |$own| {
                let _ending = $crate::run::Ending($me.clone());
                $crate::words::now(async move {
                    let $me = &$me;
                    $body
                })
            });
        } else {
            let runtime = $me.run.runtime().clone();
            runtime.spawn(::leakwatch::task!(name, [] async move |$own| {
                let _ending = $crate::run::Ending($me.clone());
                let $me = &$me;
                $body
            }));
        }
    }};
}

/// Go's `c <- value`.
macro_rules! send {
    ($me:expr, $chan:expr, $value:expr) => {{
        let value = $value;
        if $me.blocks() {
            $chan.send(value)
        } else {
            $chan.send_async(value).await
        }
    }};
}

/// Go's `<-c`.
macro_rules! recv {
    ($me:expr, $chan:expr) => {
        if $me.blocks() {
            $chan.recv()
        } else {
            $chan.recv_async().await
        }
    };
}

/// A select, in the grammar of chan-select.
macro_rules! on {
    ($me:expr; $($cases:tt)*) => {
        if $me.blocks() {
            ::chan_select::select! { $($cases)* }
        } else {
            ::chan_select::select_async! { $($cases)* }
        }
    };
}

pub(crate) use {at, end, ends, go, hold, launch, on, recv, send, side};

/// Who binds nothing to its task.
pub(crate) struct Nobody;

impl Nobody {
    pub(crate) fn hold<H>(&self, handle: H) -> H {
        handle
    }
}

/// Begins a thread or a task that has no handle to itself.
pub(crate) fn begin(me: &Me, name: String, body: impl Future<Output = ()> + Send + 'static) {
    if me.blocks() {
        leakwatch::spawn!(name, [] move || now(body));
    } else {
        let task = leakwatch::task!(name, [] async move { body.await });
        me.run.runtime().spawn(task);
    }
}

/// The end of a future that blocks inside and never pends.
pub(crate) fn now<R>(future: impl Future<Output = R>) -> R {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(end) => end,
        std::task::Poll::Pending => unreachable!("a thread blocks, it never pends"),
    }
}
