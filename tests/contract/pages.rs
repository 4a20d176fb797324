//! List, a page at a time, as AIP-158 has it.

use nanokv::proto as pb;
use prost::Message;

use crate::support::{
    kv::Kv,
    server::Server,
    words::{Span, data, keys},
};

contract![
    pages_together_are_the_listing,
    a_page_has_at_most_page_size_entries,
    an_empty_token_is_the_only_end,
    no_page_size_means_the_default,
    a_larger_page_size_is_taken_as_the_largest,
    a_negative_page_size_is_refused,
    a_token_goes_on_with_another_page_size,
    a_token_with_another_range_is_refused,
    a_token_with_other_values_is_refused,
    a_token_that_is_garbage_is_refused,
    a_token_of_another_store_is_refused,
    a_token_is_url_safe,
    a_token_can_be_used_again,
    a_key_that_stays_is_listed_once_while_others_come_and_go,
    a_listing_goes_on_when_its_last_key_is_gone,
    a_key_that_expires_between_pages_is_not_listed,
    the_version_is_from_before_the_first_page_and_on_every_page,
    a_page_ends_before_reply_bytes_max,
    a_page_and_its_token_end_before_reply_bytes_max,
    a_page_of_large_values_left_out_is_full,
];

async fn pages_together_are_the_listing(server: Server) {
    let kv = numbered(server, 100).await;
    let whole = kv.list().await.entries;
    assert_eq!(whole.len(), 100);
    for page_size in [1, 2, 3, 7, 10, 33, 99, 100, 101] {
        let pages = kv.list().page_size(page_size).pages().await;
        let together: Vec<pb::Entry> = pages.into_iter().flat_map(|it| it.entries).collect();
        assert_eq!(together, whole, "pages of {page_size}");
    }
}

async fn a_page_has_at_most_page_size_entries(server: Server) {
    let kv = numbered(server, 25).await;
    let pages = kv.list().page_size(10).pages().await;
    assert!(pages.iter().all(|page| page.entries.len() <= 10));
    assert_eq!(
        pages[0].entries.len(),
        10,
        "nothing stands against a full one"
    );
}

async fn an_empty_token_is_the_only_end(server: Server) {
    let kv = numbered(server, 10).await;
    let range = |page_size| kv.list().prefix("key-0").page_size(page_size);
    // All that there is on one page: nothing follows, and it says so.
    assert_eq!(range(11).await.next_page_token, "");
    let page = range(9).await;
    assert_ne!(page.next_page_token, "");
    let page = range(9).page_token(&page.next_page_token).await;
    assert_eq!(keys(&page.entries), ["key-0009"]);
    assert_eq!(page.next_page_token, "");
}

async fn no_page_size_means_the_default(server: Server) {
    let kv = numbered(server, 1001).await;
    let page = kv.list().await;
    assert_eq!(page.entries.len(), 1000);
    let page = kv.list().page_token(&page.next_page_token).await;
    assert_eq!(keys(&page.entries), ["key-1000"]);
    assert_eq!(page.next_page_token, "");
}

async fn a_larger_page_size_is_taken_as_the_largest(server: Server) {
    let kv = numbered(server, 1001).await;
    for page_size in [1001, 5000, i32::MAX] {
        let page = kv.list().page_size(page_size).await;
        assert_eq!(page.entries.len(), 1000);
    }
}

async fn a_negative_page_size_is_refused(server: Server) {
    let kv = server.start().await;
    for page_size in [-1, i32::MIN] {
        kv.list().page_size(page_size).invalid("page_size").await;
    }
}

async fn a_token_goes_on_with_another_page_size(server: Server) {
    let kv = numbered(server, 10).await;
    let page = kv.list().page_size(3).await;
    let page = kv.list().page_size(100).page_token(&page.next_page_token);
    assert_eq!(page.await.entries.len(), 7);
}

async fn a_token_with_another_range_is_refused(server: Server) {
    let kv = numbered(server, 10).await;
    let range = || kv.list().prefix("key").start("a").end("z").page_size(3);
    let token = &range().await.next_page_token;
    let others = [
        kv.list(),
        range().prefix("key-"),
        range().start("b"),
        range().end("y"),
        kv.list().prefix("key"),
    ];
    for other in others {
        other.page_token(token).invalid("page_token").await;
    }
    assert_eq!(range().page_token(token).await.entries.len(), 3);
}

async fn a_token_with_other_values_is_refused(server: Server) {
    let kv = numbered(server, 10).await;
    let token = &kv.list().page_size(3).await.next_page_token;
    let other = kv.list().omit_value().page_token(token);
    other.invalid("page_token").await;
    let token = &kv.list().omit_value().page_size(3).await.next_page_token;
    kv.list().page_token(token).invalid("page_token").await;
}

async fn a_token_that_is_garbage_is_refused(server: Server) {
    let kv = numbered(server, 10).await;
    let token = kv.list().page_size(3).await.next_page_token;
    let long = "A".repeat(100_000);
    let cut = &token[..token.len() - 1];
    let longer = format!("{token}AAAA");
    for garbage in [
        "x", "key-0003", "AAAA", "====", "\0", "é", &long, cut, &longer,
    ] {
        kv.list().page_token(garbage).invalid("page_token").await;
    }
}

async fn a_token_of_another_store_is_refused(server: Server) {
    let (kv, other) = (numbered(server, 10).await, numbered(server, 10).await);
    // Its version would mean nothing there.
    let token = &kv.list().page_size(3).await.next_page_token;
    other.list().page_token(token).invalid("page_token").await;
}

async fn a_token_is_url_safe(server: Server) {
    let kv = server.start().await;
    for key in ["ключ/?&=+", "ключ/?&=+ ", "ключ/?&=+%"] {
        kv.set(key, "1").await;
    }
    let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let pages = kv.list().page_size(1).pages().await;
    assert_eq!(pages.len(), 3);
    for page in pages {
        let token = page.next_page_token;
        assert!(token.chars().all(unreserved), "{token}");
    }
}

async fn a_token_can_be_used_again(server: Server) {
    let kv = numbered(server, 10).await;
    let token = &kv.list().page_size(3).await.next_page_token;
    let once = kv.list().page_token(token).await;
    assert_eq!(kv.list().page_token(token).await, once);
}

async fn a_key_that_stays_is_listed_once_while_others_come_and_go(server: Server) {
    let kv = numbered(server, 100).await;
    let mut seen = Vec::new();
    let mut token = String::new();
    for round in 0.. {
        // Before, at and after where the listing stands; and what stays is
        // overwritten, larger each time.
        for key in 0..100 {
            let stays = format!("key-{key:04}");
            let guest = format!("{stays}-guest");
            let value = data(vec![7; round * 50]);
            if key % 9 == round % 9 {
                kv.batch()
                    .then(kv.set(&stays, value))
                    .then(kv.set(&guest, "1"))
                    .await;
            } else if key % 9 == (round + 4) % 9 {
                kv.delete(&guest).await;
            }
        }
        let page = kv.list().page_size(7).page_token(&token).await;
        let keys = page.entries.into_iter().map(|entry| entry.key);
        seen.extend(keys.filter(|key| !key.ends_with("guest")));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        assert!(round < 300, "the pages never end");
    }
    let stayed: Vec<String> = (0..100).map(|key| format!("key-{key:04}")).collect();
    assert_eq!(seen, stayed);
}

async fn a_listing_goes_on_when_its_last_key_is_gone(server: Server) {
    let kv = numbered(server, 10).await;
    let page = kv.list().page_size(3).await;
    kv.delete("key-0002").await;
    kv.delete("key-0003").await;
    let page = kv.list().page_token(&page.next_page_token).await;
    assert_eq!(page.entries[0].key, "key-0004");
}

async fn a_key_that_expires_between_pages_is_not_listed(server: Server) {
    let kv = numbered(server, 10).await;
    kv.set("key-0005", "1").ttl(10.seconds()).await;
    let page = kv.list().page_size(5).await;
    kv.advance(10.seconds());
    let page = kv.list().page_token(&page.next_page_token).await;
    assert_eq!(page.entries[0].key, "key-0006");
}

async fn the_version_is_from_before_the_first_page_and_on_every_page(server: Server) {
    let kv = numbered(server, 10).await;
    let version = kv.version().await;
    let mut token = String::new();
    loop {
        let page = kv.list().page_size(3).page_token(&token).await;
        assert_eq!(page.version, version);
        // What comes in between is above it.
        assert!(kv.set("a", "1").await.version > version);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert!(
        kv.list().await.version > version,
        "a new listing, a new one"
    );
}

async fn a_page_ends_before_reply_bytes_max(server: Server) {
    let kv = server.start().await;
    for key in 0..7 {
        kv.set(&format!("k{key}"), data(vec![7; 1 << 20])).await;
    }
    let pages = kv.list().pages().await;
    let mut listed = Vec::new();
    for page in &pages {
        assert!(page.encoded_len() <= 3 << 20, "{}", page.encoded_len());
        assert!(!page.entries.is_empty() || page.next_page_token.is_empty());
        listed.extend(keys(&page.entries));
    }
    assert_eq!(listed, ["k0", "k1", "k2", "k3", "k4", "k5", "k6"]);
}

async fn a_page_and_its_token_end_before_reply_bytes_max(server: Server) {
    // Long keys, so that the token counts, and limits around eight of them.
    for reply_bytes_max in (8_000..9_600).step_by(100) {
        let limited = server.limits(|limits| limits.reply_bytes_max = reply_bytes_max);
        let kv = limited.start().await;
        for key in 0..20 {
            kv.set(&format!("{key:0>1000}"), "1").await;
        }
        let pages = kv.list().pages().await;
        for page in &pages {
            assert!(page.encoded_len() <= reply_bytes_max);
        }
        assert_eq!(pages.iter().map(|it| it.entries.len()).sum::<usize>(), 20);
    }
}

async fn a_page_of_large_values_left_out_is_full(server: Server) {
    let kv = server.start().await;
    for key in 0..7 {
        kv.set(&format!("k{key}"), data(vec![7; 1 << 20])).await;
    }
    assert_eq!(kv.list().omit_value().keys().await.len(), 7);
}

/// A server with so many keys, `key-0000` and on.
async fn numbered(server: Server, count: usize) -> Kv {
    let kv = server.start().await;
    let indices: Vec<usize> = (0..count).collect();
    for chunk in indices.chunks(1000) {
        let mut batch = kv.batch();
        for index in chunk.iter().rev() {
            batch = batch.then(kv.set(&format!("key-{index:04}"), "1"));
        }
        batch.await;
    }
    kv
}
