//! What each mutation means: a pure function of the entry that is there, the
//! mutation and now. Engines make "read, decide, write" atomic and hand out
//! versions; they decide nothing.

use crate::model::{
    error::{Error, Invalid, Rule},
    expiry::{Expiry, ExpiryRules},
    key::Key,
    time::UnixMillis,
    value::{Kind, ValueRef},
    version::Version,
};

/// What must hold of a key for a mutation to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The key is absent.
    Absent,
    /// The key is present.
    Present,
    /// The entry has this version.
    Version(Version),
}

/// A change of one key, if its condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutation<'a> {
    /// Which key.
    pub key: Key<'a>,
    /// What shall become of it.
    pub change: Change<'a>,
    /// What must hold; `None`: always.
    pub condition: Option<Condition>,
}

/// What shall become of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Store a value in place of what is there.
    Set {
        /// The value.
        value: ValueRef<'a>,
        /// When it expires.
        expiry: Expiry,
        /// Whether the answer holds the entry that was replaced.
        return_previous: bool,
    },
    /// Remove the entry.
    Delete {
        /// Whether the answer holds the entry that was removed.
        return_previous: bool,
    },
    /// Add to a number.
    Increment(Increment),
    /// Move the deadline.
    Touch {
        /// Where to.
        expiry: Expiry,
        /// In which direction it may move.
        mode: TouchMode,
        /// Whether the answer's entry is without its value.
        omit_value: bool,
    },
}

/// An addition to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Increment {
    /// What is added.
    pub delta: i64,
    /// Where a counter starts that is created; `delta` is then added.
    pub initial: i64,
    /// The smallest result allowed.
    pub min: i64,
    /// The largest result allowed.
    pub max: i64,
    /// When a counter expires that is created.
    pub expiry: Expiry,
}

/// In which direction a deadline may move; never is infinitely far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TouchMode {
    /// In either.
    #[default]
    Any,
    /// Only later.
    OnlyExtend,
    /// Only earlier.
    OnlyShorten,
}

/// What a decision needs to know of the entry that is there. An expired entry
/// is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current {
    /// Its version.
    pub version: Version,
    /// Its deadline; `None`: never.
    pub deadline: Option<UnixMillis>,
    /// The kind of its value.
    pub kind: Kind,
    /// Its value, if that is a number.
    pub number: Option<i64>,
}

/// What an engine has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect<'a> {
    /// Store this value with this deadline, under a new version.
    Put {
        /// The value.
        value: ValueRef<'a>,
        /// The deadline; `None`: never.
        deadline: Option<UnixMillis>,
    },
    /// Remove the entry, under a new version.
    Remove,
    /// Move the deadline; the version stays.
    Retime {
        /// The deadline; `None`: never.
        deadline: Option<UnixMillis>,
    },
    /// Nothing.
    Nothing,
}

impl Condition {
    /// Whether it holds of `current`.
    ///
    /// # Errors
    /// [`Error::KeyPresent`], [`Error::KeyAbsent`] or
    /// [`Error::VersionMismatch`], by the condition.
    pub fn check(self, current: Option<&Current>) -> Result<(), Error> {
        let there = current.map(|entry| entry.version);
        match (self, there) {
            (Self::Absent, Some(current)) => Err(Error::KeyPresent { current }),
            (Self::Present, None) => Err(Error::KeyAbsent),
            (Self::Version(version), there) if there != Some(version) => {
                Err(Error::VersionMismatch { current: there })
            }
            (Self::Absent, None) | (Self::Present | Self::Version(_), _) => Ok(()),
        }
    }
}

impl<'a> Mutation<'a> {
    /// What has to be done at `now`, when `current` is there.
    ///
    /// A request that can never be right is refused before its condition is
    /// looked at.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a deadline that is not allowed or bounds that
    /// contradict each other, then whatever [`Condition::check`] says, then
    /// [`Error::WrongKind`], [`Error::CounterOverflow`] or
    /// [`Error::CounterOutOfBounds`].
    pub fn decide(
        &self,
        current: Option<&Current>,
        now: UnixMillis,
        rules: ExpiryRules,
    ) -> Result<Effect<'a>, Error> {
        let replaced = current.map(|entry| entry.deadline);
        let deadline = match self.change {
            Change::Set { expiry, .. } | Change::Touch { expiry, .. } => {
                expiry.deadline(now, replaced, rules)?
            }
            Change::Increment(Increment { min, max, .. }) if min > max => {
                return Err(Invalid::new("min", Rule::Conflict, "min is not above max").into());
            }
            Change::Increment(Increment { expiry, .. }) => expiry.deadline(now, None, rules)?,
            Change::Delete { .. } => None,
        };
        if let Some(condition) = self.condition {
            condition.check(current)?;
        }
        match (self.change, current) {
            (Change::Set { value, .. }, _) => Ok(Effect::Put { value, deadline }),
            (Change::Delete { .. }, Some(_)) => Ok(Effect::Remove),
            (Change::Delete { .. } | Change::Touch { .. }, None) => Ok(Effect::Nothing),
            (Change::Increment(increment), current) => {
                let number = increment.result(current)?;
                // A counter that is there keeps its own deadline.
                let deadline = replaced.unwrap_or(deadline);
                Ok(Effect::Put {
                    value: ValueRef::Number(number),
                    deadline,
                })
            }
            (Change::Touch { mode, .. }, Some(entry)) => {
                if mode.allows(entry.deadline, deadline) {
                    Ok(Effect::Retime { deadline })
                } else {
                    Ok(Effect::Nothing)
                }
            }
        }
    }
}

impl Increment {
    fn result(&self, current: Option<&Current>) -> Result<i64, Error> {
        let number = match current {
            None => self.initial,
            Some(Current {
                number: Some(number),
                ..
            }) => *number,
            Some(Current { kind, .. }) => return Err(Error::WrongKind { kind: *kind }),
        };
        let result = number
            .checked_add(self.delta)
            .ok_or(Error::CounterOverflow { number })?;
        if result < self.min || result > self.max {
            return Err(Error::CounterOutOfBounds {
                number,
                min: self.min,
                max: self.max,
            });
        }
        Ok(result)
    }
}

impl TouchMode {
    /// Whether a deadline may move from `old` to `new`; `None` is never, later
    /// than any other. The same deadline is neither later nor earlier.
    fn allows(self, old: Option<UnixMillis>, new: Option<UnixMillis>) -> bool {
        let later = match (old, new) {
            (Some(old), Some(new)) => new.cmp(&old),
            (Some(_), None) => std::cmp::Ordering::Greater,
            (None, Some(_)) => std::cmp::Ordering::Less,
            (None, None) => std::cmp::Ordering::Equal,
        };
        match self {
            Self::Any => true,
            Self::OnlyExtend => later.is_gt(),
            Self::OnlyShorten => later.is_lt(),
        }
    }
}
