//! The slab against a map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    engine::memory::record::{HEADER_BYTES, Payload},
    model::{value::Kind, version::Version},
};

fn write(slab: &mut Slab, handle: Handle, number: usize) {
    let key = number.to_string();
    let payload = Payload::Inline(&[]);
    let slot = slab.slot_mut(handle);
    record::write(
        slot,
        key.as_bytes(),
        Kind::Data,
        payload,
        Version::FIRST,
        None,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn it_holds_what_a_map_holds(
        steps in prop::collection::vec((any::<bool>(), 0_usize..400, 0_usize..9000), 1..400),
    ) {
        let (mut slab, mut model) = (Slab::new(), BTreeMap::new());
        for (number, (adds, pick, size)) in steps.into_iter().enumerate() {
            if adds || model.is_empty() {
                // Most are small, so that pages fill up.
                let bytes = HEADER_BYTES + 4 + if pick < 300 { size % 100 } else { size };
                let (growth, before) = (slab.growth(bytes).unwrap(), slab.page_bytes);
                let handle = slab.insert(bytes).unwrap();
                prop_assert!(slab.slot(handle).len() >= bytes);
                prop_assert_eq!(slab.page_bytes - before, growth, "growth was foretold");
                write(&mut slab, handle, number);
                prop_assert_eq!(model.insert(handle, number), None, "a slot in use was given");
            } else {
                let handle = *model.keys().nth(pick % model.len()).unwrap();
                model.remove(&handle);
                slab.remove(handle);
            }
            prop_assert_eq!(slab.check(), model.keys().copied().collect::<Vec<_>>());
            for (handle, number) in &model {
                let key = number.to_string();
                prop_assert_eq!(slab.key(*handle), key.as_bytes());
            }
            if pick == 7 {
                slab.trim();
                prop_assert_eq!(slab.spares, 0);
            }
        }
        for handle in model.into_keys() {
            slab.remove(handle);
        }
        slab.trim();
        prop_assert_eq!(slab.bytes(), Slab::new().bytes(), "all memory is given back");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_growth_of_many_slots_is_foretold(
        rounds in prop::collection::vec((0_usize..3, 1_usize..2000, 0_usize..3000), 1..12),
    ) {
        let (mut slab, mut live) = (Slab::new(), Vec::new());
        for (size, slots, gone) in rounds {
            let bytes = [40, 100, 5000][size];
            let (growth, before) = (slab.growth_of(bytes, slots), slab.page_bytes);
            for number in 0..slots {
                let handle = slab.insert(bytes).unwrap();
                write(&mut slab, handle, number);
                live.push(handle);
            }
            prop_assert_eq!(slab.page_bytes - before, growth);
            // Some go, all over the pages.
            for at in 0..gone.min(live.len()) {
                let handle = live.swap_remove(at * 7919 % live.len());
                slab.remove(handle);
            }
        }
    }
}

#[test]
fn pages_grow_and_large_ones_count_as_they_fill() {
    let mut slab = Slab::new();
    let mut last = 0;
    for number in 0..20_000 {
        let handle = slab.insert(100).unwrap();
        write(&mut slab, handle, number);
        assert!(slab.page_bytes - last <= 32 << 10);
        last = slab.page_bytes;
    }
    let needed = 20_000 * 104;
    assert!(
        slab.page_bytes < needed + needed / 50,
        "{}",
        slab.page_bytes
    );
}
