//! A short way to write adapters: a name, the two types, and an expression for
//! each thing to do. `many` says that an end can be cloned, `one` that it
//! cannot.

/// Implements `Threads`.
macro_rules! threads {
    ($name:ident,
        $txs:ident $tx:ty, $rxs:ident $rx:ty,
        make($capacity:ident) $make:expr,
        send($stx:ident, $value:ident) $send:expr,
        recv($srx:ident) $recv:expr,
        try_send($ttx:ident, $tvalue:ident) $try_send:expr,
        try_recv($trx:ident) $try_recv:expr $(,)?
    ) => {
        pub(super) struct $name;

        impl $crate::faces::Threads for $name {
            type Tx<T: $crate::faces::Element> = $tx;
            type Rx<T: $crate::faces::Element> = $rx;

            fn make<T: $crate::faces::Element>(
                $capacity: $crate::case::Capacity,
            ) -> Option<(Self::Tx<T>, Self::Rx<T>)> {
                $make
            }

            fn clone_tx<T: $crate::faces::Element>(tx: &Self::Tx<T>) -> Option<Self::Tx<T>> {
                clone_end!($txs tx)
            }

            fn clone_rx<T: $crate::faces::Element>(rx: &Self::Rx<T>) -> Option<Self::Rx<T>> {
                clone_end!($rxs rx)
            }

            #[inline]
            fn send<T: $crate::faces::Element>($stx: &mut Self::Tx<T>, $value: T) -> bool {
                $send
            }

            #[inline]
            fn recv<T: $crate::faces::Element>($srx: &mut Self::Rx<T>) -> Option<T> {
                $recv
            }

            #[inline]
            fn try_send<T: $crate::faces::Element>($ttx: &mut Self::Tx<T>, $tvalue: T) -> bool {
                $try_send
            }

            #[inline]
            fn try_recv<T: $crate::faces::Element>($trx: &mut Self::Rx<T>) -> Option<T> {
                $try_recv
            }
        }
    };
}

/// Implements `Tasks`. The expressions of `send` and `recv` may await.
macro_rules! tasks {
    ($name:ident,
        $txs:ident $tx:ty, $rxs:ident $rx:ty,
        make($capacity:ident) $make:expr,
        send($stx:ident, $value:ident) $send:expr,
        recv($srx:ident) $recv:expr $(,)?
    ) => {
        pub(super) struct $name;

        impl $crate::faces::Tasks for $name {
            type Tx<T: $crate::faces::Element> = $tx;
            type Rx<T: $crate::faces::Element> = $rx;

            fn make<T: $crate::faces::Element>(
                $capacity: $crate::case::Capacity,
            ) -> Option<(Self::Tx<T>, Self::Rx<T>)> {
                $make
            }

            fn clone_tx<T: $crate::faces::Element>(tx: &Self::Tx<T>) -> Option<Self::Tx<T>> {
                clone_end!($txs tx)
            }

            fn clone_rx<T: $crate::faces::Element>(rx: &Self::Rx<T>) -> Option<Self::Rx<T>> {
                clone_end!($rxs rx)
            }

            #[inline]
            async fn send<T: $crate::faces::Element>($stx: &mut Self::Tx<T>, $value: T) -> bool {
                $send
            }

            #[inline]
            async fn recv<T: $crate::faces::Element>($srx: &mut Self::Rx<T>) -> Option<T> {
                $recv
            }
        }
    };
}

macro_rules! clone_end {
    (many $end:ident) => {
        Some($end.clone())
    };
    (one $end:ident) => {{
        let _ = $end;
        None
    }};
}
