//! What every handle can be asked about its channel.

/// Methods that every handle of either manners has.
macro_rules! about_the_channel {
    ($face:ident, $make:literal) => {
        impl<T> $face<T> {
            /// How many values wait in the channel, not counting those of
            /// waiting senders. Stale as soon as it is known. Always 0 for a
            /// timer's.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert_eq!(it.len(), 0);
            /// ```
            pub fn len(&self) -> usize {
                let header = self.chan().map(|chan| chan.header());
                header.map_or(0, |header| header.shown(header.len()))
            }

            /// Whether no values wait in the channel.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert!(it.is_empty());
            /// ```
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Whether there is no room in the buffer: always so for an
            /// unbuffered channel, never for an unbounded one. Slots that are
            /// promised to [`Permit`](crate::Permit)s count as room.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert!(!it.is_full());
            /// ```
            pub fn is_full(&self) -> bool {
                let header = self.chan().map(|chan| chan.header());
                header.is_none_or(|header| self.len() >= header.shown(header.capacity()))
            }

            /// Whether the channel is closed, drained or not.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert!(!it.is_closed());
            /// ```
            pub fn is_closed(&self) -> bool {
                self.handle()
                    .is_some_and(|handle| handle.chan().header().is_closed())
            }

            /// How many live handles can send.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert_eq!(it.sender_count(), 1);
            /// ```
            pub fn sender_count(&self) -> usize {
                self.handle()
                    .map_or(0, |handle| handle.chan().header().handles().send)
            }

            /// How many live handles can receive.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert_eq!(it.receiver_count(), 1);
            /// ```
            pub fn receiver_count(&self) -> usize {
                self.handle()
                    .map_or(0, |handle| handle.chan().header().handles().recv)
            }

            /// How many threads and tasks wait to send, or for a permit to
            /// send. 0 for nil. Takes the channel's lock for a moment.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert_eq!(it.waiting_senders(), 0);
            /// ```
            pub fn waiting_senders(&self) -> usize {
                self.handle()
                    .map_or(0, |handle| handle.chan().header().lock().sendq.len())
            }

            /// How many threads and tasks wait to receive. 0 for nil. Takes
            /// the channel's lock for a moment.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert_eq!(it.waiting_receivers(), 0);
            /// ```
            pub fn waiting_receivers(&self) -> usize {
                self.handle()
                    .map_or(0, |handle| handle.chan().header().lock().recvq.len())
            }
        }
    };
}

/// The capacity as crossbeam-channel says it.
macro_rules! capacity_or_none {
    ($face:ident, $make:literal) => {
        impl<T> $face<T> {
            /// How many values the channel holds while nobody receives; 0 for
            /// an unbuffered one and for a timer's, none for an unbounded one.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert_eq!(it.capacity(), Some(4));
            /// ```
            pub fn capacity(&self) -> Option<usize> {
                let header = self.chan().map(|chan| chan.header());
                match header.map_or(0, |header| header.shown(header.capacity())) {
                    crate::birth::UNBOUNDED => None,
                    capacity => Some(capacity),
                }
            }
        }
    };
}

pub(crate) use {about_the_channel, capacity_or_none};
