//! What is there again when a store is opened anew.

use futures_util::StreamExt as _;

use super::*;
use crate::{
    engine::{WatchQuery, WatchStart},
    model::{
        entry::Entry,
        event::{Event, EventKind, EventKinds},
        operation::Outcome,
        range::Range,
        transaction::{Transacted, Transaction},
        version::Version,
    },
};

const AGAIN: UnixMillis = UnixMillis::new(START + 60_000);

fn entry(memory: &Memory<HeldClock>, name: &str) -> Option<Entry> {
    block(memory.get(read(key(name)))).unwrap()
}

#[test]
fn entries_are_there_again_as_they_were() {
    let kept = Kept::new(Durability::Always);
    let long = vec![7; 100_000];
    let values = [
        ("data", ValueRef::Data(&[0, 255])),
        ("empty", ValueRef::Data(&[])),
        ("long", ValueRef::Data(&long)),
        ("number", ValueRef::Number(i64::MIN)),
        ("text", ValueRef::Text("é")),
    ];
    for (name, value) in values {
        let set = Change::Set {
            value,
            expiry: Expiry::After(1_000_000),
            return_previous: false,
        };
        block(kept.memory.mutate(mutation(name, set))).unwrap();
    }
    touch(&kept.memory, "text", 2_000_000).unwrap();
    delete(&kept.memory, "empty").unwrap();
    let names = ["data", "empty", "long", "number", "text"];
    let before = names.map(|name| entry(&kept.memory, name));
    let (store_id, version) = {
        let description = kept.memory.describe();
        (description.store_id, description.version)
    };
    assert_eq!(before.iter().flatten().count(), 4);
    let kept = kept.again(AGAIN);
    check(&kept.memory);
    assert_eq!(names.map(|name| entry(&kept.memory, name)), before);
    let description = kept.memory.describe();
    assert_eq!(description.store_id, store_id);
    assert!(description.version >= version);
    let next = block(kept.memory.mutate(number("next", 1))).unwrap();
    assert!(next.version > Some(version));
}

#[test]
fn what_has_expired_meanwhile_is_a_miss_and_its_removal_takes_a_version() {
    let kept = Kept::new(Durability::Always);
    set(&kept.memory, "a", 10, 1000).unwrap();
    set(&kept.memory, "b", 10, 100_000).unwrap();
    let kept = kept.again(AGAIN);
    assert_eq!(entry(&kept.memory, "a"), None);
    assert!(entry(&kept.memory, "b").is_some());
    let before = kept.memory.describe().version;
    assert_eq!(kept.memory.memory().entries, 2, "not swept yet");
    for shard in 0..2 {
        while !sweep::step(&kept.memory, shard) {}
    }
    block(kept.memory.settled(kept.memory.barrier())).unwrap();
    assert_eq!(kept.memory.describe().version, before.next());
    let kept = kept.again(AGAIN);
    assert_eq!(kept.memory.memory().entries, 1, "and it stays away");
}

#[test]
fn the_clock_does_not_go_back_behind_what_was_noted() {
    let kept = Kept::new(Durability::Always);
    kept.clock.advance(5000);
    set(&kept.memory, "a", 10, 1000).unwrap();
    let kept = kept.again(UnixMillis::new(START - 1_000_000));
    assert!(kept.memory.describe().now >= UnixMillis::new(START + 5000));
}

#[test]
fn a_request_is_answered_again_after_the_store_was_opened_anew() {
    let mut kept = Kept::new(Durability::Always);
    let add = add("n");
    let ask = |kept: &Kept, id: &str| {
        let once = once(id, &add);
        block(kept.memory.mutate_once(once, add, usize::MAX)).unwrap()
    };
    let first = ask(&kept, "id");
    assert_eq!(first.number, Some(1));
    for _ in 0..2 {
        kept = kept.again(AGAIN);
        assert_eq!(ask(&kept, "id"), first);
    }
    assert_eq!(ask(&kept, "other").number, Some(2));
    // Over the end of its window it is a new request.
    let window_ms = requests::Config::default().window_ms;
    let kept = kept.again(AGAIN.plus(window_ms));
    assert_eq!(ask(&kept, "id").number, Some(3));
}

#[test]
fn a_transaction_is_there_again_with_its_reply() {
    let mut kept = Kept::new(Durability::Always);
    set(&kept.memory, "old", 1, 10).unwrap();
    kept.clock.advance(20);
    let operations = [
        change_of(number("old", 1)),
        Operation::Read(read(key("old"))),
        change_of(add("n")),
    ];
    let transaction = Transaction::new(&[], &operations).unwrap();
    let ask = |kept: &Kept| -> Transacted {
        let once = Once {
            id: RequestId::new("id").unwrap(),
            content: Content::of_transaction(&transaction),
        };
        block(kept.memory.transact_once(once, transaction, usize::MAX)).unwrap()
    };
    let first = ask(&kept);
    assert!(matches!(first.outcomes[1], Outcome::Read(None)));
    for _ in 0..2 {
        kept = kept.again(AGAIN);
        assert_eq!(ask(&kept), first);
    }
    let versions = ["old", "n"].map(|name| entry(&kept.memory, name).unwrap().version());
    assert_eq!(versions[0].next(), versions[1]);
    assert_eq!(first.version, Some(versions[1]));
}

fn events(memory: &Memory<HeldClock>, after: Version, count: usize) -> Result<Vec<Event>, Error> {
    let query = WatchQuery {
        ranges: vec![Range::default()],
        start: WatchStart::After(Some(after)),
        kinds: EventKinds::ALL,
        with_previous: true,
        omit_value: false,
        reply_bytes_max: usize::MAX,
    };
    block(async {
        let mut watch = memory.watch(query).await?;
        let mut events = Vec::new();
        while events.len() < count {
            events.extend(watch.next().await.unwrap()?.events);
        }
        Ok(events)
    })
}

#[test]
fn a_watch_goes_on_from_before_with_every_event_and_the_entry_before_it() {
    let kept = Kept::new(Durability::Always);
    let begin = kept.memory.describe().version;
    block(kept.memory.list(crate::engine::ListQuery {
        range: &Range::default(),
        after: None,
        entries_max: 1,
        reply_bytes_max: 1,
        omit_value: true,
    }))
    .unwrap();
    block(kept.memory.mutate(number("a", 1))).unwrap();
    touch(&kept.memory, "a", 500).unwrap();
    block(kept.memory.mutate(number("a", 2))).unwrap();
    set(&kept.memory, "b", 3, 100).unwrap();
    kept.clock.advance(200);
    block(kept.memory.mutate(number("b", 3))).unwrap();
    delete(&kept.memory, "a").unwrap();
    history::sequencer::step(&kept.memory);
    let before = events(&kept.memory, begin, 6).unwrap();
    let kinds: Vec<_> = before.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            EventKind::Put,
            EventKind::Put,
            EventKind::Put,
            EventKind::Expire,
            EventKind::Put,
            EventKind::Delete
        ]
    );
    let last = before.last().unwrap().entry.version();
    let kept = kept.again(AGAIN);
    assert_eq!(events(&kept.memory, begin, 6).unwrap(), before);
    assert_eq!(events(&kept.memory, last, 0).unwrap(), []);
    // And again, with what came after.
    block(kept.memory.mutate(number("c", 1))).unwrap();
    let kept = kept.again(AGAIN);
    assert_eq!(events(&kept.memory, begin, 7).unwrap()[..6], before);
}

#[test]
fn a_watch_begins_anew_where_changes_that_were_seen_may_be_lost() {
    let (dir, clock) = (
        TempDir::new().unwrap(),
        HeldClock::at(UnixMillis::new(START)),
    );
    for (durability, resumes) in [
        (Durability::Os, false),
        (Durability::Interval, false),
        (Durability::Always, true),
    ] {
        let memory = load(dir.path(), durability, &clock);
        let version = block(memory.mutate(number("a", 1))).unwrap().version;
        end(&memory);
        drop(memory);
        let memory = load(dir.path(), durability, &clock);
        let again = events(&memory, version.unwrap(), 0);
        assert_eq!(again.is_ok(), resumes, "{durability:?}: {again:?}");
        end(&memory);
        drop(memory);
    }
}

#[test]
fn a_watch_does_not_go_on_over_a_removal_that_no_file_has_any_more() {
    let kept = Kept::new(Durability::Always);
    set(&kept.memory, "goes", 1, 1_000_000).unwrap();
    let stays = set(&kept.memory, "stays", 1, 1_000_000).unwrap().version;
    delete(&kept.memory, "goes").unwrap();
    // Touches take no version, and fill the log until a snapshot lets go of its
    // beginning.
    let first = kept.dir.path().join("log-0000000000000001");
    for more_ms in 0.. {
        if !first.exists() {
            break;
        }
        touch(&kept.memory, "stays", 1_000_000 + more_ms).unwrap();
    }
    let kept = kept.again(AGAIN);
    let resumed = events(&kept.memory, stays.unwrap(), 0);
    assert!(
        matches!(resumed, Err(Error::VersionCompacted { .. })),
        "{resumed:?}"
    );
    let now = kept.memory.describe().version;
    assert_eq!(events(&kept.memory, now, 0), Ok(vec![]));
    block(kept.memory.mutate(number("n", 1))).unwrap();
    let kept = kept.again(AGAIN);
    let resumed = events(&kept.memory, now, 1).unwrap();
    assert_eq!(resumed[0].entry.key(), "n");
}

#[test]
fn a_history_that_was_read_lasts_from_the_end_of_that_on() {
    let kept = Kept::new(Durability::Always);
    let version = set(&kept.memory, "a", 1, 1_000_000).unwrap().version;
    end(&kept.memory);
    drop(kept.memory);
    // Far behind what the store has noted, as a machine without a clock begins.
    let clock = HeldClock::at(UnixMillis::new(1));
    let memory = load(kept.dir.path(), Durability::Always, &clock);
    assert_eq!(events(&memory, version.unwrap(), 0), Ok(vec![]));
}

#[test]
fn more_than_a_snapshot_holds_is_there_again() {
    const KEYS: usize = 300;
    let mut kept = Kept::new(Durability::Os);
    let value = vec![7; 5000];
    for round in 0..6 {
        for name in 0..KEYS {
            let name = format!("{name}");
            let set = Change::Set {
                value: ValueRef::Data(&value[..4000 + round]),
                expiry: Expiry::Never,
                return_previous: false,
            };
            block(kept.memory.mutate(mutation(&name, set))).unwrap();
        }
        let ask = add("n");
        let id = format!("{round}");
        block(kept.memory.mutate_once(once(&id, &ask), ask, 99)).unwrap();
    }
    let journal = kept.memory.journal.clone().unwrap();
    // Until one is there that reaches over what was written here.
    while journal.status().snapshots == 0 {
        std::thread::yield_now();
    }
    let names: Vec<_> = (0..KEYS).map(|name| format!("{name}")).collect();
    let all =
        |kept: &Kept| -> Vec<_> { names.iter().map(|name| entry(&kept.memory, name)).collect() };
    let before = all(&kept);
    drop(journal);
    for _ in 0..2 {
        kept = kept.again(AGAIN);
        check(&kept.memory);
        assert_eq!(all(&kept), before);
        let ask = add("n");
        for round in 0..6 {
            let id = format!("{round}");
            let again = block(kept.memory.mutate_once(once(&id, &ask), ask, 99)).unwrap();
            assert_eq!(again.number, Some(round + 1));
        }
    }
}
