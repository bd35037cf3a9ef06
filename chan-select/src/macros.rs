//! The grammar of `select!` and `select_async!`, and what they become.
//!
//! One muncher, `__select!`, reads the cases one after the other and keeps
//!
//! - a list of operands, `Cons(case, Cons(case, … End))`, in source order,
//! - a list of bodies, each with the pattern of its result, nested as deep as
//!   its case is in the list: `Won::Next(Won::This(pattern)) => body`,
//! - how many cases there are, and the default if there is one.
//!
//! At the end the operands are evaluated in one `let`, so that what they
//! borrowed is free again in the bodies, and one `match` runs one body.

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
    ($($cases:tt)+) => { $crate::__select!(@case [thread] [] [] [] [] $($cases)+) };
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
    ($($cases:tt)+) => { $crate::__select!(@case [task] [] [] [] [] $($cases)+) };
}

/// The muncher: `@case [kind] [operands] [bodies] [count] [default] cases…`.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // ---- The end of the cases. ----
    (@case $kind:tt [$($op:tt)*] $bodies:tt $count:tt $default:tt) => {
        $crate::__select!(@build $kind [$($op)*] $bodies $count $default)
    };

    // ---- A receive. ----
    (@case $kind:tt [$($op:tt)*] $bodies:tt $count:tt $default:tt
        recv($operand:expr $(,)?) -> $result:pat => $($rest:tt)*) => {
        $crate::__select!(@body $kind
            [$($op)* ($crate::internal::RecvArm::arm(&$operand))]
            $bodies $count $default [$result] $($rest)*)
    };

    // ---- A send. ----
    (@case $kind:tt [$($op:tt)*] $bodies:tt $count:tt $default:tt
        send($operand:expr, $value:expr $(,)?) -> $result:pat => $($rest:tt)*) => {
        $crate::__select!(@body $kind
            [$($op)* ($crate::internal::SendArm::arm(&$operand, $value))]
            $bodies $count $default [$result] $($rest)*)
    };

    // ---- A default. ----
    (@case $kind:tt $ops:tt $bodies:tt $count:tt [] default => $($rest:tt)*) => {
        $crate::__select!(@default_body $kind $ops $bodies $count [now] $($rest)*)
    };
    (@case $kind:tt $ops:tt $bodies:tt $count:tt []
        default($timeout:expr $(,)?) => $($rest:tt)*) => {
        $crate::__select!(@default_body $kind $ops $bodies $count [$timeout] $($rest)*)
    };
    (@case $kind:tt $ops:tt $bodies:tt $count:tt [$($there:tt)+] default $($rest:tt)*) => {
        compile_error!("select: there can be one default only")
    };

    // ---- Mistakes. ----
    (@case $kind:tt $ops:tt $bodies:tt $count:tt $default:tt recv($($operand:tt)*) => $($rest:tt)*) => {
        compile_error!("select: a receive is written `recv(channel) -> pattern => body`; use `-> _` to ignore the value")
    };
    (@case $kind:tt $ops:tt $bodies:tt $count:tt $default:tt send($($operand:tt)*) => $($rest:tt)*) => {
        compile_error!("select: a send is written `send(channel, value) -> pattern => body`; use `-> _` to ignore the result")
    };
    (@case $kind:tt $ops:tt $bodies:tt $count:tt $default:tt send($operand:expr) $($rest:tt)*) => {
        compile_error!("select: a send needs a value: `send(channel, value) -> pattern => body`")
    };
    (@case $kind:tt $ops:tt $bodies:tt $count:tt $default:tt recv $($rest:tt)*) => {
        compile_error!("select: a receive is written `recv(channel) -> pattern => body`")
    };
    (@case $kind:tt $ops:tt $bodies:tt $count:tt $default:tt send $($rest:tt)*) => {
        compile_error!("select: a send is written `send(channel, value) -> pattern => body`")
    };
    (@case $kind:tt $ops:tt $bodies:tt $count:tt $default:tt default $($rest:tt)*) => {
        compile_error!("select: a default is written `default => body` or `default(timeout) => body`")
    };
    (@case $kind:tt $ops:tt $bodies:tt $count:tt $default:tt $other:tt $($rest:tt)*) => {
        compile_error!(concat!(
            "select: expected `recv(…)`, `send(…)` or `default`, found `", stringify!($other), "`"
        ))
    };

    // ---- The body of a case. ----
    (@body $kind:tt $ops:tt [$($bodies:tt)*] [$($count:tt)*] $default:tt [$result:pat]
        $body:block , $($rest:tt)*) => {
        $crate::__select!(@case $kind $ops
            [$($bodies)* { [$($count)*] $result => $body }] [$($count)* +] $default $($rest)*)
    };
    (@body $kind:tt $ops:tt [$($bodies:tt)*] [$($count:tt)*] $default:tt [$result:pat]
        $body:block $($rest:tt)*) => {
        $crate::__select!(@case $kind $ops
            [$($bodies)* { [$($count)*] $result => $body }] [$($count)* +] $default $($rest)*)
    };
    (@body $kind:tt $ops:tt [$($bodies:tt)*] [$($count:tt)*] $default:tt [$result:pat]
        $body:expr , $($rest:tt)*) => {
        $crate::__select!(@case $kind $ops
            [$($bodies)* { [$($count)*] $result => $body }] [$($count)* +] $default $($rest)*)
    };
    (@body $kind:tt $ops:tt [$($bodies:tt)*] [$($count:tt)*] $default:tt [$result:pat]
        $body:expr) => {
        $crate::__select!(@case $kind $ops
            [$($bodies)* { [$($count)*] $result => $body }] [$($count)* +] $default)
    };

    // ---- The body of the default. ----
    (@default_body $kind:tt $ops:tt $bodies:tt $count:tt [$($when:tt)+] $body:block , $($rest:tt)*) => {
        $crate::__select!(@case $kind $ops $bodies $count [[$($when)+] $body] $($rest)*)
    };
    (@default_body $kind:tt $ops:tt $bodies:tt $count:tt [$($when:tt)+] $body:block $($rest:tt)*) => {
        $crate::__select!(@case $kind $ops $bodies $count [[$($when)+] $body] $($rest)*)
    };
    (@default_body $kind:tt $ops:tt $bodies:tt $count:tt [$($when:tt)+] $body:expr , $($rest:tt)*) => {
        $crate::__select!(@case $kind $ops $bodies $count [[$($when)+] $body] $($rest)*)
    };
    (@default_body $kind:tt $ops:tt $bodies:tt $count:tt [$($when:tt)+] $body:expr) => {
        $crate::__select!(@case $kind $ops $bodies $count [[$($when)+] $body])
    };

    // ---- What it becomes. ----
    (@build [thread] $ops:tt $bodies:tt $count:tt []) => {{
        let won = $crate::internal::select::<_, { $crate::__select!(@count $count) }>(
            $crate::__select!(@list $ops));
        $crate::__select!(@match won $bodies [])
    }};
    (@build [thread] $ops:tt $bodies:tt $count:tt [[now] $body:expr]) => {{
        let won = $crate::internal::try_select::<_, { $crate::__select!(@count $count) }>(
            $crate::__select!(@list $ops));
        $crate::__select!(@match won $bodies [$body])
    }};
    (@build [thread] $ops:tt $bodies:tt $count:tt [[$timeout:expr] $body:expr]) => {{
        let won = $crate::internal::select_timeout::<_, { $crate::__select!(@count $count) }>(
            $crate::__select!(@list $ops), $timeout);
        $crate::__select!(@match won $bodies [$body])
    }};
    (@build [task] $ops:tt $bodies:tt $count:tt []) => {{
        let won = $crate::internal::select_async::<_, { $crate::__select!(@count $count) }>(
            $crate::__select!(@list $ops)).await;
        $crate::__select!(@match won $bodies [])
    }};
    // Looking does not wait, in a task as in a thread.
    (@build [task] $ops:tt $bodies:tt $count:tt [[now] $body:expr]) => {
        $crate::__select!(@build [thread] $ops $bodies $count [[now] $body])
    };
    // The timeout is one more case, behind the others: they keep their numbers.
    (@build [task] [$($op:tt)*] [$($bodies:tt)*] $count:tt [[$timeout:expr] $body:expr]) => {{
        let won = $crate::internal::select_async_timeout::<
            _, { 1 + $crate::__select!(@count $count) }>(
            $crate::__select!(@list [$($op)* ($crate::internal::RecvArm::arm(
                &$crate::internal::after($timeout)))])).await;
        $crate::__select!(@match won [$($bodies)* { $count _ => $body }] [])
    }};

    (@count [$($one:tt)*]) => { 0 $( + $crate::__select!(@one $one) )* };
    (@one $one:tt) => { 1 };

    (@list []) => { $crate::internal::End };
    (@list [$case:tt $($rest:tt)*]) => {
        $crate::internal::Cons($case, $crate::__select!(@list [$($rest)*]))
    };

    (@match $won:ident [$({ $depth:tt $result:pat => $body:expr })*] []) => {
        match $won {
            $( $crate::__select!(@pattern $depth $result) => $body, )*
            #[allow(unreachable_patterns)]
            $crate::__select!(@beyond [$($depth)*] never) => match never {},
        }
    };
    (@match $won:ident [$({ $depth:tt $result:pat => $body:expr })*] [$default:expr]) => {
        match $won {
            ::core::option::Option::None => $default,
            $( ::core::option::Option::Some($crate::__select!(@pattern $depth $result)) => $body, )*
            #[allow(unreachable_patterns)]
            ::core::option::Option::Some($crate::__select!(@beyond [$($depth)*] never)) => match never {},
        }
    };

    (@pattern [] $result:pat) => { $crate::internal::Won::This($result) };
    (@pattern [+ $($depth:tt)*] $result:pat) => {
        $crate::internal::Won::Next($crate::__select!(@pattern [$($depth)*] $result))
    };
    (@beyond [] $never:ident) => { $never };
    (@beyond [$one:tt $($rest:tt)*] $never:ident) => {
        $crate::internal::Won::Next($crate::__select!(@beyond [$($rest)*] $never))
    };
}
