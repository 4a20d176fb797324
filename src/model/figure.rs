//! Figures that a part of the server gives of itself: what its metrics are made
//! of. No part knows how they are told.

use std::{borrow::Cow, time::Duration};

/// One figure, or one for each of several labels.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its whole name, in snake case, with its unit (`_bytes`, `_seconds`) at
    /// the end; that of a counter without `_total`.
    pub name: &'static str,
    /// What it means, in one line.
    pub help: &'static str,
    /// At least one; all of the same kind, and with the same names of labels.
    pub samples: Vec<Sample>,
}

/// A figure at this moment.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Names and values. Of the values there are few.
    pub labels: Vec<(&'static str, Cow<'static, str>)>,
    /// The figure.
    pub value: Value,
}

/// What kind of figure it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Only grows.
    Counter(u64),
    /// Time that only grows.
    Time(Duration),
    /// Grows and shrinks.
    Gauge(u64),
    /// A moment, or a time that is shorter again later.
    Seconds(Duration),
    /// How often something took how long.
    Histogram(Histogram),
}

/// How often something took how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// Upper bounds, in ascending order.
    pub bounds: &'static [Duration],
    /// How often: for each bound what lies up to it and above the one before;
    /// last what lies above all.
    pub counts: Vec<u64>,
    /// All of it together.
    pub sum: Duration,
}

impl Figure {
    /// What was counted from the start on.
    #[must_use]
    pub fn counter(name: &'static str, help: &'static str, count: u64) -> Self {
        Self::one(name, help, Value::Counter(count))
    }

    /// What is there now.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str, level: impl TryInto<u64>) -> Self {
        let level = level.try_into().unwrap_or(u64::MAX);
        Self::one(name, help, Value::Gauge(level))
    }

    /// How often something took how long.
    #[must_use]
    pub fn histogram(name: &'static str, help: &'static str, histogram: Histogram) -> Self {
        Self::one(name, help, Value::Histogram(histogram))
    }

    /// A figure without labels.
    #[must_use]
    pub fn one(name: &'static str, help: &'static str, value: Value) -> Self {
        Self::labelled(name, help, "", [("", value)])
    }

    /// A figure for each value of one label.
    #[must_use]
    pub fn labelled<L: Into<Cow<'static, str>>>(
        name: &'static str,
        help: &'static str,
        label: &'static str,
        samples: impl IntoIterator<Item = (L, Value)>,
    ) -> Self {
        let samples = samples.into_iter().map(|(text, value)| Sample {
            labels: match label {
                "" => Vec::new(),
                label => vec![(label, text.into())],
            },
            value,
        });
        Self {
            name,
            help,
            samples: samples.collect(),
        }
    }
}

impl Histogram {
    /// Nothing yet.
    #[must_use]
    pub fn new(bounds: &'static [Duration]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1],
            sum: Duration::ZERO,
        }
    }

    /// Counts something that took `time`.
    pub fn record(&mut self, time: Duration) {
        if let Some(count) = self.counts.get_mut(place(self.bounds, time)) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(time);
    }

    /// Adds what another one with the same bounds has counted.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// How often there was anything.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Which count of a histogram with these bounds `time` belongs to.
#[must_use]
pub fn place(bounds: &[Duration], time: Duration) -> usize {
    bounds.partition_point(|bound| *bound < time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &[Duration] = &[Duration::from_millis(1), Duration::from_millis(10)];

    #[test]
    fn a_time_counts_up_to_its_bound_and_above_all_in_the_last_place() {
        let mut histogram = Histogram::new(BOUNDS);
        for micros in [0, 1000, 1001, 10_000, 10_001] {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!(histogram.counts, [2, 2, 1]);
        assert_eq!(histogram.sum, Duration::from_micros(22_002));
        let mut both = Histogram::new(BOUNDS);
        both.record(Duration::from_secs(1));
        both.add(&histogram);
        assert_eq!((both.count(), both.counts), (6, vec![2, 2, 2]));
    }

    #[test]
    fn a_figure_has_a_sample_for_each_label() {
        let of_two = [("a", Value::Gauge(1)), ("b", Value::Gauge(2))];
        let figure = Figure::labelled("name", "help", "label", of_two);
        let labels: Vec<_> = figure.samples.iter().map(|it| it.labels.clone()).collect();
        assert_eq!(
            labels,
            [vec![("label", "a".into())], vec![("label", "b".into())]]
        );
        assert!(
            Figure::gauge("name", "help", 1_u64).samples[0]
                .labels
                .is_empty()
        );
    }
}
