//! Which events are written: a level for all, and levels for parts.

use std::{fmt, str::FromStr};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// A list of `LEVEL` and `TARGET=LEVEL`, with commas between, such as
/// `nanokv=debug,h2=warn`. Levels are off, error, warn, info, debug and trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels {
    text: String,
    pub(in crate::telemetry) targets: Targets,
}

/// The part of a list that is neither `LEVEL` nor `TARGET=LEVEL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotALevel(pub String);

impl Default for Levels {
    fn default() -> Self {
        Self {
            text: "info".to_owned(),
            targets: Targets::new().with_default(LevelFilter::INFO),
        }
    }
}

impl FromStr for Levels {
    type Err = NotALevel;

    /// Stricter than the usual reading, in which a level with a typing error
    /// would be the name of a target.
    fn from_str(text: &str) -> Result<Self, NotALevel> {
        let mut targets = Targets::new();
        for part in text.split(',').map(str::trim) {
            let wrong = || NotALevel(part.to_owned());
            targets = match part.split_once('=') {
                None => targets.with_default(level(part).ok_or_else(wrong)?),
                Some((target, part)) if is_target(target) => {
                    targets.with_target(target, level(part).ok_or_else(wrong)?)
                }
                Some(_) => return Err(wrong()),
            };
        }
        Ok(Self {
            text: text.to_owned(),
            targets,
        })
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn level(name: &str) -> Option<LevelFilter> {
    // Without the numbers and the empty text that the parser takes besides.
    name.chars()
        .all(|letter| letter.is_ascii_alphabetic())
        .then(|| name.parse().ok())
        .flatten()
        .filter(|_| !name.is_empty())
}

/// Whether it has the shape of the path of a module.
fn is_target(text: &str) -> bool {
    let of_a_path = |letter: char| letter.is_ascii_alphanumeric() || "_-:".contains(letter);
    !text.is_empty() && text.chars().all(of_a_path)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_target_has_its_own_level_and_the_others_the_one_of_all() {
        let levels: Levels = "warn, nanokv::serve=debug,h2=off".parse().unwrap();
        let enabled = |target, level| levels.targets.would_enable(target, &level);
        assert!(enabled("hyper", Level::WARN) && !enabled("hyper", Level::INFO));
        assert!(enabled("nanokv::serve::run", Level::DEBUG) && !enabled("nanokv", Level::INFO));
        assert!(!enabled("h2::proto", Level::ERROR));
    }

    #[test]
    fn what_is_not_a_level_is_refused_and_named() {
        for (text, part) in [
            ("debgu", "debgu"),
            ("info,nanokv", "nanokv"),
            ("nanokv=loud", "nanokv=loud"),
            ("=debug", "=debug"),
            ("3", "3"),
            ("", ""),
            ("info,", ""),
            ("[call]=debug", "[call]=debug"),
        ] {
            assert_eq!(
                text.parse::<Levels>(),
                Err(NotALevel(part.to_owned())),
                "{text}"
            );
        }
    }
}
