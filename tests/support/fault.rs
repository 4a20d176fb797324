//! The ways in which the plain engine can be broken on purpose.

/// What is wrong with an engine. Each breaks a promise of the contract, and
/// the suite must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Get gives out an expired entry until it is swept.
    ExpiredStillRead,
    /// List gives out an expired entry until it is swept.
    ExpiredStillListed,
    /// Changes take an expired entry for a live one.
    ExpiredStillDecides,
    /// The millisecond of the deadline still counts as alive.
    ExpiredOneMillisecondLate,
    /// Nothing is removed unless it is replaced.
    ExpiredNeverRemoved,
    /// The removal of an expired entry takes no version.
    ExpiryTakesNoVersion,
    /// Deadlines are cut to whole seconds.
    DeadlineInSeconds,
    /// A Set that keeps the expiry forgets it.
    KeepExpiryLost,
    /// The default ttl is not applied.
    DefaultTtlIgnored,
    /// An Increment moves the deadline of a counter that is there.
    IncrementMovesDeadline,
    /// A Touch takes a version.
    TouchTakesVersion,
    /// A Touch moves the deadline whatever its mode.
    TouchModeIgnored,
    /// Conditions are not looked at.
    ConditionIgnored,
    /// A condition on a version is met by every entry.
    VersionConditionMetByAny,
    /// Read and write are not one step.
    ReadAndWriteApart,
    /// A Set keeps the version of the entry that it replaces.
    VersionReused,
    /// A refused change takes a version.
    RefusalTakesVersion,
    /// A Delete of an absent key takes a version.
    AbsentDeleteTakesVersion,
    /// The previous entry is the one just stored.
    PreviousIsNew,
    /// A number comes back as text.
    NumberBecomesText,
    /// Values are given out although they were to be left out.
    OmitValueIgnored,
    /// An Increment ignores its bounds.
    BoundsIgnored,
    /// Pages are not in key order.
    ListUnordered,
    /// The end of a range is listed too.
    EndIsInclusive,
    /// The prefix of a range is not looked at.
    PrefixIgnored,
    /// A page begins with the last entry of the page before.
    PageRepeatsEntry,
    /// A page says that it is the last when more follows.
    PageEndsEarly,
    /// A page is as large as its entries make it.
    PageBytesIgnored,
    /// A Batch stops at the first operation that fails.
    BatchStopsAtFailure,
    /// The operations of a Batch do not see each other.
    BatchSeesStateBefore,
    /// Answers of a Batch are as large as their entries make them.
    BatchBytesIgnored,
    /// The store grows without a limit.
    MemoryUnbounded,
    /// A full store refuses every Set, also one that does not grow it.
    MemoryFullRefusesAll,
}
