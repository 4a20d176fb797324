//! What one writer knows of its keys: what was acknowledged, and the one call
//! that may have been carried out or not.

use std::{collections::BTreeMap, time::SystemTime};

use nanokv::client::{entry::Entry, value::Value};

use crate::asked::Listing;

/// What a writer has been told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    /// Each key that was ever written; `None`: it was removed.
    pub(crate) keys: BTreeMap<String, Option<Entry>>,
    /// The call that was under way when the program ended.
    pub(crate) pending: Option<Pending>,
    /// What its counter was told to be.
    pub(crate) counted: i64,
    /// Every version that it was told.
    pub(crate) versions: Vec<i64>,
}

/// A call whose answer did not come.
#[derive(Clone, Debug)]
pub(crate) enum Pending {
    /// Each of these may be stored or not; of a transaction all or none, at
    /// versions that follow each other.
    Put {
        puts: Vec<Put>,
        together: bool,
    },
    Delete(String),
    Touch(String),
    /// With a request id of this number.
    Count,
}

/// A value that was to be stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Put {
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) expires: bool,
}

impl Book {
    /// It was told that an entry stands there now.
    pub(crate) fn stored(
        &mut self,
        key: &str,
        value: Value,
        version: i64,
        expire_time: Option<SystemTime>,
    ) {
        let entry = Entry {
            key: key.to_owned(),
            value: Some(value),
            version,
            expire_time,
        };
        self.versions.push(version);
        self.keys.insert(key.to_owned(), Some(entry));
    }

    /// It was told that an entry was removed.
    pub(crate) fn removed(&mut self, key: &str, version: i64) {
        if version > 0 {
            self.versions.push(version);
        }
        self.keys.insert(key.to_owned(), None);
    }

    /// Compares it with what the store has after the program has ended, and goes
    /// on from there.
    ///
    /// # Errors
    /// What is not as it must be.
    pub(crate) fn check(&mut self, listing: &Listing) -> Result<(), String> {
        let mut changed = Vec::new();
        let entries = self.keys.values().flatten().map(|entry| entry.version);
        let last = self.versions.iter().copied().chain(entries).max();
        let last = last.unwrap_or(0);
        let mut keys = self.keys.clone();
        if let Some(Pending::Put { puts, .. }) = &self.pending {
            for put in puts {
                keys.entry(put.key.clone()).or_default();
            }
        }
        for (key, known) in &keys {
            let there = listing.entries.get(key);
            if there == known.as_ref() {
                continue;
            }
            if !self.explains(key, known.as_ref(), there, last) {
                return Err(format!(
                    "{key}: acknowledged {known:?}, found {there:?}, pending {:?}",
                    self.pending
                ));
            }
            changed.extend(there.map(|entry| entry.version));
            self.keys.insert(key.clone(), there.cloned());
        }
        if let Some(Pending::Put {
            puts,
            together: true,
        }) = &self.pending
        {
            let is_run = changed.windows(2).all(|pair| pair[0] + 1 == pair[1]);
            if !(changed.is_empty() || changed.len() == puts.len() && is_run) {
                return Err(format!("a transaction by half: {puts:?} at {changed:?}"));
            }
        }
        Ok(())
    }

    /// Whether the call that was under way makes this of what was known.
    fn explains(&self, key: &str, known: Option<&Entry>, there: Option<&Entry>, last: i64) -> bool {
        match (&self.pending, there) {
            (Some(Pending::Put { puts, .. }), Some(there)) => puts.iter().any(|put| {
                put.key == key
                    && Some(&put.value) == there.value.as_ref()
                    && put.expires == there.expire_time.is_some()
                    && there.version > last
            }),
            (Some(Pending::Delete(deleted)), None) => deleted == key,
            (Some(Pending::Touch(touched)), Some(there)) => {
                let moved = known.map(|known| Entry {
                    expire_time: there.expire_time,
                    ..known.clone()
                });
                touched == key && moved.as_ref() == Some(there)
            }
            _ => false,
        }
    }
}
