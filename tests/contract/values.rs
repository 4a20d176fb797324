//! Value: what you store is what you get back. Get, Set and Delete.

use nanokv::proto as pb;
use prost_types::Timestamp;
use tonic::Code;

use crate::support::{
    call::Call,
    raw::{SetTextBytes, TextBytes},
    server::Server,
    words::{Span, data, number, start_plus, text},
};

contract_of_single_keys![
    a_value_comes_back_as_the_kind_that_was_stored,
    a_value_of_any_size_up_to_the_limit_comes_back_the_same,
    a_value_larger_than_the_limit_is_refused,
    a_value_is_required_and_has_a_kind,
    a_text_is_utf8,
    a_miss_is_ok_and_has_no_entry,
    get_gives_key_value_version_and_deadline,
    get_leaves_the_value_out_when_asked,
    set_replaces_whatever_was_there,
    set_gives_the_entry_before_only_when_asked,
    delete_removes_the_entry,
    delete_of_an_absent_key_is_ok_and_says_so,
    delete_gives_the_entry_before_only_when_asked,
    a_deleted_key_can_be_set_again,
];

async fn a_value_comes_back_as_the_kind_that_was_stored(server: Server) {
    let kv = server.start().await;
    let values = [
        data(""),
        data("text in bytes"),
        data(vec![0, 0xff, 0x80, 0xc3]),
        text(""),
        text("42"),
        text("Grüße,\n\u{0}世界"),
        number(0),
        number(42),
        number(-1),
        number(i64::MIN),
        number(i64::MAX),
    ];
    for value in values {
        kv.set("a", value.clone()).await;
        assert_eq!(kv.value("a").await, Some(value.clone()));
        let listed = kv.list().await.entries;
        assert_eq!(listed.first().and_then(|it| it.value.clone()), Some(value));
    }
}

async fn a_value_of_any_size_up_to_the_limit_comes_back_the_same(server: Server) {
    let kv = server.start().await;
    // Up and down, over the borders of what an engine may lay out differently.
    let sizes = [
        1,
        7,
        8,
        9,
        63,
        64,
        65,
        255,
        256,
        257,
        1000,
        4096,
        8191,
        8192,
        8193,
        65_536,
        1 << 20,
    ];
    for size in sizes.into_iter().chain(sizes.into_iter().rev()) {
        let value: Vec<u8> = (0_u8..=250).cycle().take(size).collect();
        kv.set("a", data(value.clone())).await;
        assert_eq!(kv.value("a").await, Some(data(value)), "{size} bytes");
    }
}

async fn a_value_larger_than_the_limit_is_refused(server: Server) {
    let kv = server.start().await;
    kv.set("a", "before").await;
    let large = vec![0; (1 << 20) + 1];
    let refusal = kv.set("a", data(large)).refused(Code::InvalidArgument);
    let refusal = refusal.await;
    assert!(refusal.message.contains("value_bytes_max"), "{refusal:?}");
    assert_eq!(kv.value("a").await, Some(text("before")));
}

async fn a_value_is_required_and_has_a_kind(server: Server) {
    let kv = server.start().await;
    let missing = kv.set("a", "1").with(|request| request.value = None);
    missing.invalid("value").await;
    let unset = kv.set("a", pb::Value { kind: None });
    let refusal = unset.refused(Code::InvalidArgument).await;
    assert!(refusal.fields[0].starts_with("value"), "{refusal:?}");
    assert_eq!(kv.get("a").await, None);
}

async fn a_text_is_utf8(server: Server) {
    let kv = server.start().await;
    let request = SetTextBytes {
        key: "a".to_owned(),
        value: Some(TextBytes { text: vec![0xff] }),
    };
    let refusal = Call::new(&kv, request);
    refusal.refused(Code::InvalidArgument).await;
    assert_eq!(kv.get("a").await, None);
}

async fn a_miss_is_ok_and_has_no_entry(server: Server) {
    let kv = server.start().await;
    assert_eq!(kv.get("a").await, None);
    assert_eq!(kv.get("a").omit_value().await, None);
}

async fn get_gives_key_value_version_and_deadline(server: Server) {
    let kv = server.start().await;
    let stored = kv.set("a", "1").ttl(10.seconds()).await;
    let entry = pb::Entry {
        key: "a".to_owned(),
        value: Some(text("1")),
        version: stored.version,
        expire_time: Some(start_plus(10.seconds())),
    };
    assert_eq!(kv.get("a").await, Some(entry));
}

async fn get_leaves_the_value_out_when_asked(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    let whole = kv.get("a").await.unwrap();
    let entry = pb::Entry {
        value: None,
        ..whole
    };
    assert_eq!(kv.get("a").omit_value().await, Some(entry));
}

async fn set_replaces_whatever_was_there(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    let stored = kv.set("a", 2).await;
    let entry = pb::Entry {
        key: "a".to_owned(),
        value: Some(number(2)),
        version: stored.version,
        expire_time: None,
    };
    assert_eq!(kv.get("a").await, Some(entry));
}

async fn set_gives_the_entry_before_only_when_asked(server: Server) {
    let kv = server.start().await;
    assert_eq!(kv.set("a", "1").return_previous().await.previous, None);
    assert_eq!(kv.set("a", "2").ttl(10.seconds()).await.previous, None);
    let before = kv.get("a").await;
    assert_eq!(
        before.as_ref().and_then(deadline),
        Some(start_plus(10.seconds()))
    );
    assert_eq!(kv.set("a", "3").return_previous().await.previous, before);
}

async fn delete_removes_the_entry(server: Server) {
    let kv = server.start().await;
    let stored = kv.set("a", "1").await;
    let removed = kv.delete("a").await;
    assert_eq!(removed.deleted, Some(true));
    assert!(removed.version > stored.version);
    assert_eq!(kv.get("a").await, None);
    assert_eq!(kv.list().await.entries, []);
}

async fn delete_of_an_absent_key_is_ok_and_says_so(server: Server) {
    let kv = server.start().await;
    let removed = kv.delete("a").return_previous().await;
    assert_eq!(
        removed.deleted,
        Some(false),
        "set, so that grpcurl shows it"
    );
    assert_eq!((removed.version, removed.previous), (0, None));
}

async fn delete_gives_the_entry_before_only_when_asked(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    let before = kv.get("a").await;
    assert_eq!(kv.delete("a").return_previous().await.previous, before);
    kv.set("a", "2").await;
    assert_eq!(kv.delete("a").await.previous, None);
}

async fn a_deleted_key_can_be_set_again(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    kv.delete("a").await;
    kv.set("a", "2").await;
    // The deadline of the first life means nothing to the second.
    kv.advance(11.seconds());
    assert_eq!(kv.value("a").await, Some(text("2")));
}

fn deadline(entry: &pb::Entry) -> Option<Timestamp> {
    entry.expire_time
}
