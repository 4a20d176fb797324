//! From the hash of a key to its entry: extendible hashing, so that growing
//! never moves more than one segment.
//!
//! After R. Fagin and others, "Extendible hashing", ACM TODS 4 (1979). A
//! directory finds the segment by bits from the middle of the hash, since
//! within a segment hashbrown uses the lowest and the highest.

use hashbrown::HashTable;

use crate::engine::memory::slab::Handle;

/// A segment of more entries is split: as many as 512 buckets hold.
const SEGMENT_MAX: usize = 448;

/// Two segments that have no more than this together are merged.
const MERGED_MAX: usize = 160;

const DIRECTORY_SHIFT: u32 = 32;

/// So many bits of the hash the directory may use at most: enough for 400
/// million entries a shard, and 4 MiB where a hash is bad.
const DEPTH_MAX: u32 = 20;

/// The table of a shard. Keys stand in the slab, so that whoever asks brings
/// what compares or hashes an entry.
#[derive(Debug)]
pub(super) struct Table {
    // By the lowest `depth` bits of the hash from `DIRECTORY_SHIFT` on.
    directory: Vec<u32>,
    segments: Vec<Segment>,
    // Segments that are not in use.
    vacant: Vec<u32>,
    depth: u32,
    // How many segments have the depth of the directory.
    deepest: usize,
    len: usize,
    segment_bytes: usize,
}

#[derive(Debug, Default)]
struct Segment {
    handles: HashTable<Handle>,
    // How many bits all of its entries have in common.
    depth: u32,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            directory: vec![0],
            segments: vec![Segment::default()],
            vacant: Vec::new(),
            depth: 0,
            deepest: 1,
            len: 0,
            segment_bytes: 0,
        }
    }

    /// What it takes up.
    pub(super) fn bytes(&self) -> usize {
        self.segment_bytes
            + (self.directory.capacity() + self.vacant.capacity()) * size_of::<u32>()
            + self.segments.capacity() * size_of::<Segment>()
    }

    /// How many entries it finds.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The entry of this hash that `is_it` recognises.
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(Handle) -> bool) -> Option<Handle> {
        let handles = &self.segment(hash)?.handles;
        handles.find(hash, |handle| is_it(*handle)).copied()
    }

    /// Where an entry of this hash may be, or another whose hash has the same tag.
    /// What is there has not been read.
    pub(super) fn guess(&self, hash: u64) -> Option<&Handle> {
        self.segment(hash)?.handles.find(hash, |_| true)
    }

    /// Adds an entry that is not there. `hash_of` hashes the entries that are.
    pub(super) fn insert(&mut self, hash: u64, handle: Handle, hash_of: impl Fn(Handle) -> u64) {
        while self.must_split(hash) {
            self.split(hash, &hash_of);
        }
        let Some(segment) = self.segment_mut(hash) else {
            return;
        };
        let before = segment.handles.allocation_size();
        segment
            .handles
            .insert_unique(hash, handle, |handle| hash_of(*handle));
        let after = segment.handles.allocation_size();
        self.segment_bytes += after - before;
        self.len += 1;
    }

    /// Says that an entry moved.
    pub(super) fn replace(&mut self, hash: u64, old: Handle, new: Handle) {
        if let Some(segment) = self.segment_mut(hash)
            && let Some(handle) = segment.handles.find_mut(hash, |handle| *handle == old)
        {
            *handle = new;
        }
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, hash: u64, handle: Handle, hash_of: impl Fn(Handle) -> u64) {
        let Some(segment) = self.segment_mut(hash) else {
            return;
        };
        let before = segment.handles.allocation_size();
        let Ok(entry) = segment.handles.find_entry(hash, |there| *there == handle) else {
            return;
        };
        entry.remove();
        // Twice what is left, or a removal and an insertion would rehash.
        if segment.handles.len() * 4 < segment.handles.capacity() {
            let capacity = segment.handles.len() * 2;
            segment
                .handles
                .shrink_to(capacity, |handle| hash_of(*handle));
        }
        let after = segment.handles.allocation_size();
        self.segment_bytes -= before - after;
        self.len -= 1;
        self.merge(hash, &hash_of);
    }

    fn place(&self, hash: u64) -> usize {
        let mask = (1_u64 << self.depth) - 1;
        usize::try_from((hash >> DIRECTORY_SHIFT) & mask).unwrap_or_default()
    }

    fn number(&self, hash: u64) -> Option<usize> {
        let number = self.directory.get(self.place(hash))?;
        usize::try_from(*number).ok()
    }

    fn segment(&self, hash: u64) -> Option<&Segment> {
        self.segments.get(self.number(hash)?)
    }

    fn segment_mut(&mut self, hash: u64) -> Option<&mut Segment> {
        let number = self.number(hash)?;
        self.segments.get_mut(number)
    }

    fn must_split(&self, hash: u64) -> bool {
        self.segment(hash).is_some_and(|segment| {
            segment.handles.len() >= SEGMENT_MAX && segment.depth < DEPTH_MAX
        })
    }

    /// Moves the entries of a segment whose next bit is 1 to a new one.
    fn split(&mut self, hash: u64, hash_of: &impl Fn(Handle) -> u64) {
        let Some(depth) = self.segment(hash).map(|segment| segment.depth) else {
            return;
        };
        if depth == self.depth {
            self.directory.extend_from_within(..);
            self.depth += 1;
            self.deepest = 0;
        }
        let bit = 1 << (DIRECTORY_SHIFT + depth);
        let Some(segment) = self.segment_mut(hash) else {
            return;
        };
        let before = segment.handles.allocation_size();
        let old = std::mem::take(&mut segment.handles);
        let (ones, zeros): (Vec<_>, Vec<_>) = old
            .into_iter()
            .partition(|handle| hash_of(*handle) & bit != 0);
        segment.handles = collect(&zeros, hash_of);
        segment.depth = depth + 1;
        let right = Segment {
            handles: collect(&ones, hash_of),
            depth: depth + 1,
        };
        let after = segment.handles.allocation_size() + right.handles.allocation_size();
        self.segment_bytes = self.segment_bytes + after - before;
        let number = self.add(right);
        self.point(hash | bit, depth + 1, number);
        if depth + 1 == self.depth {
            self.deepest += 2;
        }
    }

    /// Merges a segment with its buddy when both are sparse, and halves the
    /// directory when no segment needs all of it.
    fn merge(&mut self, hash: u64, hash_of: &impl Fn(Handle) -> u64) {
        let Some(depth) = self.segment(hash).map(|segment| segment.depth) else {
            return;
        };
        let Some(shift) = depth.checked_sub(1) else {
            return;
        };
        let other = hash ^ 1 << (DIRECTORY_SHIFT + shift);
        let (Some(left), Some(right)) = (self.segment(hash), self.segment(other)) else {
            return;
        };
        if left.depth != right.depth || left.handles.len() + right.handles.len() > MERGED_MAX {
            return;
        }
        let before = left.handles.allocation_size() + right.handles.allocation_size();
        let both: Vec<_> = left.handles.iter().chain(&right.handles).copied().collect();
        let (Some(one), Some(two)) = (self.number(hash), self.number(other)) else {
            return;
        };
        // The lower one, so that the last one that is left is the first.
        let (kept, gone) = (one.min(two), one.max(two));
        let merged = Segment {
            handles: collect(&both, hash_of),
            depth: shift,
        };
        self.segment_bytes = self.segment_bytes + merged.handles.allocation_size() - before;
        for (number, segment) in [(gone, Segment::default()), (kept, merged)] {
            if let Some(place) = self.segments.get_mut(number) {
                *place = segment;
            }
        }
        if let (Ok(kept), Ok(gone)) = (u32::try_from(kept), u32::try_from(gone)) {
            self.vacant.push(gone);
            self.point(hash, shift, kept);
        }
        if depth == self.depth {
            self.deepest -= 2;
            self.halve();
        }
    }

    fn halve(&mut self) {
        while self.deepest == 0 && self.depth > 0 {
            self.depth -= 1;
            self.directory.truncate(1 << self.depth);
            self.directory.shrink_to_fit();
            let depth = self.depth;
            self.deepest = self
                .directory
                .iter()
                .filter_map(|number| self.segments.get(usize::try_from(*number).ok()?))
                .filter(|segment| segment.depth == depth)
                .count();
        }
        if self.depth == 0 {
            self.segments.truncate(self.number(0).unwrap_or(0) + 1);
            self.segments.shrink_to_fit();
            self.vacant.retain(|number| {
                usize::try_from(*number).is_ok_and(|number| number < self.segments.len())
            });
            self.vacant.shrink_to_fit();
        }
    }

    fn add(&mut self, segment: Segment) -> u32 {
        if let Some(number) = self.vacant.pop()
            && let Some(place) = usize::try_from(number)
                .ok()
                .and_then(|at| self.segments.get_mut(at))
        {
            *place = segment;
            return number;
        }
        // Growing by an eighth: doubling would copy, and waste, too much.
        if self.segments.len() == self.segments.capacity() {
            self.segments.reserve_exact(self.segments.len() / 8 + 1);
        }
        self.segments.push(segment);
        u32::try_from(self.segments.len() - 1).unwrap_or(u32::MAX)
    }

    /// Lets all places that share the lowest `depth` bits with `hash` point to
    /// one segment.
    fn point(&mut self, hash: u64, depth: u32, number: u32) {
        let step = 1 << depth;
        let first = self.place(hash) & (step - 1);
        for place in self.directory.iter_mut().skip(first).step_by(step) {
            *place = number;
        }
    }

    /// All entries, and whether everything fits together.
    #[cfg(test)]
    pub(super) fn check(&self, hash_of: impl Fn(Handle) -> u64) -> Vec<Handle> {
        assert_eq!(self.directory.len(), 1 << self.depth);
        let (mut all, mut bytes, mut deepest) = (Vec::new(), 0, 0);
        for (number, segment) in self.segments.iter().enumerate() {
            if self.vacant.contains(&u32::try_from(number).unwrap()) {
                assert!(segment.handles.is_empty(), "vacant segment");
                continue;
            }
            bytes += segment.handles.allocation_size();
            deepest += usize::from(segment.depth == self.depth);
            assert!(segment.handles.len() <= SEGMENT_MAX);
            for handle in &segment.handles {
                assert_eq!(self.number(hash_of(*handle)), Some(number), "segment");
                all.push(*handle);
            }
        }
        assert_eq!((self.len, self.segment_bytes), (all.len(), bytes), "table");
        assert_eq!(self.deepest, deepest, "deepest segments");
        all
    }
}

fn collect(handles: &[Handle], hash_of: &impl Fn(Handle) -> u64) -> HashTable<Handle> {
    let mut table = HashTable::with_capacity(handles.len());
    for handle in handles {
        table.insert_unique(hash_of(*handle), *handle, |handle| hash_of(*handle));
    }
    table
}

#[cfg(test)]
mod tests;
