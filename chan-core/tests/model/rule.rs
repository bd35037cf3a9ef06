//! The rare places of the model.

/// Places that scripts should come to; a test counts on it that they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    HandOff,
    TakeFromSender,
    Refill,
    WokenByClose,
    WakerReplaced,
    PassedOn,
    CameBack,
    CameBackOutOfOrder,
    PassedOnCameBackOutOfOrder,
    CameBackAfterClose,
    ReturnedFirst,
    TakenThenDropped,
    ClosedByLastSender,
    ClosedByLastReceiver,
    Discarded,
    DroppedWithTheLastHandle,
    Panicked,
    /// The room of a permit went to a waiting sender.
    TookRoomOfAPermit,
    /// Somebody who waited for a permit was granted one.
    GrantedByRoom,
    /// A value was taken from a sender who waited behind somebody that wants
    /// a permit.
    PassedThoseWhoReserve,
    /// A permit was spent on a hand-off, so that its room was free.
    PermitMetReceiver,
    /// A permit was granted to a future that was dropped before it knew.
    GrantedThenDropped,
    /// A permit was spent, or given back, after the close.
    PermitOutlivedTheClose,
    /// A value made room for a newer one.
    ForcedOut,
    /// It may not pass a sender who waits.
    ForceYieldedToSender,
    /// There was no value that could leave: all room is promised.
    ForceYieldedToPermits,
    /// Somebody waited for the close.
    WokenFromTheCloseQueue,
    /// A batch of values found room for some.
    BatchStopped,
    /// A batch that waited was taken from, and went on.
    BatchWentOn,
    /// A batch was given up in the middle, and has the rest.
    BatchLeftSome,
    /// A receive of many waited for its first value.
    BatchAfterHandOff,
    /// A weak handle became one that counts.
    Upgraded,
    /// A side was gone.
    NotUpgraded,
    /// A channel without a limit held more than a block of values.
    BeyondABlock,
}

impl Rule {
    pub(crate) const ALL: [Rule; 34] = [
        Rule::HandOff,
        Rule::TakeFromSender,
        Rule::Refill,
        Rule::WokenByClose,
        Rule::WakerReplaced,
        Rule::PassedOn,
        Rule::CameBack,
        Rule::CameBackOutOfOrder,
        Rule::PassedOnCameBackOutOfOrder,
        Rule::CameBackAfterClose,
        Rule::ReturnedFirst,
        Rule::TakenThenDropped,
        Rule::ClosedByLastSender,
        Rule::ClosedByLastReceiver,
        Rule::Discarded,
        Rule::DroppedWithTheLastHandle,
        Rule::Panicked,
        Rule::TookRoomOfAPermit,
        Rule::GrantedByRoom,
        Rule::PassedThoseWhoReserve,
        Rule::PermitMetReceiver,
        Rule::GrantedThenDropped,
        Rule::PermitOutlivedTheClose,
        Rule::ForcedOut,
        Rule::ForceYieldedToSender,
        Rule::ForceYieldedToPermits,
        Rule::WokenFromTheCloseQueue,
        Rule::BatchStopped,
        Rule::BatchWentOn,
        Rule::BatchLeftSome,
        Rule::BatchAfterHandOff,
        Rule::Upgraded,
        Rule::NotUpgraded,
        Rule::BeyondABlock,
    ];
}
