//! Looking at the slots of a slab in turn, and emptying its pages.

use crate::engine::memory::{
    record,
    slab::{Handle, Slab, class, page::Page},
};

/// How many entries are moved at once to a page of their own.
pub(in crate::engine::memory) const ENTRIES_FEW: usize = 256;

/// A place among all slots, which moves over them again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::engine::memory) struct Hand {
    page: u32,
    slot: u16,
}

/// A page, and what stands in the way of giving it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::memory) struct Sparse {
    pub(in crate::engine::memory) page: u32,
    /// How many of its entries cannot move to slots of other pages that are free.
    pub(in crate::engine::memory) homeless: usize,
    /// Whether most pages, by their bytes, are of its class.
    pub(in crate::engine::memory) is_usual: bool,
}

/// A page whose entries have room in others of its class, or are few beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::memory) struct Wasteful {
    pub(in crate::engine::memory) page: u32,
    /// It is the only one of its class: its entries, `ENTRIES_FEW` at most, need a new
    /// one, and go there at once, or they would come back.
    pub(in crate::engine::memory) is_only: bool,
}

/// The slots of a class.
#[derive(Clone, Copy, Debug, Default)]
struct Occupied {
    pages: usize,
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
            1 => self.used <= ENTRIES_FEW && self.freed > 3 * ENTRIES_FEW,
            _ => self.freed > self.used,
        }
    }
}

impl Slab {
    /// The entry under the hand, which moves on past it and `looks` slots at
    /// most. `None`: it has come to the end, and stands at the beginning again,
    /// or looks are used up.
    pub(in crate::engine::memory) fn advance(
        &self,
        hand: &mut Hand,
        looks: &mut usize,
    ) -> Option<Handle> {
        while let Some(page) = self.page(hand.page) {
            while hand.slot < page.slots_touched() {
                let slot = hand.slot;
                if *looks == 0 {
                    return None;
                }
                *looks -= 1;
                hand.slot += 1;
                if record::is_live(page.slot(usize::from(slot))) {
                    return Some(Handle::new(hand.page, slot));
                }
            }
            hand.page += 1;
            hand.slot = 0;
        }
        *hand = Hand::default();
        None
    }

    /// The page that can be given back for the fewest bytes of entries, as a
    /// share of its own, of those that `may` be; where several can, the first
    /// of them from the hand on.
    pub(in crate::engine::memory) fn sparsest(
        &self,
        hand: Hand,
        may: impl Fn(u32) -> bool,
    ) -> Option<Sparse> {
        let mut free = [0_usize; class::COUNT];
        for page in &self.pages {
            if let Some(free) = free.get_mut(page.class) {
                *free += page.slots_freed();
            }
        }
        let mut best = None::<(usize, Sparse)>;
        let from = usize::try_from(hand.page).unwrap_or_default();
        let (before, after) = self.pages.split_at_checked(from).unwrap_or_default();
        let (before, after) = ((0..).zip(before), (hand.page..).zip(after));
        for (number, page) in after.chain(before) {
            let entries = page.slots_used();
            if page.bytes() == 0 || entries == 0 || !may(number) {
                continue;
            }
            let elsewhere = free
                .get(page.class)
                .map_or(0, |free| free.saturating_sub(page.slots_freed()));
            let homeless = entries.saturating_sub(elsewhere);
            let cost = homeless
                .saturating_mul(page.slot_bytes())
                .saturating_mul(1024)
                / page.bytes();
            if best.is_none_or(|(least, _)| cost < least) {
                let sparse = Sparse {
                    page: number,
                    homeless,
                    is_usual: self.is_usual(page.class),
                };
                best = Some((cost, sparse));
            }
        }
        best.map(|(_, sparse)| sparse)
    }

    /// A page that can be emptied though nothing is removed, of a class more than
    /// half of whose slots are free again: the one with the fewest entries. After
    /// [`Self::trim`].
    pub(in crate::engine::memory) fn wasteful(&mut self) -> Option<Wasteful> {
        if !self.may_waste {
            return None;
        }
        let mut classes = [Occupied::default(); class::COUNT];
        for page in self.pages.iter().filter(|page| page.slots_used() > 0) {
            if let Some(class) = classes.get_mut(page.class) {
                class.pages += 1;
                class.used += page.slots_used();
                class.freed += page.slots_freed();
            }
        }
        let Some(number) = classes.iter().position(Occupied::is_wasteful) else {
            self.may_waste = false;
            return None;
        };
        let class = classes.get(number)?;
        let is_only = class.pages == 1;
        let pages = (0..).zip(&self.pages).filter(|(_, page)| {
            let elsewhere = class.freed.saturating_sub(page.slots_freed());
            let entries = page.slots_used();
            page.class == number && entries > 0 && (is_only || entries <= elsewhere)
        });
        let (page, _) = pages.min_by_key(|(_, page)| page.slots_used())?;
        Some(Wasteful { page, is_only })
    }

    fn is_usual(&self, class: usize) -> bool {
        let class = self.classes.get(class);
        class.is_some_and(|class| class.bytes * 2 > self.page_bytes)
    }

    /// The entries in a page.
    pub(in crate::engine::memory) fn entries_in(
        &self,
        number: u32,
    ) -> impl Iterator<Item = Handle> {
        let page = self.page(number);
        let slots = page.map_or(0, Page::slots_touched);
        (0..slots)
            .filter(move |slot| page.is_some_and(|it| record::is_live(it.slot(usize::from(*slot)))))
            .map(move |slot| Handle::new(number, slot))
    }

    /// The entries in other pages of the same class, from the hand on.
    pub(in crate::engine::memory) fn entries_beside(
        &self,
        number: u32,
        hand: Hand,
    ) -> impl Iterator<Item = Handle> {
        let class = self.page(number).map(|page| page.class);
        let pages = u32::try_from(self.pages.len()).unwrap_or(u32::MAX);
        (hand.page..pages)
            .chain(0..hand.page.min(pages))
            .filter(move |other| {
                *other != number && self.page(*other).map(|page| page.class) == class
            })
            .flat_map(|other| self.entries_in(other))
    }

    /// A slot for a record of `bytes`, in any page but this one, that was used
    /// before. `None`: there is none.
    pub(in crate::engine::memory) fn insert_elsewhere(
        &mut self,
        number: u32,
        bytes: usize,
    ) -> Option<Handle> {
        let mut other = self.classes.get(class::of(bytes))?.first;
        loop {
            let page = self.page(other)?;
            if other != number && page.slots_freed() > 0 {
                return self.take_from(other);
            }
            other = page.next;
        }
    }
}

impl Slab {
    /// A slot for a record of `bytes` in any page but this one, which has free
    /// slots, in a new one if need be. `None`: there can be no further page.
    pub(in crate::engine::memory) fn insert_apart(
        &mut self,
        number: u32,
        bytes: usize,
    ) -> Option<Handle> {
        self.unlink(number);
        let handle = self.insert(bytes);
        self.link(number);
        handle
    }
}

impl Handle {
    /// The page in which it stands.
    pub(in crate::engine::memory) const fn page_number(self) -> u32 {
        self.page()
    }
}
