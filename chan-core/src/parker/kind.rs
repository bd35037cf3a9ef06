//! What is known of a party before it waits, in one byte.

/// What kind of party it is: any of these.
#[derive(Clone, Copy)]
pub(super) struct Kind(u8);

impl Kind {
    pub(super) const THREAD: Kind = Kind(0);
    pub(super) const TASK: Kind = Kind(1);
    pub(super) const SELECT: Kind = Kind(2);
    pub(super) const DEADLINE: Kind = Kind(4);

    #[inline(always)]
    pub(super) const fn and(self, other: Kind, when: bool) -> Kind {
        Kind(self.0 | if when { other.0 } else { 0 })
    }

    #[inline(always)]
    pub(super) const fn is(self, other: Kind) -> bool {
        self.0 & other.0 != 0
    }
}
