//! The window against a plain model, and what races for a request.

mod races;
mod random;

use crate::{
    engine::memory::requests::reply::Reply,
    model::{
        entry::Entry,
        expiry::Expiry,
        key::Key,
        mutation::{Change, Mutation},
        once::{Content, Once, RequestId},
        operation::Applied,
        value::{Value, ValueRef},
        version::Version,
    },
};

/// Asks under an id for something that differs from number to number.
fn once(id: &str, content: i64) -> Once<'_> {
    let mutation = Mutation {
        key: Key::new("k", 8).unwrap(),
        change: Change::Set {
            value: ValueRef::Number(content),
            expiry: Expiry::Never,
            return_previous: false,
        },
        condition: None,
    };
    Once {
        id: RequestId::new(id).unwrap(),
        content: Content::of_mutation(&mutation),
    }
}

/// A reply by which it is known again, with an entry of so many bytes.
fn reply(number: i64, bytes: usize) -> Reply {
    let value = Value::Data(vec![0; bytes].into());
    Reply::Applied(Applied {
        version: Version::new(number),
        entry: Some(Entry::new("k".into(), Some(value), Version::FIRST, None)),
        ..Applied::default()
    })
}

fn number(reply: &Reply) -> i64 {
    match reply {
        Reply::Applied(applied) => applied.version.unwrap().get(),
        other => panic!("{other:?}"),
    }
}
