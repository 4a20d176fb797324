//! The entries of a shard in key order.

mod leaf;

use std::{
    collections::BTreeMap,
    ops::{Bound, ControlFlow},
};

use crate::engine::memory::{
    order::leaf::{LEAF_MAX, LEAF_MIN, Leaf},
    slab::{Handle, Slab},
};

/// What a leaf takes up beside its own bytes: its place in a tree whose nodes
/// are full to about two thirds, and the allocator's share.
const LEAF_BYTES: usize = size_of::<(Box<[u8]>, Leaf)>() * 3 / 2 + 48;

/// Leaves by separator: all keys of a leaf are at or above its separator and
/// below the next. The first separator is empty. Keys stand in the slab.
#[derive(Debug, Default)]
pub(super) struct Order {
    leaves: BTreeMap<Box<[u8]>, Leaf>,
    bytes: usize,
}

impl Order {
    /// What it takes up.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds an entry that is not there.
    pub(super) fn insert(&mut self, key: &[u8], handle: Handle, slab: &Slab) {
        if self.leaves.is_empty() {
            self.add(Box::default(), Leaf::default());
        }
        let Some((_, leaf)) = self.leaves.range_mut::<[u8], _>(up_to(key)).next_back() else {
            return;
        };
        let (at, before) = (leaf.seek(key, slab), leaf.bytes());
        if leaf.len() < LEAF_MAX {
            leaf.insert(at, key, handle, slab);
            self.bytes = self.bytes + leaf.bytes() - before;
            return;
        }
        let (separator, right) = leaf.split(at, slab);
        self.bytes = self.bytes + leaf.bytes() - before;
        self.add(separator, right);
        // Both leaves have room now.
        self.insert(key, handle, slab);
    }

    /// Says that an entry moved; it can still be read at `old`.
    pub(super) fn replace(&mut self, key: &[u8], old: Handle, new: Handle, slab: &Slab) {
        if let Some((_, leaf)) = self.leaves.range_mut::<[u8], _>(up_to(key)).next_back() {
            let at = leaf.seek(key, slab);
            if leaf.get(at) == Some(old) {
                leaf.replace(at, new);
            }
        }
    }

    /// Takes out an entry, which can still be read.
    pub(super) fn remove(&mut self, key: &[u8], handle: Handle, slab: &Slab) {
        let Some((separator, leaf)) = self.leaves.range_mut::<[u8], _>(up_to(key)).next_back()
        else {
            return;
        };
        let at = leaf.seek(key, slab);
        if leaf.get(at) != Some(handle) {
            return;
        }
        let before = leaf.bytes();
        leaf.remove(at);
        let (after, is_sparse) = (leaf.bytes(), leaf.len() < LEAF_MIN);
        self.bytes = self.bytes + after - before;
        if is_sparse {
            let separator = separator.clone();
            self.merge(&separator, slab);
        }
    }

    /// Shows the entries from `from` on, in key order, until told to stop.
    pub(super) fn scan(
        &self,
        from: Bound<&[u8]>,
        slab: &Slab,
        mut visit: impl FnMut(Handle) -> ControlFlow<()>,
    ) {
        let (key, is_excluded) = match from {
            Bound::Included(key) => (key, false),
            Bound::Excluded(key) => (key, true),
            Bound::Unbounded => (&[][..], false),
        };
        let Some((separator, leaf)) = self.leaves.range::<[u8], _>(up_to(key)).next_back() else {
            return;
        };
        let mut at = leaf.seek(key, slab);
        if is_excluded && leaf.get(at).is_some_and(|handle| slab.key(handle) == key) {
            at += 1;
        }
        let leaves = self
            .leaves
            .range::<[u8], _>((Bound::Included(&**separator), Bound::Unbounded));
        for (_, leaf) in leaves {
            while let Some(handle) = leaf.get(at) {
                if visit(handle).is_break() {
                    return;
                }
                at += 1;
            }
            at = 0;
        }
    }

    /// Merges a sparse leaf with a neighbour, where they are few enough.
    fn merge(&mut self, separator: &[u8], slab: &Slab) {
        let Some(leaf) = self.leaves.get(separator) else {
            return;
        };
        let next = self
            .leaves
            .range::<[u8], _>((Bound::Excluded(separator), Bound::Unbounded))
            .next();
        let previous = self
            .leaves
            .range::<[u8], _>((Bound::Unbounded, Bound::Excluded(separator)))
            .next_back();
        let (left, right) = match (previous, next) {
            (_, Some((right, neighbour))) if leaf.merges_with(neighbour) => {
                (Box::from(separator), right.clone())
            }
            (Some((left, neighbour)), _) if neighbour.merges_with(leaf) => {
                (left.clone(), Box::from(separator))
            }
            (None, None) if leaf.len() == 0 => {
                *self = Self::default();
                return;
            }
            _ => return,
        };
        let Some(taken) = self.leaves.remove(&right) else {
            return;
        };
        let before = taken.bytes() + right.len() + LEAF_BYTES;
        if let Some(leaf) = self.leaves.get_mut(&left) {
            let kept = leaf.bytes();
            leaf.merge(taken, slab);
            self.bytes = self.bytes + leaf.bytes() - kept - before;
        }
    }

    fn add(&mut self, separator: Box<[u8]>, leaf: Leaf) {
        self.bytes += leaf.bytes() + separator.len() + LEAF_BYTES;
        self.leaves.insert(separator, leaf);
    }

    /// All entries in order, and whether everything fits together.
    #[cfg(test)]
    pub(super) fn check(&self, slab: &Slab) -> Vec<Handle> {
        let (mut all, mut bytes) = (Vec::new(), 0);
        let mut last: Option<&[u8]> = None;
        for (separator, leaf) in &self.leaves {
            leaf.check(slab);
            bytes += leaf.bytes() + separator.len() + LEAF_BYTES;
            assert!((1..=LEAF_MAX).contains(&leaf.len()), "entries of a leaf");
            for at in 0..leaf.len() {
                let handle = leaf.get(at).unwrap();
                let key = slab.key(handle);
                assert!(&**separator <= key, "a key is not below its separator");
                assert!(last.is_none_or(|last| last < key), "keys in order");
                last = Some(key);
                all.push(handle);
            }
        }
        for ((_, leaf), (separator, _)) in self.leaves.iter().zip(self.leaves.iter().skip(1)) {
            let largest = slab.key(leaf.get(leaf.len() - 1).unwrap());
            assert!(largest < &**separator, "a key is below the next separator");
        }
        assert!(
            self.leaves
                .keys()
                .next()
                .is_none_or(|first| first.is_empty())
        );
        assert_eq!(self.bytes, bytes, "bytes of the order");
        all
    }
}

fn up_to(key: &[u8]) -> (Bound<&[u8]>, Bound<&[u8]>) {
    (Bound::Unbounded, Bound::Included(key))
}

#[cfg(test)]
mod tests {
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
}
