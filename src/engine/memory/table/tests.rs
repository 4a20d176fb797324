//! The table against a set.

use std::{collections::BTreeSet, hash::BuildHasher};

use foldhash::quality::FixedState;
use proptest::prelude::*;

use super::*;
use crate::engine::memory::slab::Slab;

/// Handles to add, and a hash of each.
fn handles(count: usize) -> Vec<Handle> {
    let mut slab = Slab::new();
    (0..count).map(|_| slab.insert(24).unwrap()).collect()
}

fn hash(handle: Handle) -> u64 {
    FixedState::with_seed(1).hash_one(handle)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn it_finds_what_a_map_finds(
        rounds in prop::collection::vec((any::<bool>(), 0_usize..6000, 1_usize..3000), 1..8),
    ) {
        let (handles, mut table, mut model) = (handles(9000), Table::new(), BTreeSet::new());
        for (adds, from, count) in rounds {
            for handle in handles.iter().copied().skip(from).take(count) {
                let is_there = model.contains(&handle);
                if adds && !is_there {
                    table.insert(hash(handle), handle, hash);
                    model.insert(handle);
                } else if !adds && is_there {
                    table.remove(hash(handle), handle, hash);
                    model.remove(&handle);
                }
            }
            let mut all = table.check(hash);
            all.sort_unstable();
            prop_assert_eq!(all, model.iter().copied().collect::<Vec<_>>());
            for handle in &handles {
                let found = table.find(hash(*handle), |there| there == *handle);
                prop_assert_eq!(found.is_some(), model.contains(handle));
            }
        }
        for handle in model {
            table.remove(hash(handle), handle, hash);
        }
        table.check(hash);
        prop_assert_eq!((table.segments.len(), table.directory.len()), (1, 1), "merged");
    }
}

#[test]
fn an_entry_that_moved_is_found_where_it_is() {
    let (handles, mut table) = (handles(2), Table::new());
    let (old, new) = (handles[0], handles[1]);
    table.insert(7, old, |_| 7);
    table.replace(7, old, new);
    assert_eq!(table.find(7, |_| true), Some(new));
}

#[test]
fn keys_of_one_hash_do_not_split_for_ever() {
    let (handles, mut table) = (handles(1000), Table::new());
    for handle in &handles {
        table.insert(3 << 40, *handle, |_| 3 << 40);
    }
    assert_eq!(table.len(), 1000);
    assert!(table.directory.len() <= 1 << DEPTH_MAX);
}
