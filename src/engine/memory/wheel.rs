//! Which entries to look at when, to find those that have expired.
//!
//! After G. Varghese and T. Lauck, "Hashed and hierarchical timing wheels"
//! (1987), made lazy: a deadline that moves away leaves its registration where
//! it is, and is looked at too early. What expires when is decided by the
//! deadline in the entry; the wheel only finds what can be removed.

use crate::{
    engine::memory::{
        record,
        slab::{Handle, Slab},
    },
    model::time::UnixMillis,
};

const TICK_MS: u64 = 64;
const LEVELS: u32 = 4;
const LEVEL_BITS: u32 = 8;
const LEVEL_BUCKETS: usize = 1 << LEVEL_BITS;
const BUCKETS: usize = LEVEL_BUCKETS * 4;

/// A registration is a tick in its lowest 31 bits, and in the highest the
/// generation of the bucket that it stands in; 0 is none.
const TICK_MASK: u32 = u32::MAX >> 1;
const GENERATION: u32 = 1 << 31;

/// No registration lies further ahead than this, about two years; what expires
/// later is registered again by then.
const AHEAD_MAX: u64 = (1 << 30) - 1;

/// Buckets of 1, 256, 65,536 and 16,777,216 ticks. An entry stands in the
/// bucket of the highest digit (of 8 bits) in which its tick differs from now;
/// when that digit comes, the bucket is drained into those of the lower digits.
#[derive(Debug)]
pub(super) struct Wheel {
    /// All buckets of ticks up to this have been drained, or are being.
    now: u64,
    levels: [Level; 4],
    /// What is being drained, and why.
    draining: Vec<Handle>,
    why: Why,
    /// How many levels are to be drained still at this tick, from the highest.
    due_levels: u32,
    items: usize,
    bytes: usize,
}

/// Allocated when it is first used.
#[derive(Debug, Default)]
struct Level {
    buckets: Box<[Bucket]>,
    items: usize,
}

#[derive(Clone, Debug, Default)]
struct Bucket {
    handles: Vec<Handle>,
    // Flips when the bucket is purged.
    generation: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Their time has come.
    Due,
    /// To drop what is not registered here any more; the number of the bucket.
    Purge(usize),
}

impl Wheel {
    /// A wheel that stands at `now`.
    pub(super) fn new(now: UnixMillis) -> Self {
        Self {
            now: now.get() / TICK_MS,
            levels: Default::default(),
            draining: Vec::new(),
            why: Why::Due,
            due_levels: 0,
            items: 0,
            bytes: 0,
        }
    }

    /// What it takes up.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sees to it that the entry is looked at soon after its deadline.
    pub(super) fn register(&mut self, handle: Handle, deadline: UnixMillis, slab: &mut Slab) {
        let mut tick = deadline
            .get()
            .div_ceil(TICK_MS)
            .clamp(self.now + 1, self.now + AHEAD_MAX);
        if low_bits(tick) & TICK_MASK == 0 {
            // That would read as no registration.
            tick += 1;
        }
        let there = record::registration(slab.slot(handle));
        if there == 0 || tick < self.tick(there) {
            self.push(handle, tick, slab);
        }
    }

    /// The next entry that may have expired at `now`, not registered any more.
    /// Each unit of `work` is one thing looked at; when none is left, it
    /// returns `None` without being [`Self::is_idle`].
    pub(super) fn next(
        &mut self,
        now: UnixMillis,
        work: &mut usize,
        slab: &mut Slab,
    ) -> Option<Handle> {
        let until = now.get() / TICK_MS;
        while *work > 0 && !self.is_idle(now) {
            *work -= 1;
            if let Some(handle) = self.draining.pop() {
                self.items -= 1;
                match self.why {
                    Why::Due => {
                        if self.is_due(handle, slab) {
                            return Some(handle);
                        }
                    }
                    Why::Purge(bucket) => self.keep(handle, bucket, slab),
                }
                continue;
            }
            self.bytes -= self.draining.capacity() * size_of::<Handle>();
            self.draining = Vec::new();
            if let Why::Purge(bucket) = self.why {
                self.purge_bucket(bucket + 1);
            } else if self.due_levels > 0 {
                self.due_levels -= 1;
                let place = (self.now >> (self.due_levels * LEVEL_BITS)) & 0xff;
                self.drain(self.due_levels, usize::try_from(place).unwrap_or_default());
            } else {
                self.turn(until);
            }
        }
        None
    }

    /// Whether there is nothing to do at `now`.
    pub(super) fn is_idle(&self, now: UnixMillis) -> bool {
        self.draining.is_empty()
            && self.draining.capacity() == 0
            && self.why == Why::Due
            && self.due_levels == 0
            && self.now >= now.get() / TICK_MS
    }

    /// Begins to drop what is not registered any more, when that is the larger
    /// part of what is there.
    pub(super) fn purge(&mut self, entries: usize) {
        let quiet = self.draining.is_empty() && self.due_levels == 0 && self.why == Why::Due;
        if quiet && self.items > 2 * entries + LEVEL_BUCKETS {
            self.purge_bucket(0);
        }
    }

    /// Gives back the buckets when nothing is registered.
    pub(super) fn trim(&mut self) {
        if self.items == 0 && self.bytes > 0 && self.why == Why::Due {
            self.levels = Default::default();
            self.draining = Vec::new();
            self.bytes = 0;
        }
    }

    /// Whether the entry is to be looked at now; if not, and it is registered,
    /// then it goes to a lower level.
    fn is_due(&mut self, handle: Handle, slab: &mut Slab) -> bool {
        let slot = slab.slot_mut(handle);
        let registration = record::registration(slot);
        if registration == 0 {
            return false;
        }
        let tick = self.tick(registration);
        if tick > self.now && record::is_live(slot) {
            // Otherwise it is registered elsewhere, and this one is left over.
            if level(self.now, tick) < self.due_levels {
                self.push(handle, tick, slab);
            }
            return false;
        }
        record::register(slot, 0);
        tick <= self.now && record::is_live(slot)
    }

    /// Puts an entry back into a bucket that is being purged, if it is
    /// registered there and was not put back already.
    fn keep(&mut self, handle: Handle, bucket: usize, slab: &mut Slab) {
        let slot = slab.slot_mut(handle);
        let registration = record::registration(slot);
        let tick = self.tick(registration);
        let old = !self.bucket(bucket).is_some_and(|there| there.generation);
        let is_here = registration != 0
            && self.place(tick) == bucket
            && (registration & GENERATION != 0) == old;
        if !is_here {
            return;
        }
        if record::is_live(slot) {
            self.push(handle, tick, slab);
        } else {
            record::register(slot, 0);
        }
    }

    /// Moves on to the next tick with something to drain, at most to `until`.
    fn turn(&mut self, until: u64) {
        let empty = (0..LEVELS).zip(&self.levels);
        let empty = empty.take_while(|(_, level)| level.items == 0).count();
        let digits = u32::try_from(empty).unwrap_or(LEVELS);
        let step = 1_u64 << (digits * LEVEL_BITS);
        let next = (self.now / step + 1) * step;
        if digits == LEVELS || next > until {
            self.now = until;
            return;
        }
        self.now = next;
        self.due_levels = (next.trailing_zeros() / LEVEL_BITS + 1).min(LEVELS);
    }

    fn drain(&mut self, level: u32, place: usize) {
        if let Some(level) = self.level_mut(level)
            && let Some(bucket) = level.buckets.get_mut(place)
        {
            let handles = std::mem::take(&mut bucket.handles);
            level.items -= handles.len();
            self.draining = handles;
        }
    }

    /// Goes on purging with this bucket, or with the next that has something.
    fn purge_bucket(&mut self, from: usize) {
        for number in from..BUCKETS {
            let (level, place) = (number / LEVEL_BUCKETS, number % LEVEL_BUCKETS);
            let Some(level) = self.levels.get_mut(level) else {
                break;
            };
            let Some(bucket) = level.buckets.get_mut(place) else {
                continue;
            };
            if !bucket.handles.is_empty() {
                bucket.generation = !bucket.generation;
                self.draining = std::mem::take(&mut bucket.handles);
                level.items -= self.draining.len();
                self.why = Why::Purge(number);
                return;
            }
        }
        self.why = Why::Due;
    }

    /// Registers the entry in the bucket of `tick`.
    fn push(&mut self, handle: Handle, tick: u64, slab: &mut Slab) {
        let number = self.place(tick);
        let Some(level) = self.levels.get_mut(number / LEVEL_BUCKETS) else {
            return;
        };
        if level.buckets.is_empty() {
            level.buckets = vec![Bucket::default(); LEVEL_BUCKETS].into_boxed_slice();
            self.bytes += LEVEL_BUCKETS * size_of::<Bucket>();
        }
        let Some(bucket) = level.buckets.get_mut(number % LEVEL_BUCKETS) else {
            return;
        };
        let handles = &mut bucket.handles;
        if handles.len() == handles.capacity() {
            let before = handles.capacity();
            // By a quarter: doubling leaves too much over.
            handles.reserve_exact(handles.len() / 4 + 4);
            self.bytes += (handles.capacity() - before) * size_of::<Handle>();
        }
        handles.push(handle);
        level.items += 1;
        self.items += 1;
        let generation = if bucket.generation { GENERATION } else { 0 };
        let registration = low_bits(tick) & TICK_MASK | generation;
        record::register(slab.slot_mut(handle), registration);
    }

    /// The tick of a registration: none lies in the past.
    fn tick(&self, registration: u32) -> u64 {
        let ahead = registration.wrapping_sub(low_bits(self.now)) & TICK_MASK;
        self.now + u64::from(ahead)
    }

    /// The number of the bucket of a tick, over all levels.
    fn place(&self, tick: u64) -> usize {
        let level = level(self.now, tick).min(LEVELS - 1);
        let digit = (tick >> (level * LEVEL_BITS)) & 0xff;
        let level = usize::try_from(level).unwrap_or_default();
        level * LEVEL_BUCKETS + usize::try_from(digit).unwrap_or_default()
    }

    fn bucket(&self, number: usize) -> Option<&Bucket> {
        let level = self.levels.get(number / LEVEL_BUCKETS)?;
        level.buckets.get(number % LEVEL_BUCKETS)
    }

    fn level_mut(&mut self, level: u32) -> Option<&mut Level> {
        self.levels.get_mut(usize::try_from(level).ok()?)
    }

    /// Whether each registration stands where it is looked for, and everything
    /// is counted.
    #[cfg(test)]
    pub(super) fn check(&self, slab: &Slab) {
        let (mut items, mut bytes) = (self.draining.len(), self.draining.capacity() * 4);
        let mut places = std::collections::HashSet::new();
        for (number, level) in self.levels.iter().enumerate() {
            let mut level_items = 0;
            bytes += size_of_val(&*level.buckets);
            for (place, bucket) in level.buckets.iter().enumerate() {
                level_items += bucket.handles.len();
                bytes += bucket.handles.capacity() * 4;
                for handle in &bucket.handles {
                    places.insert((number * LEVEL_BUCKETS + place, *handle));
                }
            }
            assert_eq!(level.items, level_items, "items of a level");
            items += level_items;
        }
        assert_eq!((self.items, self.bytes), (items, bytes), "wheel");
        for handle in slab.all() {
            let registration = record::registration(slab.slot(handle));
            if registration == 0 {
                let deadline = record::read(slab.slot(handle)).and_then(|record| record.deadline);
                assert_eq!(deadline, None, "what expires is registered");
                continue;
            }
            let tick = self.tick(registration);
            let number = self.place(tick);
            let generation = self.bucket(number).is_some_and(|bucket| bucket.generation);
            // What is due to be drained stands where it was put before the turn.
            let pending = (0..self.due_levels).any(|level| {
                let digit = (self.now >> (level * LEVEL_BITS)) & 0xff;
                let digit = usize::try_from(digit).unwrap();
                let number = usize::try_from(level).unwrap() * LEVEL_BUCKETS + digit;
                places.contains(&(number, handle))
            });
            let stands = places.contains(&(number, handle))
                && (registration & GENERATION != 0) == generation;
            assert!(
                stands || pending || self.draining.contains(&handle),
                "registered, but not there"
            );
            if let Some(record) = record::read(slab.slot(handle))
                && let Some(deadline) = record.deadline
            {
                let due = deadline.get().div_ceil(TICK_MS).max(self.now + 1);
                assert!(tick <= due + 1, "registered too late");
            }
        }
    }
}

/// The highest digit in which two ticks differ; 0 when they are the same.
fn level(a: u64, b: u64) -> u32 {
    (u64::BITS - 1 - (a ^ b | 1).leading_zeros()) / LEVEL_BITS
}

fn low_bits(tick: u64) -> u32 {
    u32::try_from(tick & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        engine::memory::record::{HEADER_BYTES, Payload},
        model::{value::Kind, version::Version},
    };

    const START: u64 = 1_700_000_000_000;

    /// A wheel with its slab, and the deadlines of a simple model.
    struct Fixture {
        slab: Slab,
        wheel: Wheel,
        now: u64,
        deadlines: BTreeMap<Handle, Option<u64>>,
    }

    impl Fixture {
        fn new(now: u64) -> Self {
            Self {
                slab: Slab::new(),
                wheel: Wheel::new(UnixMillis::new(now)),
                now,
                deadlines: BTreeMap::new(),
            }
        }

        fn set(&mut self, handle: Handle, millis: Option<u64>) {
            let deadline = millis.map(|millis| UnixMillis::new(self.now + millis));
            record::write_deadline(self.slab.slot_mut(handle), deadline);
            if let Some(deadline) = deadline {
                self.wheel.register(handle, deadline, &mut self.slab);
            }
            self.deadlines.insert(handle, deadline.map(UnixMillis::get));
        }

        fn add(&mut self, millis: Option<u64>) -> Handle {
            let handle = self.slab.insert(HEADER_BYTES + 1).unwrap();
            let (payload, slot) = (Payload::Inline(&[]), self.slab.slot_mut(handle));
            record::write(slot, b"k", Kind::Data, payload, Version::FIRST, None);
            self.set(handle, millis);
            handle
        }

        fn remove(&mut self, handle: Handle) {
            self.slab.remove(handle);
            self.deadlines.remove(&handle);
        }

        fn pick(&self, pick: usize) -> Option<Handle> {
            let at = pick.checked_rem(self.deadlines.len())?;
            self.deadlines.keys().nth(at).copied()
        }

        /// What a shard does with what the wheel finds.
        fn sweep(&mut self, steps: usize, work: usize) {
            let now = UnixMillis::new(self.now);
            for _ in 0..steps {
                let mut work = work;
                while let Some(handle) = self.wheel.next(now, &mut work, &mut self.slab) {
                    match self.deadlines[&handle] {
                        Some(deadline) if deadline <= self.now => self.remove(handle),
                        Some(deadline) => {
                            let deadline = UnixMillis::new(deadline);
                            self.wheel.register(handle, deadline, &mut self.slab);
                        }
                        None => {}
                    }
                }
                if self.wheel.is_idle(now) {
                    self.wheel.purge(self.deadlines.len());
                    self.wheel.trim();
                    self.slab.trim();
                    return;
                }
            }
        }

        fn check(&self) {
            self.wheel.check(&self.slab);
            if self.wheel.is_idle(UnixMillis::new(self.now)) {
                let swept = self.now / TICK_MS * TICK_MS;
                let late = self
                    .deadlines
                    .values()
                    .flatten()
                    .find(|deadline| **deadline <= swept);
                assert_eq!(late, None, "not removed in time");
            }
        }
    }

    fn ahead() -> impl Strategy<Value = Option<u64>> {
        // So many digits, so that each level is met.
        prop::option::weighted(
            0.9,
            (0_u32..37, any::<u64>()).prop_map(|(bits, random)| 1 + random % (1 << bits)),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn everything_is_found_when_it_has_expired_and_not_before(
            start in prop::sample::select(vec![0, START, ((7 << 32) - 3) * TICK_MS]),
            steps in prop::collection::vec((0..5, any::<usize>(), ahead()), 1..250),
        ) {
            let mut fixture = Fixture::new(start);
            for (kind, pick, millis) in steps {
                match (kind, fixture.pick(pick)) {
                    (0, Some(handle)) => fixture.set(handle, millis),
                    (1, Some(handle)) => fixture.remove(handle),
                    (2, _) => {
                        fixture.now += millis.unwrap_or(1);
                        fixture.sweep(usize::MAX, 64);
                    }
                    (3, _) => {
                        fixture.now += millis.unwrap_or(1);
                        fixture.sweep(pick % 5, 3);
                    }
                    _ => {
                        fixture.add(millis);
                    }
                }
                fixture.check();
            }
            fixture.now += 1 << 40;
            fixture.sweep(usize::MAX, 64);
            fixture.check();
            prop_assert!(fixture.deadlines.values().flatten().next().is_none());
        }
    }

    #[test]
    fn a_deadline_that_moves_again_and_again_piles_nothing_up() {
        let mut fixture = Fixture::new(START);
        let handle = fixture.add(Some(3_600_000));
        for round in 0..5000 {
            fixture.set(handle, Some(1000));
            fixture.set(handle, Some(3_600_000));
            fixture.now += 1100;
            fixture.sweep(usize::MAX, 64);
            if round % 100 == 0 {
                fixture.check();
            }
            assert!(fixture.wheel.items <= 2 * LEVEL_BUCKETS, "{round}");
        }
    }

    #[test]
    fn a_key_set_and_deleted_again_and_again_piles_nothing_up() {
        let mut fixture = Fixture::new(START);
        fixture.add(Some(3_600_000));
        for _ in 0..5000 {
            let handle = fixture.add(Some(3_600_000));
            fixture.remove(handle);
        }
        assert!(fixture.wheel.items <= 4, "{}", fixture.wheel.items);
        fixture.check();
    }

    #[test]
    fn many_that_expire_at_once_are_drained_in_steps() {
        let mut fixture = Fixture::new(START);
        for _ in 0..3000 {
            fixture.add(Some(500_000));
        }
        fixture.now += 600_000;
        fixture.sweep(1, 100);
        assert!(fixture.deadlines.len() >= 2900);
        fixture.check();
        fixture.sweep(usize::MAX, 100);
        assert!(fixture.deadlines.is_empty());
        assert_eq!(fixture.wheel.bytes(), 0, "an empty wheel is given back");
    }
}
