//! Transactions, ranges, watches and pipelines against a store.

use std::{collections::BTreeMap, time::Duration};

use nanokv::client::{
    Client,
    entry::Entry,
    operation::{self, Outcome},
    range::Range,
    reason::Reason,
    watch::{EventKind, Update, Watch},
};
use tonic::Code;

use crate::{
    line::Line,
    served::{START, Served, client},
};

#[tokio::test]
async fn a_backup_is_whole_and_says_what_it_is() {
    let running = Served::store();
    let kv = running.client();
    let stored = kv.set("a", "1").await.unwrap();
    let mut backup = kv.backup().await.unwrap();
    assert_eq!(backup.entries_total(), 1);
    let mut bytes = Vec::new();
    while let Some(part) = backup.next().await.unwrap() {
        bytes.extend_from_slice(&part.data);
    }
    let summary = backup.summary().unwrap();
    assert_eq!((summary.version, summary.entries), (stored.version, 1));
    assert_eq!(summary.bytes, i64::try_from(bytes.len()).unwrap());
    assert_eq!(backup.next().await.unwrap(), None);
}

/// A store that is built from what a watch tells, in key and version.
#[derive(Debug, Default)]
struct Mirror {
    versions: BTreeMap<String, i64>,
    /// Of the last event, and how many there were.
    last: i64,
    events: usize,
}

impl Mirror {
    fn take(&mut self, update: Update) {
        match update {
            Update::SnapshotBegins => *self = Self::default(),
            Update::Snapshot(entry) => {
                self.versions.insert(entry.key, entry.version);
            }
            Update::SnapshotComplete { .. } => {}
            Update::Event(event) => {
                let version = event.entry.version;
                assert!(version > self.last, "{version} after {}", self.last);
                (self.last, self.events) = (version, self.events + 1);
                match event.kind {
                    EventKind::Put => self.versions.insert(event.entry.key, version),
                    _ => self.versions.remove(&event.entry.key),
                };
            }
        }
    }

    /// Takes in updates until the version of the store is reached.
    async fn follow(&mut self, watch: &mut Watch, version: i64) {
        let reached = async {
            while self.last < version {
                self.take(watch.next().await.unwrap().unwrap());
            }
        };
        tokio::time::timeout(Duration::from_mins(1), reached)
            .await
            .unwrap();
    }
}

async fn listed(kv: &Client) -> BTreeMap<String, i64> {
    let mut versions = BTreeMap::new();
    let mut entries = kv.list(Range::all()).omit_value().entries();
    while let Some(entry) = entries.next().await {
        let Entry { key, version, .. } = entry.unwrap();
        versions.insert(key, version);
    }
    versions
}

#[tokio::test]
async fn a_transaction_is_done_or_says_what_stood_in_the_way() {
    let running = Served::store();
    let kv = running.client();
    let stored = kv.set("a", 1).await.unwrap();
    let done = kv
        .transact()
        .check_version("a", stored.version)
        .check_absent("b")
        .then(operation::increment("a"))
        .then(operation::set("b", "x"))
        .then(operation::get("a"))
        .await
        .unwrap();
    let [
        Outcome::Increment(counted),
        Outcome::Set(set),
        Outcome::Get(Some(before)),
    ] = &done.outcomes[..]
    else {
        panic!("{done:?}");
    };
    assert_eq!(counted.number, 2);
    assert_eq!(set.version, done.version);
    assert_eq!(before.version, stored.version);

    let check = kv.transact().check_present("a").check_absent("b");
    let check = check.then(operation::delete("a")).await.unwrap_err();
    assert_eq!(check.reason(), Some(&Reason::CheckFailed));
    assert_eq!(check.check_index(), Some(1));
    assert_eq!(check.current_version(), Some(done.version));
    assert!(check.is_refused_condition());

    let failed = kv.transact().then(operation::get("a"));
    let failed = failed.then(operation::increment("b")).await.unwrap_err();
    assert_eq!(failed.reason(), Some(&Reason::WrongKind));
    assert_eq!(failed.operation_index(), Some(1));

    let empty = kv.transact().await.unwrap_err();
    assert_eq!(empty.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_range_is_removed_in_steps() {
    let running = Served::store();
    let kv = running.client();
    let sets = (0..25).map(|number| operation::set(format!("a/{number}"), number));
    kv.batch().all(sets).await.unwrap();
    kv.set("b", "stays").await.unwrap();
    let step = kv.delete_range(Range::prefix("a/")).await.unwrap();
    assert_eq!((step.deleted, step.more), (10, true));
    let rest = kv.delete_range(Range::prefix("a/")).to_the_end();
    let rest = rest.await.unwrap();
    assert_eq!((rest.deleted, rest.more), (15, false));
    assert_eq!(listed(&kv).await.len(), 1);
    let every = kv.delete_range(Range::all()).await.unwrap_err();
    assert_eq!(every.code(), Code::InvalidArgument);
    assert_eq!(kv.delete_all().to_the_end().await.unwrap().deleted, 1);
}

#[tokio::test]
async fn a_mirror_over_a_line_that_is_cut_ends_equal_to_the_store() {
    let running = Served::store();
    let line = Line::to(running.address()).await;
    let writer = running.client();
    let reader = client(line.address());
    writer.set("first", "x").await.unwrap();
    let mut watch = reader.watch(Range::all()).snapshot().await.unwrap();
    let mut mirror = Mirror::default();
    let (mut version, mut changes) = (0, 0);
    for round in 0..20_u64 {
        for number in 0..10 {
            let key = format!("key/{}", fastrand::u8(..20));
            changes += 1;
            version = match fastrand::u8(..3) {
                0 => {
                    let deleted = writer.delete(key).await.unwrap();
                    changes -= usize::from(!deleted.deleted);
                    deleted.version.max(version)
                }
                _ => writer.set(key, number).await.unwrap().version,
            };
        }
        if round % 3 == 0 {
            mirror.follow(&mut watch, version).await;
        }
        line.cut();
    }
    version = writer.set("last", "x").await.unwrap().version;
    mirror.follow(&mut watch, version).await;
    assert_eq!(mirror.versions, listed(&writer).await);
    assert_eq!(mirror.events, changes + 1, "each change once");
    assert_eq!(watch.resume_version(), version);
}

#[tokio::test]
async fn a_restart_of_a_memory_store_ends_a_watch_and_a_mirror_begins_again() {
    let old = Served::store();
    let line = Line::to(old.address()).await;
    let kv = client(line.address());
    kv.set("a", "old").await.unwrap();
    let mut watch = kv.watch(Range::all()).await.unwrap();
    let mirrored = kv.watch(Range::all()).snapshot().begin_again();
    let mut mirrored = mirrored.await.unwrap();
    let version = kv.set("b", "old").await.unwrap().version;
    let mut mirror = Mirror::default();
    mirror.follow(&mut mirrored, version).await;
    assert_eq!(mirror.versions.len(), 2);
    assert!(watch.next().await.unwrap().is_ok());

    let new = Served::store_at(START + 60_000);
    new.client().set("c", "new").await.unwrap();
    line.lead_to(new.address());
    let error = watch.next().await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(&Reason::VersionCompacted));
    assert!(error.oldest_version() > Some(version));

    assert_eq!(
        mirrored.next().await.unwrap().unwrap(),
        Update::SnapshotBegins
    );
    mirror.take(Update::SnapshotBegins);
    let version = new.client().set("d", "new").await.unwrap().version;
    mirror.follow(&mut mirrored, version).await;
    assert_eq!(mirror.versions, listed(&new.client()).await);
}

#[tokio::test]
async fn a_listing_is_watched_on_from_without_a_gap() {
    let running = Served::store();
    let kv = running.client();
    kv.set("a", "x").await.unwrap();
    let mut entries = kv.list(Range::all()).entries();
    while entries.next().await.is_some() {}
    let deleted = kv.delete("a").await.unwrap();
    let watch = kv.watch(Range::prefix("a")).or(Range::prefix("b"));
    let watch = watch.after_version(entries.version().unwrap());
    let mut watch = watch.with_previous().await.unwrap();
    let Update::Event(event) = watch.next().await.unwrap().unwrap() else {
        panic!("an event expected");
    };
    assert_eq!(event.kind, EventKind::Delete);
    assert_eq!(event.entry.version, deleted.version);
    assert_eq!(event.previous.unwrap().value, Some("x".into()));
}

#[tokio::test]
async fn a_watch_of_some_kinds_tells_no_others() {
    let running = Served::store();
    let kv = running.client();
    let watch = kv.watch(Range::all()).only([EventKind::Delete]);
    let mut watch = watch.omit_value().await.unwrap();
    kv.set("a", "x").await.unwrap();
    let deleted = kv.delete("a").await.unwrap();
    let Update::Event(event) = watch.next().await.unwrap().unwrap() else {
        panic!("an event expected");
    };
    assert_eq!(event.entry.version, deleted.version);
}

#[tokio::test]
async fn a_pipeline_carries_its_lists_out_in_order() {
    let running = Served::store();
    let pipeline = running.client().pipeline().await.unwrap();
    let mut replies = Vec::new();
    for _ in 0..100 {
        let list = [operation::increment("n"), operation::increment("n")];
        replies.push(pipeline.send(list).await.unwrap());
    }
    let mut number = 0;
    for reply in replies {
        for outcome in reply.await.unwrap() {
            number += 1;
            let Ok(Outcome::Increment(counted)) = outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(counted.number, number);
        }
    }
    let too_many = vec![operation::get("a"); 1025];
    let refused = pipeline.send(too_many).await.unwrap().await.unwrap_err();
    assert_eq!(refused.reason(), Some(&Reason::FieldTooLarge));
}

#[tokio::test]
async fn watches_that_are_read_late_leave_the_calls_beside_them_alone() {
    let running = Served::store();
    let (kv, writer) = (running.client(), running.client());
    let pipeline = kv.pipeline().await.unwrap();
    let mut watches = Vec::new();
    for _ in 0..100 {
        watches.push(kv.watch(Range::all()).await.unwrap());
    }
    // One at a time, so that each is told in a frame of its own.
    let mut last = 0;
    for number in 0..200 {
        last = writer.set("a", number).await.unwrap().version;
        for _ in 0..20 {
            writer.get("a").await.unwrap();
        }
    }
    let sent = pipeline.send([operation::get("a")]).await.unwrap();
    assert_eq!(sent.await.unwrap().len(), 1);
    for watch in &mut watches {
        let mut mirror = Mirror::default();
        mirror.follow(watch, last).await;
        assert_eq!(mirror.events, 200);
    }
}
