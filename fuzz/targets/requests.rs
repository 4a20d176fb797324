//! Every request of the contract: what is taken keeps every limit, and what is
//! asked for does not depend on how it was written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nanokv::{
    calls::wire::{once, request, watch},
    engine::WatchQuery,
    model::{
        limits::Limits, mutation::Change, once::Content, operation::Operation, range::Range,
        transaction::Transaction,
    },
    proto,
};
use prost::Message;

const LIMITS: Limits = Limits {
    key_bytes_max: 6,
    value_bytes_max: 8,
    message_bytes_max: 200,
    reply_bytes_max: 200,
    batch_operations_max: 3,
    page_entries_max: 5,
    delete_range_entries_max: 4,
    pipeline_lists_in_flight_max: 4,
    watch_ranges_max: 2,
};

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    match which % 5 {
        0 => read(bytes, operations),
        1 => read(bytes, transaction),
        2 => read(bytes, list),
        3 => read(bytes, delete_range),
        _ => read(bytes, watching),
    }
});

fn read<M: Message + Default>(bytes: &[u8], check: impl Fn(M)) {
    if let Ok(message) = M::decode(bytes) {
        check(message);
    }
}

fn operations(batch: proto::BatchRequest) {
    let many = batch.operations.len() > LIMITS.batch_operations_max;
    assert_eq!(request::batch(&batch.operations, &LIMITS).is_err(), many);
    for asked in &batch.operations {
        let decoded = request::operation(asked, &LIMITS);
        assert_eq!(decoded, request::operation(&again(asked), &LIMITS));
        let Ok(operation) = decoded else {
            continue;
        };
        keeps_limits(&operation);
        if let Ok(Some(once)) = once::in_list(asked, &operation) {
            let Operation::Mutate(mutation) = &operation else {
                panic!("a read needs no id");
            };
            let id = once.id.as_str();
            assert!((1..=128).contains(&id.len()));
            assert!(id.bytes().all(|byte| byte.is_ascii_graphic()));
            assert_eq!(once.content, Content::of_mutation(mutation));
        }
    }
}

fn transaction(asked: proto::TransactRequest) {
    let given = asked.checks.len() + asked.operations.len();
    let right = (1..=LIMITS.batch_operations_max).contains(&given);
    assert_eq!(request::transact(&asked, &LIMITS).is_ok(), right);
    let checks: Result<Vec<_>, _> = asked
        .checks
        .iter()
        .map(|check| request::check(check, &LIMITS))
        .collect();
    let operations: Result<Vec<_>, _> = asked
        .operations
        .iter()
        .map(|operation| request::own_operation(operation, &LIMITS))
        .collect();
    let (Ok(checks), Ok(operations)) = (checks, operations) else {
        return;
    };
    let mut written = Vec::new();
    for operation in &operations {
        keeps_limits(operation);
        if let Operation::Mutate(mutation) = operation {
            written.push(mutation.key);
        }
    }
    let count = written.len();
    written.sort_unstable();
    written.dedup();
    let unique = written.len() == count;
    let transaction = Transaction::new(&checks, &operations);
    assert_eq!(transaction.is_ok(), unique);
    if let Ok(transaction) = transaction {
        let _ = Content::of_transaction(&transaction);
    }
}

fn list(asked: proto::ListRequest) {
    let token = asked.page_token.clone();
    if let Ok(list) = request::list(asked, &LIMITS) {
        assert!((1..=LIMITS.page_entries_max).contains(&list.entries_max));
        assert_eq!(list.page_token, token);
        range_keeps_limits(&list.range);
    }
}

fn delete_range(asked: proto::DeleteRangeRequest) {
    if let Ok(range) = request::delete_range(&asked, &LIMITS) {
        range_keeps_limits(&range);
        assert_eq!(range.is_all(), asked.all, "everything, only when told so");
    }
}

fn watching(asked: proto::WatchRequest) {
    if let Ok(query) = watch::query(asked, &LIMITS) {
        let WatchQuery { ranges, kinds, .. } = &query;
        assert!((1..=LIMITS.watch_ranges_max).contains(&ranges.len()));
        assert!(!kinds.is_empty(), "a watch of nothing");
        ranges.iter().for_each(range_keeps_limits);
    }
}

fn keeps_limits(operation: &Operation<'_>) {
    let key = match operation {
        Operation::Read(read) => read.key,
        Operation::Mutate(mutation) => mutation.key,
    };
    let key = key.as_str();
    assert!((1..=LIMITS.key_bytes_max).contains(&key.len()));
    assert!(!key.chars().any(|c| c.is_ascii_control()));
    if let Operation::Mutate(mutation) = operation
        && let Change::Set { value, .. } = mutation.change
    {
        assert!(value.len() <= LIMITS.value_bytes_max);
    }
}

fn range_keeps_limits(range: &Range) {
    assert!(range.prefix().len() <= LIMITS.key_bytes_max);
    assert!(range.start().len() <= LIMITS.key_bytes_max + 1);
    assert!(range.end().len() <= LIMITS.key_bytes_max + 1);
    assert!(range.end().is_empty() || range.start() < range.end());
}

/// As another client would write it.
fn again<M: Message + Default>(message: &M) -> M {
    M::decode(message.encode_to_vec().as_slice()).expect("what is written is read")
}
