//! The file of identities: who there is, how each is known, and what each may.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::UNIX_EPOCH,
};

use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::{
    gate::{
        access::{
            digest::{self, Digest},
            identity::{Grant, Identity, Right},
        },
        rate,
    },
    model::time::UnixMillis,
};

/// Identities in one file.
pub(super) const IDENTITIES_MAX: usize = 10_000;

/// Bytes of the name of one.
const NAME_BYTES_MAX: usize = 128;

/// Everybody who may come in.
#[derive(Debug, Default)]
pub struct Roster {
    // By a keyed hash, so that what a search finds on its way says nothing of
    // the digests.
    tokens: HashMap<u64, Vec<Token>>,
    hasher: RandomState,
    certificates: HashMap<String, Arc<Identity>>,
    identities: usize,
}

#[derive(Debug)]
struct Token {
    digest: Digest,
    expires: Option<UnixMillis>,
    identity: Arc<Identity>,
}

/// Somebody who was found, and until when that holds.
#[derive(Clone, Debug)]
pub struct Found {
    /// Who it is.
    pub identity: Arc<Identity>,
    /// When what they are known by expires.
    pub expires: Option<UnixMillis>,
}

impl Roster {
    /// Everybody in `text`, which is TOML.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        if file.identity.len() > IDENTITIES_MAX {
            return Err(format!("there are more than {IDENTITIES_MAX} identities"));
        }
        let mut roster = Self::default();
        let mut names = HashSet::new();
        for entry in file.identity {
            let name = entry.name.clone();
            if !names.insert(name.clone()) {
                return Err(format!("identity {name:?} is there twice"));
            }
            roster
                .add(entry)
                .map_err(|wrong| format!("identity {name:?}: {wrong}"))?;
        }
        Ok(roster)
    }

    /// How many there are.
    #[must_use]
    pub const fn identities(&self) -> usize {
        self.identities
    }

    /// Who has a token of this digest.
    #[must_use]
    pub fn by_token(&self, digest: &Digest) -> Option<Found> {
        let alike = self.tokens.get(&self.hasher.hash_one(digest))?;
        let token = alike
            .iter()
            .find(|token| bool::from(token.digest.ct_eq(digest)))?;
        Some(Found {
            identity: Arc::clone(&token.identity),
            expires: token.expires,
        })
    }

    /// Who has a certificate of one of these names: the first that is known.
    #[must_use]
    pub fn by_certificate(&self, names: &[String]) -> Option<Found> {
        let identity = names.iter().find_map(|name| self.certificates.get(name))?;
        Some(Found {
            identity: Arc::clone(identity),
            expires: None,
        })
    }

    fn add(&mut self, entry: Entry) -> Result<(), String> {
        let is_name = |name: &str| {
            (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
        };
        if !is_name(&entry.name) {
            return Err(format!(
                "a name has 1 to {NAME_BYTES_MAX} visible characters of ASCII"
            ));
        }
        let grants = entry.grant.into_iter();
        let grants = grants.map(|line| Grant {
            prefix: line.prefix,
            rights: line.rights,
        });
        let (calls, bytes) = (entry.calls_per_second_max, entry.bytes_per_second_max);
        at_most("calls_per_second_max", calls, rate::CALLS_LIMIT)?;
        at_most("bytes_per_second_max", bytes, rate::BYTES_LIMIT)?;
        let identity = Identity::new(entry.name, grants.collect()).with_rates(calls, bytes);
        let identity = Arc::new(identity);
        for line in entry.token {
            let token = Token {
                digest: digest::parse(&line.sha256).ok_or("sha256 is not 64 hexadecimal digits")?,
                expires: line.expire_time.map(|time| parse_time(&time)).transpose()?,
                identity: Arc::clone(&identity),
            };
            if self.by_token(&token.digest).is_some() {
                return Err("its token is there twice".to_owned());
            }
            let key = self.hasher.hash_one(token.digest);
            self.tokens.entry(key).or_default().push(token);
        }
        for name in entry.certificates {
            let before = self
                .certificates
                .insert(name.clone(), Arc::clone(&identity));
            if before.is_some() {
                return Err(format!("certificate {name:?} is there twice"));
            }
        }
        self.identities += 1;
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    identity: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    #[serde(default)]
    token: Vec<TokenLine>,
    #[serde(default)]
    certificates: Vec<String>,
    #[serde(default)]
    grant: Vec<GrantLine>,
    calls_per_second_max: Option<u64>,
    bytes_per_second_max: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenLine {
    sha256: String,
    expire_time: Option<toml::value::Datetime>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantLine {
    prefix: String,
    rights: Vec<Right>,
}

fn at_most(name: &str, given: Option<u64>, limit: u64) -> Result<(), String> {
    match given {
        Some(given) if given > limit => Err(format!("{name} is {given}, and at most {limit}")),
        Some(_) | None => Ok(()),
    }
}

fn parse_time(time: &toml::value::Datetime) -> Result<UnixMillis, String> {
    let time = humantime::parse_rfc3339(&time.to_string())
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|time| u64::try_from(time.as_millis()).ok())
        .ok_or("expire_time is no time in UTC, such as 2027-01-31T00:00:00Z")?;
    Ok(UnixMillis::new(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::access::digest::{digest, hex};

    #[test]
    fn a_token_is_known_by_its_digest() {
        let hex = hex(&digest("one"));
        let text = format!(
            "[[identity]]\nname = \"a\"\n[[identity.token]]\nsha256 = \"{hex}\"\n\
             expire_time = 1970-01-01T00:00:01.5Z\n"
        );
        let roster = Roster::parse(text.as_bytes()).unwrap();
        let found = roster.by_token(&digest("one")).unwrap();
        assert_eq!(found.identity.name(), "a");
        assert_eq!(found.expires, Some(UnixMillis::new(1500)));
        assert!(roster.by_token(&digest("two")).is_none());
    }

    #[test]
    fn what_is_wrong_is_told() {
        let hex = "00".repeat(32);
        for (text, told) in [
            ("name = 1", "unknown field"),
            ("[[identity]]\n", "missing field `name`"),
            ("[[identity]]\nname = \"a b\"\n", "visible characters"),
            (
                "[[identity]]\nname = \"a\"\n[[identity]]\nname = \"a\"\n",
                "there twice",
            ),
            (
                "[[identity]]\nname = \"a\"\ncalls_per_second_max = 1048577\n",
                "calls_per_second_max is 1048577, and at most 1048576",
            ),
            (
                "[[identity]]\nname = \"a\"\nadmin = true\n",
                "unknown field `admin`",
            ),
            (
                "[[identity]]\nname = \"a\"\n[[identity.grant]]\nprefix = \"\"\nrights = [\"all\"]\n",
                "unknown variant `all`",
            ),
            (
                "[[identity]]\nname = \"a\"\n[[identity.token]]\nsha256 = \"12\"\n",
                "64 hex",
            ),
            (
                &format!(
                    "[[identity]]\nname = \"a\"\n[[identity.token]]\nsha256 = \"{hex}\"\n[[identity.token]]\nsha256 = \"{hex}\"\n"
                ),
                "token is there twice",
            ),
            (
                &format!(
                    "[[identity]]\nname = \"a\"\n[[identity.token]]\nsha256 = \"{hex}\"\nexpire_time = 2027-01-31\n"
                ),
                "in UTC",
            ),
        ] {
            let wrong = Roster::parse(text.as_bytes()).unwrap_err();
            assert!(wrong.contains(told), "{text}: {wrong}");
        }
    }
}
