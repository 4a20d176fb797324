//! Which keys a load asks for, and how often each.

use std::fmt::Write;

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Zipf};

/// Keys that there may be.
pub const KEYS_MAX: u64 = 1_000_000_000_000;

/// Popular keys lie as far from each other as this prime scatters them; it is
/// above [`KEYS_MAX`], so that it shares no factor with a number of keys.
const SCATTER: u64 = 2_654_435_761_027;

/// What a counter's key has where another key has its first digit.
const COUNTER: &str = "n";

/// The keys of a load: a prefix and a number, filled up with zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct Keys {
    /// What each begins with.
    pub prefix: String,
    /// How many there are, 1 to [`KEYS_MAX`].
    pub count: u64,
    /// Bytes of each: at least the prefix, one more, and the digits of the
    /// largest number.
    pub bytes: usize,
    /// How often each comes.
    pub popularity: Popularity,
}

/// How often each key comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Popularity {
    /// All equally often.
    Uniform,
    /// The k-th most popular one in proportion to 1/k^exponent.
    Zipf {
        /// From 0, where all are equally often.
        exponent: f64,
    },
}

/// Draws keys.
#[derive(Clone, Debug)]
pub struct Draw {
    count: u64,
    zipf: Option<Zipf<f64>>,
}

/// Digits of the largest number of so many keys.
#[must_use]
pub fn key_digits(count: u64) -> usize {
    count.saturating_sub(1).to_string().len()
}

impl Keys {
    /// The key of a number.
    #[must_use]
    pub fn name(&self, number: u64) -> String {
        self.named("", number)
    }

    /// The key of a counter: no other key is the same.
    #[must_use]
    pub fn counter(&self, number: u64) -> String {
        self.named(COUNTER, number)
    }

    /// What draws of them.
    ///
    /// # Errors
    /// There are no keys, or the exponent is none.
    pub fn draw(&self) -> Result<Draw, String> {
        if !(1..=KEYS_MAX).contains(&self.count) {
            return Err(format!("--keys: 1 to {KEYS_MAX}"));
        }
        let zipf = match self.popularity {
            Popularity::Uniform => None,
            Popularity::Zipf { exponent } => Some(zipf(self.count, exponent)?),
        };
        Ok(Draw {
            count: self.count,
            zipf,
        })
    }

    fn named(&self, kind: &str, number: u64) -> String {
        let mut name = String::with_capacity(self.bytes);
        name.push_str(&self.prefix);
        name.push_str(kind);
        let digits = self.bytes.saturating_sub(name.len());
        let _ = write!(name, "{number:0digits$}");
        name
    }
}

impl Draw {
    /// The number of a key, below the number of keys.
    pub fn number(&self, random: &mut impl Rng) -> u64 {
        match &self.zipf {
            None => random.random_range(0..self.count),
            Some(zipf) => scattered(rank(zipf.sample(random), self.count), self.count),
        }
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "exact: fewer than 2^53 keys"
)]
fn zipf(count: u64, exponent: f64) -> Result<Zipf<f64>, String> {
    Zipf::new(count as f64, exponent).map_err(|error| format!("--keys and the exponent: {error}"))
}

/// A draw of 1 to `count` as a number from 0.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number from 1 to count"
)]
fn rank(drawn: f64, count: u64) -> u64 {
    (drawn as u64).saturating_sub(1).min(count - 1)
}

/// Another order of the numbers below `count`, each once.
fn scattered(rank: u64, count: u64) -> u64 {
    let scattered = u128::from(rank) * u128::from(SCATTER) % u128::from(count);
    u64::try_from(scattered).unwrap_or(rank)
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    fn keys(count: u64, popularity: Popularity) -> Keys {
        Keys {
            prefix: "key:".to_owned(),
            count,
            bytes: 16,
            popularity,
        }
    }

    fn drawn(keys: &Keys, draws: usize) -> Vec<usize> {
        let draw = keys.draw().unwrap();
        let mut random = SmallRng::seed_from_u64(1);
        let mut seen = vec![0; usize::try_from(keys.count).unwrap()];
        for _ in 0..draws {
            seen[usize::try_from(draw.number(&mut random)).unwrap()] += 1;
        }
        seen
    }

    #[test]
    fn zipf_draws_come_as_often_as_the_formula_says() {
        let draws = 400_000_u32;
        for (count, exponent) in [(100_u32, 0.99), (1000, 0.8), (50, 1.4), (20, 0.0)] {
            let keys = keys(u64::from(count), Popularity::Zipf { exponent });
            let seen = drawn(&keys, usize::try_from(draws).unwrap());
            let weight = |k: u32| f64::from(k).powf(-exponent);
            let total: f64 = (1..=count).map(weight).sum();
            // Pearson's sum over all ranks: its mean is their number, and ten
            // standard deviations of it are no accident.
            let mut pearson = 0.0;
            for rank in 0..count {
                let expected = f64::from(draws) * weight(rank + 1) / total;
                let number = scattered(u64::from(rank), u64::from(count));
                let found = seen[usize::try_from(number).unwrap()];
                let off = f64::from(u32::try_from(found).unwrap()) - expected;
                pearson += off * off / expected;
            }
            let most = f64::from(count) + 10.0 * (2.0 * f64::from(count)).sqrt();
            assert!(pearson < most, "{count} keys, {exponent}: {pearson}");
        }
    }

    #[test]
    fn uniform_draws_reach_every_key_about_equally_often() {
        let seen = drawn(&keys(100, Popularity::Uniform), 100_000);
        for (number, times) in seen.iter().enumerate() {
            // Six standard deviations of 1000.
            assert!(times.abs_diff(1000) < 190, "{number}: {times}");
        }
    }

    #[test]
    fn scattering_is_another_order_of_the_same_keys() {
        for count in [1, 2, 3, 10, 1000, 4096, 99_991] {
            let mut scattered: Vec<_> = (0..count).map(|rank| scattered(rank, count)).collect();
            scattered.sort_unstable();
            assert_eq!(scattered, (0..count).collect::<Vec<_>>(), "{count}");
        }
        const { assert!(SCATTER > KEYS_MAX) };
    }

    #[test]
    fn keys_have_the_length_that_is_asked_for_and_are_no_counters() {
        let keys = keys(1000, Popularity::Uniform);
        assert_eq!(keys.name(0), "key:000000000000");
        assert_eq!(keys.name(999), "key:000000000999");
        assert_eq!(keys.counter(999), "key:n00000000999");
    }

    #[test]
    fn an_exponent_below_zero_is_none() {
        let keys = keys(10, Popularity::Zipf { exponent: -1.0 });
        assert!(keys.draw().is_err());
    }
}
