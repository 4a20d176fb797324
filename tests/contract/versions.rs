//! Version: each accepted change of a value or of existence takes the next
//! one; unique and increasing in one store.

use std::collections::BTreeSet;

use tokio::task::JoinSet;
use tonic::Code;

use crate::support::{
    requests::Slot,
    server::Server,
    words::{START, Span},
};

contract_of_single_keys![
    versions_increase_over_all_keys_and_calls,
    versions_are_unique_among_callers_at_once,
    set_takes_a_version_also_for_an_equal_value,
    increment_takes_a_version_also_by_0,
    delete_takes_a_version,
    delete_of_an_absent_key_takes_none,
    a_refusal_takes_none,
    a_touch_takes_none,
    a_read_takes_none,
    an_expiry_takes_one_at_removal,
    set_over_an_expired_key_takes_two,
    increment_over_an_expired_key_takes_two,
    the_entry_carries_the_version_that_its_change_took,
    a_memory_store_begins_at_unix_microseconds,
    versions_are_exact_in_a_double,
];

async fn versions_increase_over_all_keys_and_calls(server: Server) {
    let kv = server.start().await;
    let batch = kv.batch().then(kv.set("c", "1")).then(kv.set("d", "1"));
    let mut versions = vec![
        kv.set("a", "1").await.version,
        kv.set("b", "1").await.version,
        kv.set("a", "2").await.version,
        kv.delete("b").await.version,
        kv.increment("n").await.version,
    ];
    versions.extend(batch.await.iter().map(Slot::version));
    versions.push(kv.set("b", "2").await.version);
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    assert!(versions.iter().all(|version| *version > 0));
    assert_eq!(kv.version().await, versions[7], "the last one given out");
}

async fn versions_are_unique_among_callers_at_once(server: Server) {
    let kv = server.start().await;
    let mut callers = JoinSet::new();
    for caller in 0..8 {
        let kv = kv.reconnected().await;
        callers.spawn(async move {
            let key = format!("k{}", caller % 3);
            let mut versions = Vec::new();
            for _ in 0..20 {
                versions.push(kv.set(&key, "1").await.version);
            }
            assert!(versions.is_sorted(), "{versions:?}");
            versions
        });
    }
    let taken = callers.join_all().await.concat();
    let unique: BTreeSet<i64> = taken.iter().copied().collect();
    assert_eq!(unique.len(), taken.len());
}

async fn set_takes_a_version_also_for_an_equal_value(server: Server) {
    let kv = server.start().await;
    let first = kv.set("a", "1").await.version;
    assert_eq!(kv.set("a", "1").await.version, first + 1);
    assert_eq!(kv.get("a").await.unwrap().version, first + 1);
}

async fn increment_takes_a_version_also_by_0(server: Server) {
    let kv = server.start().await;
    let first = kv.increment("n").await.version;
    assert_eq!(kv.increment("n").by(0).await.version, first + 1);
    assert_eq!(kv.get("n").await.unwrap().version, first + 1);
}

async fn delete_takes_a_version(server: Server) {
    let kv = server.start().await;
    let stored = kv.set("a", "1").await.version;
    assert_eq!(kv.delete("a").await.version, stored + 1);
    assert_eq!(kv.version().await, stored + 1);
}

async fn delete_of_an_absent_key_takes_none(server: Server) {
    let kv = server.start().await;
    let before = kv.version().await;
    assert_eq!(kv.delete("a").await.version, 0);
    assert_eq!(kv.version().await, before);
}

async fn a_refusal_takes_none(server: Server) {
    let kv = server.start().await;
    let before = kv.set("a", "1").await.version;
    kv.set("a", "2")
        .if_absent()
        .refused(Code::AlreadyExists)
        .await;
    kv.delete("b").if_present().refused(Code::NotFound).await;
    kv.increment("a").refused(Code::FailedPrecondition).await;
    kv.touch("a").if_version(1).refused(Code::Aborted).await;
    kv.set("a", "2").ttl(101.years()).invalid("ttl").await;
    assert_eq!(kv.version().await, before);
}

async fn a_touch_takes_none(server: Server) {
    let kv = server.start().await;
    let before = kv.set("a", "1").await.version;
    let touched = kv.touch("a").ttl(10.seconds()).await.entry.unwrap();
    assert_eq!(touched.version, before);
    assert_eq!(kv.get("a").await.unwrap().version, before);
    assert_eq!(kv.version().await, before);
}

async fn a_read_takes_none(server: Server) {
    let kv = server.start().await;
    let before = kv.set("a", "1").await.version;
    kv.get("a").await;
    kv.get("b").await;
    kv.list().await;
    kv.batch().then(kv.get("a")).await;
    assert_eq!(kv.version().await, before);
}

async fn an_expiry_takes_one_at_removal(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    let before = kv.set("b", "1").await.version;
    kv.advance(11.seconds());
    kv.until_version(before + 1).await;
    assert_eq!(kv.set("b", "2").await.version, before + 2);
}

async fn set_over_an_expired_key_takes_two(server: Server) {
    let kv = server.unswept().start().await;
    let first = kv.set("a", "1").ttl(10.seconds()).await.version;
    kv.advance(10.seconds());
    assert_eq!(kv.version().await, first, "not yet removed");
    assert_eq!(kv.set("a", "2").await.version, first + 2, "EXPIRE, PUT");
}

async fn increment_over_an_expired_key_takes_two(server: Server) {
    let kv = server.unswept().start().await;
    let first = kv.increment("n").ttl(10.seconds()).await.version;
    kv.advance(10.seconds());
    assert_eq!(kv.increment("n").await.version, first + 2, "EXPIRE, PUT");
}

async fn the_entry_carries_the_version_that_its_change_took(server: Server) {
    let kv = server.start().await;
    let set = kv.set("a", "1").await.version;
    let incremented = kv.increment("n").await.version;
    kv.set("z", "1").await;
    assert_eq!(kv.get("a").await.unwrap().version, set);
    assert_eq!(kv.get("n").await.unwrap().version, incremented);
    let listed = kv.list().await.entries;
    assert_eq!((listed[0].version, listed[1].version), (set, incremented));
}

async fn a_memory_store_begins_at_unix_microseconds(server: Server) {
    let kv = server.start().await;
    let start_us = i64::try_from(START.get() * 1000).unwrap();
    let first = kv.set("a", "1").await.version;
    // Within the second, so that no two starts a second apart overlap.
    let begins = start_us..start_us + 1_000_000;
    assert!(begins.contains(&first), "{first}");
}

async fn versions_are_exact_in_a_double(server: Server) {
    let kv = server.start().await;
    assert!(kv.set("a", "1").await.version < 1 << 53);
}
