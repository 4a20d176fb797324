//! What is stored under a key: bytes, text, or a number.

use bytes::Bytes;

/// Which kind of value something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any bytes.
    Data,
    /// UTF-8 text.
    Text,
    /// A whole number of 64 bits.
    Number,
}

impl Kind {
    /// Its name in the contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Text => "text",
            Self::Number => "number",
        }
    }
}

/// A value that somebody else holds: what a request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRef<'a> {
    /// Any bytes.
    Data(&'a [u8]),
    /// UTF-8 text.
    Text(&'a str),
    /// A whole number.
    Number(i64),
}

impl ValueRef<'_> {
    /// Which kind it is.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Data(_) => Kind::Data,
            Self::Text(_) => Kind::Text,
            Self::Number(_) => Kind::Number,
        }
    }

    /// How many bytes it counts against `value_bytes_max`: 8 for a number.
    #[must_use]
    pub const fn len(self) -> usize {
        match self {
            Self::Data(data) => data.len(),
            Self::Text(text) => text.len(),
            Self::Number(_) => size_of::<i64>(),
        }
    }

    /// Whether it has no bytes.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn number(self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Data(_) | Self::Text(_) => None,
        }
    }

    /// A copy that stands for itself.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            Self::Data(data) => Value::Data(Bytes::copy_from_slice(data)),
            Self::Text(text) => Value::Text(Text::from(text.to_owned())),
            Self::Number(number) => Value::Number(number),
        }
    }
}

/// A value that stands for itself: what an engine gives out. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Any bytes.
    Data(Bytes),
    /// UTF-8 text.
    Text(Text),
    /// A whole number.
    Number(i64),
}

impl Value {
    /// How many bytes it counts against `value_bytes_max`: 8 for a number.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Data(data) => data.len(),
            Self::Text(text) => text.0.len(),
            Self::Number(_) => size_of::<i64>(),
        }
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same, borrowed.
    #[must_use]
    pub fn as_value_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Data(data) => ValueRef::Data(data),
            // The constructors let only UTF-8 in.
            Self::Text(text) => {
                std::str::from_utf8(&text.0).map_or(ValueRef::Data(&text.0), ValueRef::Text)
            }
            Self::Number(number) => ValueRef::Number(*number),
        }
    }
}

/// UTF-8 text in shared bytes, so that a large one is handed out without a
/// copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Bytes);

impl Text {
    /// Takes bytes that are UTF-8; gives them back when they are not.
    ///
    /// # Errors
    /// The bytes, when they are not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Bytes> {
        if std::str::from_utf8(&bytes).is_ok() {
            Ok(Self(bytes))
        } else {
            Err(bytes)
        }
    }

    /// The bytes of the text.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The text itself, without a copy when nobody else holds it.
    #[must_use]
    pub fn into_string(self) -> String {
        // The constructors let only UTF-8 in, so nothing is ever replaced.
        String::from_utf8(Vec::from(self.0))
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}
