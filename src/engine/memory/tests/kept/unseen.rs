//! Nobody sees what is not durable: while nothing is written, whatever rests on
//! a change waits, and what rests on none does not.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use futures_util::FutureExt as _;
use tokio_stream::Stream;

use super::*;
use crate::{
    engine::{ListQuery, WatchItem, WatchQuery, WatchStart},
    model::{
        event::EventKinds,
        mutation::Condition,
        range::Range,
        transaction::{Check, Transaction},
    },
};

/// What is asked while nothing is written.
type Asked<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;

fn asked<'a, T>(answer: impl Future<Output = Result<T, Error>> + 'a) -> Asked<'a> {
    Box::pin(answer.map(|answer| answer.map(drop)))
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A store with an entry `there` and an entry `gone`, all of it durable.
fn kept() -> Kept {
    let kept = Kept::new(Durability::Always);
    for name in ["there", "gone", "timed"] {
        block(kept.memory.mutate(number(name, 1))).unwrap();
    }
    kept
}

/// What must wait after each of these changes, by what it is called.
fn resting<'a>(memory: &'a Memory<HeldClock>, all: &'a Range) -> Vec<(&'static str, Asked<'a>)> {
    let absent = Some(Condition::Absent);
    let create = Mutation {
        condition: absent,
        ..number("new", 2)
    };
    let check: &[_] = Box::leak(Box::new([Check {
        key: key("new"),
        condition: Condition::Present,
    }]));
    let reads: &[_] = Box::leak(Box::new([Operation::Read(read(key("new")))]));
    let transact = async {
        let transaction = Transaction::new(check, &[]).unwrap();
        let transacted = memory.transact(transaction, usize::MAX).await;
        transacted.map_err(|_| Error::KeyAbsent)
    };
    let batch = async {
        let mut answers = memory.batch(reads, usize::MAX).await;
        answers.pop().unwrap()
    };
    let seen = async { memory.batch_seen(reads, usize::MAX, |_| {}).await };
    let list = ListQuery {
        range: all,
        after: None,
        entries_max: 9,
        reply_bytes_max: usize::MAX,
        omit_value: true,
    };
    vec![
        ("a read", asked(memory.get(read(key("new"))))),
        (
            "a look",
            asked(memory.view(read(key("new")), |seen| seen.is_some())),
        ),
        ("a miss", asked(memory.get(read(key("gone"))))),
        ("a deadline", asked(memory.get(read(key("timed"))))),
        ("a condition that fails", asked(memory.mutate(create))),
        ("a transaction that reads", asked(transact)),
        ("a batch", asked(batch)),
        ("a batch that is looked at", asked(seen)),
        ("a list", asked(memory.list(list))),
        (
            "a repeat",
            asked(memory.mutate_once(once("id", &add("n")), add("n"), 99)),
        ),
        (
            "a range that is removed",
            asked(memory.delete_range(Box::leak(Box::new(range("no"))), 9)),
        ),
        ("a watch that begins", asked(memory.watch(watching()))),
    ]
}

fn range(prefix: &str) -> Range {
    Range::new(prefix.to_owned(), String::new(), String::new(), 64).unwrap()
}

fn watching() -> WatchQuery {
    WatchQuery {
        ranges: vec![range("")],
        start: WatchStart::Now,
        kinds: EventKinds::ALL,
        with_previous: false,
        omit_value: true,
        reply_bytes_max: usize::MAX,
    }
}

#[test]
fn an_answer_waits_for_what_it_rests_on() {
    let kept = kept();
    let memory = &kept.memory;
    let before = memory.describe().version;
    let all = Range::default();
    let held = memory.journal.as_ref().unwrap().hold();
    let delete = Change::Delete {
        return_previous: false,
    };
    let touch = Change::Touch {
        expiry: Expiry::After(1000),
        mode: TouchMode::Any,
        omit_value: true,
    };
    let changes = [
        asked(memory.mutate(number("new", 1))),
        asked(memory.mutate(mutation("gone", delete))),
        asked(memory.mutate(mutation("timed", touch))),
        asked(memory.mutate_once(once("id", &add("n")), add("n"), 99)),
    ];
    let mut under_way: Vec<_> = ["a set", "a removal", "a touch", "a request with an id"]
        .into_iter()
        .zip(changes)
        .collect();
    for (what, change) in &mut under_way {
        assert_eq!(poll(change.as_mut()), Poll::Pending, "{what}");
    }
    let mut answers = resting(memory, &all);
    for (what, answer) in &mut answers {
        assert_eq!(poll(answer.as_mut()), Poll::Pending, "{what}");
    }
    assert_eq!(memory.describe().version, before, "nor is a version told");
    drop(held);
    for (what, answer) in under_way.into_iter().chain(answers) {
        let refused = what.starts_with("a condition");
        assert_eq!(block(answer).is_err(), refused, "{what}");
    }
    assert!(memory.describe().version > before);
}

#[test]
fn what_rests_on_nothing_new_does_not_wait() {
    let kept = Kept::new(Durability::Always);
    let memory = &kept.memory;
    // Many, so that both shards have some of them.
    for name in 0..20 {
        block(memory.mutate(number(&format!("{name}"), 1))).unwrap();
    }
    let _held = memory.journal.as_ref().unwrap().hold();
    for name in 0..20 {
        let name = format!("new/{name}");
        let mut change = pin!(memory.mutate(number(&name, 1)));
        assert!(poll(change.as_mut()).is_pending());
    }
    for name in 0..20 {
        let name = format!("{name}");
        let mut there = pin!(memory.get(read(key(&name))));
        assert!(poll(there.as_mut()).is_ready(), "an entry that is there");
        let name = format!("no/{name}");
        let mut none = pin!(memory.get(read(key(&name))));
        assert!(poll(none.as_mut()).is_ready(), "a key that was never there");
    }
}

/// What a watch has to tell now.
fn told(watch: &mut (impl Stream<Item = Result<WatchItem, Error>> + Unpin)) -> Vec<WatchItem> {
    let mut items = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(item)) = Pin::new(&mut *watch).poll_next(&mut context) {
        items.push(item.unwrap());
    }
    items
}

#[test]
fn a_watch_tells_of_what_is_durable_alone() {
    let kept = kept();
    let memory = &kept.memory;
    let mut watch = block(memory.watch(watching())).unwrap();
    let first = told(&mut watch);
    let held = memory.journal.as_ref().unwrap().hold();
    let mut change = Box::pin(memory.mutate(number("new", 1)));
    assert!(poll(change.as_mut()).is_pending());
    history::sequencer::step(memory);
    let quiet = told(&mut watch);
    assert!(quiet.iter().all(|item| item.events.is_empty()), "{quiet:?}");
    drop(held);
    let version = block(change).unwrap().version;
    history::sequencer::step(memory);
    let items = told(&mut watch);
    let resume = items.last().unwrap().resume;
    assert!(resume > first.last().unwrap().resume && resume == version);
    let events: Vec<_> = items.iter().flat_map(|item| &item.events).collect();
    assert_eq!(events.len(), 1);
}

#[test]
fn a_snapshot_of_a_watch_waits_for_what_it_has_and_has_not() {
    let kept = kept();
    let memory = &kept.memory;
    let query = WatchQuery {
        start: WatchStart::Snapshot,
        ..watching()
    };
    let mut watch = block(memory.watch(query)).unwrap();
    let held = memory.journal.as_ref().unwrap().hold();
    // Gone, and so not in the snapshot: which must not be told, since it may be
    // there again.
    let delete = Change::Delete {
        return_previous: false,
    };
    let mut change = Box::pin(memory.mutate(mutation("gone", delete)));
    assert!(poll(change.as_mut()).is_pending());
    assert_eq!(told(&mut watch), []);
    drop(held);
    block(change).unwrap();
    let items = told(&mut watch);
    let entries: usize = items.iter().map(|item| item.snapshot_entries.len()).sum();
    assert_eq!(entries, 2);
    assert!(items.iter().any(|item| item.snapshot_complete));
}

#[test]
fn a_broken_journal_refuses_whatever_may_not_last_and_lets_the_rest_be_read() {
    let kept = kept();
    let memory = &kept.memory;
    let journal = memory.journal.as_ref().unwrap();
    let held = journal.hold();
    let mut change = Box::pin(memory.mutate(number("new", 1)));
    assert!(poll(change.as_mut()).is_pending());
    journal.break_down();
    drop(held);
    assert_eq!(block(change), Err(Error::JournalFailed));
    assert_eq!(
        block(memory.get(read(key("new")))),
        Err(Error::JournalFailed),
        "it may be gone after a restart"
    );
    assert!(block(memory.get(read(key("there")))).unwrap().is_some());
    assert_eq!(
        block(memory.mutate(number("there", 2))),
        Err(Error::JournalFailed)
    );
    block(memory.failed());
    assert_eq!(block(memory.close()), Err(Error::JournalFailed));
}

/// A store that answers before its changes are durable.
fn hasty(memory: &Memory<HeldClock>) -> Vec<(&'static str, Asked<'_>)> {
    vec![
        ("a set", asked(async { memory.apply(number("new", 1)).0 })),
        ("a read", asked(async { memory.read(read(key("new"))).0 })),
    ]
}

#[test]
fn a_store_that_does_not_wait_is_found_out() {
    let kept = kept();
    let _held = kept.memory.journal.as_ref().unwrap().hold();
    for (what, mut answer) in hasty(&kept.memory) {
        assert!(poll(answer.as_mut()).is_ready(), "{what}");
    }
}
