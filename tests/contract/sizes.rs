//! Sizes: nothing is unbounded.

use tonic::Code;

use crate::support::{
    kv::Kv,
    refusal::Refusal,
    server::Server,
    words::{Span, data, number, text},
};

contract![
    an_echoed_key_is_cut_and_trailers_stay_small,
    a_message_that_is_too_large_is_refused_and_nothing_is_done,
    at_memory_max_growth_is_refused_and_nothing_changes,
    at_memory_max_what_does_not_grow_is_admitted,
    at_memory_max_what_goes_makes_room,
    at_memory_max_what_expires_makes_room,
    at_memory_max_a_batch_fails_slot_by_slot,
];

/// What Java clients accept as trailers, less what base64 adds.
const DETAILS_BYTES_MAX: usize = 8192 / 4 * 3;

async fn an_echoed_key_is_cut_and_trailers_stay_small(server: Server) {
    let kv = server.start().await;
    for long in ["k".repeat(1024), "é".repeat(512), "k".repeat(100_000)] {
        let calls = [
            kv.set(&long, "1").if_present().answer().await,
            kv.set(&long, "1").if_version(1).answer().await,
            kv.set(&long, "1").ttl(0.seconds()).answer().await,
        ];
        for answer in calls {
            let refusal = Refusal::from(answer.unwrap_err());
            let echoed: String = long.chars().take(129).collect();
            let said = format!("{} {:?}", refusal.message, refusal.metadata);
            assert!(!said.contains(&echoed), "{said}");
            let bytes = refusal.details_bytes + refusal.message.len();
            assert!(bytes < DETAILS_BYTES_MAX, "{bytes}");
        }
    }
}

async fn a_message_that_is_too_large_is_refused_and_nothing_is_done(server: Server) {
    let kv = server.start().await;
    let mut batch = kv.batch();
    for key in ["a", "b", "c", "d", "e"] {
        batch = batch.then(kv.set(key, data(vec![7; 1 << 20])));
    }
    let refusal = batch.refused(Code::ResourceExhausted).await;
    assert!(refusal.message.contains("message_bytes_max"), "{refusal:?}");
    assert_eq!(kv.list().keys().await, [""; 0]);
}

async fn at_memory_max_growth_is_refused_and_nothing_changes(server: Server) {
    let (kv, count) = full(server).await;
    let version = kv.version().await;
    for key in ["new", "key-0000"] {
        let growing = kv.set(key, data(vec![8; 1 << 20]));
        let refusal = growing.refused(Code::ResourceExhausted).await;
        assert!(refusal.message.contains("memory_max"), "{refusal:?}");
    }
    assert_eq!(kv.get("new").await, None);
    assert_eq!(kv.value("key-0000").await, Some(filling(7)));
    assert_eq!(kv.version().await, version);
    assert_eq!(kv.list().omit_value().keys().await.len(), count);
}

async fn at_memory_max_what_does_not_grow_is_admitted(server: Server) {
    let (kv, _) = full(server).await;
    // Of the same size, then smaller.
    kv.set("key-0000", filling(9)).await;
    assert_eq!(kv.value("key-0000").await, Some(filling(9)));
    kv.set("key-0000", "small").await;
    assert_eq!(kv.value("key-0000").await, Some(text("small")));
    kv.touch("key-0001").ttl(10.seconds()).await;
    kv.set("key-0002", 41).await;
    assert_eq!(kv.increment("key-0002").await.number, Some(42));
    assert_eq!(kv.delete("key-0003").await.deleted, Some(true));
    assert_eq!(kv.get("key-0003").await, None);
}

async fn at_memory_max_what_goes_makes_room(server: Server) {
    let (kv, _) = full(server).await;
    for key in 0..4 {
        kv.delete(&format!("key-{key:04}")).await;
    }
    kv.set("new", filling(8)).await;
    assert_eq!(kv.value("new").await, Some(filling(8)));
}

async fn at_memory_max_what_expires_makes_room(server: Server) {
    let (kv, _) = full(server).await;
    for key in 0..4 {
        kv.touch(&format!("key-{key:04}")).ttl(10.seconds()).await;
    }
    let version = kv.version().await;
    kv.advance(11.seconds());
    kv.until_version(version + 4).await;
    kv.set("new", filling(8)).await;
    assert_eq!(kv.value("new").await, Some(filling(8)));
}

async fn at_memory_max_a_batch_fails_slot_by_slot(server: Server) {
    let (kv, _) = full(server).await;
    let slots = kv
        .batch()
        .then(kv.set("key-0000", 1))
        .then(kv.set("new", data(vec![8; 1 << 20])))
        .then(kv.get("key-0000"))
        .await;
    slots[1].refused(Code::ResourceExhausted);
    assert_eq!(slots[2].value(), Some(&number(1)));
}

/// A server that holds as much as it may, and how many keys that is:
/// `key-0000` and on.
async fn full(server: Server) -> (Kv, usize) {
    let kv = server.memory_max(MEMORY_MAX).start().await;
    for count in 0..MEMORY_MAX / (64 << 10) {
        let key = format!("key-{count:04}");
        if let Err(status) = kv.set(&key, filling(7)).answer().await {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
            assert!(count > 10, "full with {count} keys");
            return (kv, usize::try_from(count).unwrap());
        }
    }
    panic!("{MEMORY_MAX} bytes are never full");
}

const MEMORY_MAX: u64 = 16 << 20;

/// Of a size that fills a store in few steps.
fn filling(byte: u8) -> nanokv::proto::Value {
    data(vec![byte; 64 << 10])
}
