//! Which entry makes room next: SIEVE, by the order of slots.
//!
//! After Zhang et al., "SIEVE is Simpler than LRU" (NSDI 2024): a hand moves
//! over the entries, from the oldest to the newest. Who was visited since is let
//! off, and stays where it is; who was not makes room. So what is new and never
//! asked for goes soon, which is what makes it better than LRU.
//!
//! SIEVE has a queue for that; this has two bits in each slot. What is stored
//! takes the slot of what made room, behind the hand, and is fresh. When the
//! hand comes to the end and many are fresh, it goes over these alone, which
//! then lie in about the order in which they came: those are what SIEVE's hand
//! comes to at the end of its queue. Where few are fresh, it begins anew.

use crate::engine::memory::{
    record::{self, Marks},
    shard::Shard,
    slab::{Hand, Handle},
};

/// One in so many entries must be fresh for a round over these alone.
const FRESH_SHARE: usize = 8;

/// How many slots are looked at for one entry: then the next one makes room,
/// visited or not, since the shard is locked meanwhile.
const LOOKS: usize = 4096;

/// Where the hand is, and what it is about.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    hand: Hand,
    /// How many entries are fresh.
    fresh: usize,
    /// Whether it passes over all others.
    is_among_fresh: bool,
}

impl Sieve {
    pub(super) const fn hand(&self) -> Hand {
        self.hand
    }
}

impl Shard {
    /// Notes that an entry was asked for.
    pub(super) fn visit(&mut self, handle: Option<Handle>) {
        if self.sieve.is_some()
            && let Some(handle) = handle
        {
            record::visit(self.slab.slot_mut(handle));
        }
    }

    /// What the entry that is stored there is marked with, in place of one with
    /// these marks, or of none.
    pub(super) fn mark_stored(&mut self, handle: Handle, before: Option<Marks>) {
        if let Some(sieve) = &mut self.sieve {
            let marks = before.map_or(
                Marks {
                    visited: false,
                    fresh: true,
                },
                |before| Marks {
                    visited: true,
                    ..before
                },
            );
            sieve.fresh += usize::from(marks.fresh);
            record::mark(self.slab.slot_mut(handle), marks);
        }
    }

    /// The marks of an entry that will be there no more, or be stored anew.
    pub(super) fn unmark(&mut self, handle: Handle) -> Marks {
        match &mut self.sieve {
            None => Marks::default(),
            Some(sieve) => {
                let marks = record::marks(self.slab.slot(handle));
                sieve.fresh -= usize::from(marks.fresh);
                marks
            }
        }
    }

    /// The entry that makes room next, of those that are not in `keep`, which is
    /// sorted. `None`: there is none.
    pub(super) fn victim(&mut self, keep: &[Handle]) -> Option<Handle> {
        let entries = self.table.len();
        let sieve = self.sieve.as_mut()?;
        let (mut looks, mut last) = (LOOKS, None);
        // To the end, and over all of them twice: then nobody is visited.
        let mut ends = 0;
        while ends < 4 {
            let Some(handle) = self.slab.advance(&mut sieve.hand, &mut looks) else {
                if looks == 0 {
                    return last.or_else(|| self.any(keep));
                }
                ends += 1;
                sieve.is_among_fresh = sieve.fresh * FRESH_SHARE >= entries.max(1);
                continue;
            };
            if keep.binary_search(&handle).is_ok() {
                continue;
            }
            let slot = self.slab.slot_mut(handle);
            let marks = record::marks(slot);
            if sieve.is_among_fresh && !marks.fresh {
                continue;
            }
            if !marks.visited {
                return Some(handle);
            }
            last = Some(handle);
            sieve.fresh -= usize::from(marks.fresh);
            record::mark(slot, Marks::default());
        }
        None
    }

    /// Any entry from the hand on.
    fn any(&mut self, keep: &[Handle]) -> Option<Handle> {
        let sieve = self.sieve.as_mut()?;
        let (mut looks, mut ends) = (usize::MAX, 0);
        while ends < 2 {
            match self.slab.advance(&mut sieve.hand, &mut looks) {
                Some(handle) if keep.binary_search(&handle).is_err() => return Some(handle),
                Some(_) => {}
                None => ends += 1,
            }
        }
        None
    }

    /// Whether nobody has asked for the entry lately.
    pub(super) fn is_unvisited(&self, handle: Handle) -> bool {
        !record::marks(self.slab.slot(handle)).visited
    }

    #[cfg(test)]
    pub(super) fn check_marks(&self, live: impl Iterator<Item = Handle>) {
        let marks = live.map(|handle| record::marks(self.slab.slot(handle)));
        let fresh = marks.filter(|marks| marks.fresh).count();
        match &self.sieve {
            Some(sieve) => assert_eq!(sieve.fresh, fresh, "fresh entries"),
            None => assert_eq!(fresh, 0, "nothing is marked"),
        }
    }
}
