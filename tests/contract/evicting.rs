//! A server in which entries make room for others. On the memory engine and the
//! kept one: what a store without a limit holds no engine has to let go.

use std::collections::BTreeSet;

use nanokv::proto::EventType;
use tonic::Code;

use crate::support::{identified::Identified as _, server::Server, watching::told};

const MEMORY_MAX: u64 = 2 << 20;

macro_rules! evicting {
    ($($case:ident),* $(,)?) => {
        on_engine!(memory: super::Server::on_memory(); $($case),*);
        on_engine!(kept: super::Server::on_kept(); $($case),*);
    };
}

evicting![
    describe_says_what_makes_room,
    a_full_store_takes_what_is_new_and_watches_are_told_what_made_room,
    what_can_never_fit_is_refused,
    every_call_that_stores_makes_room,
];

fn name(number: usize) -> String {
    format!("key/{number:05}")
}

async fn describe_says_what_makes_room(server: Server) {
    let kv = server.memory_max(MEMORY_MAX).evicting().start().await;
    assert_eq!(kv.describe().await.eviction, "sieve");
    let kv = server.start().await;
    assert_eq!(kv.describe().await.eviction, "none");
}

async fn a_full_store_takes_what_is_new_and_watches_are_told_what_made_room(server: Server) {
    let kv = server.memory_max(MEMORY_MAX).evicting().start().await;
    let mut watching = kv.watch().await;
    let (mut there, mut gone, mut slow) = (BTreeSet::new(), 0, 0);
    // A few at a time: in a full store little of the past is kept for watches.
    for round in 0..500 {
        let mut batch = kv.batch();
        for number in round * 25..(round + 1) * 25 {
            let value = "x".repeat(200);
            batch = batch.then(kv.set(&name(number), value.as_str()));
        }
        assert!(batch.await.iter().all(|slot| slot.version() > 0));
        let version = kv.version().await;
        while watching.resume() < version {
            let reply = match watching.next().await {
                Ok(reply) => reply,
                // So much made room at once that it fell off the end of what is
                // kept: as any client it begins anew, and goes on.
                Err(status) => {
                    assert!(status.message().starts_with("WATCH_TOO_SLOW"), "{status}");
                    watching = kv.watch().snapshot().await;
                    let (entries, _) = watching.snapshot().await;
                    there = entries.into_iter().map(|entry| entry.key).collect();
                    slow += 1;
                    continue;
                }
            };
            for event in reply.events {
                let (kind, key, _) = told(&event);
                if kind == EventType::Put {
                    there.insert(key);
                } else {
                    assert_eq!(kind, EventType::Evict);
                    assert!(there.remove(&key), "{key} made room twice");
                    gone += 1;
                }
            }
        }
    }
    assert!(slow < 5, "{slow} of 500 times");
    assert!(gone > 1000, "{gone} made room");
    let mut listed = BTreeSet::new();
    let mut page = kv.list().await;
    loop {
        listed.extend(page.entries.iter().map(|entry| entry.key.clone()));
        if page.next_page_token.is_empty() {
            break;
        }
        page = kv.list().page_token(&page.next_page_token).await;
    }
    assert_eq!(listed, there, "what is left is what was not told as gone");
}

async fn what_can_never_fit_is_refused(server: Server) {
    let server = server.limits(|limits| limits.value_bytes_max = 3 << 20);
    let kv = server.memory_max(MEMORY_MAX).evicting().start().await;
    kv.set("a", "1").await;
    let version = kv.version().await;
    let large = "x".repeat(2 << 20);
    let set = kv.set("b", large.as_str());
    let refusal = set.refused(Code::ResourceExhausted).await;
    assert_eq!(refusal.reason, "MEMORY_FULL");
    assert_eq!(kv.version().await, version, "nothing made room for it");
    assert!(kv.value("a").await.is_some());
}

async fn every_call_that_stores_makes_room(server: Server) {
    let kv = server.memory_max(MEMORY_MAX).evicting().start().await;
    let value = "x".repeat(8000);
    for number in 0..400 {
        kv.set(&name(number), value.as_str()).await;
    }
    let entry = kv.set("once", value.as_str()).id("1").await;
    assert!(entry.version > 0);
    kv.increment("counter").await;
    // Asked at once: what comes after it may be what it makes room for.
    assert!(kv.value("counter").await.is_some());
    let transacted = kv
        .transact()
        .then(kv.set("t/1", value.as_str()))
        .then(kv.set("t/2", value.as_str()));
    transacted.await;
    for key in ["t/1", "t/2"] {
        assert!(kv.value(key).await.is_some(), "{key}");
    }
}
