//! Looking at the slots of a slab in turn, and for pages that entries could leave.

use crate::engine::memory::{
    record,
    slab::{Handle, Slab, class, page::Page},
};

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
}

impl Handle {
    /// The page in which it stands.
    pub(in crate::engine::memory) const fn page_number(self) -> u32 {
        self.page()
    }
}
