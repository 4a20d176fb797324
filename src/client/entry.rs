//! What stands under a key.

use std::time::SystemTime;

use prost_types::Timestamp;

use crate::{
    client::{error::Error, value::Value},
    proto as pb,
};

/// What stands under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value; none when it was left out.
    pub value: Option<Value>,
    /// The version that the last change of the value took: the token for a
    /// condition, and the fencing token of a lock.
    pub version: i64,
    /// From when on the key is absent; none: it never expires.
    pub expire_time: Option<SystemTime>,
}

impl TryFrom<pb::Entry> for Entry {
    type Error = Error;

    fn try_from(entry: pb::Entry) -> Result<Self, Error> {
        Ok(Self {
            key: entry.key,
            value: entry.value.map(Value::try_from).transpose()?,
            version: entry.version,
            expire_time: time(entry.expire_time)?,
        })
    }
}

/// An entry that may be absent.
pub(crate) fn entry(entry: Option<pb::Entry>) -> Result<Option<Entry>, Error> {
    entry.map(Entry::try_from).transpose()
}

/// A deadline that may be absent.
pub(crate) fn time(time: Option<Timestamp>) -> Result<Option<SystemTime>, Error> {
    time.map(SystemTime::try_from)
        .transpose()
        .map_err(|_| Error::answer("a time that is none"))
}
