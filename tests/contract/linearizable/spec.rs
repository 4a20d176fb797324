//! What the calls mean one after the other, written from the contract alone:
//! nothing of the model is used.

use std::collections::BTreeMap;

use stateright::semantics::SequentialSpec;

/// The version of an absent key.
const ABSENT: i64 = 0;

/// What a client asks for.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    One(Operation),
    Transact {
        checks: Vec<(u8, Condition)>,
        operations: Vec<Operation>,
    },
}

/// Something done with one key.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) key: u8,
    pub(crate) condition: Option<Condition>,
    pub(crate) verb: Verb,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verb {
    Get,
    Set(Value),
    Delete,
    Increment(i64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Condition {
    Absent,
    Present,
    Version(i64),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
}

/// What it is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    One(Done),
    Transacted { done: Vec<Done>, version: i64 },
    Refused(Refused),
}

/// What came of an operation. A version is 0 where none was taken.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Done {
    Found(Option<(Value, i64)>),
    Set { version: i64 },
    Deleted { version: i64 },
    Counted { number: i64, version: i64 },
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refused {
    pub(crate) reason: String,
    /// Of a check or operation of a transaction.
    pub(crate) index: Option<usize>,
    pub(crate) current_version: Option<i64>,
}

/// The store after some calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    entries: BTreeMap<u8, (Value, i64)>,
    version: i64,
}

impl SequentialSpec for Store {
    type Op = Ask;
    type Ret = Answer;

    /// Every call is answered before a history ends.
    fn invoke(&mut self, ask: &Ask) -> Answer {
        unreachable!("{ask:?} was not answered")
    }

    /// Versions are not foretold, but must grow.
    fn is_valid_step(&mut self, ask: &Ask, answer: &Answer) -> bool {
        let expected = match ask {
            Ask::One(operation) => match self.decide(operation) {
                Ok(change) => {
                    let version = match answer {
                        Answer::One(done) => done.version(),
                        Answer::Transacted { .. } | Answer::Refused(_) => return false,
                    };
                    self.take(operation.key, change, version).map(Answer::One)
                }
                Err(refused) => Some(Answer::Refused(refused)),
            },
            Ask::Transact { checks, operations } => self.transact(checks, operations, answer),
        };
        expected.as_ref() == Some(answer)
    }
}

/// What an operation comes to.
enum Change {
    Found(Option<(Value, i64)>),
    Put(Value),
    Removed,
    Nothing,
}

impl Change {
    fn takes_version(&self) -> bool {
        matches!(self, Self::Put(_) | Self::Removed)
    }
}

impl Done {
    pub(crate) fn version(&self) -> i64 {
        match self {
            Self::Found(_) => ABSENT,
            Self::Set { version } | Self::Deleted { version } | Self::Counted { version, .. } => {
                *version
            }
        }
    }
}

impl Store {
    fn current(&self, key: u8) -> i64 {
        self.entries
            .get(&key)
            .map_or(ABSENT, |(_, version)| *version)
    }

    fn holds(&self, key: u8, condition: Condition) -> Result<(), Refused> {
        let current = self.current(key);
        let (holds, reason, told) = match condition {
            Condition::Absent => (current == ABSENT, "KEY_EXISTS", Some(current)),
            Condition::Present => (current != ABSENT, "KEY_NOT_FOUND", None),
            Condition::Version(version) => (current == version, "VERSION_MISMATCH", Some(current)),
        };
        if holds {
            return Ok(());
        }
        Err(Refused {
            reason: reason.into(),
            index: None,
            current_version: told,
        })
    }

    fn decide(&self, operation: &Operation) -> Result<Change, Refused> {
        if let Some(condition) = operation.condition {
            self.holds(operation.key, condition)?;
        }
        let entry = self.entries.get(&operation.key);
        match (&operation.verb, entry) {
            (Verb::Get, entry) => Ok(Change::Found(entry.cloned())),
            (Verb::Set(value), _) => Ok(Change::Put(value.clone())),
            (Verb::Delete, Some(_)) => Ok(Change::Removed),
            (Verb::Delete, None) => Ok(Change::Nothing),
            (Verb::Increment(_), Some((Value::Text(_), _))) => Err(Refused {
                reason: "WRONG_KIND".into(),
                index: None,
                current_version: None,
            }),
            (Verb::Increment(delta), Some((Value::Number(number), _))) => {
                Ok(Change::Put(Value::Number(number + delta)))
            }
            (Verb::Increment(delta), None) => Ok(Change::Put(Value::Number(*delta))),
        }
    }

    /// Makes a change at `version`; `None`: it cannot be that one.
    fn take(&mut self, key: u8, change: Change, version: i64) -> Option<Done> {
        if change.takes_version() {
            if version <= self.version {
                return None;
            }
            self.version = version;
        }
        Some(match change {
            Change::Found(found) => Done::Found(found),
            Change::Put(value) => {
                let number = match &value {
                    Value::Number(number) => Some(*number),
                    Value::Text(_) => None,
                };
                self.entries.insert(key, (value, version));
                match number {
                    Some(number) => Done::Counted { number, version },
                    None => Done::Set { version },
                }
            }
            Change::Removed => {
                self.entries.remove(&key);
                Done::Deleted { version }
            }
            Change::Nothing => Done::Deleted { version: ABSENT },
        })
    }

    fn transact(
        &mut self,
        checks: &[(u8, Condition)],
        operations: &[Operation],
        answer: &Answer,
    ) -> Option<Answer> {
        for (index, (key, condition)) in checks.iter().enumerate() {
            if self.holds(*key, *condition).is_err() {
                return Some(Answer::Refused(Refused {
                    reason: "CHECK_FAILED".into(),
                    index: Some(index),
                    current_version: Some(self.current(*key)),
                }));
            }
        }
        let mut changes = Vec::new();
        for (index, operation) in operations.iter().enumerate() {
            match self.decide(operation) {
                Ok(change) => changes.push((operation.key, change)),
                Err(refused) => {
                    return Some(Answer::Refused(Refused {
                        index: Some(index),
                        ..refused
                    }));
                }
            }
        }
        let Answer::Transacted { version: last, .. } = answer else {
            return None;
        };
        let count = changes.iter().filter(|(_, change)| change.takes_version());
        let mut next = last - i64::try_from(count.count()).unwrap();
        let mut done = Vec::new();
        for (key, change) in changes {
            next += i64::from(change.takes_version());
            done.push(self.take(key, change, next)?);
        }
        Some(Answer::Transacted {
            done,
            version: *last,
        })
    }
}
