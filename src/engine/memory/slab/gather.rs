//! Gathering what is left of pages into fewer, though nothing is removed.

use crate::engine::memory::slab::{Handle, PAGE_BYTES_MIN, Slab, class, page::Page};

/// How many entries are moved at once to a page of their own.
pub(in crate::engine::memory) const ENTRIES_FEW: usize = 256;

/// A page whose entries have room in others of its class, or are few beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::memory) struct Wasteful {
    pub(in crate::engine::memory) page: u32,
    /// It is the only one of its class: its entries, `ENTRIES_FEW` at most, need a new
    /// one, and go there at once, or they would come back.
    pub(in crate::engine::memory) is_only: bool,
}

/// The pages of a class, and their slots.
#[derive(Clone, Copy, Debug, Default)]
struct Occupied {
    pages: usize,
    bytes: usize,
    used: usize,
    freed: usize,
}

impl Occupied {
    /// Whether one of its pages can be emptied, and that is worth it: of two or
    /// more one can, or each would have more entries than there are free slots in
    /// all others.
    const fn is_wasteful(&self) -> bool {
        match self.pages {
            0 => false,
            1 => {
                self.used <= ENTRIES_FEW
                    && self.freed > 3 * self.used
                    && self.bytes > PAGE_BYTES_MIN
            }
            _ => self.freed > self.used,
        }
    }
}

impl Slab {
    /// A page that is to be emptied, of a class more than half of whose slots are
    /// free again: the one with the fewest entries. After [`Self::trim`].
    pub(in crate::engine::memory) fn wasteful(&mut self) -> Option<Wasteful> {
        if !self.may_waste {
            return None;
        }
        let classes = self.occupied();
        let wasteful = classes.iter().position(Occupied::is_wasteful);
        self.may_waste = wasteful.is_some();
        let class = wasteful?;
        let is_only = classes.get(class).is_some_and(|class| class.pages == 1);
        let page = self.emptiest(|_, page| {
            page.class == class && (is_only || has_room_elsewhere(page, &classes))
        })?;
        Some(Wasteful { page, is_only })
    }

    /// A page whose entries all have room in others, of those that `may` be; the
    /// one with the fewest. `is_any`: all may. Costs next to nothing where there was
    /// none and no slot was freed since.
    pub(in crate::engine::memory) fn movable(
        &mut self,
        is_any: bool,
        may: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        if !self.may_give {
            return None;
        }
        let classes = self.occupied();
        let movable =
            self.emptiest(|number, page| may(number) && has_room_elsewhere(page, &classes));
        self.may_give = movable.is_some() || !is_any;
        movable
    }

    /// A slot of a class in any page but this one, that was used before. `None`:
    /// there is none.
    pub(in crate::engine::memory) fn insert_elsewhere(
        &mut self,
        number: u32,
        slot_bytes: usize,
    ) -> Option<Handle> {
        let mut other = self.classes.get(class::of(slot_bytes))?.first;
        loop {
            let page = self.page(other)?;
            if other != number && page.slots_freed() > 0 {
                return self.take_from(other);
            }
            other = page.next;
        }
    }

    /// The same in a new page if need be; this one has free slots. `None`: there
    /// can be no further page.
    pub(in crate::engine::memory) fn insert_apart(
        &mut self,
        number: u32,
        slot_bytes: usize,
    ) -> Option<Handle> {
        self.unlink(number);
        let handle = self.insert(slot_bytes);
        self.link(number);
        handle
    }

    fn occupied(&self) -> [Occupied; class::COUNT] {
        let mut classes = [Occupied::default(); class::COUNT];
        for page in self.pages.iter().filter(|page| page.slots_used() > 0) {
            if let Some(class) = classes.get_mut(page.class) {
                class.pages += 1;
                class.bytes += page.bytes();
                class.used += page.slots_used();
                class.freed += page.slots_freed();
            }
        }
        classes
    }

    fn emptiest(&self, may: impl Fn(u32, &Page) -> bool) -> Option<u32> {
        (0..)
            .zip(&self.pages)
            .filter(|(number, page)| page.slots_used() > 0 && may(*number, page))
            .min_by_key(|(_, page)| page.slots_used())
            .map(|(number, _)| number)
    }
}

/// Whether its entries have as many free slots in other pages.
fn has_room_elsewhere(page: &Page, classes: &[Occupied]) -> bool {
    let freed = classes.get(page.class).map_or(0, |class| class.freed);
    page.slots_used() <= freed.saturating_sub(page.slots_freed())
}
