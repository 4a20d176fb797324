//! What an engine answered, as the responses of the contract.

use crate::{
    calls::{failure::Failure, wire::time::timestamp},
    engine::{Description, RangeDeleted},
    model::{
        entry::Entry,
        mutation::{Change, Mutation},
        operation::{Applied, Operation, Outcome},
        value::Value,
        version::Version,
    },
    proto::{self, operation_result::Kind, value},
};

/// The answer to Get.
#[must_use]
pub fn get(found: Option<Entry>) -> proto::GetResponse {
    proto::GetResponse {
        entry: found.map(entry),
    }
}

/// The answer to Set.
#[must_use]
pub fn set(applied: Applied) -> proto::SetResponse {
    proto::SetResponse {
        version: number(applied.version),
        expire_time: applied.deadline.map(timestamp),
        previous: applied.entry.map(entry),
    }
}

/// The answer to Delete.
#[must_use]
pub fn delete(applied: Applied) -> proto::DeleteResponse {
    proto::DeleteResponse {
        deleted: Some(applied.version.is_some()),
        version: number(applied.version),
        previous: applied.entry.map(entry),
    }
}

/// The answer to Increment.
#[must_use]
pub fn increment(applied: &Applied) -> proto::IncrementResponse {
    proto::IncrementResponse {
        number: Some(applied.number.unwrap_or_default()),
        version: number(applied.version),
        expire_time: applied.deadline.map(timestamp),
    }
}

/// The answer to Touch.
#[must_use]
pub fn touch(applied: Applied) -> proto::TouchResponse {
    proto::TouchResponse {
        entry: applied.entry.map(entry),
        applied: Some(applied.retimed),
    }
}

/// The answer to `DeleteRange`.
#[must_use]
pub fn delete_range(deleted: RangeDeleted) -> proto::DeleteRangeResponse {
    proto::DeleteRangeResponse {
        deleted_count: Some(i64::try_from(deleted.count).unwrap_or(i64::MAX)),
        version: number(deleted.version),
        more: Some(deleted.more),
    }
}

/// The answer to Describe. `memory_max` is the store's own.
#[must_use]
pub fn described(store: Description, limits: &proto::Limits) -> proto::DescribeResponse {
    let mut limits = *limits;
    limits.memory_max = store
        .memory_max
        .map_or(0, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    proto::DescribeResponse {
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        engine: store.engine.to_owned(),
        store_id: store.store_id,
        version: store.version.get(),
        server_time: Some(timestamp(store.now)),
        capabilities: store.capabilities.iter().map(ToString::to_string).collect(),
        limits: Some(limits),
        durability: store.durability.to_owned(),
        eviction: store.eviction.to_owned(),
    }
}

/// The answer to one operation of a list.
#[must_use]
pub fn result(operation: &Operation<'_>, outcome: Outcome) -> proto::OperationResult {
    let kind = match (operation, outcome) {
        (Operation::Read(_), Outcome::Read(found)) => Kind::Get(get(found)),
        (Operation::Read(_), Outcome::Applied(applied)) => Kind::Get(get(applied.entry)),
        (Operation::Mutate(mutation), Outcome::Applied(applied)) => changed(mutation, applied),
        (Operation::Mutate(mutation), Outcome::Read(entry)) => changed(
            mutation,
            Applied {
                entry,
                ..Applied::default()
            },
        ),
    };
    proto::OperationResult { kind: Some(kind) }
}

/// The answer to one operation of a list that failed.
#[must_use]
pub fn failed(failure: Failure) -> proto::OperationResult {
    proto::OperationResult {
        kind: Some(Kind::Failure(failure.into())),
    }
}

/// A version as the contract says it: 0 for none.
#[must_use]
pub fn number(version: Option<Version>) -> i64 {
    version.map_or(0, Version::get)
}

/// An entry as the contract says it.
#[must_use]
pub fn entry(entry: Entry) -> proto::Entry {
    let version = entry.version().get();
    let expire_time = entry.deadline().map(timestamp);
    let (key, value) = entry.into_parts();
    proto::Entry {
        key,
        value: value.map(stored),
        version,
        expire_time,
    }
}

fn changed(mutation: &Mutation<'_>, applied: Applied) -> Kind {
    match mutation.change {
        Change::Set { .. } => Kind::Set(set(applied)),
        Change::Delete { .. } => Kind::Delete(delete(applied)),
        Change::Increment(_) => Kind::Increment(increment(&applied)),
        Change::Touch { .. } => Kind::Touch(touch(applied)),
    }
}

fn stored(value: Value) -> proto::Value {
    let kind = match value {
        Value::Data(data) => value::Kind::Data(data),
        Value::Text(text) => value::Kind::Text(text.into_string()),
        Value::Number(number) => value::Kind::Number(number),
    };
    proto::Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::model::{time::UnixMillis, value::Text};

    fn stored_entry(value: Option<Value>) -> Entry {
        let version = Version::new(7).unwrap();
        Entry::new("k".into(), value, version, Some(UnixMillis::new(1500)))
    }

    #[test]
    fn an_entry_is_told_as_it_is_stored() {
        let told = entry(stored_entry(Some(Value::Text(Text::from("é".to_owned())))));
        assert_eq!(told.key, "k");
        assert_eq!(told.version, 7);
        let time = told.expire_time.unwrap();
        assert_eq!((time.seconds, time.nanos), (1, 500_000_000));
        assert_eq!(
            told.value.unwrap().kind,
            Some(value::Kind::Text("é".into()))
        );
    }

    #[test]
    fn each_kind_of_value_comes_back_as_it_was_and_an_omitted_one_not_at_all() {
        let data = Bytes::from_static(b"\xff\0");
        assert_eq!(
            stored(Value::Data(data.clone())).kind,
            Some(value::Kind::Data(data))
        );
        assert_eq!(
            stored(Value::Number(-1)).kind,
            Some(value::Kind::Number(-1))
        );
        assert_eq!(entry(stored_entry(None)).value, None);
    }

    #[test]
    fn what_may_be_zero_or_false_is_always_set() {
        assert_eq!(delete(Applied::default()).deleted, Some(false));
        assert_eq!(touch(Applied::default()).applied, Some(false));
        let zero = Applied {
            number: Some(0),
            version: Version::new(1),
            ..Applied::default()
        };
        assert_eq!(increment(&zero).number, Some(0));
    }

    #[test]
    fn a_range_without_keys_says_so() {
        let told = delete_range(RangeDeleted::default());
        assert_eq!((told.deleted_count, told.version), (Some(0), 0));
        assert_eq!(told.more, Some(false));
    }

    #[test]
    fn a_delete_has_deleted_when_it_took_a_version() {
        let applied = Applied {
            version: Version::new(9),
            entry: Some(stored_entry(None)),
            ..Applied::default()
        };
        let told = delete(applied);
        assert_eq!((told.deleted, told.version), (Some(true), 9));
        assert_eq!(told.previous.unwrap().version, 7);
    }
}
