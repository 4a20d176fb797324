//! The token of the next page of a listing: where it goes on, bound to the
//! store and to the arguments of the listing.
//!
//! ```text
//! form (1 byte) | version (8) | crc32c (4) | the last key
//! ```
//! Numbers are big-endian; all of it is URL-safe base64 without padding. The
//! checksum is over form, version and key, then the store's id and the
//! arguments: so a damaged token, one of another store and one with other
//! arguments are told from a good one. It is no signature: who makes one up
//! reaches no key that the listing would not show.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::model::{
    error::{Invalid, Rule},
    range::Range,
    version::Version,
};

const FORM: u8 = 1;
const FIXED_BYTES: usize = 1 + 8 + 4;

/// What a token belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// Which store.
    pub store_id: &'a str,
    /// Which keys.
    pub range: &'a Range,
    /// Whether values are left out.
    pub omit_value: bool,
}

/// Where a listing goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The store's version from before the first page.
    pub version: Version,
    /// The last key of the page before.
    pub key: String,
}

/// How many bytes a token has at most.
#[must_use]
pub const fn bytes_max(key_bytes_max: usize) -> usize {
    (FIXED_BYTES + key_bytes_max).div_ceil(3) * 4
}

impl Listing<'_> {
    /// The token to go on after `key`.
    #[must_use]
    pub fn token(&self, version: Version, key: &str) -> String {
        let checksum = self.checksum(version.get(), key);
        let mut bytes = Vec::with_capacity(FIXED_BYTES + key.len());
        bytes.push(FORM);
        bytes.extend_from_slice(&version.get().to_be_bytes());
        bytes.extend_from_slice(&checksum.to_be_bytes());
        bytes.extend_from_slice(key.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where `token` says to go on.
    ///
    /// # Errors
    /// An [`Invalid`] for the field `page_token` that this listing did not get
    /// from this store.
    pub fn position(&self, token: &str) -> Result<Position, Invalid> {
        self.read(token).ok_or_else(|| {
            Invalid::new(
                "page_token",
                Rule::Malformed,
                "a page_token comes from a List of this store with the same range and omit_value",
            )
        })
    }

    fn read(&self, token: &str) -> Option<Position> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (form, rest) = bytes.split_first()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (checksum, key) = rest.split_first_chunk()?;
        let number = i64::from_be_bytes(*version);
        let key = std::str::from_utf8(key).ok()?;
        let whole = *form == FORM && u32::from_be_bytes(*checksum) == self.checksum(number, key);
        let version = Version::new(number).filter(|_| whole)?;
        Some(Position {
            version,
            key: key.to_owned(),
        })
    }

    fn checksum(&self, version: i64, key: &str) -> u32 {
        let fixed = crc32c::crc32c(&[FORM, u8::from(self.omit_value)]);
        let fixed = crc32c::crc32c_append(fixed, &version.to_be_bytes());
        let texts = [
            key,
            self.store_id,
            self.range.prefix(),
            self.range.start(),
            self.range.end(),
        ];
        // Each with its length, so that no text can pass for the end of another.
        texts.into_iter().fold(fixed, |sum, text| {
            let sum = crc32c::crc32c_append(sum, &text.len().to_be_bytes());
            crc32c::crc32c_append(sum, text.as_bytes())
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(prefix: &str, start: &str, end: &str) -> Range {
        Range::new(prefix.into(), start.into(), end.into(), 1024).unwrap()
    }

    fn listing<'a>(store_id: &'a str, range: &'a Range) -> Listing<'a> {
        Listing {
            store_id,
            range,
            omit_value: false,
        }
    }

    fn version() -> Version {
        Version::new(1_700_000_000_000_000).unwrap()
    }

    #[test]
    fn a_token_is_refused_with_other_arguments_or_in_another_store() {
        let range_given = range("ab", "abc", "");
        let given = listing("one", &range_given);
        let token = given.token(version(), "abd");
        assert_eq!(given.position(&token).unwrap().key, "abd");

        for (prefix, start, end) in [
            ("", "abc", ""),
            ("a", "abc", ""),
            ("ab", "", ""),
            ("ab", "", "abc"),
            ("ab", "abc", "b"),
        ] {
            let other = range(prefix, start, end);
            let other = listing("one", &other);
            assert_eq!(
                other.position(&token).unwrap_err().field,
                "page_token",
                "{other:?}"
            );
        }
        assert!(listing("two", &range_given).position(&token).is_err());
        let omitting = Listing {
            omit_value: true,
            ..given
        };
        assert!(omitting.position(&token).is_err());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let all = Range::default();
        let all = listing("one", &all);
        let good = all.token(version(), "k");
        for bad in [
            "AQ",
            "not a token",
            "====",
            "é",
            &format!("{good}="),
            &format!("{good}A"),
            &good[1..],
            &good[..good.len() - 2],
            &good.repeat(100_000),
        ] {
            assert!(all.position(bad).is_err());
        }
    }

    #[test]
    fn a_token_needs_no_escape_in_a_url_and_stays_below_its_bound() {
        let all = Range::default();
        let token = listing("one", &all).token(version(), &"\u{fe}".repeat(512));
        assert!(
            token
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
        );
        assert!(token.len() <= bytes_max(1024));
    }

    proptest! {
        #[test]
        fn a_token_with_any_bit_changed_is_refused(
            key in "\\PC{1,40}",
            number in 1..i64::MAX,
            at: prop::sample::Index,
            bit in 0..8,
        ) {
            let all = Range::default();
            let all = listing("one", &all);
            let version = Version::new(number).unwrap();
            let token = all.token(version, &key);
            prop_assert_eq!(all.position(&token), Ok(Position { version, key }));

            let mut bytes = token.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            if let Ok(changed) = String::from_utf8(bytes) {
                prop_assert!(all.position(&changed).is_err(), "{}", changed);
            }
        }

        #[test]
        fn any_text_is_answered(text: String) {
            let all = Range::default();
            prop_assert!(listing("one", &all).position(&text).is_err());
        }
    }
}
