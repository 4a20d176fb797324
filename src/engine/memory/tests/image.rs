//! Images: all there is at one moment, whatever is changed while it is read;
//! and the store that is made of one.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Waker},
    thread,
};

use tempfile::TempDir;

use super::*;
use crate::{
    engine::{
        ListQuery, WatchQuery, WatchStart,
        journal::{
            self, Record,
            backup::{Image, Writer, restore},
        },
        memory::tests::kept::journal as small_files,
    },
    model::{
        entry::Entry,
        event::EventKinds,
        once::{Content, Once, RequestId},
        operation::Operation,
        range::Range,
        transaction::Transaction,
        value::Value,
        version::Version,
    },
};

type Entries = BTreeMap<String, (Value, i64, Option<UnixMillis>)>;

/// What is there by List.
fn listed(memory: &Memory<HeldClock>) -> Entries {
    let query = ListQuery {
        range: &Range::default(),
        after: None,
        entries_max: usize::MAX,
        reply_bytes_max: usize::MAX,
        omit_value: false,
    };
    let page = block(memory.list(query)).unwrap();
    page.entries.into_iter().map(plain).collect()
}

fn plain(entry: Entry) -> (String, (Value, i64, Option<UnixMillis>)) {
    let (version, deadline) = (entry.version().get(), entry.deadline());
    let (key, value) = entry.into_parts();
    (key, (value.unwrap(), version, deadline))
}

/// What an image has given out.
#[derive(Debug, Default)]
struct Shown {
    entries: Entries,
    requests: Vec<String>,
}

impl Shown {
    /// Reads a step; false at the end.
    fn step(&mut self, image: &mut dyn Image) -> Result<bool, Error> {
        image.read(&mut |record| match record {
            Record::Put {
                key,
                value,
                version,
                deadline,
            } => {
                let entry = (value.to_value(), version.get(), deadline);
                let twice = self.entries.insert(key.as_str().to_owned(), entry);
                assert_eq!(twice, None, "{key:?} was given out twice");
            }
            Record::Remember { id, .. } => self.requests.push(id.to_owned()),
            other => panic!("{other:?}"),
        })
    }
}

fn image(memory: &Memory<HeldClock>) -> Box<dyn Image> {
    block(memory.image()).unwrap()
}

/// One random change, or a sweep, or a moment that passes.
fn any_change(memory: &Memory<HeldClock>, clock: &HeldClock, random: &mut fastrand::Rng) {
    let any_key = |random: &mut fastrand::Rng| format!("key/{:04}", random.u16(0..3000));
    let (name, other) = (any_key(random), any_key(random));
    match random.u8(0..20) {
        0..=8 => {
            // Some stand outside of their slots.
            let bytes = if random.u8(0..8) == 0 { 9000 } else { 40 };
            let ttl_ms = random.u64(1..400);
            set(memory, &name, random.usize(0..bytes), ttl_ms).unwrap();
        }
        9..=11 => drop(delete(memory, &name).unwrap()),
        12..=14 => drop(touch(memory, &name, random.u64(1..400)).unwrap()),
        15..=16 if name != other => {
            let value = ValueRef::Text("both");
            let both = [&name, &other].map(|name| {
                Operation::Mutate(Mutation {
                    key: Key::new(name, 64).unwrap(),
                    change: Change::Set {
                        value,
                        expiry: Expiry::Never,
                        return_previous: false,
                    },
                    condition: None,
                })
            });
            let transaction = Transaction::new(&[], &both).unwrap();
            block(memory.transact(transaction, usize::MAX)).unwrap();
        }
        17 => {
            let prefix = name[..6].to_owned();
            let range = Range::new(prefix, String::new(), String::new(), 64).unwrap();
            block(memory.delete_range(&range, 100)).unwrap();
        }
        18 => clock.advance(random.u64(1..30)),
        _ => drop(sweep::step(memory, random.usize(0..2))),
    }
}

/// An image of a random store, read while that is changed at random, is the
/// store at its moment.
fn an_image_is_of_one_moment(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (memory, clock) = store(u64::MAX, 2);
    for _ in 0..random.usize(0..6000) {
        any_change(&memory, &clock, &mut random);
    }
    let expected = listed(&memory);
    let (version, now) = (memory.describe().version, memory.describe().now);
    let mut image = image(&memory);
    assert_eq!((image.about().version, image.about().time), (version, now));
    let mut read = Shown::default();
    let changes = random.usize(0..1000);
    loop {
        for _ in 0..changes {
            any_change(&memory, &clock, &mut random);
        }
        if !read.step(&mut *image).unwrap() {
            break;
        }
    }
    assert_eq!(read.entries, expected, "SEED={seed}");
    drop(image);
    // Nothing is kept for it any more, and all indexes are sound.
    for shard in &memory.shards {
        assert_eq!(shard.lock().cuts(), 0, "SEED={seed}");
    }
    check(&memory);
}

#[test]
fn an_image_is_the_store_at_one_moment_whatever_changes_while_it_is_read() {
    for seed in 0..15 {
        an_image_is_of_one_moment(seed);
    }
}

/// Ends the writers, also when what was seen is wrong.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_transaction_is_in_an_image_whole_or_not_at_all() {
    let (memory, _clock) = store(u64::MAX, 64);
    let (is_over, pairs) = (AtomicBool::new(false), 50);
    thread::scope(|scope| {
        for writer in 0..2_u64 {
            let (memory, is_over) = (&memory, &is_over);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(writer);
                while !is_over.load(Ordering::Relaxed) {
                    let pair = random.u16(0..pairs);
                    let names = ["left", "right"].map(|side| format!("{side}/{pair}"));
                    let both = names.each_ref().map(|name| Operation::Mutate(add(name)));
                    let transaction = Transaction::new(&[], &both).unwrap();
                    block(memory.transact(transaction, usize::MAX)).unwrap();
                }
            });
        }
        let _over = Over(&is_over);
        let (mut seen, mut last) = (0, 0);
        // As long as it takes until a store that changes was seen.
        while seen < 100 {
            let mut image = image(&memory);
            let mut read = Shown::default();
            while read.step(&mut *image).unwrap() {
                thread::yield_now();
            }
            for pair in 0..pairs {
                let of = |side: &str| {
                    let entry = read.entries.get(&format!("{side}/{pair}"));
                    entry.map(|(value, ..)| value.clone())
                };
                assert_eq!(of("left"), of("right"), "pair {pair}");
            }
            let version = image.about().version.get();
            seen += i32::from(version > last);
            last = version;
        }
    });
}

fn add(name: &str) -> Mutation<'_> {
    Mutation {
        key: Key::new(name, 64).unwrap(),
        change: ADD,
        condition: None,
    }
}

#[test]
fn an_image_ends_when_more_was_changed_than_it_may_keep_and_nothing_else_does() {
    let clock = HeldClock::at(UnixMillis::new(START));
    let config = Config {
        memory_max: u64::MAX,
        shards: 2,
        backup_held_bytes_max: 10_000,
        ..Config::default()
    };
    let memory = Memory::open(config, clock);
    for number in 0..100 {
        set(&memory, &format!("key/{number}"), 1000, 1_000_000).unwrap();
    }
    let (mut quick, mut slow) = (image(&memory), image(&memory));
    let mut read = Shown::default();
    while read.step(&mut *quick).unwrap() {}
    // What was read takes no room any more.
    for number in 0..100 {
        set(&memory, &format!("key/{number}"), 9000, 1_000_000).unwrap();
        let held: Vec<usize> = memory
            .shards
            .iter()
            .map(|it| it.lock().cut_bytes())
            .collect();
        assert!(held.iter().sum::<usize>() <= 10_000, "{held:?}");
    }
    let mut late = Shown::default();
    let ended = loop {
        match late.step(&mut *slow) {
            Ok(true) => {}
            other => break other,
        }
    };
    let expected = Error::BackupTooSlow {
        backup_held_bytes_max: 10_000,
    };
    assert_eq!((ended, read.entries.len()), (Err(expected), 100));
    drop((quick, slow));
    assert!(memory.shards.iter().all(|shard| shard.lock().cuts() == 0));
    // One that is begun now is as good as ever.
    let (mut again, mut read) = (image(&memory), Shown::default());
    while read.step(&mut *again).unwrap() {}
    assert_eq!(read.entries, listed(&memory));
}

#[test]
fn an_image_has_the_requests_that_were_answered_before_and_no_other() {
    let (memory, _clock) = store(u64::MAX, 2);
    let counted = |number: usize| {
        let (id, name) = (format!("id/{number}"), format!("counter/{}", number % 7));
        let mutation = add(&name);
        let once = Once {
            id: RequestId::new(&id).unwrap(),
            content: Content::of_mutation(&mutation),
        };
        block(memory.mutate_once(once, mutation, usize::MAX)).unwrap();
    };
    (0..200).for_each(counted);
    let mut image = image(&memory);
    (200..300).for_each(counted);
    let mut read = Shown::default();
    while read.step(&mut *image).unwrap() {}
    let expected: Vec<String> = (0..200).map(|number| format!("id/{number}")).collect();
    assert_eq!(read.requests, expected);
}

/// The bytes of a backup of all there is.
fn backup(memory: &Memory<HeldClock>) -> Vec<u8> {
    let (mut image, mut out) = (image(memory), Vec::new());
    let mut writer = Writer::begin(image.about(), &mut out);
    while image.read(&mut |record| writer.push(record)).unwrap() {
        writer.flush(&mut out);
    }
    let summary = writer.finish(&mut out);
    assert_eq!(summary.bytes, u64::try_from(out.len()).unwrap());
    out
}

/// A store that was made of a backup at `now`, with its directory.
fn restored(backup: &[u8], now: UnixMillis) -> (Memory<HeldClock>, TempDir) {
    let dir = TempDir::new().unwrap();
    let config = small_files(dir.path(), journal::Durability::Always);
    restore(&config, ("another", now), backup, &mut |_| {}).unwrap();
    let (memory, _) = opened(&dir, now);
    (memory, dir)
}

fn opened(dir: &TempDir, now: UnixMillis) -> (Memory<HeldClock>, HeldClock) {
    let clock = HeldClock::at(now);
    let config = Config {
        memory_max: 1 << 30,
        shards: 4,
        ..Config::default()
    };
    let journal = small_files(dir.path(), journal::Durability::Always);
    let memory = Memory::load(config, journal, clock.clone(), &mut |_| {}).unwrap();
    (memory, clock)
}

#[test]
fn a_restored_store_has_what_the_other_had_and_is_another() {
    let (memory, clock) = store(u64::MAX, 2);
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..3000 {
        any_change(&memory, &clock, &mut random);
    }
    let large = "large".repeat(50_000);
    let text = Change::Set {
        value: ValueRef::Text(&large),
        expiry: Expiry::Never,
        return_previous: false,
    };
    change(&memory, "large", text).unwrap();
    let (before, described) = (listed(&memory), memory.describe());
    let backup = backup(&memory);
    let (again, dir) = restored(&backup, described.now);
    check(&again);
    assert_eq!(listed(&again), before);
    let told = again.describe();
    assert_eq!(
        (told.store_id.as_str(), told.durability),
        ("another", "always")
    );
    assert!(told.version > described.version && told.now >= described.now);
    // And it goes on as any store does, over another start too.
    let stored = set(&again, "next", 3, 1_000_000).unwrap();
    assert!(stored.version > Some(told.version));
    let after = listed(&again);
    block(again.close()).unwrap();
    drop(again);
    let (again, _) = opened(&dir, described.now);
    assert_eq!(listed(&again), after);
}

#[test]
fn no_version_is_given_out_again_that_the_store_gave_out_after_the_backup() {
    let (memory, clock) = store(u64::MAX, 2);
    set(&memory, "a", 1, 1_000_000).unwrap();
    let backup = backup(&memory);
    for _ in 0..500 {
        set(&memory, "a", 1, 1_000_000).unwrap();
    }
    clock.advance(1);
    let last = memory.describe().version;
    let (again, _dir) = restored(&backup, memory.describe().now);
    assert!(set(&again, "a", 1, 1_000_000).unwrap().version > Some(last));
    // A clock that is behind that of the store brings no earlier ones.
    let (again, _dir) = restored(&backup, UnixMillis::new(5));
    let first = set(&again, "a", 1, 1_000_000).unwrap().version;
    assert!(first > Some(Version::before_all(UnixMillis::new(START))));
}

#[test]
fn a_watch_does_not_resume_in_a_restored_store_over_what_is_gone() {
    let (memory, clock) = store(u64::MAX, 2);
    let stored = set(&memory, "a", 1, 1_000_000).unwrap().version.unwrap();
    let backup = backup(&memory);
    let later = set(&memory, "a", 2, 1_000_000).unwrap().version.unwrap();
    clock.advance(1);
    let now = memory.describe().now;
    let (again, dir) = restored(&backup, now);
    let begins = again.describe().version;
    let refused = |memory: &Memory<HeldClock>, version: Version| {
        let query = WatchQuery {
            ranges: vec![Range::default()],
            start: WatchStart::After(Some(version)),
            kinds: EventKinds::ALL,
            with_previous: false,
            omit_value: false,
            reply_bytes_max: 1000,
        };
        block(memory.watch(query)).err()
    };
    let gone = |error: Option<Error>| matches!(error, Some(Error::VersionCompacted { .. }));
    for version in [stored, later] {
        assert!(gone(refused(&again, version)), "{version:?}");
    }
    assert_eq!(refused(&again, begins), None);
    // Nor after the next start, when there is a log to read.
    set(&again, "b", 1, 1_000_000).unwrap();
    block(again.close()).unwrap();
    drop(again);
    let (again, _) = opened(&dir, now);
    for version in [stored, later] {
        assert!(gone(refused(&again, version)), "{version:?} later");
    }
}

#[test]
fn a_request_of_before_the_backup_is_known_again_in_the_restored_store() {
    let (memory, _clock) = store(u64::MAX, 2);
    let mutation = add("counter");
    let once = |id: &'static str| Once {
        id: RequestId::new(id).unwrap(),
        content: Content::of_mutation(&mutation),
    };
    let first = block(memory.mutate_once(once("before"), mutation, usize::MAX)).unwrap();
    let backup = backup(&memory);
    block(memory.mutate_once(once("after"), mutation, usize::MAX)).unwrap();
    let (again, _dir) = restored(&backup, memory.describe().now);
    let repeat = block(again.mutate_once(once("before"), mutation, usize::MAX)).unwrap();
    assert_eq!(repeat, first);
    // What came after the backup is not there, so its repeat is carried out.
    let anew = block(again.mutate_once(once("after"), mutation, usize::MAX)).unwrap();
    assert_eq!(anew.number, Some(first.number.unwrap() + 1));
}

#[test]
fn a_backup_holds_nothing_that_is_not_durable() {
    let dir = TempDir::new().unwrap();
    let (memory, _) = opened(&dir, UnixMillis::new(START));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let journal = memory.journal.clone().unwrap();
        let held = journal.hold();
        let name = Key::new("a", 64).unwrap();
        let value = ValueRef::Number(1);
        let set = Mutation {
            key: name,
            change: Change::Set {
                value,
                expiry: Expiry::Never,
                return_previous: false,
            },
            condition: None,
        };
        let mut stored = Box::pin(memory.mutate(set));
        let mut begun = Box::pin(memory.image());
        let mut context = Context::from_waker(Waker::noop());
        assert!(stored.as_mut().poll(&mut context).is_pending());
        assert!(begun.as_mut().poll(&mut context).is_pending());
        drop(held);
        stored.await.unwrap();
        let mut read = Shown::default();
        let mut image = begun.await.unwrap();
        while read.step(&mut *image).unwrap() {}
        assert_eq!(read.entries.len(), 1);
    });
}
