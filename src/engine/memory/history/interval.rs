//! Ranges of keys as intervals of bytes, without overlaps.

use crate::model::range::Range;

/// All keys from one on up to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine::memory) struct Interval {
    from: Box<[u8]>,
    to: End,
}

/// Where an interval ends; never is after every key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Before(Box<[u8]>),
    Never,
}

/// The keys that are in any of some ranges.
#[derive(Clone, Debug)]
pub(super) struct Intervals(Box<[Interval]>);

impl Interval {
    /// Its first key, if that is one.
    pub(in crate::engine::memory) const fn from(&self) -> &[u8] {
        &self.from
    }

    /// Whether it ends at `key` or before.
    pub(in crate::engine::memory) fn ends_by(&self, key: &[u8]) -> bool {
        !self.to.is_after(key)
    }

    pub(super) const fn to(&self) -> &End {
        &self.to
    }

    /// The keys of `range`; `None`: there can be none.
    fn of(range: &Range) -> Option<Self> {
        let end = match range.end() {
            "" => End::Never,
            end => End::Before(end.as_bytes().into()),
        };
        let to = end.min(after_all(range.prefix().as_bytes()));
        let from = range.first();
        to.is_after(from).then(|| Self {
            from: from.into(),
            to,
        })
    }
}

impl End {
    /// Whether `key` comes before it.
    pub(super) fn is_after(&self, key: &[u8]) -> bool {
        match self {
            Self::Before(end) => key < &**end,
            Self::Never => true,
        }
    }
}

impl Intervals {
    /// The keys of `ranges`.
    pub(super) fn of(ranges: &[Range]) -> Self {
        let mut sorted: Vec<_> = ranges.iter().filter_map(Interval::of).collect();
        sorted.sort_unstable();
        let mut apart: Vec<Interval> = Vec::with_capacity(sorted.len());
        for next in sorted {
            match apart.last_mut() {
                Some(last) if last.to >= End::Before(next.from.clone()) => {
                    last.to = last.to.clone().max(next.to);
                }
                _ => apart.push(next),
            }
        }
        Self(apart.into_boxed_slice())
    }

    pub(super) fn contain(&self, key: &[u8]) -> bool {
        let begun = self.0.partition_point(|interval| *interval.from <= *key);
        let last = begun.checked_sub(1).and_then(|at| self.0.get(at));
        last.is_some_and(|interval| interval.to.is_after(key))
    }

    /// Apart from each other, in order.
    pub(super) const fn as_slice(&self) -> &[Interval] {
        &self.0
    }
}

/// What comes right after everything that begins with `prefix`.
fn after_all(prefix: &[u8]) -> End {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return End::Before(end.into_boxed_slice());
        }
    }
    End::Never
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranges() -> impl Strategy<Value = Vec<Range>> {
        let range = ("[a-c]{0,2}", "[a-c]{0,3}", "[a-c]{0,3}").prop_map(|(prefix, a, b)| {
            let (start, end) = if a < b { (a, b) } else { (b, String::new()) };
            Range::new(prefix, start, end, 8).unwrap()
        });
        prop::collection::vec(range, 1..6)
    }

    proptest! {
        #[test]
        fn intervals_hold_the_keys_of_their_ranges(ranges in ranges(), keys in prop::collection::vec("[a-d]{1,4}", 50)) {
            let intervals = Intervals::of(&ranges);
            for key in &keys {
                let key = key.as_bytes();
                let is_in = ranges.iter().any(|range| range.contains(key));
                prop_assert_eq!(intervals.contain(key), is_in);
                let holds = |it: &&Interval| it.from() <= key && !it.ends_by(key);
                prop_assert_eq!(intervals.as_slice().iter().filter(holds).count(), usize::from(is_in));
            }
            let apart = |pair: &[Interval]| !pair[0].ends_by(pair[1].from());
            prop_assert!(!intervals.as_slice().windows(2).any(apart));
        }
    }

    #[test]
    fn a_prefix_of_the_last_bytes_has_no_end() {
        assert_eq!(after_all(b""), End::Never);
        assert_eq!(after_all(b"\xff\xff"), End::Never);
        assert_eq!(after_all(b"a\xff"), End::Before(b"b"[..].into()));
    }
}
