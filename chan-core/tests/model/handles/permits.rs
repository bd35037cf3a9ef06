//! Permits of both faces in one language.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use chan_core::{
    Chan, Full, Permit, SendChan, SendError, SendTimedOut, SendTimeoutError, Sender, TrySendError,
};

use super::super::ops::{Answer, Way};
use super::super::value::Value;

/// A permit, or what is said where none is given.
pub(crate) type Reserved<'a> = Result<Permit<'a, Value>, Answer>;

pub(crate) trait Reserves {
    fn reserve_by(&self, way: Way) -> Reserved<'_>;
    fn reserve_later(&self) -> Pin<Box<dyn Future<Output = Reserved<'_>> + '_>>;
}

impl Reserves for Sender<Value> {
    fn reserve_by(&self, way: Way) -> Reserved<'_> {
        match way {
            Way::Try => self.try_reserve().map_err(|error| match error {
                TrySendError::Full(()) => Answer::NoRoom,
                TrySendError::Disconnected(()) => Answer::NotGranted,
            }),
            Way::Block => self.reserve().map_err(|SendError(())| Answer::NotGranted),
            Way::Timeout => {
                let reserved = self.reserve_timeout(Duration::ZERO);
                reserved.map_err(|error| match error {
                    SendTimeoutError::Timeout(()) => Answer::ReserveTimedOut,
                    SendTimeoutError::Disconnected(()) => Answer::NotGranted,
                })
            }
        }
    }

    fn reserve_later(&self) -> Pin<Box<dyn Future<Output = Reserved<'_>> + '_>> {
        let reserving = self.reserve_async();
        Box::pin(async { reserving.await.map_err(|SendError(())| Answer::NotGranted) })
    }
}

macro_rules! go_reserves {
    ($face:ident) => {
        impl Reserves for $face<Value> {
            fn reserve_by(&self, way: Way) -> Reserved<'_> {
                match way {
                    Way::Try => self.try_reserve().map_err(|Full(())| Answer::NoRoom),
                    Way::Block => Ok(self.reserve()),
                    Way::Timeout => {
                        let reserved = self.reserve_timeout(Duration::ZERO);
                        reserved.map_err(|SendTimedOut(())| Answer::ReserveTimedOut)
                    }
                }
            }

            fn reserve_later(&self) -> Pin<Box<dyn Future<Output = Reserved<'_>> + '_>> {
                let reserving = self.reserve_async();
                Box::pin(async { Ok(reserving.await) })
            }
        }
    };
}

go_reserves!(Chan);
go_reserves!(SendChan);
