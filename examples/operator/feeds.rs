//! The channels between the informer and the workers: one per kind, each with
//! the capacity its traffic asks for.
//!
//! They have Go's manners: the informer owns the sending side and closes it
//! when the watch ends. That nobody else may, and that the informer must, is
//! what most of the planted bugs get wrong.

use chan_core::{Builder, RecvChan, SendChan};

use crate::wire::{Change, Kind, Object};

/// What a worker reconciles.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) change: Change,
    pub(crate) object: Object,
}

/// The two ends of one kind's channel.
#[derive(Clone)]
pub(crate) struct Feed {
    pub(crate) kind: Kind,
    pub(crate) tx: SendChan<Work>,
    pub(crate) rx: RecvChan<Work>,
}

/// A channel for each kind.
pub(crate) fn open() -> Vec<Feed> {
    Kind::ALL.into_iter().map(feed).collect()
}

fn feed(kind: Kind) -> Feed {
    let (name, capacity) = match kind {
        Kind::ConfigMap => ("configmaps", 16),
        // A secret is handed from hand to hand and never lies about.
        Kind::Secret => ("secrets", 0),
        Kind::Database => ("databases", 64),
    };
    let (tx, rx) = Builder::new().name(name).capacity(capacity).chan().split();
    Feed { kind, tx, rx }
}
