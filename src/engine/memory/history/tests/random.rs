//! A mirror that is cut off and resumed at random while the store changes ends
//! equal to it. Told with a planted fault, it notices.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{mirror::Mirror, *};

/// What is done next.
#[derive(Clone, Debug)]
enum Step {
    Set(u8, usize, Option<u64>),
    Delete(u8),
    Touch(u8, u64),
    Many(u8),
    Advance(u64),
    Sweep,
    Gather,
    /// The mirror reads so many items.
    Read(usize),
    /// The mirror is cut off, and resumes at once or later.
    Cut(bool),
}

/// What is wrong between the engine and the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// An event is lost now and then.
    Lost,
    /// An item is told twice.
    Twice,
    /// Two events change places.
    Swapped,
    /// Progress is told ahead of events.
    Ahead,
    /// Deletions are not told.
    Undeleted,
    /// Who is too slow goes on with what is left.
    Silent,
    /// A snapshot shows what was changed since.
    Later,
}

/// A store and its mirror.
struct Pair {
    store: Store,
    mirror: Mirror,
    reader: Option<Reader>,
    touched: BTreeMap<String, Version>,
    fault: Fault,
    told: usize,
}

impl Pair {
    fn new(fault: Fault, events_max: usize) -> Self {
        Self {
            store: Store::with(history::Config {
                events_max,
                bytes_max: 1 << 18,
                ..history::Config::default()
            }),
            mirror: Mirror::default(),
            reader: None,
            touched: BTreeMap::new(),
            fault,
            told: 0,
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let Self { store, .. } = self;
        match step {
            Step::Set(key, bytes, ttl) => {
                let expiry = ttl.map_or(Expiry::Never, Expiry::After);
                store.set_until(&name(*key), &"x".repeat(*bytes), expiry);
            }
            Step::Delete(key) => drop(store.delete(&name(*key))),
            Step::Touch(key, ttl) => {
                store.touch(&name(*key), Expiry::After(*ttl));
                let entries = store.list().into_iter();
                let versions = entries.map(|it| (it.key().to_owned(), it.version()));
                let there = versions.into_iter().find(|it| it.0 == name(*key));
                self.touched.extend(there);
            }
            Step::Many(from) => {
                for number in 0..60 {
                    store.set(&name(from.wrapping_add(number)), &number.to_string());
                }
            }
            Step::Advance(millis) => store.clock.advance(*millis),
            Step::Sweep => store.sweep(),
            Step::Gather => store.gather(),
            Step::Read(items) => self.read(*items)?,
            Step::Cut(at_once) => {
                self.reader = None;
                self.mirror.cut();
                if *at_once {
                    self.read(0)?;
                }
            }
        }
        Ok(())
    }

    /// Reads up to so many items; whether there was nothing more to read.
    fn read(&mut self, items: usize) -> Result<(), String> {
        if self.reader.is_none() {
            let mut query = query(self.mirror.start());
            query.reply_bytes_max = 700;
            match self.store.watch(query) {
                Ok(reader) => self.reader = Some(reader),
                Err(Error::VersionCompacted { oldest }) => self.lost(oldest),
                Err(error) => return Err(format!("{error:?}")),
            }
        }
        for _ in 0..items {
            match self.reader.as_mut().and_then(Reader::next) {
                Some(Ok(item)) => self.learn(item)?,
                Some(Err(Error::WatchTooSlow { oldest, .. })) => self.lost(oldest),
                Some(Err(error)) => return Err(format!("{error:?}")),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// What it has yet to be told is not kept.
    fn lost(&mut self, oldest: Version) {
        self.reader = None;
        if self.fault == Fault::Silent {
            self.mirror.resume = Some(oldest);
        } else {
            self.mirror.reset();
        }
    }

    fn learn(&mut self, mut item: WatchItem) -> Result<(), String> {
        self.told += 1;
        match self.fault {
            Fault::Lost if self.told.is_multiple_of(5) => drop(item.events.pop()),
            Fault::Twice if self.told.is_multiple_of(5) => self.mirror.learn(item.clone())?,
            Fault::Swapped if item.events.len() > 1 => item.events.swap(0, 1),
            Fault::Ahead => item.resume = item.resume.map(|_| self.store.version()),
            Fault::Undeleted => item.events.retain(|it| it.kind == EventKind::Put),
            Fault::Later => {
                if let Some(entry) = item.snapshot_entries.first_mut() {
                    let version = self.store.set(entry.key(), "later");
                    let text = Value::Text(crate::model::value::Text::from("later".to_owned()));
                    *entry = Entry::new(entry.key().to_owned(), Some(text), version, None);
                }
            }
            Fault::None | Fault::Silent | Fault::Lost | Fault::Twice | Fault::Swapped => {}
        }
        self.mirror.learn(item)
    }

    /// Reads all that there is; then both must be equal.
    fn finish(&mut self) -> Result<(), String> {
        self.store.clock.advance(10_000);
        self.store.sweep();
        for _ in 0..3 {
            self.store.gather();
            self.read(10_000)?;
        }
        let list = self.store.list();
        self.mirror.compare(&list, &self.touched)
    }
}

fn name(key: u8) -> String {
    format!("key/{}", key % 64)
}

fn run(fault: Fault, events_max: usize, steps: &[Step]) -> Result<usize, String> {
    let mut pair = Pair::new(fault, events_max);
    steps.iter().try_for_each(|step| pair.step(step))?;
    pair.finish()?;
    Ok(pair.mirror.events)
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop_oneof![8 => 0..100_usize, 1 => 8000..20_000_usize];
    let ttl = prop_oneof![Just(None), (1..3000_u64).prop_map(Some)];
    prop_oneof![
        10 => (any::<u8>(), bytes, ttl).prop_map(|(key, bytes, ttl)| Step::Set(key, bytes, ttl)),
        4 => any::<u8>().prop_map(Step::Delete),
        2 => (any::<u8>(), 1..3000_u64).prop_map(|(key, ttl)| Step::Touch(key, ttl)),
        2 => any::<u8>().prop_map(Step::Many),
        3 => (1..2000_u64).prop_map(Step::Advance),
        2 => Just(Step::Sweep),
        5 => Just(Step::Gather),
        6 => (1..6_usize).prop_map(Step::Read),
        1 => any::<bool>().prop_map(Step::Cut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mirror_that_is_cut_off_and_resumed_ends_equal(
        steps in prop::collection::vec(step(), 1..250),
        events_max in prop::sample::select(vec![100, 1000, 100_000]),
    ) {
        if let Err(difference) = run(Fault::None, events_max, &steps) {
            return Err(TestCaseError::fail(difference));
        }
    }
}

#[test]
fn a_planted_fault_is_noticed() {
    let mut steps = vec![Step::Many(0), Step::Many(60)];
    for round in 0..40 {
        steps.extend([
            Step::Read(2),
            Step::Set(round, 10, Some(500)),
            Step::Set(round.wrapping_mul(31), 20, None),
            Step::Delete(round.wrapping_mul(17)),
            Step::Set(round.wrapping_add(1), 10, None),
            Step::Advance(100),
            Step::Sweep,
            Step::Gather,
            Step::Set(round.wrapping_mul(3), 10, None),
        ]);
    }
    steps.extend([
        Step::Cut(false),
        Step::Delete(1),
        Step::Many(0),
        Step::Delete(9),
    ]);
    steps.extend([Step::Gather, Step::Many(0), Step::Many(0), Step::Gather]);
    for events_max in [100, 100_000] {
        assert!(run(Fault::None, events_max, &steps).unwrap() > 100);
    }
    for fault in [
        Fault::Lost,
        Fault::Twice,
        Fault::Swapped,
        Fault::Ahead,
        Fault::Undeleted,
        Fault::Later,
    ] {
        let noticed = run(fault, 100_000, &steps);
        println!("{fault:?}: {noticed:?}");
        assert!(noticed.is_err(), "{fault:?}");
    }
    let noticed = run(Fault::Silent, 100, &steps);
    println!("Silent: {noticed:?}");
    assert!(noticed.is_err());
}
