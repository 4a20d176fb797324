//! Key: UTF-8, 1 to 1024 bytes, no control characters, no normalisation;
//! ordered bytewise.

use tonic::Code;

use crate::support::{
    call::Call,
    raw::GetBytes,
    server::Server,
    words::{number, text},
};

contract_of_single_keys![
    a_key_has_1_to_1024_bytes,
    a_key_is_measured_in_bytes_not_characters,
    a_key_is_utf8,
    a_key_has_no_control_characters,
    a_key_is_not_normalised,
    keys_are_ordered_by_their_bytes,
    every_call_with_a_key_refuses_a_bad_one,
    a_refused_key_names_its_limit,
];

async fn a_key_has_1_to_1024_bytes(server: Server) {
    let kv = server.start().await;
    for good in ["k", &"k".repeat(1024)] {
        kv.set(good, good).await;
        let entry = kv.get(good).await.unwrap();
        assert_eq!((entry.key.as_str(), entry.value), (good, Some(text(good))));
    }
    kv.set("", "1").invalid("key").await;
    kv.set(&"k".repeat(1025), "1").invalid("key").await;
}

async fn a_key_is_measured_in_bytes_not_characters(server: Server) {
    let kv = server.start().await;
    kv.set(&"é".repeat(512), "1").await;
    kv.set(&"é".repeat(513), "1").invalid("key").await;
}

async fn a_key_is_utf8(server: Server) {
    let kv = server.start().await;
    for bad in [vec![0xff], b"a\xc3".to_vec(), b"\xed\xa0\x80".to_vec()] {
        let refusal = Call::new(&kv, GetBytes { key: bad });
        refusal.refused(Code::InvalidArgument).await;
    }
}

async fn a_key_has_no_control_characters(server: Server) {
    let kv = server.start().await;
    for control in ('\0'..='\u{1f}').chain(['\u{7f}']) {
        kv.set(&format!("a{control}b"), "1").invalid("key").await;
    }
    for good in [" ", "a b", "~", "\u{80}", "\u{9f}", "\u{2028}", "/:\\\"'%"] {
        kv.set(good, good).await;
        assert_eq!(kv.value(good).await, Some(text(good)));
    }
}

async fn a_key_is_not_normalised(server: Server) {
    let kv = server.start().await;
    let same_to_the_eye = ["\u{e9}", "e\u{301}", "E\u{301}", " \u{e9}", "\u{e9} "];
    for (index, key) in (0..).zip(same_to_the_eye) {
        kv.set(key, index).await;
    }
    for (index, key) in (0..).zip(same_to_the_eye) {
        assert_eq!(kv.value(key).await, Some(number(index)), "{key:?}");
    }
}

async fn keys_are_ordered_by_their_bytes(server: Server) {
    let kv = server.start().await;
    // Where UTF-16, a locale or a signed byte would order otherwise.
    let mut keys = vec![
        "B",
        "a",
        "ab",
        "a b",
        "Z",
        "é",
        "z",
        "\u{80}",
        "~",
        "\u{ffee}",
        "\u{10000}",
        "aa",
        "a0",
        "a~",
        "abcdefgh",
        "abcdefghi",
        "abcd",
        "abce",
    ];
    for key in &keys {
        kv.set(key, "1").await;
    }
    keys.sort_by_key(|key| key.as_bytes());
    assert_eq!(kv.list().keys().await, keys);
}

async fn every_call_with_a_key_refuses_a_bad_one(server: Server) {
    let kv = server.start().await;
    let long = "k".repeat(1025);
    for bad in ["", "a\nb", &long] {
        kv.get(bad).invalid("key").await;
        kv.set(bad, "1").invalid("key").await;
        kv.delete(bad).invalid("key").await;
        kv.increment(bad).invalid("key").await;
        kv.touch(bad).invalid("key").await;
    }
}

async fn a_refused_key_names_its_limit(server: Server) {
    let kv = server.start().await;
    let refusal = kv.get(&"k".repeat(1025)).invalid("key").await;
    assert!(refusal.message.contains("key_bytes_max"), "{refusal:?}");
    assert!(refusal.message.contains("1024"), "{refusal:?}");
}
