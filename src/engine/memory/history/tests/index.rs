//! Only those whom a change concerns are woken.

use proptest::prelude::*;

use super::*;

#[test]
fn of_ten_thousand_watchers_those_of_the_key_are_woken() {
    let store = Store::new();
    let mut readers: Vec<Reader> = (0..10_000)
        .map(|number| {
            let mut narrow = query(WatchStart::Now);
            narrow.ranges = vec![prefix(&format!("key/{number:05}/"))];
            store.watch(narrow).unwrap()
        })
        .collect();
    for reader in &mut readers {
        reader.item().unwrap();
        assert_eq!(reader.item(), None);
    }
    store.gather();
    let woken: Vec<usize> = readers.iter().map(Reader::woken).collect();
    for number in (0..10_000).step_by(100) {
        store.set(&format!("key/{number:05}/a"), "1");
        store.set("other", "1");
    }
    store.gather();
    for (number, reader) in readers.iter_mut().enumerate() {
        let concerned = number % 100 == 0;
        assert_eq!(reader.woken() - woken[number], usize::from(concerned));
        assert_eq!(reader.told().len(), usize::from(concerned));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_is_told_what_its_ranges_hold(
        // Eight bytes are compared at once: keys also differ in the last of them
        // and after them alone.
        stem in "(stem-67)?",
        steps in prop::collection::vec((0..8_u8, "[a-c]{0,2}", "[a-c]{1,3}", "[a-c]{0,3}"), 1..200),
    ) {
        let store = Store::new();
        let mut readers: Vec<(Reader, Vec<Range>, Vec<Version>)> = Vec::new();
        for (kind, prefix, a, b) in steps {
            let [prefix, a, b] = [prefix, a, b].map(|it| format!("{stem}{it}"));
            match kind {
                0..3 => {
                    let (start, end) = if a < b { (a, b) } else { (b, String::new()) };
                    let ranges = vec![
                        Range::new(prefix.clone(), start, end, 16).unwrap(),
                        super::prefix(&format!("{prefix}c")),
                    ];
                    let mut query = query(WatchStart::Now);
                    query.ranges.clone_from(&ranges);
                    readers.push((store.watch(query).unwrap(), ranges, Vec::new()));
                }
                3 if !readers.is_empty() => {
                    readers.remove(prefix.len() * 7 % readers.len());
                }
                4 => store.gather(),
                5 => {
                    for (reader, _, told) in &mut readers {
                        let more: Vec<_> = reader.told().into_iter().map(|it| it.2).collect();
                        prop_assert_eq!(Some(&more[..]), told.get(..more.len()));
                        told.drain(..more.len());
                    }
                }
                _ => {
                    let version = store.set(&a, "1");
                    for (_, ranges, told) in &mut readers {
                        if ranges.iter().any(|range| range.contains(a.as_bytes())) {
                            told.push(version);
                        }
                    }
                }
            }
        }
        store.gather();
        for (mut reader, _, expected) in readers {
            let told: Vec<_> = reader.told().into_iter().map(|it| it.2).collect();
            prop_assert_eq!(told, expected);
        }
    }
}
