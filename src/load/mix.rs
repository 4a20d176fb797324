//! Which operations a load is made of, by weight.

use std::{fmt, str::FromStr};

use rand::{Rng, RngExt};

/// Weight that one operation may have.
pub const WEIGHT_MAX: u32 = 1_000_000;

/// One of the operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Get of a key.
    Get,
    /// Set of a key.
    Set,
    /// Delete of a key.
    Delete,
    /// Increment of a counter; counters have keys of their own.
    Increment,
    /// Touch of a key.
    Touch,
    /// List of one page, beginning with a key.
    List,
}

impl Kind {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 6] = [
        Self::Get,
        Self::Set,
        Self::Delete,
        Self::Increment,
        Self::Touch,
        Self::List,
    ];

    /// What it is called: as the commands are.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::Delete => "del",
            Self::Increment => "incr",
            Self::Touch => "touch",
            Self::List => "list",
        }
    }
}

/// Operations and their weights; at least one, and none twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    weights: Vec<(Kind, u32)>,
    total: u32,
}

impl Mix {
    /// Whether `kind` is among them.
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        self.weights.iter().any(|(one, _)| *one == kind)
    }

    /// One of them, each as often as its weight says.
    pub fn draw(&self, random: &mut impl Rng) -> Kind {
        let mut left = match self.weights.as_slice() {
            [(only, _)] => return *only,
            _ => random.random_range(0..self.total),
        };
        for (kind, weight) in &self.weights {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return *kind,
            }
        }
        Kind::Get
    }
}

impl FromStr for Mix {
    type Err = String;

    /// `get`, or `get=9,set=1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut mix = Self {
            weights: Vec::new(),
            total: 0,
        };
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
            let kind = kind.ok_or_else(|| {
                let names = Kind::ALL.map(Kind::name).join(", ");
                format!("{name:?} is no operation; there are {names}")
            })?;
            let weight = weight.parse().ok();
            let weight = weight.filter(|weight| (1..=WEIGHT_MAX).contains(weight));
            let weight = weight.ok_or_else(|| {
                format!("the weight of {name} is not a number from 1 to {WEIGHT_MAX}")
            })?;
            if mix.has(kind) {
                return Err(format!("{name} is there twice"));
            }
            mix.weights.push((kind, weight));
            mix.total += weight;
        }
        Ok(mix)
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kind, weight)) in self.weights.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(formatter, "{comma}{}={weight}", kind.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    #[test]
    fn each_operation_comes_as_often_as_its_weight_says() {
        let mix: Mix = "get=70,set=20,incr=10".parse().unwrap();
        let mut random = SmallRng::seed_from_u64(7);
        let drawn: Vec<_> = (0..100_000).map(|_| mix.draw(&mut random)).collect();
        for (kind, expected) in [
            (Kind::Get, 70_000_usize),
            (Kind::Set, 20_000),
            (Kind::Increment, 10_000),
            (Kind::Delete, 0),
        ] {
            let times = drawn.iter().filter(|one| **one == kind).count();
            // Six standard deviations at the most likely one.
            assert!(times.abs_diff(expected) < 900, "{kind:?}: {times}");
        }
    }

    #[test]
    fn what_is_no_mix_is_refused_with_what_is_wrong() {
        for (text, said) in [
            ("", "\"\" is no operation"),
            ("get,fetch", "\"fetch\" is no operation"),
            ("get=0", "the weight of get"),
            ("get=-1", "the weight of get"),
            ("get=1000001", "the weight of get"),
            ("get=1,get=2", "get is there twice"),
        ] {
            let refused = text.parse::<Mix>().unwrap_err();
            assert!(refused.starts_with(said), "{text:?}: {refused}");
        }
        let mix: Mix = "get=9,set".parse().unwrap();
        assert_eq!(mix.to_string(), "get=9,set=1");
    }
}
