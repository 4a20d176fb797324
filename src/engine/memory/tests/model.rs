//! A store in its plainest form: a map, and the rules of the contract spelled
//! out anew, so that nothing is compared with itself.

mod transact;

use std::{cmp::Ordering, collections::BTreeMap};

use crate::model::{
    entry::{Entry, reply_bytes},
    error::Error,
    expiry::Expiry,
    mutation::{Change, Condition, Increment, Mutation, TouchMode},
    operation::{Applied, Operation, Outcome, Read},
    time::UnixMillis,
    value::{Value, ValueRef},
    version::Version,
};

pub(super) use crate::engine::memory::tests::model::transact::entry_of;

pub(super) const DEFAULT_TTL_MS: u64 = 5000;
pub(super) const TTL_MS_MAX: u64 = 100 * 365 * 86_400_000;
const NEVER: u64 = u64::MAX;

/// What is under a key; a deadline of [`NEVER`] is none.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    value: Value,
    version: i64,
    pub(super) deadline: u64,
}

/// The map, with the expired entries that were not swept yet.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) entries: BTreeMap<String, Stored>,
    pub(super) version: i64,
    pub(super) now: u64,
}

/// That a mutation is refused; which error exactly follows from the situation.
type Refused = Error;

impl Model {
    pub(super) fn new(now: u64, version: Version) -> Self {
        Self {
            entries: BTreeMap::new(),
            version: version.get(),
            now,
        }
    }

    /// The entries that are there, in order.
    pub(super) fn present(&self) -> impl Iterator<Item = (&String, &Stored)> {
        self.entries
            .iter()
            .filter(|(_, stored)| self.now < stored.deadline)
    }

    pub(super) fn entry(&self, key: &str, omit_value: bool) -> Option<Entry> {
        let stored = self
            .entries
            .get(key)
            .filter(|stored| self.now < stored.deadline)?;
        Some(entry(key, stored, omit_value))
    }

    pub(super) fn run(
        &mut self,
        operation: &Operation<'_>,
        room: usize,
    ) -> Result<Outcome, Refused> {
        match operation {
            Operation::Read(Read { key, omit_value }) => {
                let entry = self.entry(key.as_str(), *omit_value);
                fits(entry.as_ref(), room)?;
                Ok(Outcome::Read(entry))
            }
            Operation::Mutate(mutation) => self.mutate(mutation, room).map(Outcome::Applied),
        }
    }

    fn mutate(&mut self, mutation: &Mutation<'_>, room: usize) -> Result<Applied, Refused> {
        let key = mutation.key.as_str();
        let there = self
            .entries
            .get(key)
            .filter(|stored| self.now < stored.deadline)
            .cloned();
        match mutation.change {
            Change::Set {
                value,
                expiry,
                return_previous,
            } => {
                let deadline = self.deadline(expiry, there.as_ref())?;
                condition(mutation.condition, there.as_ref())?;
                let previous = there
                    .filter(|_| return_previous)
                    .map(|there| entry(key, &there, false));
                fits(previous.as_ref(), room)?;
                self.put(key, value, deadline);
                Ok(self.changed(deadline, None, previous))
            }
            Change::Delete { return_previous } => {
                condition(mutation.condition, there.as_ref())?;
                let Some(there) = there else {
                    return Ok(Applied::default());
                };
                let previous = return_previous.then(|| entry(key, &there, false));
                fits(previous.as_ref(), room)?;
                self.entries.remove(key);
                self.version += 1;
                Ok(Applied {
                    version: Version::new(self.version),
                    entry: previous,
                    ..Applied::default()
                })
            }
            Change::Increment(increment) => {
                if increment.min > increment.max {
                    return Err(invalid());
                }
                let deadline = self.deadline(increment.expiry, None)?;
                condition(mutation.condition, there.as_ref())?;
                let number = add(increment, there.as_ref())?;
                let deadline = there.map_or(deadline, |there| there.deadline);
                self.put(key, ValueRef::Number(number), deadline);
                Ok(self.changed(deadline, Some(number), None))
            }
            Change::Touch {
                expiry,
                mode,
                omit_value,
            } => {
                let deadline = self.deadline(expiry, there.as_ref())?;
                condition(mutation.condition, there.as_ref())?;
                let Some(mut there) = there else {
                    return Ok(Applied::default());
                };
                fits(Some(&entry(key, &there, omit_value)), room)?;
                let retimed = match (mode, deadline.cmp(&there.deadline)) {
                    (TouchMode::Any, _)
                    | (TouchMode::OnlyExtend, Ordering::Greater)
                    | (TouchMode::OnlyShorten, Ordering::Less) => true,
                    (TouchMode::OnlyExtend | TouchMode::OnlyShorten, _) => false,
                };
                if retimed {
                    there.deadline = deadline;
                    self.entries.insert(key.to_owned(), there.clone());
                }
                Ok(Applied {
                    retimed,
                    entry: Some(entry(key, &there, omit_value)),
                    ..Applied::default()
                })
            }
        }
    }

    fn put(&mut self, key: &str, value: ValueRef<'_>, deadline: u64) {
        if self
            .entries
            .get(key)
            .is_some_and(|stored| stored.deadline <= self.now)
        {
            // First it expires.
            self.version += 1;
        }
        self.version += 1;
        let stored = Stored {
            value: value.to_value(),
            version: self.version,
            deadline,
        };
        self.entries.insert(key.to_owned(), stored);
    }

    fn changed(&self, deadline: u64, number: Option<i64>, entry: Option<Entry>) -> Applied {
        Applied {
            version: Version::new(self.version),
            deadline: millis(deadline),
            number,
            retimed: false,
            entry,
        }
    }

    fn deadline(&self, expiry: Expiry, there: Option<&Stored>) -> Result<u64, Refused> {
        match expiry {
            Expiry::Never => Ok(NEVER),
            Expiry::Keep if there.is_some() => Ok(there.unwrap().deadline),
            Expiry::Keep | Expiry::Default => Ok(self.now + DEFAULT_TTL_MS),
            Expiry::After(millis) if (1..=TTL_MS_MAX).contains(&millis) => Ok(self.now + millis),
            Expiry::At(time) if (self.now + 1..=self.now + TTL_MS_MAX).contains(&time.get()) => {
                Ok(time.get())
            }
            Expiry::After(_) | Expiry::At(_) => Err(invalid()),
        }
    }
}

/// Stands for all errors about a field: the words are checked elsewhere.
pub(super) fn invalid() -> Error {
    crate::model::error::Invalid::new("", crate::model::error::Rule::Missing, "").into()
}

fn condition(condition: Option<Condition>, there: Option<&Stored>) -> Result<(), Refused> {
    let current = there.and_then(|there| Version::new(there.version));
    match condition {
        Some(Condition::Absent) if there.is_some() => Err(Error::KeyPresent {
            current: current.unwrap(),
        }),
        Some(Condition::Present) if there.is_none() => Err(Error::KeyAbsent),
        Some(Condition::Version(version)) if current != Some(version) => {
            Err(Error::VersionMismatch { current })
        }
        _ => Ok(()),
    }
}

fn add(increment: Increment, there: Option<&Stored>) -> Result<i64, Refused> {
    let Increment {
        delta,
        initial,
        min,
        max,
        ..
    } = increment;
    let number = match there.map(|there| &there.value) {
        None => initial,
        Some(Value::Number(number)) => *number,
        Some(Value::Text(_)) => {
            return Err(Error::WrongKind {
                kind: crate::model::value::Kind::Text,
            });
        }
        Some(Value::Data(_)) => {
            return Err(Error::WrongKind {
                kind: crate::model::value::Kind::Data,
            });
        }
    };
    let sum = i128::from(number) + i128::from(delta);
    let Ok(sum) = i64::try_from(sum) else {
        return Err(Error::CounterOverflow { number });
    };
    if sum < min || max < sum {
        return Err(Error::CounterOutOfBounds { number, min, max });
    }
    Ok(sum)
}

fn fits(entry: Option<&Entry>, room: usize) -> Result<(), Refused> {
    if entry.map_or(0, size) > room {
        return Err(Error::ReplyTooLarge { reply_bytes_max: 0 });
    }
    Ok(())
}

pub(super) fn size(entry: &Entry) -> usize {
    reply_bytes(entry.key().len(), entry.value().map_or(0, Value::len))
}

pub(super) fn entry(key: &str, stored: &Stored, omit_value: bool) -> Entry {
    let value = (!omit_value).then(|| stored.value.clone());
    let version = Version::new(stored.version).unwrap();
    Entry::new(key.to_owned(), value, version, millis(stored.deadline))
}

fn millis(deadline: u64) -> Option<UnixMillis> {
    (deadline != NEVER).then(|| UnixMillis::new(deadline))
}
