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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);
    const LATER: Option<UnixMillis> = Some(NOW.plus(1000));

    fn version(number: i64) -> Version {
        Version::new(number).unwrap()
    }

    fn number(number: i64) -> Current {
        Current {
            version: version(7),
            deadline: LATER,
            kind: Kind::Number,
            number: Some(number),
        }
    }

    fn text() -> Current {
        Current {
            kind: Kind::Text,
            number: None,
            ..number(0)
        }
    }

    fn decide(
        change: Change<'static>,
        condition: Option<Condition>,
        current: Option<Current>,
    ) -> Result<Effect<'static>, Error> {
        let key = Key::new("k", 8).unwrap();
        let mutation = Mutation {
            key,
            change,
            condition,
        };
        mutation.decide(current.as_ref(), NOW, ExpiryRules::default())
    }

    const fn set(expiry: Expiry) -> Change<'static> {
        Change::Set {
            value: ValueRef::Text("v"),
            expiry,
            return_previous: false,
        }
    }

    const DELETE: Change<'static> = Change::Delete {
        return_previous: true,
    };

    const ADD: Increment = Increment {
        delta: 1,
        initial: 0,
        min: i64::MIN,
        max: i64::MAX,
        expiry: Expiry::Never,
    };

    const fn touch(expiry: Expiry, mode: TouchMode) -> Change<'static> {
        Change::Touch {
            expiry,
            mode,
            omit_value: false,
        }
    }

    fn changes() -> [Change<'static>; 4] {
        let mode = TouchMode::Any;
        [
            set(Expiry::Never),
            DELETE,
            Change::Increment(ADD),
            touch(Expiry::Never, mode),
        ]
    }

    #[test]
    fn a_condition_that_does_not_hold_refuses_every_change_by_name() {
        for change in changes() {
            let refused =
                |condition, current| decide(change, Some(condition), current).unwrap_err();
            let (there, current) = (Some(number(1)), version(7));
            assert_eq!(
                refused(Condition::Absent, there),
                Error::KeyPresent { current }
            );
            assert_eq!(refused(Condition::Present, None), Error::KeyAbsent);
            let other = Condition::Version(version(8));
            assert_eq!(
                refused(other, there),
                Error::VersionMismatch {
                    current: Some(current)
                }
            );
            assert_eq!(
                refused(other, None),
                Error::VersionMismatch { current: None }
            );
        }
    }

    #[test]
    fn a_condition_that_holds_changes_nothing_about_the_change() {
        for change in changes() {
            let plain = |current| decide(change, None, current);
            for condition in [Condition::Present, Condition::Version(version(7))] {
                assert_eq!(
                    decide(change, Some(condition), Some(number(1))),
                    plain(Some(number(1)))
                );
            }
            assert_eq!(decide(change, Some(Condition::Absent), None), plain(None));
        }
    }

    #[test]
    fn what_can_never_be_right_is_refused_before_the_condition_is_looked_at() {
        let bounds = Change::Increment(Increment {
            min: 1,
            max: 0,
            ..ADD
        });
        let ttl = Change::Increment(Increment {
            expiry: Expiry::After(0),
            ..ADD
        });
        for change in [
            set(Expiry::After(0)),
            touch(Expiry::At(NOW), TouchMode::Any),
            bounds,
            ttl,
        ] {
            let refused = decide(change, Some(Condition::Absent), Some(number(1)));
            assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        }
    }

    #[test]
    fn a_set_keeps_a_deadline_only_when_asked_to() {
        let deadline = |expiry, current| match decide(set(expiry), None, current) {
            Ok(Effect::Put { deadline, .. }) => deadline,
            other => panic!("{other:?}"),
        };
        assert_eq!(deadline(Expiry::Default, Some(text())), None);
        assert_eq!(deadline(Expiry::Keep, Some(text())), LATER);
        assert_eq!(deadline(Expiry::Keep, None), None);
        assert_eq!(deadline(Expiry::After(5), Some(text())), Some(NOW.plus(5)));
    }

    #[test]
    fn a_delete_of_nothing_does_nothing() {
        assert_eq!(decide(DELETE, None, None), Ok(Effect::Nothing));
        assert_eq!(decide(DELETE, None, Some(text())), Ok(Effect::Remove));
    }

    #[test]
    fn a_counter_starts_at_initial_and_delta_then_applies() {
        let change = Change::Increment(Increment {
            initial: 40,
            delta: 2,
            expiry: Expiry::After(9),
            ..ADD
        });
        let value = ValueRef::Number(42);
        let deadline = Some(NOW.plus(9));
        assert_eq!(
            decide(change, None, None),
            Ok(Effect::Put { value, deadline })
        );
    }

    #[test]
    fn a_counter_that_is_there_keeps_its_deadline() {
        let change = Change::Increment(Increment {
            expiry: Expiry::After(9),
            ..ADD
        });
        let (value, deadline) = (ValueRef::Number(6), LATER);
        assert_eq!(
            decide(change, None, Some(number(5))),
            Ok(Effect::Put { value, deadline })
        );
        let forever = Current {
            deadline: None,
            ..number(5)
        };
        let deadline = None;
        assert_eq!(
            decide(change, None, Some(forever)),
            Ok(Effect::Put { value, deadline })
        );
    }

    #[test]
    fn only_a_number_can_be_added_to() {
        for kind in [Kind::Text, Kind::Data] {
            let current = Current { kind, ..text() };
            let refused = decide(Change::Increment(ADD), None, Some(current));
            assert_eq!(refused, Err(Error::WrongKind { kind }));
        }
    }

    proptest! {
        #[test]
        fn a_sum_is_exact_within_its_bounds_or_refused(
            there in prop::option::of(any::<i64>()),
            delta in any::<i64>(),
            initial in any::<i64>(),
            bounds in any::<[i64; 2]>(),
            narrow in any::<bool>(),
        ) {
            let (low, high) = (bounds[0].min(bounds[1]), bounds[0].max(bounds[1]));
            let (min, max) = if narrow { (low, high) } else { (i64::MIN, i64::MAX) };
            let change = Change::Increment(Increment { delta, initial, min, max, ..ADD });
            let before = there.unwrap_or(initial);
            let sum = i128::from(before) + i128::from(delta);
            let expected = match i64::try_from(sum) {
                Err(_) => Err(Error::CounterOverflow { number: before }),
                Ok(sum) if sum < min || sum > max => {
                    Err(Error::CounterOutOfBounds { number: before, min, max })
                }
                Ok(sum) => Ok(Effect::Put {
                    value: ValueRef::Number(sum),
                    deadline: there.and(LATER),
                }),
            };
            prop_assert_eq!(decide(change, None, there.map(number)), expected);
        }

        #[test]
        fn a_touch_moves_only_where_its_mode_allows_and_never_is_infinity(
            there in prop::option::of(1..10_u64),
            new in prop::option::of(1..10_u64),
        ) {
            let time = |ahead: Option<u64>| ahead.map(|ahead| NOW.plus(ahead));
            let current = Current { deadline: time(there), ..text() };
            let expiry = new.map_or(Expiry::Never, Expiry::After);
            let (old, far) = (there.unwrap_or(u64::MAX), new.unwrap_or(u64::MAX));
            for (mode, moves) in [
                (TouchMode::Any, true),
                (TouchMode::OnlyExtend, far > old),
                (TouchMode::OnlyShorten, far < old),
            ] {
                let effect = decide(touch(expiry, mode), None, Some(current));
                let retime = Effect::Retime { deadline: time(new) };
                prop_assert_eq!(effect, Ok(if moves { retime } else { Effect::Nothing }));
            }
            let absent = decide(touch(expiry, TouchMode::Any), None, None);
            prop_assert_eq!(absent, Ok(Effect::Nothing));
        }
    }
}
