//! The suite notices when an engine is broken: each planted fault fails a
//! case.

use crate::{
    suite::Case,
    support::{fault::Fault, server::Server},
};

const SUITE: &[&[Case]] = &[
    crate::batch::CASES,
    crate::conditions::CASES,
    crate::counters::CASES,
    crate::describe::CASES,
    crate::expired::CASES,
    crate::expiry::CASES,
    crate::keys::CASES,
    crate::listing::CASES,
    crate::pages::CASES,
    crate::sizes::CASES,
    crate::touch::CASES,
    crate::unbuilt::CASES,
    crate::values::CASES,
    crate::versions::CASES,
];

/// A test a fault. One that is left out is dead code, and the compiler says
/// so.
macro_rules! planted {
    ($($test:ident: $fault:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $test() {
            is_noticed(Fault::$fault).await;
        })*
    };
}

planted![
    expired_still_read: ExpiredStillRead,
    expired_still_listed: ExpiredStillListed,
    expired_still_decides: ExpiredStillDecides,
    expired_one_millisecond_late: ExpiredOneMillisecondLate,
    expired_never_removed: ExpiredNeverRemoved,
    expiry_takes_no_version: ExpiryTakesNoVersion,
    deadline_in_seconds: DeadlineInSeconds,
    keep_expiry_lost: KeepExpiryLost,
    default_ttl_ignored: DefaultTtlIgnored,
    increment_moves_deadline: IncrementMovesDeadline,
    touch_takes_version: TouchTakesVersion,
    touch_mode_ignored: TouchModeIgnored,
    condition_ignored: ConditionIgnored,
    version_condition_met_by_any: VersionConditionMetByAny,
    read_and_write_apart: ReadAndWriteApart,
    version_reused: VersionReused,
    refusal_takes_version: RefusalTakesVersion,
    absent_delete_takes_version: AbsentDeleteTakesVersion,
    previous_is_new: PreviousIsNew,
    number_becomes_text: NumberBecomesText,
    omit_value_ignored: OmitValueIgnored,
    bounds_ignored: BoundsIgnored,
    list_unordered: ListUnordered,
    end_is_inclusive: EndIsInclusive,
    prefix_ignored: PrefixIgnored,
    page_repeats_entry: PageRepeatsEntry,
    page_ends_early: PageEndsEarly,
    page_bytes_ignored: PageBytesIgnored,
    batch_stops_at_failure: BatchStopsAtFailure,
    batch_sees_state_before: BatchSeesStateBefore,
    batch_bytes_ignored: BatchBytesIgnored,
    memory_unbounded: MemoryUnbounded,
    memory_full_refuses_all: MemoryFullRefusesAll,
];

/// Runs the whole suite on an engine with this fault; a case must fail. Shown
/// with `--nocapture`: which did.
async fn is_noticed(fault: Fault) {
    let mut failed = Vec::new();
    for case in SUITE.concat() {
        let run = (case.run)(Server::on_plain(Some(fault)));
        if tokio::task::LocalSet::new()
            .run_until(tokio::task::spawn_local(run))
            .await
            .is_err()
        {
            failed.push(case.name);
        }
    }
    println!("{fault:?}: {failed:?}");
    assert!(!failed.is_empty(), "no case noticed {fault:?}");
}
