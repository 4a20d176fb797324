//! What a caller asks for only once, however often the request arrives.

mod content;

use crate::model::error::{Invalid, Rule};

pub use crate::model::once::content::Content;

/// A name that the caller has given to one request: 1 to 128 printable
/// characters of ASCII, no space. Who holds one need not look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId<'a>(&'a str);

/// Which request it is, and what it asks for: the same id with other content is
/// a mistake of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once<'a> {
    /// Which.
    pub id: RequestId<'a>,
    /// What it asks for.
    pub content: Content,
}

impl<'a> RequestId<'a> {
    /// The longest one: room for any UUID with a prefix, not for a message.
    pub const BYTES_MAX: usize = 128;

    /// Checks `text` as an id.
    ///
    /// # Errors
    /// An [`Invalid`] for the field `request_id`.
    pub fn new(text: &'a str) -> Result<Self, Invalid> {
        let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_printable && (1..=Self::BYTES_MAX).contains(&text.len()) {
            Ok(Self(text))
        } else {
            Err(Invalid::new(
                "request_id",
                Rule::Malformed,
                "1 to 128 printable ASCII characters, no space",
            ))
        }
    }

    /// The text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_1_to_128_printable_characters() {
        let longest = "~".repeat(128);
        for text in ["!", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", &longest] {
            assert_eq!(RequestId::new(text).unwrap().as_str(), text);
        }
        let long = "~".repeat(129);
        for text in ["", " ", "a b", "a\n", "\u{7f}", "é", &long] {
            let invalid = RequestId::new(text).unwrap_err();
            assert_eq!(
                (&*invalid.field, invalid.rule),
                ("request_id", Rule::Malformed),
                "{text:?}"
            );
        }
    }
}
