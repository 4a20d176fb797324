//! List: the keys of a range, in their order.

use nanokv::proto as pb;
use tonic::Code;

use crate::support::{
    kv::Kv,
    server::Server,
    words::{Span, keys, start_plus, text},
};

contract![
    an_empty_store_lists_nothing,
    entries_are_whole_and_in_key_order,
    no_range_and_an_empty_range_are_every_key,
    a_prefix_lists_what_begins_with_it,
    start_is_inclusive,
    end_is_exclusive,
    prefix_start_and_end_hold_together,
    a_range_that_nothing_is_in_lists_nothing,
    every_range_of_many_keys_is_what_a_filter_leaves,
    start_comes_before_end,
    a_bound_need_not_be_a_key,
    a_bound_has_a_limit,
    list_leaves_values_out_when_asked,
    a_changed_key_is_listed_as_it_is_now,
];

async fn an_empty_store_lists_nothing(server: Server) {
    let kv = server.start().await;
    let page = kv.list().await;
    assert_eq!(
        (page.entries, page.next_page_token),
        (vec![], String::new())
    );
}

async fn entries_are_whole_and_in_key_order(server: Server) {
    let kv = server.start().await;
    let second = kv.set("b", "2").ttl(10.seconds()).await;
    let first = kv.set("a", "1").await;
    let entry = |key: &str, value, version, expire_time| pb::Entry {
        key: key.to_owned(),
        value: Some(text(value)),
        version,
        expire_time,
    };
    let expected = [
        entry("a", "1", first.version, None),
        entry("b", "2", second.version, Some(start_plus(10.seconds()))),
    ];
    assert_eq!(kv.list().await.entries, expected);
}

async fn no_range_and_an_empty_range_are_every_key(server: Server) {
    let kv = fruit(server).await;
    let every = ["apple", "apricot", "banana", "cherry"];
    assert_eq!(kv.list().keys().await, every);
    assert_eq!(kv.list().prefix("").keys().await, every);
}

async fn a_prefix_lists_what_begins_with_it(server: Server) {
    let kv = fruit(server).await;
    assert_eq!(kv.list().prefix("ap").keys().await, ["apple", "apricot"]);
    assert_eq!(kv.list().prefix("apple").keys().await, ["apple"]);
    assert_eq!(kv.list().prefix("apple ").keys().await, [""; 0]);
}

async fn start_is_inclusive(server: Server) {
    let kv = fruit(server).await;
    assert_eq!(kv.list().start("banana").keys().await, ["banana", "cherry"]);
    assert_eq!(kv.list().start("banana!").keys().await, ["cherry"]);
}

async fn end_is_exclusive(server: Server) {
    let kv = fruit(server).await;
    assert_eq!(kv.list().end("banana").keys().await, ["apple", "apricot"]);
    assert_eq!(kv.list().end("b").keys().await, ["apple", "apricot"]);
}

async fn prefix_start_and_end_hold_together(server: Server) {
    let kv = fruit(server).await;
    let narrow = kv.list().prefix("a").start("apq").end("b");
    assert_eq!(narrow.keys().await, ["apricot"]);
    let one = kv.list().start("apple").end("apple\0");
    assert_eq!(one.keys().await, ["apple"]);
    let wide = kv.list().prefix("b").start("a").end("z");
    assert_eq!(wide.keys().await, ["banana"]);
}

async fn a_range_that_nothing_is_in_lists_nothing(server: Server) {
    let kv = fruit(server).await;
    assert_eq!(kv.list().prefix("a").start("b").keys().await, [""; 0]);
    assert_eq!(kv.list().prefix("b").end("a").keys().await, [""; 0]);
    assert_eq!(kv.list().start("d").keys().await, [""; 0]);
}

async fn every_range_of_many_keys_is_what_a_filter_leaves(server: Server) {
    let kv = server.start().await;
    // Enough for several in each part of a store that is split.
    let every: Vec<String> = ["a", "b", "c"]
        .iter()
        .flat_map(|letter| (0..300).map(move |number| format!("{letter}{number:03}")))
        .collect();
    let mut batch = kv.batch();
    for key in &every {
        batch = batch.then(kv.set(key, "1"));
    }
    batch.await;
    for prefix in ["", "a", "b", "b15", "d"] {
        for start in ["", "a", "b150", "b1505"] {
            for end in ["", "b15", "c", "c299"] {
                let listed = kv.list().prefix(prefix).start(start).end(end);
                let left = every.iter().filter(|key| {
                    key.starts_with(prefix)
                        && key.as_str() >= start
                        && (end.is_empty() || key.as_str() < end)
                });
                let left: Vec<&String> = left.collect();
                if end.is_empty() || start < end {
                    let listed = listed.omit_value().keys().await;
                    assert_eq!(listed.iter().collect::<Vec<_>>(), left);
                }
            }
        }
    }
}

async fn start_comes_before_end(server: Server) {
    let kv = fruit(server).await;
    for (start, end) in [("b", "a"), ("a", "a"), ("é", "z")] {
        let backwards = kv.list().start(start).end(end);
        let refusal = backwards.refused(Code::InvalidArgument).await;
        assert!(refusal.fields[0].starts_with("range"), "{refusal:?}");
    }
}

async fn a_bound_need_not_be_a_key(server: Server) {
    let kv = fruit(server).await;
    let after = kv.list().start("apple\0").end("c\n");
    assert_eq!(after.keys().await, ["apricot", "banana"]);
    let longest = "a".repeat(1024);
    kv.set(&longest, "1").await;
    let after = kv.list().start(&format!("{longest}\0")).end("apple");
    assert_eq!(after.keys().await, [""; 0]);
}

async fn a_bound_has_a_limit(server: Server) {
    let kv = fruit(server).await;
    let (prefix, bound) = ("a".repeat(1025), "a".repeat(1026));
    kv.list().prefix(&prefix).invalid("range.prefix").await;
    kv.list().start(&bound).invalid("range.start").await;
    kv.list().end(&bound).invalid("range.end").await;
}

async fn list_leaves_values_out_when_asked(server: Server) {
    let kv = fruit(server).await;
    let page = kv.list().omit_value().await;
    assert_eq!(keys(&page.entries).len(), 4);
    assert!(page.entries.iter().all(|entry| entry.value.is_none()));
    let page = kv.list().await;
    assert!(page.entries.iter().all(|entry| entry.value.is_some()));
}

async fn a_changed_key_is_listed_as_it_is_now(server: Server) {
    let kv = fruit(server).await;
    kv.set("apple", "green").await;
    kv.delete("banana").await;
    kv.touch("cherry").ttl(10.seconds()).await;
    let entries = kv.list().await.entries;
    assert_eq!(keys(&entries), ["apple", "apricot", "cherry"]);
    assert_eq!(entries[0].value, Some(text("green")));
    assert_eq!(entries[2].expire_time, Some(start_plus(10.seconds())));
}

/// A server with four keys, set in an order that is not theirs.
async fn fruit(server: Server) -> Kv {
    let kv = server.start().await;
    for key in ["cherry", "apricot", "banana", "apple"] {
        kv.set(key, "1").await;
    }
    kv
}
