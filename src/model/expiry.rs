//! When an entry shall expire, as a request says it.

use crate::model::{
    error::{Invalid, Rule},
    time::UnixMillis,
};

/// What a request says about a deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// Nothing: the default of the store holds.
    #[default]
    Default,
    /// So many milliseconds after now; above 0.
    After(u64),
    /// At this time.
    At(UnixMillis),
    /// Never.
    Never,
    /// As the entry that is replaced; without one, the default.
    Keep,
}

/// What a store says about deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryRules {
    /// Milliseconds that hold where a request says nothing; 0: never.
    pub default_ttl_ms: u64,
    /// Milliseconds that a deadline may lie ahead.
    pub ttl_ms_max: u64,
}

impl Default for ExpiryRules {
    /// No default, and 100 years of 365 days.
    fn default() -> Self {
        Self {
            default_ttl_ms: 0,
            ttl_ms_max: 100 * 365 * 86_400_000,
        }
    }
}

impl Expiry {
    /// The deadline that follows at `now`; `None`: never. `replaced` is the
    /// deadline of the entry that is replaced, if there is one.
    ///
    /// # Errors
    /// An [`Invalid`] for `ttl` or `expire_time` that is not after `now` or
    /// lies further ahead than the rules allow.
    pub fn deadline(
        self,
        now: UnixMillis,
        replaced: Option<Option<UnixMillis>>,
        rules: ExpiryRules,
    ) -> Result<Option<UnixMillis>, Invalid> {
        match self {
            Self::Never => Ok(None),
            Self::Keep => match replaced {
                Some(deadline) => Ok(deadline),
                None => Self::Default.deadline(now, None, rules),
            },
            Self::Default => Ok((rules.default_ttl_ms > 0).then(|| now.plus(rules.default_ttl_ms))),
            Self::After(0) => Err(not_ahead("ttl", "a ttl is above 0")),
            Self::After(millis) if millis > rules.ttl_ms_max => Err(too_far("ttl", rules)),
            Self::After(millis) => Ok(Some(now.plus(millis))),
            Self::At(time) if time <= now => {
                Err(not_ahead("expire_time", "an expire_time lies after now"))
            }
            Self::At(time) if time.since(now) > rules.ttl_ms_max => {
                Err(too_far("expire_time", rules))
            }
            Self::At(time) => Ok(Some(time)),
        }
    }
}

fn not_ahead(field: &'static str, rule: &'static str) -> Invalid {
    Invalid::new(field, Rule::OutOfRange, rule)
}

fn too_far(field: &'static str, rules: ExpiryRules) -> Invalid {
    let mut invalid = Invalid::new(
        field,
        Rule::OutOfRange,
        format!("at most {} ms from now, which is ttl_max", rules.ttl_ms_max),
    );
    invalid.limit = Some(("ttl_max", rules.ttl_ms_max));
    invalid
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);
    const RULES: ExpiryRules = ExpiryRules {
        default_ttl_ms: 5000,
        ttl_ms_max: 60_000,
    };

    fn deadline(expiry: Expiry) -> Result<Option<UnixMillis>, Invalid> {
        expiry.deadline(NOW, None, RULES)
    }

    #[test]
    fn a_ttl_counts_from_now_and_is_never_clamped() {
        assert_eq!(deadline(Expiry::After(1)), Ok(Some(NOW.plus(1))));
        assert_eq!(deadline(Expiry::After(60_000)), Ok(Some(NOW.plus(60_000))));
        for millis in [0, 60_001, u64::MAX] {
            let invalid = deadline(Expiry::After(millis)).unwrap_err();
            assert_eq!((&*invalid.field, invalid.rule), ("ttl", Rule::OutOfRange));
        }
    }

    #[test]
    fn an_expire_time_lies_after_now_and_not_too_far() {
        for ahead in [1, 60_000] {
            assert_eq!(
                deadline(Expiry::At(NOW.plus(ahead))),
                Ok(Some(NOW.plus(ahead)))
            );
        }
        let before = UnixMillis::new(NOW.get() - 1);
        for time in [
            UnixMillis::default(),
            before,
            NOW,
            NOW.plus(60_001),
            UnixMillis::MAX,
        ] {
            let invalid = deadline(Expiry::At(time)).unwrap_err();
            assert_eq!(
                (&*invalid.field, invalid.rule),
                ("expire_time", Rule::OutOfRange)
            );
        }
    }

    #[test]
    fn a_limit_that_is_passed_is_named() {
        for expiry in [Expiry::After(60_001), Expiry::At(NOW.plus(60_001))] {
            assert_eq!(
                deadline(expiry).unwrap_err().limit,
                Some(("ttl_max", 60_000))
            );
        }
        assert_eq!(deadline(Expiry::After(0)).unwrap_err().limit, None);
    }

    #[test]
    fn nothing_given_means_the_default_and_0_means_never() {
        assert_eq!(deadline(Expiry::Default), Ok(Some(NOW.plus(5000))));
        let never = Expiry::Default.deadline(NOW, None, ExpiryRules::default());
        assert_eq!(never, Ok(None));
        assert_eq!(deadline(Expiry::Never), Ok(None), "whatever the default");
    }

    #[test]
    fn keep_takes_the_deadline_that_is_there_or_the_default() {
        let keep = |replaced| Expiry::Keep.deadline(NOW, replaced, RULES);
        assert_eq!(keep(Some(Some(NOW.plus(7)))), Ok(Some(NOW.plus(7))));
        // Also one further ahead than a request may ask for.
        assert_eq!(keep(Some(Some(UnixMillis::MAX))), Ok(Some(UnixMillis::MAX)));
        assert_eq!(keep(Some(None)), Ok(None));
        assert_eq!(keep(None), Ok(Some(NOW.plus(5000))));
    }

    #[test]
    fn the_longest_ttl_is_100_years_and_fits() {
        let rules = ExpiryRules::default();
        let longest = Expiry::After(rules.ttl_ms_max).deadline(NOW, None, rules);
        assert_eq!(
            longest,
            Ok(Some(UnixMillis::new(NOW.get() + 3_153_600_000_000)))
        );
    }
}
