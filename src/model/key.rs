//! A key that has been checked.

use crate::model::error::{Invalid, Rule};

/// A key within its limits, borrowed from the request that brought it: UTF-8,
/// 1 to `key_bytes_max` bytes, no control characters. Ordered byte by byte.
/// Who holds one need not measure again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key<'a>(&'a str);

impl<'a> Key<'a> {
    /// The longest key that can be configured: an engine stores the length in
    /// 11 bits.
    pub const BYTES_LIMIT: usize = 2047;

    /// Checks `text` as a key of at most `key_bytes_max` bytes.
    ///
    /// # Errors
    /// An [`Invalid`] for the field `key`: missing, too large, or with a
    /// control character.
    pub fn new(text: &'a str, key_bytes_max: usize) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new(
                "key",
                Rule::Missing,
                "a key has at least 1 byte",
            ));
        }
        if text.len() > key_bytes_max {
            return Err(Invalid::too_large(
                "key",
                text.len(),
                "key_bytes_max",
                key_bytes_max,
            ));
        }
        // Below 0x80 a byte of UTF-8 is the character itself.
        let is_control = |byte: u8| byte < 0x20 || byte == 0x7f;
        // All are looked at, many at once, and only then which it is.
        if text.bytes().fold(false, |any, byte| any | is_control(byte))
            && let Some(at) = text.bytes().position(is_control)
        {
            return Err(Invalid::new(
                "key",
                Rule::Malformed,
                format!("a key has no control characters, and byte {at} is one"),
            ));
        }
        Ok(Self(text))
    }

    /// The key as text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The key as bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_1_byte_to_the_limit() {
        assert_eq!(Key::new("", 4).unwrap_err().rule, Rule::Missing);
        assert_eq!(Key::new("abcd", 4).unwrap().as_str(), "abcd");
        assert_eq!(Key::new("abcde", 4).unwrap_err().rule, Rule::TooLarge);
        assert_eq!(
            Key::new("ééé", 4).unwrap_err().rule,
            Rule::TooLarge,
            "bytes, not characters"
        );
    }

    #[test]
    fn a_key_has_no_control_characters() {
        for bad in ["a\0", "\t", "a\nb", "\u{1f}", "\u{7f}"] {
            assert_eq!(
                Key::new(bad, 9).unwrap_err().rule,
                Rule::Malformed,
                "{bad:?}"
            );
        }
        for good in [" ", "~", "\u{80}", "\u{85}", "ключ", "a/b:c"] {
            assert!(Key::new(good, 9).is_ok(), "{good:?}");
        }
    }
}
