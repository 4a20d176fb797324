//! `DeleteRange`: the keys of a range, a bounded number a call.

use nanokv::proto as pb;

use crate::support::{
    kv::Kv,
    server::Server,
    words::{Span, keys},
};

contract![
    a_range_is_removed_and_the_rest_stays,
    prefix_start_and_end_all_hold,
    an_empty_range_without_all_is_refused,
    all_removes_every_key,
    all_with_a_range_is_refused,
    a_range_that_breaks_a_rule_is_named,
    a_range_without_keys_removes_nothing,
    each_removal_takes_a_version_and_the_last_is_told,
    a_call_removes_at_most_delete_range_entries_max,
    more_is_false_when_the_last_call_came_out_even,
    an_expired_key_is_not_counted,
    as_many_keys_as_a_call_may_remove,
    what_is_written_meanwhile_is_whole,
];

async fn a_range_is_removed_and_the_rest_stays(server: Server) {
    let kv = with_keys(server, &["a1", "a2", "b1", "b2", "c1"]).await;
    let deleted = kv.delete_range().prefix("b").await;
    assert_eq!(deleted.deleted_count, Some(2));
    assert_eq!(deleted.more, Some(false));
    assert_eq!(kv.list().keys().await, ["a1", "a2", "c1"]);
}

async fn prefix_start_and_end_all_hold(server: Server) {
    let kv = with_keys(server, &["a", "ab", "ab1", "ab2", "ab3", "ac", "b"]).await;
    let deleted = kv.delete_range().prefix("ab").start("ab1").end("ab3").await;
    assert_eq!(deleted.deleted_count, Some(2));
    assert_eq!(kv.list().keys().await, ["a", "ab", "ab3", "ac", "b"]);
    kv.delete_range().start("ac").await;
    assert_eq!(kv.list().keys().await, ["a", "ab", "ab3"]);
    kv.delete_range().end("ab").await;
    assert_eq!(kv.list().keys().await, ["ab", "ab3"]);
}

async fn an_empty_range_without_all_is_refused(server: Server) {
    let kv = with_keys(server, &["a"]).await;
    kv.delete_range().invalid("range").await;
    kv.delete_range().prefix("").invalid("range").await;
    assert_eq!(kv.list().keys().await, ["a"]);
}

async fn all_removes_every_key(server: Server) {
    let kv = with_keys(server, &["a", "b", "\u{10ffff}"]).await;
    let deleted = kv.delete_range().all().await;
    assert_eq!(deleted.deleted_count, Some(3));
    assert_eq!(kv.list().keys().await, [""; 0]);
    kv.set("a", "1").await;
    let deleted = kv.delete_range().all().prefix("").await;
    assert_eq!(deleted.deleted_count, Some(1), "an empty range is no range");
}

async fn all_with_a_range_is_refused(server: Server) {
    let kv = with_keys(server, &["a"]).await;
    kv.delete_range().all().prefix("a").invalid("all").await;
    kv.delete_range().all().start("a").invalid("all").await;
    kv.delete_range().all().end("b").invalid("all").await;
    assert_eq!(kv.list().keys().await, ["a"]);
}

async fn a_range_that_breaks_a_rule_is_named(server: Server) {
    let kv = with_keys(server, &["a"]).await;
    let backwards = kv.delete_range().start("b").end("a");
    backwards.invalid("range.start").await;
    let nowhere = kv.delete_range().start("a").end("a");
    nowhere.invalid("range.start").await;
    let long = "k".repeat(1025);
    kv.delete_range()
        .prefix(&long)
        .invalid("range.prefix")
        .await;
    kv.delete_range().start(&long).await;
    let longer = "k".repeat(1026);
    kv.delete_range().end(&longer).invalid("range.end").await;
    assert_eq!(kv.list().keys().await, ["a"]);
}

async fn a_range_without_keys_removes_nothing(server: Server) {
    let kv = with_keys(server, &["a"]).await;
    let before = kv.version().await;
    let expected = pb::DeleteRangeResponse {
        deleted_count: Some(0),
        version: 0,
        more: Some(false),
    };
    assert_eq!(kv.delete_range().prefix("b").await, expected);
    assert_eq!(kv.version().await, before);
}

async fn each_removal_takes_a_version_and_the_last_is_told(server: Server) {
    let kv = with_keys(server, &["a", "b", "c"]).await;
    let before = kv.version().await;
    let deleted = kv.delete_range().start("b").await;
    assert_eq!(deleted.version, before + 2);
    assert_eq!(kv.version().await, before + 2);
    assert_eq!(kv.set("b", "1").await.version, before + 3);
}

async fn a_call_removes_at_most_delete_range_entries_max(server: Server) {
    let server = server.limits(|limits| limits.delete_range_entries_max = 3);
    let kv = with_keys(
        server,
        &["a", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "l"],
    )
    .await;
    let mut counts = Vec::new();
    loop {
        let deleted = kv.delete_range().prefix("k").await;
        counts.extend(deleted.deleted_count);
        let left = kv.list().prefix("k").await.entries;
        assert_eq!(deleted.more, Some(!left.is_empty()), "{:?}", keys(&left));
        if deleted.more == Some(false) {
            break;
        }
    }
    assert_eq!(counts, [3, 3, 1]);
    assert_eq!(kv.list().keys().await, ["a", "l"]);
}

async fn more_is_false_when_the_last_call_came_out_even(server: Server) {
    let server = server.limits(|limits| limits.delete_range_entries_max = 2);
    let kv = with_keys(server, &["a", "b"]).await;
    let deleted = kv.delete_range().all().await;
    assert_eq!(
        (deleted.deleted_count, deleted.more),
        (Some(2), Some(false))
    );
}

async fn an_expired_key_is_not_counted(server: Server) {
    let kv = with_keys(server.unswept(), &["a", "c"]).await;
    kv.set("b", "1").ttl(10.seconds()).await;
    kv.advance(10.seconds());
    let before = kv.version().await;
    let deleted = kv.delete_range().all().await;
    assert_eq!(deleted.deleted_count, Some(2));
    assert_eq!(deleted.version, before + 2);
}

async fn as_many_keys_as_a_call_may_remove(server: Server) {
    let server = server.limits(|limits| limits.delete_range_entries_max = 1500);
    let kv = server.start().await;
    for hundred in 0..17 {
        let mut batch = kv.batch();
        for key in 0..100 {
            batch = batch.then(kv.set(&format!("k{hundred:02}{key:02}"), 1));
        }
        batch.await;
    }
    let deleted = kv.delete_range().prefix("k").await;
    assert_eq!(
        (deleted.deleted_count, deleted.more),
        (Some(1500), Some(true))
    );
    let deleted = kv.delete_range().prefix("k").await;
    assert_eq!(
        (deleted.deleted_count, deleted.more),
        (Some(200), Some(false))
    );
}

async fn what_is_written_meanwhile_is_whole(server: Server) {
    let kv = server.start().await;
    let writer = kv.reconnected().await;
    let writing = tokio::spawn(async move {
        let mut written = 0;
        for round in 0..200 {
            writer.set(&format!("k{}", round % 20), round).await;
            written += 1;
        }
        written
    });
    let mut deleted = 0;
    while !writing.is_finished() {
        deleted += kv.delete_range().prefix("k").await.deleted_count.unwrap();
    }
    assert!(deleted <= writing.await.unwrap());
    kv.delete_range().prefix("k").await;
    assert_eq!(kv.list().keys().await, [""; 0]);
}

/// A server that holds these keys, and no others.
async fn with_keys(server: Server, keys: &[&str]) -> Kv {
    let kv = server.start().await;
    for key in keys {
        kv.set(key, "1").await;
    }
    kv
}
