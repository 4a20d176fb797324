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
mod tests;
