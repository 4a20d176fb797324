//! The suite notices when an engine is broken: each planted fault fails a
//! case of the file that is about what it breaks.

use crate::{
    suite::Case,
    support::{fault::Fault, server::Server},
};

/// A test a fault, and which file must notice it. One that is left out is dead
/// code, and the compiler says so.
macro_rules! planted {
    ($($test:ident: $fault:ident in $file:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $test() {
            is_noticed(Fault::$fault, crate::$file::CASES).await;
        })*
    };
}

planted![
    expired_still_read: ExpiredStillRead in expired,
    expired_still_listed: ExpiredStillListed in expired,
    expired_still_decides: ExpiredStillDecides in expired,
    expired_one_millisecond_late: ExpiredOneMillisecondLate in expiry,
    expired_never_removed: ExpiredNeverRemoved in expired,
    expiry_takes_no_version: ExpiryTakesNoVersion in versions,
    deadline_in_seconds: DeadlineInSeconds in expiry,
    keep_expiry_lost: KeepExpiryLost in expiry,
    default_ttl_ignored: DefaultTtlIgnored in expiry,
    increment_moves_deadline: IncrementMovesDeadline in counters,
    touch_takes_version: TouchTakesVersion in touch,
    touch_mode_ignored: TouchModeIgnored in touch,
    condition_ignored: ConditionIgnored in conditions,
    version_condition_met_by_any: VersionConditionMetByAny in conditions,
    read_and_write_apart: ReadAndWriteApart in counters,
    version_reused: VersionReused in versions,
    refusal_takes_version: RefusalTakesVersion in versions,
    absent_delete_takes_version: AbsentDeleteTakesVersion in versions,
    previous_is_new: PreviousIsNew in values,
    number_becomes_text: NumberBecomesText in values,
    omit_value_ignored: OmitValueIgnored in values,
    bounds_ignored: BoundsIgnored in counters,
    a_dropped_lock: ReadAndWriteApart in linearizable,
    a_skipped_check: ChecksIgnored in linearizable,
    a_transaction_in_halves: TransactInHalves in linearizable,
    a_stale_read: StaleRead in linearizable,
    a_version_twice: VersionReused in linearizable,
    list_unordered: ListUnordered in listing,
    order_ignores_case: OrderIgnoresCase in keys,
    describes_old_version: DescribesOldVersion in describe,
    claims_what_is_not_built: ClaimsWhatIsNotBuilt in describe,
    end_is_inclusive: EndIsInclusive in listing,
    prefix_ignored: PrefixIgnored in listing,
    page_repeats_entry: PageRepeatsEntry in pages,
    page_ends_early: PageEndsEarly in pages,
    page_bytes_ignored: PageBytesIgnored in pages,
    batch_stops_at_failure: BatchStopsAtFailure in batch,
    batch_sees_state_before: BatchSeesStateBefore in batch,
    batch_bytes_ignored: BatchBytesIgnored in batch,
    backup_holds_expired: BackupHoldsExpired in backup,
    backup_sees_later: BackupSeesLater in backup,
    backup_loses_deadline: BackupLosesDeadline in backup,
    checks_ignored: ChecksIgnored in transact_refused,
    transact_half_done: TransactHalfDone in transact_refused,
    transact_sees_itself: TransactSeesItself in transact,
    transact_leaves_gaps: TransactLeavesGaps in transact,
    transact_expires_late: TransactExpiresLate in transact,
    transact_tells_first_version: TransactTellsFirstVersion in transact,
    transact_bytes_ignored: TransactBytesIgnored in transact_refused,
    transact_index_from_one: TransactIndexFromOne in transact_refused,
    delete_range_unbounded: DeleteRangeUnbounded in delete_range,
    delete_range_never_more: DeleteRangeNeverMore in delete_range,
    delete_range_takes_expired: DeleteRangeTakesExpired in delete_range,
    delete_range_takes_end: DeleteRangeTakesEnd in delete_range,
    delete_range_takes_one_version: DeleteRangeTakesOneVersion in delete_range,
    repeat_done_again: RepeatDoneAgain in request_ids,
    repeat_of_another_answered: RepeatOfAnotherAnswered in request_ids,
    repeat_forgets_previous: RepeatForgetsPrevious in request_ids,
    refusal_remembered: RefusalRemembered in request_ids,
    request_ids_for_ever: RequestIdsForEver in request_ids,
    request_ids_unbounded: RequestIdsUnbounded in request_ids,
    repeat_bytes_ignored: BatchBytesIgnored in request_ids_several,
    list_stops_at_failure: BatchStopsAtFailure in pipeline,
    list_sees_state_before: BatchSeesStateBefore in pipeline,
    list_bytes_ignored: BatchBytesIgnored in pipeline,
    watch_skips_expiry: WatchSkipsExpiry in watching,
    watch_tells_touch: WatchTellsTouch in watching,
    watch_unordered: WatchUnordered in watching,
    watch_repeats_event: WatchRepeatsEvent in resuming,
    watch_progress_ahead: WatchProgressAhead in watching,
    watch_begins_quiet: WatchBeginsQuiet in watching,
    watch_stays_quiet: WatchStaysQuiet in watching,
    watch_ignores_ranges: WatchIgnoresRanges in watching,
    watch_ignores_types: WatchIgnoresTypes in watching,
    watch_previous_wrong: WatchPreviousWrong in watching,
    watch_shows_omitted: WatchShowsOmitted in watching,
    watch_skips_compacted: WatchSkipsCompacted in resuming,
    watch_takes_ahead: WatchTakesAhead in resuming,
    watch_slow_silently: WatchSlowSilently in resuming,
    snapshot_loses_entry: SnapshotLosesEntry in resuming,
    snapshot_loses_events: SnapshotLosesEvents in resuming,
    list_keeps_nothing: ListKeepsNothing in resuming,
    memory_unbounded: MemoryUnbounded in sizes,
    memory_full_refuses_all: MemoryFullRefusesAll in sizes,
];

/// A case must fail on an engine with this fault. That none does without one
/// is what the tests of the plain engine say. `--nocapture` shows which do.
async fn is_noticed(fault: Fault, cases: &[Case]) {
    let mut failed = Vec::new();
    for case in cases {
        // In a task of its own, where a panic ends.
        let task = tokio::spawn((case.run)(Server::on_plain(Some(fault))));
        if task.await.is_err() {
            failed.push(case.name);
        }
    }
    println!("{fault:?} is noticed by {failed:?}");
    assert!(!failed.is_empty(), "no case noticed {fault:?}");
}
