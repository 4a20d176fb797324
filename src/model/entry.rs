//! What stands under a key, as an engine gives it out.

use crate::model::{time::UnixMillis, value::Value, version::Version};

/// A key with its value, version and deadline. Opaque: how it is laid out may
/// change without a caller noticing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    key: String,
    value: Option<Value>,
    version: Version,
    deadline: Option<UnixMillis>,
}

impl Entry {
    /// Puts an entry together. `value` is `None` only where the caller asked
    /// for it to be left out.
    #[must_use]
    pub const fn new(
        key: String,
        value: Option<Value>,
        version: Version,
        deadline: Option<UnixMillis>,
    ) -> Self {
        Self {
            key,
            value,
            version,
            deadline,
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value; `None` where it was left out.
    #[must_use]
    pub const fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    /// The version that the last change of the value took.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// From when on the key is absent; `None`: it never expires.
    #[must_use]
    pub const fn deadline(&self) -> Option<UnixMillis> {
        self.deadline
    }

    /// How many bytes an answer with it takes up in a reply: see
    /// [`reply_bytes`].
    #[must_use]
    pub fn reply_bytes(&self) -> usize {
        let value_bytes = self.value.as_ref().map_or(0, Value::len);
        reply_bytes(self.key.len(), value_bytes)
    }

    /// Takes it apart, without a copy: key and value.
    #[must_use]
    pub fn into_parts(self) -> (String, Option<Value>) {
        (self.key, self.value)
    }
}

/// An entry where it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// The key, which is UTF-8.
    pub key: &'a [u8],
    /// The value; `None` where it was left out.
    pub value: Option<ValueBytes<'a>>,
    /// The version that the last change of the value took.
    pub version: Version,
    /// From when on the key is absent; `None`: it never expires.
    pub deadline: Option<UnixMillis>,
}

/// An entry that is looked at: it need not be copied, nor a lock be held while a
/// large one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntrySeen<'a> {
    /// Where it is stored.
    Here(EntryRef<'a>),
    /// One with a large value, which is shared.
    Shared(Entry),
}

impl EntrySeen<'_> {
    /// See [`reply_bytes`].
    #[must_use]
    pub fn reply_bytes(&self) -> usize {
        match self {
            Self::Here(entry) => {
                let value_bytes = entry.value.map_or(0, ValueBytes::len);
                reply_bytes(entry.key.len(), value_bytes)
            }
            Self::Shared(entry) => entry.reply_bytes(),
        }
    }
}

/// A value as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueBytes<'a> {
    /// Any bytes.
    Data(&'a [u8]),
    /// The bytes of UTF-8 text.
    Text(&'a [u8]),
    /// A whole number.
    Number(i64),
}

impl ValueBytes<'_> {
    /// How many bytes it counts against `value_bytes_max`: 8 for a number.
    const fn len(self) -> usize {
        match self {
            Self::Data(bytes) | Self::Text(bytes) => bytes.len(),
            Self::Number(_) => size_of::<i64>(),
        }
    }
}

impl<'a> From<&'a Entry> for EntryRef<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            key: entry.key.as_bytes(),
            value: entry.value.as_ref().map(|value| match value {
                Value::Data(data) => ValueBytes::Data(data),
                Value::Text(text) => ValueBytes::Text(text.as_bytes()),
                Value::Number(number) => ValueBytes::Number(*number),
            }),
            version: entry.version,
            deadline: entry.deadline,
        }
    }
}

/// How many bytes an answer with an entry takes up in a reply at most: what an
/// engine counts against `reply_bytes_max`. Key, value, and 128 bytes for
/// everything of fixed size around them.
#[must_use]
pub const fn reply_bytes(key_bytes: usize, value_bytes: usize) -> usize {
    128 + key_bytes + value_bytes
}
