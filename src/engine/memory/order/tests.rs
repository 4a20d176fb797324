//! The order against a map.

use proptest::prelude::*;

use super::*;
use crate::{
    engine::memory::record::{self, HEADER_BYTES, Payload},
    model::{value::Kind, version::Version},
};

/// An order with its slab, and the model.
struct Fixture {
    slab: Slab,
    order: Order,
    model: BTreeMap<Vec<u8>, Handle>,
}

impl Fixture {
    fn new() -> Self {
        Self {
            slab: Slab::new(),
            order: Order::default(),
            model: BTreeMap::new(),
        }
    }

    fn place(&mut self, key: &[u8], bytes: usize) -> Handle {
        let handle = self.slab.insert(HEADER_BYTES + key.len() + bytes).unwrap();
        let (payload, slot) = (Payload::Inline(&[]), self.slab.slot_mut(handle));
        record::write(slot, key, Kind::Data, payload, Version::FIRST, None);
        handle
    }

    fn add(&mut self, key: &[u8]) {
        if !self.model.contains_key(key) {
            let handle = self.place(key, 0);
            self.order.insert(key, handle, &self.slab);
            self.model.insert(key.to_vec(), handle);
        }
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(handle) = self.model.remove(key) {
            self.order.remove(key, handle, &self.slab);
            self.slab.remove(handle);
        }
    }

    fn relocate(&mut self, key: &[u8]) {
        if let Some(old) = self.model.get(key).copied() {
            let new = self.place(key, 64);
            self.order.replace(key, old, new, &self.slab);
            self.model.insert(key.to_vec(), new);
            self.slab.remove(old);
        }
    }

    fn check(&self) {
        let all: Vec<_> = self.model.values().copied().collect();
        assert_eq!(self.order.check(&self.slab), all);
    }

    fn scan(&self, from: Bound<&[u8]>, most: usize) -> Vec<Handle> {
        let mut seen = Vec::new();
        self.order.scan(from, &self.slab, |handle| {
            seen.push(handle);
            if seen.len() < most {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        seen
    }
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab]{1,12}",
        "user/[0-3]{1,9}",
        "user/000000[0-9]{3}",
        "\\PC{1,3}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_is_in_the_order_of_a_map(
        rounds in prop::collection::vec((0..3, prop::collection::vec(key(), 1..200)), 1..12),
        froms in prop::collection::vec((key(), any::<bool>(), 1_usize..300), 1..20),
    ) {
        let mut fixture = Fixture::new();
        for (kind, keys) in rounds {
            for key in keys {
                match kind {
                    0 => fixture.remove(key.as_bytes()),
                    1 => fixture.relocate(key.as_bytes()),
                    _ => fixture.add(key.as_bytes()),
                }
            }
            fixture.check();
        }
        for (key, is_excluded, most) in froms {
            let key = key.as_bytes();
            let from = if is_excluded { Bound::Excluded(key) } else { Bound::Included(key) };
            let model = fixture.model.range::<[u8], _>((from, Bound::Unbounded));
            let model: Vec<_> = model.map(|(_, handle)| *handle).take(most).collect();
            prop_assert_eq!(fixture.scan(from, most), model);
        }
        for key in fixture.model.keys().cloned().collect::<Vec<_>>() {
            fixture.remove(&key);
        }
        fixture.check();
        prop_assert_eq!(fixture.order.bytes(), 0);
    }
}

#[test]
fn keys_in_order_fill_their_leaves() {
    for reverse in [false, true] {
        let mut fixture = Fixture::new();
        for number in 0..5000 {
            let number = if reverse { 5000 - number } else { number };
            fixture.add(format!("key/{number:08}").as_bytes());
        }
        fixture.check();
        assert!(
            fixture.order.leaves.len() <= 5000 / 115,
            "{}",
            fixture.order.leaves.len()
        );
    }
}

#[test]
fn a_removed_half_gives_its_memory_back() {
    let mut fixture = Fixture::new();
    for number in 0..10_000 {
        fixture.add(format!("key/{:08}", number * 7919 % 10_000).as_bytes());
    }
    let before = fixture.order.bytes();
    for number in 0..10_000 {
        if number % 10 != 0 {
            fixture.remove(format!("key/{number:08}").as_bytes());
        }
    }
    fixture.check();
    assert!(fixture.order.bytes() * 5 < before);
}
