//! Every rule on the fields of a request.

use super::*;
use crate::{
    model::{
        expiry::Expiry,
        mutation::{Condition, TouchMode},
        value::ValueRef,
    },
    proto::value,
};

fn limits() -> Limits {
    Limits {
        key_bytes_max: 4,
        batch_operations_max: 2,
        page_entries_max: 10,
        ..Limits::default()
    }
}

fn set_request(key: &str) -> proto::SetRequest {
    proto::SetRequest {
        key: key.into(),
        value: Some(proto::Value {
            kind: Some(value::Kind::Number(1)),
        }),
        ..Default::default()
    }
}

fn field<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    broken(result.unwrap_err()).0
}

fn broken(error: Error) -> (String, Rule) {
    match error {
        Error::Invalid(invalid) => (invalid.field.into_owned(), invalid.rule),
        other => panic!("{other:?}"),
    }
}

fn page(page_size: i32) -> Result<List, Error> {
    let request = proto::ListRequest {
        page_size,
        ..Default::default()
    };
    list(request, &limits())
}

#[test]
fn a_set_is_taken_as_it_is() {
    let request = set_request("key");
    let mutation = set(&request, &limits()).unwrap();
    assert_eq!(mutation.key.as_str(), "key");
    assert_eq!(mutation.condition, None);
    assert_eq!(
        mutation.change,
        Change::Set {
            value: ValueRef::Number(1),
            expiry: Expiry::Default,
            return_previous: false
        }
    );
}

#[test]
fn an_increment_without_numbers_adds_1_without_bounds() {
    let request = proto::IncrementRequest {
        key: "key".into(),
        ..Default::default()
    };
    assert_eq!(
        increment(&request, &limits()).unwrap().change,
        Change::Increment(Increment {
            delta: 1,
            initial: 0,
            min: i64::MIN,
            max: i64::MAX,
            expiry: Expiry::Default
        })
    );
}

#[test]
fn an_increment_by_0_adds_nothing() {
    let request = proto::IncrementRequest {
        key: "key".into(),
        delta: Some(0),
        ..Default::default()
    };
    let change = increment(&request, &limits()).unwrap().change;
    assert!(matches!(change, Change::Increment(given) if given.delta == 0));
}

#[test]
fn a_touch_carries_its_mode() {
    let request = proto::TouchRequest {
        key: "key".into(),
        mode: proto::TouchMode::OnlyExtend.into(),
        omit_value: true,
        ..Default::default()
    };
    assert_eq!(
        touch(&request, &limits()).unwrap().change,
        Change::Touch {
            expiry: Expiry::Default,
            mode: TouchMode::OnlyExtend,
            omit_value: true
        }
    );
}

#[test]
fn every_request_holds_its_key_to_the_rules() {
    for key in ["", "12345", "a\n"] {
        let key = key.to_owned();
        let get_request = proto::GetRequest {
            key: key.clone(),
            ..Default::default()
        };
        let delete_request = proto::DeleteRequest {
            key: key.clone(),
            ..Default::default()
        };
        let increment_request = proto::IncrementRequest {
            key: key.clone(),
            ..Default::default()
        };
        let touch_request = proto::TouchRequest {
            key: key.clone(),
            ..Default::default()
        };
        assert_eq!(field(get(&get_request, &limits())), "key");
        assert_eq!(field(set(&set_request(&key), &limits())), "key");
        assert_eq!(field(delete(&delete_request, &limits())), "key");
        assert_eq!(field(increment(&increment_request, &limits())), "key");
        assert_eq!(field(touch(&touch_request, &limits())), "key");
    }
}

#[test]
fn the_path_within_an_operation_begins_with_its_kind() {
    let of = |kind| proto::Operation { kind };
    let bad_set = of(Some(operation::Kind::Set(set_request(""))));
    assert_eq!(field(operation(&bad_set, &limits())), "set.key");
    let no_value = proto::SetRequest {
        value: None,
        ..set_request("key")
    };
    let no_value = of(Some(operation::Kind::Set(no_value)));
    assert_eq!(field(operation(&no_value, &limits())), "set.value");
    let bad_get = of(Some(operation::Kind::Get(proto::GetRequest::default())));
    assert_eq!(field(operation(&bad_get, &limits())), "get.key");
    assert_eq!(field(operation(&of(None), &limits())), "kind");
}

#[test]
fn a_list_of_operations_may_be_empty_and_not_too_long() {
    let of = |count| vec![proto::Operation::default(); count];
    assert!(batch(&of(0), &limits()).is_ok());
    assert!(batch(&of(2), &limits()).is_ok());
    assert_eq!(field(batch(&of(3), &limits())), "operations");
}

#[test]
fn a_page_size_of_0_is_the_default_and_a_large_one_the_most() {
    assert_eq!(page(0).unwrap().entries_max, 10);
    assert_eq!(page(1).unwrap().entries_max, 1);
    assert_eq!(page(10).unwrap().entries_max, 10);
    assert_eq!(page(11).unwrap().entries_max, 10);
    assert_eq!(page(i32::MAX).unwrap().entries_max, 10);
    assert_eq!(field(page(-1)), "page_size");
    assert_eq!(field(page(i32::MIN)), "page_size");
}

#[test]
fn a_range_names_the_field_that_is_wrong() {
    let of = |prefix: &str, start: &str, end: &str| {
        let range = Some(proto::Range {
            prefix: prefix.into(),
            start: start.into(),
            end: end.into(),
        });
        let request = proto::ListRequest {
            range,
            ..Default::default()
        };
        list(request, &limits())
    };
    assert_eq!(of("a", "ab", "b").unwrap().range.end(), "b");
    assert_eq!(field(of("12345", "", "")), "range.prefix");
    assert_eq!(field(of("", "123456", "")), "range.start");
    assert_eq!(field(of("", "b", "b")), "range.start");
}

#[test]
fn a_transaction_has_at_least_one_part_and_all_its_parts_count() {
    let limits = Limits {
        batch_operations_max: 2,
        ..Limits::default()
    };
    let field = |checks, operations| {
        let request = proto::TransactRequest {
            checks: vec![proto::Check::default(); checks],
            operations: vec![proto::Operation::default(); operations],
            request_id: String::new(),
        };
        transact(&request, &limits).map_err(broken)
    };
    for (checks, operations) in [(1, 0), (0, 1), (1, 1), (2, 0)] {
        assert_eq!(field(checks, operations), Ok(()));
    }
    let operations = || "operations".to_owned();
    assert_eq!(field(0, 0), Err((operations(), Rule::Missing)));
    assert_eq!(field(2, 1), Err((operations(), Rule::TooLarge)));
}

#[test]
fn a_check_names_what_is_wrong_with_it() {
    let key = || "k".to_owned();
    let absent = proto::Condition {
        kind: Some(proto::condition::Kind::Absent(true)),
    };
    for (request, expected) in [
        (
            proto::Check {
                key: String::new(),
                condition: Some(absent),
            },
            ("key", Rule::Missing),
        ),
        (
            proto::Check {
                key: key(),
                condition: None,
            },
            ("condition", Rule::Missing),
        ),
        (
            proto::Check {
                key: key(),
                condition: Some(proto::Condition { kind: None }),
            },
            ("condition.kind", Rule::Missing),
        ),
    ] {
        let (field, rule) = broken(check(&request, &Limits::default()).unwrap_err());
        assert_eq!((&*field, rule), expected);
    }
    let good = proto::Check {
        key: key(),
        condition: Some(absent),
    };
    let limits = Limits::default();
    assert_eq!(check(&good, &limits).unwrap().condition, Condition::Absent);
}

#[test]
fn a_range_to_delete_is_not_empty_by_accident() {
    let field = |prefix: Option<&str>, all| {
        let request = proto::DeleteRangeRequest {
            range: prefix.map(|prefix| proto::Range {
                prefix: prefix.into(),
                ..Default::default()
            }),
            all,
            request_id: String::new(),
        };
        let range = delete_range(&request, &Limits::default());
        range.map(|range| range.prefix().to_owned()).map_err(broken)
    };
    assert_eq!(field(Some("a"), false), Ok("a".into()));
    assert_eq!(field(None, true), Ok(String::new()));
    assert_eq!(field(Some(""), true), Ok(String::new()));
    assert_eq!(field(None, false), Err(("range".into(), Rule::Missing)));
    assert_eq!(field(Some(""), false), Err(("range".into(), Rule::Missing)));
    assert_eq!(field(Some("a"), true), Err(("all".into(), Rule::Conflict)));
}
