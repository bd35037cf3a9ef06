//! The grammar of `select!` and `select_async!`, and what they become.
//!
//! One muncher, `__select!`, reads the cases one after the other and keeps
//!
//! - the kind, with the name under which a timeout is known, given once so
//!   that all steps mean the same variable,
//! - the list of operands, `Cons(Cons(End, case), case)`: one expression that
//!   evaluates them in source order, a timeout at its place among them,
//! - the bodies, each with the pattern of its result; what is added to the
//!   list puts one `Before` around the patterns of all earlier ones,
//! - how many cases there are, how many of them go first, and the default.
//!
//! At the end the operands are evaluated in one `let`, so that what they
//! borrowed is free again in the bodies, and one `match` runs one body. A case
//! costs one level of recursion, so that the compiler's usual limit of 128 is
//! good for a hundred cases and more.

/// Waits for the first of several channel operations, as a thread.
///
/// The rules and the grammar are those of the [crate]. `select! {}` waits for
/// ever.
///
/// # Panics
///
/// `send on closed channel`, if a send case of a [`Chan`](chan_core::Chan)
/// that is closed is chosen.
///
/// # Examples
///
/// ```
/// use chan_core::Chan;
/// use chan_select::select;
///
/// let (jobs, quit) = (Chan::new(1), Chan::<()>::new(0));
/// let mut sent = 0;
/// for n in 0..10 {
///     select! {
///         send(jobs, n) -> () => sent += 1,
///         recv(quit) -> _ => break,
///         default => {} // full
///     }
/// }
/// assert_eq!(sent, 1);
/// ```
#[macro_export]
macro_rules! select {
    () => { $crate::internal::select_nothing() };
    ($($cases:tt)+) => {
        $crate::__select!(@case [thread timeout] [$crate::internal::End] [] [] [open []] []
            $($cases)+)
    };
}

/// Waits for the first of several channel operations, as a task: an
/// expression for `async` code that awaits by itself.
///
/// The rules and the grammar are those of the [crate].
///
/// # Panics
///
/// As for [`select!`].
///
/// # Cancel safety
///
/// A task that is dropped while it waits here loses nothing: a value that
/// was received for it goes on to the next receiver, a value that was sent
/// stays sent.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use chan_core::{bounded, never};
/// use chan_select::select_async;
///
/// let (tx, rx) = bounded(1);
/// tx.send(7).unwrap();
/// let got = select_async! {
///     recv(rx) -> value => value.ok(),
///     recv(never::<u8>()) -> _ => None,
/// };
/// assert_eq!(got, Some(7));
/// # });
/// ```
#[macro_export]
macro_rules! select_async {
    () => { match $crate::internal::SelectNothing::new().await {} };
    ($($cases:tt)+) => {
        $crate::__select!(@case [task timeout] [$crate::internal::End] [] [] [open []] []
            $($cases)+)
    };
}

/// The muncher: `@case kind list bodies count first default cases…`.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // ---- The end of the cases. ----
    (@case $kind:tt $list:tt $bodies:tt $count:tt $first:tt $default:tt) => {
        $crate::__select!(@build $kind $list $bodies $count $first $default)
    };

    // ---- A send or a receive: a body is an expression and a comma, or a block. ----
    // In this order: what another macro took for an expression cannot be tried
    // as a block, which would be an error instead of another rule.
    (@case $kind:tt [$($list:tt)*] [$({ [$($earlier:tt)*] $earlier_body:tt })*] [$($count:tt)*]
        [$gate:ident $first:tt] $default:tt
        $word:ident($($operands:tt)*) -> $result:pat => $body:expr $(, $($rest:tt)*)?) => {
        $crate::__select!(@case $kind
            [$crate::internal::Cons($($list)*, $crate::__select!(@operands $word $($operands)*))]
            [
                $({ [$crate::internal::Won::Before($($earlier)*)] $earlier_body })*
                { [$crate::internal::Won::This(result)] {
                    let ($result) = $crate::internal::own(result);
                    $body
                } }
            ]
            [$($count)* + 1] [shut $first] $default $($($rest)*)?)
    };
    (@case $kind:tt [$($list:tt)*] [$({ [$($earlier:tt)*] $earlier_body:tt })*] [$($count:tt)*]
        [$gate:ident $first:tt] $default:tt
        $word:ident($($operands:tt)*) -> $result:pat => $body:block $($rest:tt)+) => {
        $crate::__select!(@case $kind
            [$crate::internal::Cons($($list)*, $crate::__select!(@operands $word $($operands)*))]
            [
                $({ [$crate::internal::Won::Before($($earlier)*)] $earlier_body })*
                { [$crate::internal::Won::This(result)] {
                    let ($result) = $crate::internal::own(result);
                    $body
                } }
            ]
            [$($count)* + 1] [shut $first] $default $($rest)+)
    };
    (@case $kind:tt [$($list:tt)*] [$({ [$($earlier:tt)*] $earlier_body:tt })*] [$($count:tt)*]
        [open [$($first:tt)*]] $default:tt
        first $word:ident($($operands:tt)*) -> $result:pat => $body:expr $(, $($rest:tt)*)?) => {
        $crate::__select!(@case $kind
            [$crate::internal::Cons($($list)*, $crate::__select!(@operands $word $($operands)*))]
            [
                $({ [$crate::internal::Won::Before($($earlier)*)] $earlier_body })*
                { [$crate::internal::Won::This(result)] {
                    let ($result) = $crate::internal::own(result);
                    $body
                } }
            ]
            [$($count)* + 1] [open [$($first)* + 1]] $default $($($rest)*)?)
    };
    (@case $kind:tt [$($list:tt)*] [$({ [$($earlier:tt)*] $earlier_body:tt })*] [$($count:tt)*]
        [open [$($first:tt)*]] $default:tt
        first $word:ident($($operands:tt)*) -> $result:pat => $body:block $($rest:tt)+) => {
        $crate::__select!(@case $kind
            [$crate::internal::Cons($($list)*, $crate::__select!(@operands $word $($operands)*))]
            [
                $({ [$crate::internal::Won::Before($($earlier)*)] $earlier_body })*
                { [$crate::internal::Won::This(result)] {
                    let ($result) = $crate::internal::own(result);
                    $body
                } }
            ]
            [$($count)* + 1] [open [$($first)* + 1]] $default $($rest)+)
    };

    (@operands recv $operand:expr $(,)?) => { $crate::internal::RecvArm::arm(&$operand) };
    (@operands send $operand:expr, $value:expr $(,)?) => {
        $crate::internal::SendArm::arm(&$operand, $value)
    };
    (@operands recv $($operands:tt)*) => {
        compile_error!("select: a receive is written `recv(channel) -> pattern => body`")
    };
    (@operands send $operand:expr $(,)?) => {
        compile_error!("select: a send needs a value: `send(channel, value) -> pattern => body`")
    };
    (@operands send $($operands:tt)*) => {
        compile_error!("select: a send is written `send(channel, value) -> pattern => body`")
    };
    (@operands $other:ident $($operands:tt)*) => {
        compile_error!(concat!(
            "select: expected `recv(…)`, `send(…)`, `first` or `default`, found `",
            stringify!($other), "`"
        ))
    };

    // ---- A default. ----
    (@case $kind:tt $list:tt $bodies:tt $count:tt $first:tt [] default => $($rest:tt)*) => {
        $crate::__select!(@default_body $kind $list $bodies $count $first [now] $($rest)*)
    };
    (@case [$kind:ident $timeout:ident] [$($list:tt)*] $bodies:tt $count:tt $first:tt []
        default($after:expr $(,)?) => $($rest:tt)*) => {
        $crate::__select!(@default_body [$kind $timeout]
            [$crate::internal::beside($($list)*, { $timeout = $after; })]
            $bodies $count $first [later] $($rest)*)
    };
    (@case $kind:tt $list:tt $bodies:tt $count:tt $first:tt [$($there:tt)+]
        default $($rest:tt)*) => {
        compile_error!("select: there can be one default only")
    };

    // ---- Mistakes. ----
    (@case $kind:tt $list:tt $bodies:tt $count:tt [shut $first:tt] $default:tt
        first $($rest:tt)*) => {
        compile_error!("select: the cases that are looked at `first` stand in front of the others")
    };
    (@case $kind:tt $list:tt $bodies:tt $count:tt $first:tt $default:tt
        first default $($rest:tt)*) => {
        compile_error!("select: a default is what comes last; only `recv` and `send` can be `first`")
    };
    (@case $kind:tt $list:tt $bodies:tt $count:tt $first:tt $default:tt
        $word:ident($($operands:tt)*) -> $result:pat => $($rest:tt)*) => {
        compile_error!("select: after `=>` stands a body: a block, or an expression with a comma behind it")
    };
    (@case $kind:tt $list:tt $bodies:tt $count:tt $first:tt $default:tt
        first $word:ident($($operands:tt)*) -> $result:pat => $($rest:tt)*) => {
        compile_error!("select: after `=>` stands a body: a block, or an expression with a comma behind it")
    };
    (@case $kind:tt $list:tt $bodies:tt $count:tt $first:tt $default:tt
        $(first)? recv($($operand:tt)*) => $($rest:tt)*) => {
        compile_error!("select: a receive is written `recv(channel) -> pattern => body`; use `-> _` to ignore the value")
    };
    (@case $kind:tt $list:tt $bodies:tt $count:tt $first:tt $default:tt
        $(first)? send($($operand:tt)*) => $($rest:tt)*) => {
        compile_error!("select: a send is written `send(channel, value) -> pattern => body`; use `-> _` to ignore the result")
    };
    (@case $kind:tt $list:tt $bodies:tt $count:tt $first:tt $default:tt
        $(first)? recv $($rest:tt)*) => {
        compile_error!("select: a receive is written `recv(channel) -> pattern => body`")
    };
    (@case $kind:tt $list:tt $bodies:tt $count:tt $first:tt $default:tt
        $(first)? send $($rest:tt)*) => {
        compile_error!("select: a send is written `send(channel, value) -> pattern => body`")
    };
    (@case $kind:tt $list:tt $bodies:tt $count:tt $first:tt $default:tt
        default $($rest:tt)*) => {
        compile_error!("select: a default is written `default => body` or `default(timeout) => body`")
    };
    (@case $kind:tt $list:tt $bodies:tt $count:tt $first:tt $default:tt
        $other:tt $($rest:tt)*) => {
        compile_error!(concat!(
            "select: expected `recv(…)`, `send(…)`, `first` or `default`, found `",
            stringify!($other), "`"
        ))
    };

    // ---- The body of the default. ----
    (@default_body $kind:tt $list:tt $bodies:tt $count:tt $first:tt [$when:ident]
        $body:expr $(, $($rest:tt)*)?) => {
        $crate::__select!(@case $kind $list $bodies $count $first [$when $body] $($($rest)*)?)
    };
    (@default_body $kind:tt $list:tt $bodies:tt $count:tt $first:tt [$when:ident]
        $body:block $($rest:tt)+) => {
        $crate::__select!(@case $kind $list $bodies $count $first [$when $body] $($rest)+)
    };
    (@default_body $($rest:tt)*) => {
        compile_error!("select: after `default =>` stands a body: a block, or an expression with a comma behind it")
    };

    // ---- What it becomes. ----
    (@build [thread $timeout:ident] [$($list:tt)*] $bodies:tt [$($count:tt)*]
        [$gate:ident [$($first:tt)*]] []) => {{
        let won = $crate::internal::select::<_, { 0 $($count)* }>($($list)*, 0 $($first)*);
        $crate::__select!(@match won $bodies)
    }};
    // Looking does not wait, in a task as in a thread.
    (@build [$kind:ident $timeout:ident] [$($list:tt)*] $bodies:tt [$($count:tt)*]
        [$gate:ident [$($first:tt)*]] [now $body:expr]) => {{
        let won = $crate::internal::try_select::<_, { 0 $($count)* }>($($list)*, 0 $($first)*);
        $crate::__select!(@match won $bodies $body)
    }};
    (@build [thread $timeout:ident] [$($list:tt)*] $bodies:tt [$($count:tt)*]
        [$gate:ident [$($first:tt)*]] [later $body:expr]) => {{
        let $timeout;
        let won = $crate::internal::select_timeout::<_, { 0 $($count)* }>(
            $($list)*, 0 $($first)*, $timeout);
        $crate::__select!(@match won $bodies $body)
    }};
    (@build [task $timeout:ident] [$($list:tt)*] $bodies:tt [$($count:tt)*]
        [$gate:ident [$($first:tt)*]] []) => {{
        let won = $crate::internal::won(
            $crate::internal::select_async::<_, { 0 $($count)* }>($($list)*, 0 $($first)*).await);
        $crate::__select!(@match won $bodies)
    }};
    (@build [task $timeout:ident] [$($list:tt)*] $bodies:tt [$($count:tt)*]
        [$gate:ident [$($first:tt)*]] [later $body:expr]) => {{
        let $timeout;
        let won = $crate::internal::select_async_timeout::<_, { 0 $($count)* }>(
            $($list)*, 0 $($first)*, $timeout).await;
        $crate::__select!(@match won $bodies $body)
    }};

    // A body that is a block stands in a block of ours, which is no reason for
    // the compiler to call its braces unnecessary.
    (@match $won:ident [$({ [$($result:tt)*] $body:tt })*]) => {
        match $won { $( #[allow(unused_braces)] $($result)* => $body )* }
    };
    (@match $won:ident [$({ [$($result:tt)*] $body:tt })*] $default:expr) => {
        match $won {
            $( #[allow(unused_braces)] ::core::option::Option::Some($($result)*) => $body )*
            ::core::option::Option::None => $default,
        }
    };
}
