//! The ways in which the plain engine can be broken on purpose.

use nanokv::model::{
    expiry::{Expiry, ExpiryRules},
    mutation::{Change, Condition, Current, Mutation, TouchMode},
    time::UnixMillis,
};

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
    /// Every other Get sees an earlier state.
    StaleRead,
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
    /// A backup holds what has expired.
    BackupHoldsExpired,
    /// A backup holds entries as they are when they are read.
    BackupSeesLater,
    /// A backup holds no deadlines.
    BackupLosesDeadline,
    /// Pages are not in key order.
    ListUnordered,
    /// Pages are in an order that takes A for a.
    OrderIgnoresCase,
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
    /// The checks of a transaction are not looked at.
    ChecksIgnored,
    /// Others see a transaction half done.
    TransactInHalves,
    /// A transaction that is refused has changed what came before.
    TransactHalfDone,
    /// Reads of a transaction see what it has done.
    TransactSeesItself,
    /// A transaction takes more versions than it has changes.
    TransactLeavesGaps,
    /// What has expired makes way in the middle of a transaction.
    TransactExpiresLate,
    /// A transaction tells its first version for its last.
    TransactTellsFirstVersion,
    /// The answers of a transaction are as large as their entries make them.
    TransactBytesIgnored,
    /// The operations of a transaction are counted from 1.
    TransactIndexFromOne,
    /// A `DeleteRange` removes whatever there is.
    DeleteRangeUnbounded,
    /// A `DeleteRange` that stops at its limit says that nothing is left.
    DeleteRangeNeverMore,
    /// A `DeleteRange` counts what has expired.
    DeleteRangeTakesExpired,
    /// A `DeleteRange` removes the end of its range too.
    DeleteRangeTakesEnd,
    /// All removals of a `DeleteRange` share a version.
    DeleteRangeTakesOneVersion,
    /// A request that was answered is carried out again.
    RepeatDoneAgain,
    /// The id of another request is taken for a repeat.
    RepeatOfAnotherAnswered,
    /// A repeat is answered without the entry of the first reply.
    RepeatForgetsPrevious,
    /// A refusal is given again although the change could be made now.
    RefusalRemembered,
    /// Requests are remembered for ever.
    RequestIdsForEver,
    /// Any number of requests is remembered.
    RequestIdsUnbounded,
    /// The store grows without a limit.
    MemoryUnbounded,
    /// A full store refuses every Set, also one that does not grow it.
    MemoryFullRefusesAll,
    /// A Watch is not told of what has expired.
    WatchSkipsExpiry,
    /// A Watch is told of a Touch.
    WatchTellsTouch,
    /// A Watch is told of the latest change first.
    WatchUnordered,
    /// A Watch is told again of the event that it resumes after.
    WatchRepeatsEvent,
    /// A Watch says that it has told what is yet to come.
    WatchProgressAhead,
    /// A Watch says nothing until something happens.
    WatchBeginsQuiet,
    /// A Watch says nothing while nothing happens.
    WatchStaysQuiet,
    /// A Watch is told of every key.
    WatchIgnoresRanges,
    /// A Watch is told of every kind of event.
    WatchIgnoresTypes,
    /// A Watch holds the entry before only if it was not asked for.
    WatchPreviousWrong,
    /// A Watch shows values although they were to be left out.
    WatchShowsOmitted,
    /// A Watch goes on with what is left where what it begins after is gone.
    WatchSkipsCompacted,
    /// A Watch may begin after what was not given out yet.
    WatchTakesAhead,
    /// A Watch that is read too slowly is not told what it has missed.
    WatchSlowSilently,
    /// A snapshot lacks an entry.
    SnapshotLosesEntry,
    /// What changes while a snapshot is sent is not told.
    SnapshotLosesEvents,
    /// After a List nothing is kept for a Watch.
    ListKeepsNothing,
    /// Describe tells the version that the store began with.
    DescribesOldVersion,
    /// Describe lists what is not built.
    ClaimsWhatIsNotBuilt,
}

impl Fault {
    /// Makes of a change what an engine with this fault takes it for.
    pub(crate) fn spoil(self, mutation: &mut Mutation<'_>, current: Option<&Current>) {
        let condition = &mut mutation.condition;
        match (self, &mut mutation.change) {
            (Self::ConditionIgnored, _) => *condition = None,
            (Self::VersionConditionMetByAny, _) => {
                if let (Some(Condition::Version(version)), Some(entry)) = (condition, current) {
                    *version = entry.version;
                }
            }
            (Self::KeepExpiryLost, Change::Set { expiry, .. }) if *expiry == Expiry::Keep => {
                *expiry = Expiry::Default;
            }
            (Self::DefaultTtlIgnored, Change::Set { expiry, .. }) if *expiry == Expiry::Default => {
                *expiry = Expiry::Never;
            }
            (Self::TouchModeIgnored, Change::Touch { mode, .. }) => *mode = TouchMode::Any,
            (Self::BoundsIgnored, Change::Increment(increment)) => {
                (increment.min, increment.max) = (i64::MIN, i64::MAX);
            }
            _ => {}
        }
    }

    /// Makes of the deadline of a stored entry what an engine with this fault
    /// stores.
    pub(crate) fn spoil_deadline(
        self,
        deadline: &mut Option<UnixMillis>,
        change: Change<'_>,
        now: UnixMillis,
    ) {
        match (self, change) {
            (Self::DeadlineInSeconds, _) => {
                *deadline = deadline.map(|it| UnixMillis::new(it.get() / 1000 * 1000));
            }
            (Self::IncrementMovesDeadline, Change::Increment(increment)) => {
                let rules = ExpiryRules::default();
                *deadline = increment
                    .expiry
                    .deadline(now, None, rules)
                    .unwrap_or(*deadline);
            }
            _ => {}
        }
    }
}
