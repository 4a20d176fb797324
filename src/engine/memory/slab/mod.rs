//! Slots in pages, where the entries of a shard stand.

mod class;
mod gather;
mod page;
mod walk;

pub(super) use crate::engine::memory::slab::{
    gather::{ENTRIES_FEW, Wasteful},
    walk::{Hand, Sparse},
};

use crate::engine::memory::{
    record,
    slab::page::{NONE_PAGE, Page},
};

const PAGE_BYTES_MIN: usize = 4 << 10;
const PAGE_BYTES_MAX: usize = 256 << 10;
const SLOT_BITS: u32 = 14;
const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;
const PAGES_MAX: usize = 1 << (u32::BITS - SLOT_BITS);

/// Where an entry stands: the number of a page and of a slot in it. Whoever
/// keeps one past the entry's end may find another entry there, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Handle(u32);

impl Handle {
    fn new(page: u32, slot: u16) -> Self {
        Self(page << SLOT_BITS | u32::from(slot))
    }

    const fn page(self) -> u32 {
        self.0 >> SLOT_BITS
    }

    fn slot(self) -> u16 {
        u16::try_from(self.0 & SLOT_MASK).unwrap_or_default()
    }
}

/// Pages of slots, by size class. A page is taken when a class has no free
/// slot, the larger the more the class holds already, and goes back when its
/// last slot is free: at once, except for one empty page a class, which waits
/// for [`Slab::trim`].
#[derive(Debug)]
pub(super) struct Slab {
    pages: Vec<Page>,
    // Numbers of pages that were given up.
    numbers: Vec<u32>,
    classes: Box<[Class]>,
    // How many classes keep an empty page.
    spares: usize,
    page_bytes: usize,
    // Whether a slot was freed since no class was found wasteful, and since no page
    // could be emptied.
    may_waste: bool,
    may_give: bool,
}

#[derive(Clone, Copy, Debug)]
struct Class {
    // The first page with free slots.
    first: u32,
    // An empty page that is kept for now.
    spare: u32,
    // Of all its pages, used or not.
    bytes: usize,
}

impl Slab {
    pub(super) fn new() -> Self {
        let class = Class {
            first: NONE_PAGE,
            spare: NONE_PAGE,
            bytes: 0,
        };
        Self {
            pages: Vec::new(),
            numbers: Vec::new(),
            classes: vec![class; class::COUNT].into_boxed_slice(),
            spares: 0,
            page_bytes: 0,
            may_waste: false,
            may_give: false,
        }
    }

    /// What it takes up.
    pub(super) fn bytes(&self) -> usize {
        self.page_bytes
            + size_of_val(&*self.classes)
            + self.pages.capacity() * size_of::<Page>()
            + self.numbers.capacity() * size_of::<u32>()
    }

    /// How many bytes the slot of a record of `bytes` has.
    pub(super) const fn slot_bytes(bytes: usize) -> usize {
        class::slot_bytes(bytes)
    }

    /// How many bytes more it takes up when a record of `bytes` gets a slot;
    /// `None`: there can be no further page.
    pub(super) fn growth(&self, bytes: usize) -> Option<usize> {
        let is_possible = self.open_page(class::of(bytes)).is_some() || self.pages_left() > 0;
        is_possible.then(|| self.growth_of(bytes, 1))
    }

    /// How many bytes more it takes up when so many records of `bytes` get
    /// slots.
    pub(super) fn growth_of(&self, bytes: usize, slots: usize) -> usize {
        let (class, slot_bytes) = (class::of(bytes), class::slot_bytes(bytes));
        let (mut left, mut growth) = (slots, 0);
        let mut open = self.open_page(class);
        while let Some(page) = open.filter(|_| left > 0) {
            let taken = page.slots_left().min(left);
            growth += page.growth_of(taken);
            left -= taken;
            open = self.page(page.next);
        }
        let mut held = self.classes.get(class).map_or(0, |class| class.bytes);
        while left > 0 {
            let page_bytes = page_bytes_next(held, slot_bytes);
            let taken = Page::slots_of(slot_bytes, page_bytes).clamp(1, left);
            growth += Page::cost(slot_bytes, page_bytes, taken);
            left -= taken;
            held += page_bytes;
        }
        growth
    }

    /// How many pages more there can be.
    pub(super) fn pages_left(&self) -> usize {
        self.numbers.len() + PAGES_MAX.saturating_sub(self.pages.len())
    }

    /// A slot for a record of `bytes`. `None`: there can be no further page.
    pub(super) fn insert(&mut self, bytes: usize) -> Option<Handle> {
        let class = class::of(bytes);
        let number = match self.classes.get(class)?.first {
            NONE_PAGE => self.add_page(class, class::slot_bytes(bytes))?,
            number => number,
        };
        self.take_from(number)
    }

    /// A free slot of this page, which is in the list of those that have some.
    fn take_from(&mut self, number: u32) -> Option<Handle> {
        let page = self.page_mut(number)?;
        let (before, was_empty, class) = (page.bytes(), page.is_empty(), page.class);
        let slot = page.take()?;
        let (after, is_full) = (page.bytes(), page.is_full());
        self.page_bytes += after - before;
        if is_full {
            self.unlink(number);
        }
        let class = self.classes.get_mut(class)?;
        if was_empty && class.spare == number {
            class.spare = NONE_PAGE;
            self.spares -= 1;
        }
        Some(Handle::new(number, slot))
    }

    /// Frees a slot.
    pub(super) fn remove(&mut self, handle: Handle) {
        self.may_waste = true;
        self.may_give = true;
        let number = handle.page();
        let Some(page) = self.page_mut(number) else {
            return;
        };
        let was_full = page.is_full();
        page.give_back(handle.slot());
        let (is_empty, class) = (page.is_empty(), page.class);
        if was_full {
            self.link(number);
        }
        if is_empty && let Some(class) = self.classes.get_mut(class) {
            if class.spare == NONE_PAGE {
                class.spare = number;
                self.spares += 1;
            } else {
                self.drop_page(number);
            }
        }
    }

    /// Gives back the empty pages that were kept.
    pub(super) fn trim(&mut self) {
        if self.spares == 0 {
            return;
        }
        for class in 0..self.classes.len() {
            if let Some(class) = self.classes.get_mut(class)
                && class.spare != NONE_PAGE
            {
                let number = std::mem::replace(&mut class.spare, NONE_PAGE);
                self.drop_page(number);
            }
        }
        self.spares = 0;
        if self.numbers.len() == self.pages.len() {
            self.pages = Vec::new();
            self.numbers = Vec::new();
        }
    }

    /// The slot of `handle`; empty when its page was given back.
    pub(super) fn slot(&self, handle: Handle) -> &[u8] {
        self.page(handle.page())
            .map(|page| page.slot(usize::from(handle.slot())))
            .unwrap_or_default()
    }

    pub(super) fn slot_mut(&mut self, handle: Handle) -> &mut [u8] {
        let slot = usize::from(handle.slot());
        self.page_mut(handle.page())
            .map(|page| page.slot_mut(slot))
            .unwrap_or_default()
    }

    /// The key of the entry there.
    pub(super) fn key(&self, handle: Handle) -> &[u8] {
        record::key(self.slot(handle))
    }

    fn page(&self, number: u32) -> Option<&Page> {
        self.pages.get(usize::try_from(number).ok()?)
    }

    fn page_mut(&mut self, number: u32) -> Option<&mut Page> {
        self.pages.get_mut(usize::try_from(number).ok()?)
    }

    fn open_page(&self, class: usize) -> Option<&Page> {
        self.page(self.classes.get(class)?.first)
    }

    fn add_page(&mut self, class: usize, slot_bytes: usize) -> Option<u32> {
        let held = self.classes.get(class).map_or(0, |class| class.bytes);
        let bytes = page_bytes_next(held, slot_bytes);
        let number = match self.numbers.last() {
            Some(number) => *number,
            None if self.pages.len() < PAGES_MAX => u32::try_from(self.pages.len()).ok()?,
            None => return None,
        };
        let page = Page::new(class, slot_bytes, bytes);
        self.page_bytes += page.bytes();
        if self.numbers.pop().is_some() {
            *self.page_mut(number)? = page;
        } else {
            self.pages.push(page);
        }
        self.classes.get_mut(class)?.bytes += bytes;
        self.link(number);
        Some(number)
    }

    fn drop_page(&mut self, number: u32) {
        self.unlink(number);
        let Some(page) = self.page_mut(number) else {
            return;
        };
        let (taken, size, class) = (page.bytes(), page.size(), page.class);
        page.give_up();
        self.page_bytes -= taken;
        self.numbers.push(number);
        if let Some(class) = self.classes.get_mut(class) {
            class.bytes -= size;
        }
    }

    /// Puts a page first in the list of those of its class with free slots.
    fn link(&mut self, number: u32) {
        let Some(class) = self.page(number).map(|page| page.class) else {
            return;
        };
        let Some(class) = self.classes.get_mut(class) else {
            return;
        };
        let next = std::mem::replace(&mut class.first, number);
        if let Some(page) = self.page_mut(number) {
            page.next = next;
            page.previous = NONE_PAGE;
        }
        if let Some(page) = self.page_mut(next) {
            page.previous = number;
        }
    }

    fn unlink(&mut self, number: u32) {
        let Some(page) = self.page_mut(number) else {
            return;
        };
        let (next, previous, class) = (page.next, page.previous, page.class);
        page.next = NONE_PAGE;
        page.previous = NONE_PAGE;
        if let Some(page) = self.page_mut(next) {
            page.previous = previous;
        }
        if let Some(page) = self.page_mut(previous) {
            page.next = next;
        } else if let Some(class) = self.classes.get_mut(class) {
            class.first = next;
        }
    }

    /// The slots in use, and whether everything fits together.
    #[cfg(test)]
    pub(super) fn check(&self) -> Vec<Handle> {
        let (mut live, mut bytes, mut spares) = (Vec::new(), 0, 0);
        let mut class_bytes = vec![0; class::COUNT];
        for (number, page) in (0..).zip(&self.pages) {
            live.extend(page.check().iter().map(|slot| Handle::new(number, *slot)));
            bytes += page.bytes();
            class_bytes[page.class] += page.size();
            let is_open = page.size() > 0 && !page.is_full();
            let is_spare = self.classes[page.class].spare == number;
            assert_eq!(is_spare, page.size() > 0 && page.is_empty(), "spare");
            spares += usize::from(is_spare);
            let mut at = self.classes[page.class].first;
            while at != number && at != NONE_PAGE {
                let next = self.page(at).unwrap().next;
                assert!(next == NONE_PAGE || self.page(next).unwrap().previous == at);
                at = next;
            }
            assert_eq!(
                at == number,
                is_open,
                "a page with free slots is in its list"
            );
        }
        assert_eq!((self.page_bytes, self.spares), (bytes, spares), "slab");
        for (class, bytes) in self.classes.iter().zip(class_bytes) {
            assert_eq!(class.bytes, bytes, "bytes of a class");
        }
        live
    }

    /// All slots, used or not.
    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = Handle> {
        (0..)
            .zip(&self.pages)
            .flat_map(|(number, page)| (0..page.slots()).map(move |slot| Handle::new(number, slot)))
    }
}

/// How large the next page of a class is: a quarter of what the class holds
/// already, so that little is left over.
fn page_bytes_next(held: usize, slot_bytes: usize) -> usize {
    (held / 4 + 1)
        .next_power_of_two()
        .clamp(PAGE_BYTES_MIN, PAGE_BYTES_MAX)
        .max(slot_bytes.next_power_of_two())
}

#[cfg(test)]
mod tests;
