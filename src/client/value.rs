//! What can be stored under a key.

use bytes::Bytes;

use crate::{client::error::Error, proto as pb};

/// A value. What is stored is what comes back, of the same kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// Any bytes.
    Data(Bytes),
    /// UTF-8 text.
    Text(String),
    /// A whole number: what Increment works on.
    Number(i64),
}

impl Value {
    /// The bytes of data or of text.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Data(data) => Some(data),
            Self::Text(text) => Some(text.as_bytes()),
            Self::Number(_) => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Data(_) | Self::Number(_) => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Data(_) | Self::Text(_) => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&[u8]> for Value {
    fn from(data: &[u8]) -> Self {
        Self::Data(Bytes::copy_from_slice(data))
    }
}

impl From<Vec<u8>> for Value {
    fn from(data: Vec<u8>) -> Self {
        Self::Data(data.into())
    }
}

impl From<Bytes> for Value {
    fn from(data: Bytes) -> Self {
        Self::Data(data)
    }
}

impl From<Value> for pb::Value {
    fn from(value: Value) -> Self {
        use pb::value::Kind;
        let kind = match value {
            Value::Data(data) => Kind::Data(data),
            Value::Text(text) => Kind::Text(text),
            Value::Number(number) => Kind::Number(number),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<pb::Value> for Value {
    type Error = Error;

    fn try_from(value: pb::Value) -> Result<Self, Error> {
        use pb::value::Kind;
        match value.kind {
            Some(Kind::Data(data)) => Ok(Self::Data(data)),
            Some(Kind::Text(text)) => Ok(Self::Text(text)),
            Some(Kind::Number(number)) => Ok(Self::Number(number)),
            None => Err(Error::answer("a value of a kind unknown here")),
        }
    }
}
