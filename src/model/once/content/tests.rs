//! Requests that ask for the same, and those that do not.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::model::{
    key::Key, mutation::Increment, operation::Read, time::UnixMillis, transaction::Check,
    version::Version,
};

fn key(text: &str) -> Key<'_> {
    Key::new(text, 1024).unwrap()
}

fn mutation<'a>(key_text: &'a str, change: Change<'a>) -> Mutation<'a> {
    Mutation {
        key: key(key_text),
        change,
        condition: None,
    }
}

fn set(value: ValueRef<'_>, expiry: Expiry, return_previous: bool) -> Change<'_> {
    Change::Set {
        value,
        expiry,
        return_previous,
    }
}

const fn add(delta: i64, initial: i64, min: i64, max: i64, expiry: Expiry) -> Change<'static> {
    Change::Increment(Increment {
        delta,
        initial,
        min,
        max,
        expiry,
    })
}

/// One of each that differs from the others in one thing.
fn all_different() -> Vec<Content> {
    let (text, never) = (ValueRef::Text("v"), Expiry::Never);
    let touch = |expiry, mode, omit_value| Change::Touch {
        expiry,
        mode,
        omit_value,
    };
    let version = Version::new(7).unwrap();
    let conditioned = |condition| Mutation {
        condition: Some(condition),
        ..mutation("k", set(text, never, false))
    };
    let mutations = [
        mutation("k", set(text, never, false)),
        mutation("l", set(text, never, false)),
        mutation("k", set(ValueRef::Text(""), never, false)),
        mutation("k", set(ValueRef::Data(b"v"), never, false)),
        mutation("k", set(ValueRef::Number(1), never, false)),
        mutation("k", set(ValueRef::Number(-1), never, false)),
        mutation("k", set(text, Expiry::Default, false)),
        mutation("k", set(text, Expiry::Keep, false)),
        mutation("k", set(text, Expiry::After(1), false)),
        mutation("k", set(text, Expiry::After(2), false)),
        mutation("k", set(text, Expiry::At(UnixMillis::new(1)), false)),
        mutation("k", set(text, never, true)),
        // What would be alike if parts had no length.
        mutation("kv", set(ValueRef::Text(""), never, false)),
        mutation(
            "k",
            Change::Delete {
                return_previous: false,
            },
        ),
        mutation(
            "k",
            Change::Delete {
                return_previous: true,
            },
        ),
        mutation("k", add(1, 0, -1, 1, never)),
        mutation("k", add(2, 0, -1, 1, never)),
        mutation("k", add(1, 1, -1, 1, never)),
        mutation("k", add(1, 0, -2, 1, never)),
        mutation("k", add(1, 0, -1, 2, never)),
        mutation("k", add(1, 0, -1, 1, Expiry::Keep)),
        mutation("k", touch(never, TouchMode::Any, false)),
        mutation("k", touch(never, TouchMode::OnlyExtend, false)),
        mutation("k", touch(never, TouchMode::OnlyShorten, false)),
        mutation("k", touch(never, TouchMode::Any, true)),
        mutation("k", touch(Expiry::After(1), TouchMode::Any, false)),
        conditioned(Condition::Absent),
        conditioned(Condition::Present),
        conditioned(Condition::Version(version)),
        conditioned(Condition::Version(Version::FIRST)),
    ];
    let checks = [Condition::Absent, Condition::Present].map(|condition| Check {
        key: key("k"),
        condition,
    });
    let read = |omit_value| {
        let key = key("k");
        Operation::Read(Read { key, omit_value })
    };
    let change = Operation::Mutate(mutations[0]);
    let transactions: [(&[Check<'_>], &[Operation<'_>]); 8] = [
        (&[], &[]),
        (&checks[..1], &[]),
        (&checks[1..], &[]),
        (&checks, &[]),
        (&[], &[read(true)]),
        (&[], &[read(false)]),
        (&[], &[change]),
        (&[], &[change, read(true)]),
    ];
    let ranges = [
        ("", "", ""),
        ("a", "", ""),
        ("", "a", ""),
        ("", "", "a"),
        ("ab", "", ""),
        ("a", "b", ""),
    ];
    let mut contents: Vec<_> = mutations.iter().map(Content::of_mutation).collect();
    contents.extend(transactions.iter().map(|(checks, operations)| {
        Content::of_transaction(&Transaction::new(checks, operations).unwrap())
    }));
    contents.extend(ranges.iter().map(|(prefix, start, end)| {
        let range = Range::new((*prefix).into(), (*start).into(), (*end).into(), 9);
        Content::of_delete_range(&range.unwrap())
    }));
    contents
}

#[test]
fn requests_that_differ_in_anything_have_contents_of_their_own() {
    let contents = all_different();
    let distinct: HashSet<_> = contents.iter().collect();
    assert_eq!(distinct.len(), contents.len());
}

#[test]
fn contents_stay_what_they_are() {
    // They may be compared with what another version of this program kept. All
    // of them are folded into one, so that none is left out.
    let mut all = Sha256::new();
    for content in all_different() {
        all.update(content.as_bytes());
    }
    let folded: [u8; 32] = all.finalize().into();
    assert_eq!(folded[..8], FOLDED, "{:?}", &folded[..8]);
}

const FOLDED: [u8; 8] = [180, 103, 61, 193, 148, 235, 82, 121];

proptest! {
    #[test]
    fn the_same_request_has_the_same_content_and_another_another(
        one in (".{1,9}", any::<Vec<u8>>()),
        other in (".{1,9}", any::<Vec<u8>>()),
    ) {
        let content = |(key, data): &(String, Vec<u8>)| {
            Key::new(key, 64).ok().map(|key| Content::of_mutation(&Mutation {
                key,
                change: set(ValueRef::Data(data), Expiry::Never, false),
                condition: None,
            }))
        };
        prop_assert_eq!(content(&one), content(&one.clone()));
        if let (Some(first), Some(second)) = (content(&one), content(&other)) {
            prop_assert_eq!(first == second, one == other);
        }
    }
}
