//! The wheel against the deadlines themselves.

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
            let swept = self.now / TICK_MS;
            let mut deadlines = self.deadlines.values().flatten();
            let late = deadlines.find(|deadline| found_at(**deadline) <= swept);
            assert_eq!(late, None, "not removed in time");
        }
    }
}

/// The tick at which what expires then is found at the latest: the next whole
/// one, or the one after where that would read as no registration.
fn found_at(deadline: u64) -> u64 {
    let tick = deadline.div_ceil(TICK_MS);
    tick + u64::from(tick.is_multiple_of(1 << 31))
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
fn a_tick_that_reads_as_no_registration_is_found_with_the_next() {
    let edge = (7 << 31) * TICK_MS;
    let mut fixture = Fixture::new(edge - 3 * TICK_MS);
    fixture.add(Some(2 * TICK_MS + 1));
    for (now, left) in [(edge - TICK_MS, 1), (edge, 1), (edge + TICK_MS, 0)] {
        fixture.now = now;
        fixture.sweep(usize::MAX, 64);
        fixture.check();
        assert_eq!(fixture.deadlines.len(), left, "{now}");
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
