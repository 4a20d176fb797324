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
            Self::After(0) => Err(not_ahead("ttl", "is above 0")),
            Self::After(millis) if millis > rules.ttl_ms_max => Err(too_far("ttl", rules)),
            Self::After(millis) => Ok(Some(now.plus(millis))),
            Self::At(time) if time <= now => Err(not_ahead("expire_time", "lies after now")),
            Self::At(time) if time.since(now) > rules.ttl_ms_max => {
                Err(too_far("expire_time", rules))
            }
            Self::At(time) => Ok(Some(time)),
        }
    }
}

fn not_ahead(field: &'static str, rule: &str) -> Invalid {
    Invalid::new(field, Rule::OutOfRange, format!("a {field} {rule}"))
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
