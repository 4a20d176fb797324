//! Up to 128 entries next to each other in key order.

use crate::engine::memory::slab::{Handle, Slab};

/// A leaf of more entries is split.
pub(super) const LEAF_MAX: usize = 128;

/// Where a leaf is split that grows at one end, as when keys come in order: it
/// will not grow in the middle again.
const SPLIT_AT_END: usize = 120;

/// A leaf of fewer entries is merged with a neighbour.
pub(super) const LEAF_MIN: usize = 32;

/// A merged leaf has no more entries than this, so that it is not split again
/// soon.
const MERGED_MAX: usize = 96;

/// Entries in key order. Of each key 4 bytes stand here, those after what all
/// keys of the leaf begin with, so that a search seldom has to read an entry.
#[derive(Debug, Default)]
pub(super) struct Leaf {
    // All keys begin with this; there may be more that they share.
    prefix: Box<[u8]>,
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    head: u32,
    handle: Handle,
}

impl Leaf {
    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.prefix.len() + self.places.capacity() * size_of::<Place>()
    }

    pub(super) fn get(&self, at: usize) -> Option<Handle> {
        self.places.get(at).map(|place| place.handle)
    }

    /// The place of the first key that is not below `key`.
    pub(super) fn seek(&self, key: &[u8], slab: &Slab) -> usize {
        let Some(rest) = key.strip_prefix(&*self.prefix) else {
            // Below or above all keys of the leaf.
            return if key < &*self.prefix { 0 } else { self.len() };
        };
        let head = head(rest);
        let from = self.places.partition_point(|place| place.head < head);
        let same = self.places.get(from..).unwrap_or_default();
        let same = same
            .get(..same.partition_point(|place| place.head == head))
            .unwrap_or_default();
        from + same.partition_point(|place| slab.key(place.handle) < key)
    }

    /// Adds an entry; `at` is what [`Self::seek`] said.
    pub(super) fn insert(&mut self, at: usize, key: &[u8], handle: Handle, slab: &Slab) {
        if self.places.is_empty() {
            self.prefix = key.into();
        } else if !key.starts_with(&self.prefix) {
            let shared = shared_bytes(&self.prefix, key);
            self.cut_prefix(shared, slab);
        }
        let head = head(key.get(self.prefix.len()..).unwrap_or_default());
        if self.places.len() == self.places.capacity() {
            let more = (self.places.len() / 4).clamp(4, 16);
            self.places.reserve_exact(more);
        }
        self.places.insert(at, Place { head, handle });
    }

    /// Says that the entry at `at` moved.
    pub(super) fn replace(&mut self, at: usize, new: Handle) {
        if let Some(place) = self.places.get_mut(at) {
            place.handle = new;
        }
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.places.remove(at);
        if self.places.capacity() > self.places.len() + LEAF_MIN {
            self.places.shrink_to(self.places.len() + LEAF_MIN / 4);
        }
    }

    /// Takes off the right part, `at` being where an entry shall be added; and
    /// the shortest bytes that are above all keys left of them.
    pub(super) fn split(&mut self, at: usize, slab: &Slab) -> (Box<[u8]>, Self) {
        let at = match at {
            0 => LEAF_MAX - SPLIT_AT_END,
            _ if at == self.len() => SPLIT_AT_END,
            _ => self.len() / 2,
        };
        let right = self.places.split_off(at.min(self.len()));
        self.places.shrink_to_fit();
        let key = |place: Option<&Place>| place.map_or(&[][..], |place| slab.key(place.handle));
        let (below, above) = (key(self.places.last()), key(right.first()));
        let separator = above
            .get(..=shared_bytes(below, above))
            .unwrap_or(above)
            .into();
        let mut right = Self {
            prefix: self.prefix.clone(),
            places: right,
        };
        right.find_prefix(slab);
        self.find_prefix(slab);
        (separator, right)
    }

    /// Whether this and the leaf right of it should be one.
    pub(super) fn merges_with(&self, right: &Self) -> bool {
        let sum = self.len() + right.len();
        sum <= MERGED_MAX || self.len() == 0 || right.len() == 0
    }

    /// Takes in the leaf right of this.
    pub(super) fn merge(&mut self, mut right: Self, slab: &Slab) {
        if self.places.is_empty() {
            *self = right;
            return;
        }
        self.places.reserve_exact(right.len());
        self.places.append(&mut right.places);
        self.find_prefix(slab);
    }

    /// Sets the prefix to all that the keys share.
    fn find_prefix(&mut self, slab: &Slab) {
        if let (Some(first), Some(last)) = (self.places.first(), self.places.last()) {
            let (first, last) = (slab.key(first.handle), slab.key(last.handle));
            let shared = shared_bytes(first, last);
            self.prefix = first.get(..shared).unwrap_or_default().into();
            self.find_heads(slab);
        }
    }

    fn cut_prefix(&mut self, bytes: usize, slab: &Slab) {
        self.prefix = self.prefix.get(..bytes).unwrap_or_default().into();
        self.find_heads(slab);
    }

    fn find_heads(&mut self, slab: &Slab) {
        for place in &mut self.places {
            let key = slab.key(place.handle);
            place.head = head(key.get(self.prefix.len()..).unwrap_or_default());
        }
    }

    #[cfg(test)]
    pub(super) fn check(&self, slab: &Slab) {
        for place in &self.places {
            let key = slab.key(place.handle);
            assert!(key.starts_with(&self.prefix), "prefix of a leaf");
            assert_eq!(place.head, head(&key[self.prefix.len()..]), "head");
        }
    }
}

/// The first 4 bytes, as a number that is ordered as they are.
fn head(bytes: &[u8]) -> u32 {
    if let Some(head) = bytes.first_chunk() {
        return u32::from_be_bytes(*head);
    }
    let mut head = [0; 4];
    for (to, from) in head.iter_mut().zip(bytes) {
        *to = *from;
    }
    u32::from_be_bytes(head)
}

fn shared_bytes(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
