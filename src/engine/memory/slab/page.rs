//! A page of slots of one size.

use memmap2::MmapMut;

use crate::engine::memory::record;

/// Marks the end of a list of slots or pages.
pub(super) const NONE_SLOT: u16 = u16::MAX;
pub(super) const NONE_PAGE: u32 = u32::MAX;

/// From this size on a page is memory of its own, which goes back to the system
/// when it is given up; below, it comes from the allocator.
const MAPPED_BYTES_MIN: usize = 64 << 10;

/// In what steps the system gives memory to a map that is being filled.
const SYSTEM_PAGE_BYTES: usize = 4 << 10;

/// Slots of one size, and which of them are free. Slots that were never used
/// are given last, so that the memory of a mapped page is taken step by step.
#[derive(Debug)]
pub(super) struct Page {
    memory: Memory,
    slot_bytes: usize,
    /// The class that its slots are of.
    pub(super) class: usize,
    capacity: u16,
    used: u16,
    unused_from: u16,
    free: u16,
    /// Neighbours in the list of pages of this class with free slots.
    pub(super) next: u32,
    pub(super) previous: u32,
}

#[derive(Debug)]
enum Memory {
    Given,
    Heap(Box<[u8]>),
    Mapped(MmapMut),
}

impl Page {
    /// A page of `bytes` for slots of `slot_bytes`, none of them used.
    pub(super) fn new(class: usize, slot_bytes: usize, bytes: usize) -> Self {
        let capacity = u16::try_from(Self::slots_of(slot_bytes, bytes)).unwrap_or(NONE_SLOT - 1);
        Self {
            memory: Memory::new(bytes),
            slot_bytes,
            class,
            capacity,
            used: 0,
            unused_from: 0,
            free: NONE_SLOT,
            next: NONE_PAGE,
            previous: NONE_PAGE,
        }
    }

    /// How many slots a new page of `bytes` has.
    pub(super) fn slots_of(slot_bytes: usize, bytes: usize) -> usize {
        (bytes / slot_bytes).min(usize::from(NONE_SLOT - 1))
    }

    /// What a new page of `bytes` takes up when so many of its slots are used.
    pub(super) fn cost(slot_bytes: usize, bytes: usize, slots: usize) -> usize {
        if bytes < MAPPED_BYTES_MIN {
            bytes
        } else {
            mapped_bytes(slot_bytes, slots, bytes)
        }
    }

    /// Gives its memory back.
    pub(super) fn give_up(&mut self) {
        self.memory = Memory::Given;
        self.capacity = 0;
        self.unused_from = 0;
        self.free = NONE_SLOT;
    }

    pub(super) const fn is_full(&self) -> bool {
        self.used == self.capacity
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Its size, whether the system has given all of it yet or not.
    pub(super) fn size(&self) -> usize {
        self.memory.bytes().len()
    }

    /// The bytes of memory that it really takes up.
    pub(super) fn bytes(&self) -> usize {
        self.bytes_when_unused_from(self.unused_from)
    }

    /// How many slots are not used.
    pub(super) fn slots_left(&self) -> usize {
        usize::from(self.capacity.saturating_sub(self.used))
    }

    /// How many slots are used.
    pub(super) fn slots_used(&self) -> usize {
        usize::from(self.used)
    }

    /// How many slots were used and are free again: they take up no more bytes.
    pub(super) fn slots_freed(&self) -> usize {
        usize::from(self.unused_from.saturating_sub(self.used))
    }

    /// How many slots were ever used: the first ones.
    pub(super) const fn slots_touched(&self) -> u16 {
        self.unused_from
    }

    /// The bytes of a slot.
    pub(super) const fn slot_bytes(&self) -> usize {
        self.slot_bytes
    }

    /// How many more bytes it takes up when so many more slots are used.
    pub(super) fn growth_of(&self, slots: usize) -> usize {
        let fresh = u16::try_from(slots.saturating_sub(self.slots_freed())).unwrap_or(u16::MAX);
        self.bytes_when_unused_from(self.unused_from.saturating_add(fresh)) - self.bytes()
    }

    pub(super) fn slot(&self, slot: usize) -> &[u8] {
        let at = slot * self.slot_bytes;
        self.memory
            .bytes()
            .get(at..at + self.slot_bytes)
            .unwrap_or_default()
    }

    pub(super) fn slot_mut(&mut self, slot: usize) -> &mut [u8] {
        let at = slot * self.slot_bytes;
        self.memory
            .bytes_mut()
            .get_mut(at..at + self.slot_bytes)
            .unwrap_or_default()
    }

    /// Takes a free slot, if there is one.
    pub(super) fn take(&mut self) -> Option<u16> {
        let slot = if self.free != NONE_SLOT {
            let slot = self.free;
            self.free = record::next_free(self.slot(usize::from(slot)));
            slot
        } else if self.unused_from < self.capacity {
            self.unused_from += 1;
            self.unused_from - 1
        } else {
            return None;
        };
        self.used += 1;
        Some(slot)
    }

    /// Takes a slot back.
    pub(super) fn give_back(&mut self, slot: u16) {
        let next = self.free;
        record::write_free(self.slot_mut(usize::from(slot)), next);
        self.free = slot;
        self.used = self.used.saturating_sub(1);
    }

    fn bytes_when_unused_from(&self, slot: u16) -> usize {
        match &self.memory {
            Memory::Given => 0,
            Memory::Heap(bytes) => bytes.len(),
            Memory::Mapped(map) => mapped_bytes(self.slot_bytes, usize::from(slot), map.len()),
        }
    }

    #[cfg(test)]
    pub(super) const fn slots(&self) -> u16 {
        self.capacity
    }

    /// The slots in use, as their contents say.
    #[cfg(test)]
    pub(super) fn check(&self) -> Vec<u16> {
        let live: Vec<u16> = (0..self.capacity)
            .filter(|slot| record::is_live(self.slot(usize::from(*slot))))
            .collect();
        assert_eq!(live.len(), usize::from(self.used), "used slots");
        let (mut free, mut at) = (0, self.free);
        while at != NONE_SLOT {
            assert!(!record::is_live(self.slot(usize::from(at))), "free slot");
            at = record::next_free(self.slot(usize::from(at)));
            free += 1;
        }
        assert_eq!(self.unused_from, self.used + free, "each slot is counted");
        live
    }
}

/// What the system has given of a map of `bytes` when so many slots of it were
/// used.
fn mapped_bytes(slot_bytes: usize, slots: usize, bytes: usize) -> usize {
    (slot_bytes * slots)
        .next_multiple_of(SYSTEM_PAGE_BYTES)
        .min(bytes)
}

impl Memory {
    /// Zeroed memory. When the system has no map left (`vm.max_map_count`), it
    /// comes from the allocator.
    fn new(bytes: usize) -> Self {
        if bytes >= MAPPED_BYTES_MIN
            && let Ok(map) = MmapMut::map_anon(bytes)
        {
            return Self::Mapped(map);
        }
        Self::Heap(vec![0; bytes].into_boxed_slice())
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Given => &[],
            Self::Heap(bytes) => bytes,
            Self::Mapped(map) => map,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Given => &mut [],
            Self::Heap(bytes) => bytes,
            Self::Mapped(map) => map,
        }
    }
}
