//! A store that holds as much as it may.

use proptest::prelude::*;

use super::*;
use crate::model::{
    operation::Operation,
    transaction::{Transaction, TransactionError},
};

/// A way to store something.
type Way = fn(&Memory<HeldClock>, Mutation<'_>) -> Result<(), Error>;

/// Alone, in a list, and in a transaction.
const WAYS: [Way; 3] = [
    |memory, change| block(memory.mutate(change)).map(drop),
    |memory, change| {
        let mut answers = block(memory.batch(&[Operation::Mutate(change)], usize::MAX));
        answers.pop().unwrap().map(drop)
    },
    |memory, change| {
        let operations = [Operation::Mutate(change)];
        let transaction = Transaction::new(&[], &operations).unwrap();
        match block(memory.transact(transaction, usize::MAX)) {
            Ok(_) => Ok(()),
            Err(TransactionError::Whole(error)) => Err(error),
            Err(error) => panic!("{error:?}"),
        }
    },
];

/// Sets keys until one is refused; how many there are.
pub(super) fn fill(memory: &Memory<HeldClock>, bytes: usize) -> u32 {
    for number in 0..100_000 {
        match set(memory, &format!("key/{number:08}"), bytes, 60_000) {
            Ok(_) => {}
            Err(Error::MemoryFull { .. }) => return number,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("nothing was ever refused");
}

/// Indexes may pass the limit by a sixteenth, and by the step that is the last.
fn assert_bounded(memory: &Memory<HeldClock>) {
    let (used, memory_max) = (memory.account.used(), memory.account.memory_max());
    assert!(used <= memory_max + memory_max / 16 + (8 << 10), "{used}");
}

/// Stores a number for ever.
fn set_number(memory: &Memory<HeldClock>, name: &str, number: i64) -> Result<Applied, Error> {
    let set = Change::Set {
        value: ValueRef::Number(number),
        expiry: Expiry::Never,
        return_previous: false,
    };
    change(memory, name, set)
}

#[test]
fn a_number_in_place_of_a_large_value_can_be_added_to() {
    let mut stored = 0;
    // What fits where depends on both.
    for (pad, key_bytes) in (0..6).flat_map(|nth| (1..24).map(move |bytes| (nth, bytes))) {
        let pad = 860_000 + pad * 25_000;
        let (memory, _clock) = store(1 << 20, 1);
        let large = "x".repeat(key_bytes);
        set(&memory, "pad", pad, 60_000).unwrap();
        set(&memory, &large, 9000, 60_000).unwrap();
        // Of the class that the number will be of.
        let mut nth = 0..;
        let mut name = || {
            let digits = format!("{:024}", nth.next().unwrap_or_default());
            digits[24 - key_bytes.max(4)..].to_owned()
        };
        while set_number(&memory, &name(), 1).is_ok() {}
        for bytes in [5000, 2000, 1000, 500, 200] {
            while set(&memory, &name(), bytes, 60_000).is_ok() {}
        }
        if set_number(&memory, &large, 5).is_ok() {
            stored += 1;
            let added = change(&memory, &large, ADD);
            assert_eq!(added.unwrap().number, Some(6), "{pad}, {key_bytes}");
        }
        check(&memory);
    }
    assert!(stored > 0);
}

#[test]
fn first_deadlines_grow_an_index_within_the_limit() {
    let (memory, _clock) = store(1 << 20, 1);
    let (mut names, mut refused) = (Vec::new(), [0; 4]);
    for number in 0.. {
        let name = format!("{number}");
        if set_number(&memory, &name, 1).is_err() {
            break;
        }
        names.push(name);
    }
    for (nth, name) in names.iter().enumerate() {
        // Far apart, so that no bucket is large.
        let ttl_ms = 60_000 + 64 * u64::try_from(nth).unwrap();
        let touch = Mutation {
            key: Key::new(name, 1024).unwrap(),
            change: Change::Touch {
                expiry: Expiry::After(ttl_ms),
                mode: TouchMode::Any,
                omit_value: true,
            },
            condition: None,
        };
        let given = match WAYS.get(nth % 4) {
            Some(way) => way(&memory, touch),
            // In the slot that it has.
            None => set(&memory, name, 8, ttl_ms).map(drop),
        };
        assert_bounded(&memory);
        match given {
            Ok(()) => {}
            Err(Error::MemoryFull { .. }) => refused[nth % 4] += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(refused.iter().all(|count| *count > 0), "{refused:?}");
    // Another deadline than the first needs nothing more.
    assert!(touch(&memory, &names[0], 70_000).unwrap().retimed);
    check(&memory);
}

#[test]
fn operations_of_a_list_are_admitted_one_after_another() {
    let (memory, _clock) = store(4 << 20, 4);
    let mut names = (0..).map(|nth| format!("key/{nth:08}"));
    while memory.account.used() + 500_000 < memory.account.memory_max() {
        set(&memory, &names.next().unwrap(), 200_000, 60_000).unwrap();
    }
    let names: Vec<_> = names.take(16).collect();
    let value = vec![7; 200_000];
    let set = |name| {
        Operation::Mutate(Mutation {
            key: Key::new(name, 1024).unwrap(),
            change: Change::Set {
                value: ValueRef::Data(&value),
                expiry: Expiry::Never,
                return_previous: false,
            },
            condition: None,
        })
    };
    let sets: Vec<_> = names.iter().map(|name| set(name)).collect();
    let answers = block(memory.batch(&sets, usize::MAX));
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((1..3).contains(&taken), "{taken}");
    assert_bounded(&memory);
}

#[test]
fn a_full_store_refuses_what_grows_it_and_nothing_else() {
    let (memory, clock) = store(1 << 20, 4);
    let count = fill(&memory, 100);
    assert!(count > 3000, "{count}");
    assert_bounded(&memory);
    let before = memory.describe().version;
    for key in ["new", "key/00000000"] {
        // A slot of another class, far larger.
        let refused = set(&memory, key, 5000, 60_000);
        assert_eq!(
            refused,
            Err(Error::MemoryFull {
                memory_max: 1 << 20
            })
        );
    }
    assert_eq!(
        memory.describe().version,
        before,
        "a refusal takes no version"
    );
    assert_eq!(value_bytes(&memory, "key/00000000"), Some(100));
    assert_eq!(value_bytes(&memory, "new"), None);
    for bytes in [100, 99, 60, 10, 0] {
        set(&memory, "key/00000000", bytes, 60_000).unwrap();
        assert_eq!(value_bytes(&memory, "key/00000000"), Some(bytes));
    }
    assert!(touch(&memory, "key/00000001", 70_000).unwrap().retimed);
    assert!(delete(&memory, "key/00000002").unwrap().version.is_some());
    set(&memory, "key/00000002", 100, 60_000).unwrap();
    check(&memory);
    clock.advance(100_000);
    for shard in 0..4 {
        while !sweep::step(&memory, shard) {}
    }
    assert_eq!(memory.memory().entries, 0);
    assert_eq!(fill(&memory, 100), count, "as much as before");
}

fn sweep(memory: &Memory<HeldClock>) {
    for shard in 0..4 {
        while !sweep::step(memory, shard) {}
    }
}

#[test]
fn one_entry_that_stays_does_not_hold_the_memory_of_its_page() {
    for bytes in [100, 4000] {
        let (memory, clock) = store(4 << 20, 4);
        let count = fill(&memory, bytes);
        let stay: Vec<_> = (0..count)
            .step_by(50)
            .map(|it| format!("key/{it:08}"))
            .collect();
        for key in &stay {
            // Shorter than what its slot was taken for.
            set(&memory, key, bytes - 10, 600_000).unwrap();
        }
        clock.advance(100_000);
        let before = memory.memory();
        sweep(&memory);
        let after = memory.memory();
        assert!(after.slab < before.slab / 10, "{before:?} -> {after:?}");
        assert_eq!(after.entries, u64::try_from(stay.len()).unwrap());
        for key in &stay {
            assert_eq!(value_bytes(&memory, key), Some(bytes - 10), "{key}");
        }
        check(&memory);
    }
}

#[test]
fn entries_of_another_size_have_the_room_between_those_that_stay() {
    let value = [7; 1000];
    for way in WAYS {
        // Two of three stay, which is more than the sweeper moves.
        let (memory, _clock) = store(4 << 20, 4);
        let count = fill(&memory, 100);
        for number in 0..count {
            let key = format!("key/{number:08}");
            if number % 3 == 0 {
                delete(&memory, &key).unwrap();
            } else {
                // Shorter than what its slot was taken for.
                set(&memory, &key, 90, 60_000).unwrap();
            }
        }
        sweep(&memory);
        let gone = memory.memory().slab / 3;
        let mut stored = 0;
        loop {
            let name = format!("new/{stored:08}");
            let set = Change::Set {
                value: ValueRef::Data(&value),
                expiry: Expiry::Never,
                return_previous: false,
            };
            let set = Mutation {
                key: Key::new(&name, 1024).unwrap(),
                change: set,
                condition: None,
            };
            match way(&memory, set) {
                Ok(()) => stored += 1,
                Err(Error::MemoryFull { .. }) => break,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert!(stored * 1000 > gone * 7 / 10, "{stored} in {gone} bytes");
        assert_eq!(
            memory.account.refused(),
            2,
            "one each time that it was full"
        );
        assert_bounded(&memory);
        for number in 0..count {
            let there = value_bytes(&memory, &format!("key/{number:08}"));
            assert_eq!(there, (number % 3 > 0).then_some(90));
        }
        check(&memory);
    }
}

#[test]
fn a_large_value_counts_in_full_and_leaves_nothing() {
    let (memory, _clock) = store(1 << 20, 1);
    let empty = memory.memory();
    set(&memory, "a", 600_000, 60_000).unwrap();
    assert!(memory.memory().external >= 600_000);
    let refused = set(&memory, "b", 600_000, 60_000);
    assert_eq!(
        refused,
        Err(Error::MemoryFull {
            memory_max: 1 << 20
        })
    );
    set(&memory, "a", 600_000, 60_000).unwrap();
    set(&memory, "a", 500_000, 60_000).unwrap();
    set(&memory, "a", 50, 60_000).unwrap();
    assert_eq!(memory.memory().external, 0);
    check(&memory);
    delete(&memory, "a").unwrap();
    while !sweep::step(&memory, 0) {}
    assert_eq!(memory.memory().slab, empty.slab);
    assert_eq!(memory.memory().order, empty.order);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_limit_holds_whatever_comes(
        steps in prop::collection::vec((0..8, 0..600_u32, 0..12_000_usize), 1..2000),
    ) {
        let (memory, clock) = store(300_000, 1);
        for (kind, number, bytes) in steps {
            let key = format!("key/{number:04}");
            match kind {
                0 => drop(delete(&memory, &key)),
                1 if bytes < 1000 => clock.advance(10),
                _ => {
                    let bytes = if kind < 6 { bytes % 300 } else { bytes };
                    let (before, version) = (value_bytes(&memory, &key), memory.describe().version);
                    let answer = set(&memory, &key, bytes, 2000);
                    let smaller = before.is_some_and(|before| bytes <= before);
                    prop_assert!(answer.is_ok() || !smaller, "{before:?} -> {bytes}");
                    if answer.is_err() {
                        prop_assert_eq!(value_bytes(&memory, &key), before);
                        prop_assert_eq!(memory.describe().version, version);
                    }
                }
            }
            if kind == 7 {
                sweep::step(&memory, 0);
            }
            assert_bounded(&memory);
        }
        check(&memory);
    }
}
