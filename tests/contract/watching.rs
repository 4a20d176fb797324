//! Watch: which changes are told, and how.

use nanokv::proto::{self as pb, EventType};

use crate::support::{
    requests::Slot,
    server::Server,
    words::{Span, number, start_plus, text},
};

contract![
    each_change_is_told_in_the_order_of_versions,
    a_put_has_the_entry_as_stored,
    a_removal_has_the_key_and_its_version_and_no_value,
    an_expiry_is_told_within_about_a_second,
    an_expired_key_that_is_set_again_expires_and_then_is_put,
    the_entry_before_comes_if_it_was_asked_for,
    what_has_expired_is_not_the_entry_before,
    values_are_left_out_when_asked,
    a_refusal_a_read_and_a_touch_are_not_told,
    only_keys_of_the_ranges_are_told,
    a_key_in_any_of_several_ranges_is_told_once,
    only_events_of_the_types_are_told,
    every_change_of_a_batch_is_told,
    the_first_reply_comes_at_once,
    a_quiet_watch_says_how_far_it_is_every_5_seconds,
    resume_version_is_that_of_events_that_were_sent,
    a_reply_has_a_limit,
    every_watcher_is_told,
    ranges_are_1_to_64,
    a_range_of_a_watch_has_the_rules_of_a_range,
    an_event_type_is_one_that_there_is,
];

async fn each_change_is_told_in_the_order_of_versions(server: Server) {
    let kv = server.start().await;
    let mut watching = kv.watch().await;
    let mut expected = Vec::new();
    for round in 0..50 {
        let key = format!("key/{}", round % 20);
        let version = kv.set(&key, round).await.version;
        expected.push((EventType::Put, key.clone(), version));
        if round % 3 == 0 {
            let version = kv.delete(&key).await.version;
            expected.push((EventType::Delete, key, version));
        }
    }
    assert_eq!(watching.told(expected.len()).await, expected);
}

async fn a_put_has_the_entry_as_stored(server: Server) {
    let kv = server.start().await;
    let mut watching = kv.watch().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    let set = kv.get("a").await;
    kv.increment("n").by(5).await;
    let counter = kv.get("n").await;
    let large = "x".repeat(100_000);
    kv.set("large", &*large).await;
    let events = watching.events(3).await;
    assert_eq!(events[0].entry, set);
    assert_eq!(set.unwrap().expire_time, Some(start_plus(10.seconds())));
    assert_eq!(events[1].entry, counter);
    assert_eq!(counter.unwrap().value, Some(number(5)));
    assert_eq!(events[2].entry.as_ref().unwrap().value, Some(text(large)));
    assert!(events.iter().all(|event| event.previous.is_none()));
}

async fn a_removal_has_the_key_and_its_version_and_no_value(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    let mut watching = kv.watch().await;
    let version = kv.delete("a").await.version;
    let gone = pb::Entry {
        key: "a".to_owned(),
        version,
        ..Default::default()
    };
    assert_eq!(watching.events(1).await[0].entry, Some(gone));
}

async fn an_expiry_is_told_within_about_a_second(server: Server) {
    let kv = server.start().await;
    let mut watching = kv.watch().await;
    let put = kv.set("a", "1").ttl(10.seconds()).await.version;
    kv.advance(11.seconds());
    let told = watching.told(2).await;
    let expected = [
        (EventType::Put, "a".to_owned(), put),
        (EventType::Expire, "a".to_owned(), put + 1),
    ];
    assert_eq!(told, expected);
}

async fn an_expired_key_that_is_set_again_expires_and_then_is_put(server: Server) {
    let kv = server.start().await;
    let mut watching = kv.watch().await;
    let put = kv.set("a", "1").ttl(10.seconds()).await.version;
    kv.advance(10.seconds());
    kv.set("a", "2").await;
    let told = watching.told(3).await;
    let expected = [EventType::Put, EventType::Expire, EventType::Put].into_iter();
    let expected = expected.zip(put..);
    let expected = expected.map(|(kind, version)| (kind, "a".to_owned(), version));
    assert_eq!(told, expected.collect::<Vec<_>>());
}

async fn the_entry_before_comes_if_it_was_asked_for(server: Server) {
    let kv = server.start().await;
    let mut with = kv.watch().with_previous().await;
    let mut without = kv.watch().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    let first = kv.get("a").await;
    kv.set("a", "2").await;
    let second = kv.get("a").await;
    kv.delete("a").await;
    let events = with.events(3).await.into_iter();
    let previous: Vec<_> = events.map(|event| event.previous).collect();
    assert_eq!(previous, [None, first, second]);
    let events = without.events(3).await;
    assert!(events.iter().all(|event| event.previous.is_none()));
}

async fn what_has_expired_is_not_the_entry_before(server: Server) {
    let kv = server.start().await;
    let mut watching = kv.watch().with_previous().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    let before = kv.get("a").await;
    kv.advance(10.seconds());
    kv.set("a", "2").await;
    let events = watching.events(3).await;
    assert_eq!(events[1].previous, before, "what it was that expired");
    assert_eq!(events[2].previous, None);
}

async fn values_are_left_out_when_asked(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").await;
    let bare = kv.watch().snapshot().with_previous().omit_value();
    let mut watching = bare.await;
    let (entries, _) = watching.snapshot().await;
    assert_eq!((entries.len(), entries[0].value.as_ref()), (1, None));
    kv.set("a", "2").await;
    let event = watching.events(1).await.remove(0);
    assert_eq!(event.entry.unwrap().value, None);
    assert_eq!(event.previous.unwrap().value, None);
}

async fn a_refusal_a_read_and_a_touch_are_not_told(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").await;
    let mut watching = kv.watch().await;
    kv.get("a").await;
    kv.touch("a").ttl(10.seconds()).await;
    kv.delete("absent").await;
    let refused = kv.set("a", "2").if_absent();
    refused.refused(tonic::Code::AlreadyExists).await;
    let version = kv.set("b", "1").await.version;
    let told = watching.told(1).await;
    assert_eq!(told, [(EventType::Put, "b".to_owned(), version)]);
}

async fn only_keys_of_the_ranges_are_told(server: Server) {
    let kv = server.start().await;
    let mut prefix = kv.watch().prefix("b").await;
    let middle = kv.watch().with(|it| it.ranges.clear());
    let mut middle = middle.or("", "b", "c").await;
    for key in ["a", "b", "ba", "c", "bz", "z"] {
        kv.set(key, "1").await;
    }
    for watching in [&mut prefix, &mut middle] {
        let told = watching.told(3).await.into_iter();
        let keys: Vec<_> = told.map(|it| it.1).collect();
        assert_eq!(keys, ["b", "ba", "bz"]);
        // Nothing comes after that.
        kv.advance(5.seconds());
        assert_eq!(watching.reply().await.events, []);
    }
}

async fn a_key_in_any_of_several_ranges_is_told_once(server: Server) {
    let kv = server.start().await;
    let several = kv.watch().prefix("a").or("ab", "", "").or("", "aba", "");
    let mut watching = several.or("", "", "a").await;
    for key in ["A", "a", "ab", "abc", "b"] {
        kv.set(key, "1").await;
    }
    let told = watching.told(5).await.into_iter();
    let keys: Vec<_> = told.map(|it| it.1).collect();
    assert_eq!(keys, ["A", "a", "ab", "abc", "b"]);
}

async fn only_events_of_the_types_are_told(server: Server) {
    let kv = server.start().await;
    let removals = [EventType::Delete, EventType::Expire];
    let mut removals = kv.watch().of_types(&removals).await;
    let mut puts = kv.watch().of_types(&[EventType::Put]).await;
    let mut evictions = kv.watch().of_types(&[EventType::Evict]).await;
    kv.set("a", "1").await;
    kv.set("b", "1").ttl(1.seconds()).await;
    kv.delete("a").await;
    kv.advance(2.seconds());
    let kinds = |told: Vec<(EventType, String, i64)>| told.into_iter().map(|it| it.0);
    let told: Vec<_> = kinds(removals.told(2).await).collect();
    assert_eq!(told, [EventType::Delete, EventType::Expire]);
    let told: Vec<_> = kinds(puts.told(2).await).collect();
    assert_eq!(told, [EventType::Put, EventType::Put]);
    let version = kv.version().await;
    while evictions.resume() < version {
        kv.advance(5.seconds());
        assert_eq!(evictions.reply().await.events, []);
    }
}

async fn every_change_of_a_batch_is_told(server: Server) {
    let kv = server.start().await;
    let mut watching = kv.watch().await;
    let mut batch = kv.batch();
    for number in 0..500 {
        batch = batch.then(kv.set(&format!("key/{number}"), number));
    }
    let versions: Vec<i64> = batch.await.iter().map(Slot::version).collect();
    let told = watching.told(500).await.into_iter();
    assert_eq!(told.map(|it| it.2).collect::<Vec<_>>(), versions);
}

async fn the_first_reply_comes_at_once(server: Server) {
    let kv = server.start().await;
    let version = kv.set("a", "1").await.version;
    let mut watching = kv.watch().await;
    let reply = watching.reply().await;
    assert_eq!((reply.resume_version, reply.events), (version, vec![]));
    let mut watching = kv.watch().prefix("nothing").after(version).await;
    assert_eq!(watching.reply().await.resume_version, version);
}

async fn a_quiet_watch_says_how_far_it_is_every_5_seconds(server: Server) {
    let kv = server.start().await;
    let mut watching = kv.watch().prefix("quiet").await;
    watching.reply().await;
    for round in 0..3 {
        let version = kv.set("other", round).await.version;
        kv.advance(5.seconds());
        assert_eq!(watching.reply().await.events, []);
        // The first may come right before the change is seen.
        while watching.resume() < version {
            kv.advance(5.seconds());
            assert_eq!(watching.reply().await.events, []);
        }
    }
}

async fn resume_version_is_that_of_events_that_were_sent(server: Server) {
    let server = server.limits(|limits| limits.reply_bytes_max = 2000);
    let kv = server.start().await;
    let mut watching = kv.watch().await;
    let mut batch = kv.batch();
    for number in 0..100 {
        batch = batch.then(kv.set(&format!("key/{number:02}"), "0123456789"));
    }
    let last = batch.await[99].version();
    let mut sent = 0;
    let mut replies = 0;
    while sent < last {
        let reply = watching.reply().await;
        if let Some(event) = reply.events.last() {
            sent = event.entry.as_ref().unwrap().version;
            replies += 1;
        }
        let left = last - reply.resume_version;
        assert!(reply.resume_version >= sent, "{reply:?}");
        // Whoever resumes there is told of all that was not sent.
        let mut resumed = kv.watch().after(reply.resume_version).await;
        let rest = resumed.events(usize::try_from(left).unwrap()).await;
        let next = rest
            .first()
            .map(|event| event.entry.as_ref().unwrap().version);
        assert!(next.is_none_or(|next| next == sent + 1 || sent == 0));
    }
    assert!(replies > 5, "{replies}");
}

async fn a_reply_has_a_limit(server: Server) {
    let server = server.limits(|limits| limits.reply_bytes_max = 4000);
    let kv = server.start().await;
    for number in 0..100 {
        kv.set(&format!("key/{number:02}"), "0123456789").await;
    }
    let mut watching = kv.watch().snapshot().with_previous().await;
    let mut entries = 0;
    while entries < 100 {
        let reply = watching.reply().await;
        assert!(prost::Message::encoded_len(&reply) <= 4000);
        entries += reply.snapshot_entries.len();
    }
    for number in 0..100 {
        kv.set(&format!("key/{number:02}"), "x".repeat(300).as_str())
            .await;
    }
    let mut events = 0;
    while events < 100 {
        let reply = watching.reply().await;
        assert!(prost::Message::encoded_len(&reply) <= 4000);
        events += reply.events.len();
    }
}

async fn every_watcher_is_told(server: Server) {
    let kv = server.start().await;
    let mut watchings = Vec::new();
    for number in 0..100 {
        watchings.push(kv.watch().prefix(&format!("{}/", number % 10)).await);
    }
    for number in 0..100 {
        kv.set(&format!("{}/{number}", number % 10), number).await;
    }
    for watching in &mut watchings {
        assert_eq!(watching.told(10).await.len(), 10);
    }
}

async fn ranges_are_1_to_64(server: Server) {
    let kv = server.start().await;
    let none = kv.watch().with(|it| it.ranges.clear());
    none.invalid("ranges").await;
    let many = |count| {
        kv.watch()
            .with(move |it| it.ranges = vec![pb::Range::default(); count])
    };
    let refusal = many(65).invalid("ranges").await;
    assert_eq!(refusal.detail("limit"), "watch_ranges_max");
    assert_eq!(refusal.detail("watch_ranges_max"), "64");
    let mut watching = many(64).await;
    kv.set("a", "1").await;
    assert_eq!(watching.told(1).await.len(), 1);
}

async fn a_range_of_a_watch_has_the_rules_of_a_range(server: Server) {
    let kv = server.start().await;
    let backwards = kv.watch().or("", "b", "a");
    backwards.invalid("ranges[1].start").await;
    let long = "a".repeat(1025);
    kv.watch().prefix(&long).invalid("ranges[0].prefix").await;
}

async fn an_event_type_is_one_that_there_is(server: Server) {
    let kv = server.start().await;
    let unspecified = kv
        .watch()
        .of_types(&[EventType::Put, EventType::Unspecified]);
    unspecified.invalid("event_types[1]").await;
    let unknown = kv.watch().with(|it| it.event_types = vec![5]);
    unknown.invalid("event_types[0]").await;
}
