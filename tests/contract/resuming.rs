//! Watch: where it begins, what is kept for that, and a snapshot.

use std::collections::BTreeMap;

use nanokv::proto::{self as pb, EventType};
use tonic::Code;

use crate::support::{
    kv::Kv,
    server::Server,
    watching::told,
    words::{Span, keys},
};

contract![
    without_a_start_it_begins_with_the_next_change,
    a_watch_resumes_after_a_version_without_gap_or_repetition,
    a_listing_can_be_watched_on_from_its_version,
    what_was_changed_before_the_first_list_or_watch_is_compacted,
    changes_are_kept_for_10_minutes_after_the_last_list,
    changes_are_kept_while_somebody_watches,
    a_version_that_fell_out_of_the_history_is_compacted,
    a_version_of_a_store_that_started_anew_is_compacted,
    a_version_above_the_current_one_is_ahead,
    a_version_is_not_negative,
    snapshot_must_be_true,
    a_snapshot_is_every_entry_and_then_every_change,
    a_snapshot_of_an_empty_store_is_complete,
    a_snapshot_has_each_entry_once_and_none_that_has_expired,
    what_changes_while_a_snapshot_is_sent_is_told_after_it,
    a_watch_that_is_not_read_ends_and_says_where_to_resume,
    a_mirror_that_is_cut_off_ends_equal_to_the_store,
];

async fn without_a_start_it_begins_with_the_next_change(server: Server) {
    let kv = server.start().await;
    let before = kv.set("a", "1").await.version;
    let mut watching = kv.watch().await;
    assert_eq!(watching.reply().await.resume_version, before);
    let version = kv.set("a", "2").await.version;
    assert_eq!(watching.told(1).await[0].2, version);
}

async fn a_watch_resumes_after_a_version_without_gap_or_repetition(server: Server) {
    let kv = server.start().await;
    let mut first = kv.watch().await;
    first.reply().await;
    let began = first.resume();
    let mut expected = Vec::new();
    for round in 0..20 {
        let version = kv.set(&format!("{round}"), round).await.version;
        expected.push((EventType::Put, format!("{round}"), version));
    }
    drop(first);
    let mut after = began;
    for number in 0..=20 {
        let mut watching = kv.watch().after(after).await;
        let rest = expected[number..].to_vec();
        assert_eq!(watching.told(rest.len()).await, rest);
        after = expected.get(number).map_or(after, |it| it.2);
    }
}

async fn a_listing_can_be_watched_on_from_its_version(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").await;
    let page = kv.list().await;
    let version = kv.set("b", "1").await.version;
    let mut watching = kv.watch().after(page.version).await;
    let told = watching.told(1).await;
    assert_eq!(told, [(EventType::Put, "b".to_owned(), version)]);
}

async fn what_was_changed_before_the_first_list_or_watch_is_compacted(server: Server) {
    let kv = server.start().await;
    let first = kv.set("a", "1").await.version;
    let second = kv.set("a", "2").await.version;
    let refusal = compacted(&kv, first).await;
    assert_eq!(refusal, second);
    compacted(&kv, 0).await;
    kv.watch().after(second).await.reply().await;
}

async fn changes_are_kept_for_10_minutes_after_the_last_list(server: Server) {
    let kv = server.start().await;
    let version = kv.list().await.version;
    kv.set("a", "1").await;
    kv.advance(599.seconds());
    kv.list().await;
    kv.advance(599.seconds());
    kv.list().await;
    kv.set("a", "2").await;
    kv.advance(600.seconds());
    let current = kv.version().await;
    assert_eq!(compacted(&kv, version).await, current);
}

async fn changes_are_kept_while_somebody_watches(server: Server) {
    let kv = server.start().await;
    let mut watching = kv.watch().prefix("quiet").await;
    let version = watching.reply().await.resume_version;
    kv.set("a", "1").await;
    kv.advance(3600.seconds());
    kv.set("a", "2").await;
    let mut other = kv.watch().after(version).await;
    assert_eq!(other.told(2).await.len(), 2);
}

async fn a_version_that_fell_out_of_the_history_is_compacted(server: Server) {
    let server = server.history(|history| history.events_max = 1000);
    let kv = server.start().await;
    let version = kv.list().await.version;
    fill(&kv, 3000).await;
    // Seen by a watch, the last change is in the history.
    let current = kv.version().await;
    kv.watch().snapshot().await.events_to(current).await;
    let oldest = loop {
        let Ok(mut watching) = kv.watch().after(version).answer().await else {
            break compacted(&kv, version).await;
        };
        while watching.next().await.is_ok() {}
    };
    let left = usize::try_from(current - oldest).unwrap();
    assert!((500..=1000).contains(&left), "{left}");
    let mut watching = kv.watch().after(oldest).await;
    assert_eq!(watching.told(left).await.len(), left);
    compacted(&kv, oldest - 1).await;
}

async fn a_version_of_a_store_that_started_anew_is_compacted(server: Server) {
    let kv = server.start().await;
    let version = kv.set("a", "1").await.version;
    let anew = server.later(1.seconds()).start().await;
    compacted(&anew, version).await;
}

async fn a_version_above_the_current_one_is_ahead(server: Server) {
    let kv = server.start().await;
    let version = kv.set("a", "1").await.version;
    let refusal = kv
        .watch()
        .after(version + 1)
        .refused(Code::OutOfRange)
        .await;
    assert_eq!(refusal.reason, "VERSION_AHEAD");
    assert_eq!(refusal.detail("current_version"), version.to_string());
    kv.watch().after(version).await.reply().await;
}

async fn a_version_is_not_negative(server: Server) {
    let kv = server.start().await;
    kv.watch().after(-1).invalid("after_version").await;
}

async fn snapshot_must_be_true(server: Server) {
    let kv = server.start().await;
    let start = Some(pb::watch_request::Start::Snapshot(false));
    let watch = kv.watch().with(|it| it.start = start);
    watch.invalid("snapshot").await;
}

async fn a_snapshot_is_every_entry_and_then_every_change(server: Server) {
    let kv = server.start().await;
    fill(&kv, 500).await;
    kv.set("key/0007", "1").ttl(10.seconds()).await;
    let version = kv.version().await;
    let listed = kv.list().await.entries;
    let mut watching = kv.watch().snapshot().await;
    assert_eq!(watching.snapshot().await, (listed, version));
    let next = kv.delete("key/0001").await.version;
    let told = watching.told(1).await;
    assert_eq!(told, [(EventType::Delete, "key/0001".to_owned(), next)]);
}

async fn a_snapshot_of_an_empty_store_is_complete(server: Server) {
    let kv = server.start().await;
    let version = kv.version().await;
    let mut watching = kv.watch().snapshot().await;
    assert_eq!(watching.snapshot().await, (vec![], version));
    kv.set("a", "1").await;
    watching.events(1).await;
}

async fn a_snapshot_has_each_entry_once_and_none_that_has_expired(server: Server) {
    let kv = server.start().await;
    for key in ["a", "ab", "b", "ba", "c"] {
        kv.set(key, "1").await;
    }
    kv.set("brief", "1").ttl(1.seconds()).await;
    kv.advance(1.seconds());
    let overlapping = kv.watch().prefix("a").or("ab", "", "").or("b", "", "");
    let mut watching = overlapping.snapshot().await;
    let (entries, _) = watching.snapshot().await;
    assert_eq!(keys(&entries), ["a", "ab", "b", "ba"]);
}

async fn what_changes_while_a_snapshot_is_sent_is_told_after_it(server: Server) {
    let kv = server.start().await;
    let value = "x".repeat(10_000);
    for number in 0..1000 {
        kv.set(&format!("key/{number:04}"), value.as_str()).await;
    }
    let version = kv.version().await;
    let mut watching = kv.watch().snapshot().await;
    let mut mirror = BTreeMap::new();
    let first = watching.reply().await;
    assert!(!first.snapshot_complete, "it is sent in parts");
    for number in 0..200 {
        kv.set(&format!("key/{:04}", number * 37 % 1000), "new")
            .await;
        kv.delete(&format!("key/{:04}", number * 53 % 1000)).await;
    }
    let last = kv.version().await;
    let (mut entries, complete) = watching.snapshot().await;
    assert_eq!(complete, version);
    entries.extend(first.snapshot_entries);
    for entry in entries {
        assert!(entry.version <= version);
        let known = mirror.insert(entry.key, entry.version);
        assert_eq!(known, None, "twice in the snapshot");
    }
    let events = watching.events_to(last).await;
    let versions: Vec<i64> = events.iter().map(|it| told(it).2).collect();
    assert_eq!(versions, (version + 1..=last).collect::<Vec<_>>());
    follow(&mut mirror, &events);
    assert_eq!(mirror, listed(&kv).await);
}

async fn a_watch_that_is_not_read_ends_and_says_where_to_resume(server: Server) {
    let server = server.history(|history| history.events_max = 50);
    let kv = server.start().await;
    let mut watching = kv.watch().await;
    let mut sent = watching.reply().await.resume_version;
    // More than the connection takes without being read.
    let value = "x".repeat(100_000);
    let other = kv.reconnected().await;
    for number in 0..200 {
        other.set(&format!("{}", number % 3), value.as_str()).await;
    }
    let refusal = loop {
        match watching.next().await {
            Ok(reply) => {
                for event in reply.events {
                    assert_eq!(told(&event).2, sent + 1, "nothing is left out");
                    sent += 1;
                }
            }
            Err(status) => break crate::support::refusal::Refusal::from(status),
        }
    };
    assert_eq!(refusal.code, Code::ResourceExhausted);
    assert_eq!(refusal.reason, "WATCH_TOO_SLOW");
    assert_eq!(refusal.detail("resume_version"), sent.to_string());
    let oldest: i64 = refusal.detail("oldest_version").parse().unwrap();
    // It was the oldest when the watch ended, and changes may have gone on.
    let now = compacted(&kv, sent).await;
    assert!(sent < oldest && oldest <= now, "{refusal:?}, now {now}");
    kv.watch().after(now).await.reply().await;
}

async fn a_mirror_that_is_cut_off_ends_equal_to_the_store(server: Server) {
    let kv = server.start().await;
    let mut watching = kv.watch().snapshot().await;
    let (_, mut resume) = watching.snapshot().await;
    let mut mirror = BTreeMap::new();
    for round in 0..20 {
        for number in 0..20 {
            let key = format!("key/{}", (round * 7 + number * 3) % 50);
            match number % 4 {
                0 => drop(kv.delete(&key).await),
                1 => drop(kv.set(&key, "brief").ttl(1.seconds()).await),
                _ => drop(kv.set(&key, number).await),
            }
        }
        kv.advance(700.millis());
        follow(&mut mirror, &watching.reply().await.events);
        resume = watching.resume().max(resume);
        watching = kv.reconnected().await.watch().after(resume).await;
    }
    kv.set("last", "1").await;
    // Until it has been told of all that has expired.
    for _ in 0..10 {
        kv.advance(5.seconds());
        follow(&mut mirror, &watching.reply().await.events);
        if mirror == listed(&kv).await {
            return;
        }
    }
    assert_eq!(mirror, listed(&kv).await);
}

/// Must be refused as too old: the oldest version that is not.
async fn compacted(kv: &Kv, version: i64) -> i64 {
    let refusal = kv.watch().after(version).refused(Code::OutOfRange).await;
    assert_eq!(refusal.reason, "VERSION_COMPACTED");
    refusal.detail("oldest_version").parse().unwrap()
}

/// Sets so many times, up to a thousand keys.
async fn fill(kv: &Kv, count: usize) {
    for from in (0..count).step_by(500) {
        let mut batch = kv.batch();
        for number in from..count.min(from + 500) {
            batch = batch.then(kv.set(&format!("key/{:04}", number % 1000), "1"));
        }
        batch.await;
    }
}

fn follow(mirror: &mut BTreeMap<String, i64>, events: &[pb::Event]) {
    for event in events {
        match told(event) {
            (EventType::Put, key, version) => mirror.insert(key, version),
            (_, key, _) => mirror.remove(&key),
        };
    }
}

async fn listed(kv: &Kv) -> BTreeMap<String, i64> {
    let entries = kv.list().omit_value().await.entries.into_iter();
    entries.map(|entry| (entry.key, entry.version)).collect()
}
