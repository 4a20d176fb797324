//! Each call against a store: what is said arrives, and what comes back is
//! understood.

use std::time::{Duration, SystemTime};

use nanokv::client::{
    entry::Entry,
    operation::{self, Outcome},
    range::Range,
    reason::Reason,
    value::Value,
};
use tonic::Code;

use crate::served::{START, Served};

fn after_start(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(START) + Duration::from_secs(seconds)
}

#[tokio::test]
async fn every_kind_of_value_comes_back_as_it_was_stored() {
    let running = Served::store();
    let kv = running.client();
    for value in [
        Value::from("text"),
        Value::from(""),
        Value::from(i64::MIN),
        Value::from(vec![0, 255]),
    ] {
        let stored = kv.set("a", value.clone()).await.unwrap();
        let entry = Entry {
            key: "a".to_owned(),
            value: Some(value),
            version: stored.version,
            expire_time: None,
        };
        assert_eq!(kv.get("a").await.unwrap(), Some(entry));
    }
    let seen = kv.get("a").omit_value().await.unwrap().unwrap();
    assert_eq!(seen.value, None);
    assert_eq!(kv.get("b").await.unwrap(), None);
}

#[tokio::test]
async fn deadlines_are_set_kept_and_moved() {
    let running = Served::store();
    let kv = running.client();
    let minute = Duration::from_mins(1);
    let stored = kv.set("a", "1").ttl(minute).await.unwrap();
    assert_eq!(stored.expire_time, Some(after_start(60)));
    let kept = kv.set("a", "2").keep_expiry().await.unwrap();
    assert_eq!(kept.expire_time, Some(after_start(60)));
    let later = after_start(90);
    let moved = kv.set("a", "3").expire_time(later).await.unwrap();
    assert_eq!(moved.expire_time, Some(after_start(90)));

    let shorter = kv.touch("a").ttl(minute).only_extend().await.unwrap();
    assert!(!shorter.applied);
    let shorter = kv.touch("a").ttl(minute).only_shorten().omit_value();
    let shorter = shorter.await.unwrap();
    assert!(shorter.applied);
    let entry = shorter.entry.unwrap();
    assert_eq!(
        (entry.value, entry.expire_time),
        (None, Some(after_start(60)))
    );

    running.clock().advance(60_000);
    assert_eq!(kv.get("a").await.unwrap(), None);
    let absent = kv.touch("a").never_expire().await.unwrap();
    assert_eq!((absent.entry, absent.applied), (None, false));
}

#[tokio::test]
async fn a_time_to_live_past_every_limit_is_refused_with_the_limit() {
    let running = Served::store();
    let error = running.client().set("a", "1").ttl(Duration::MAX).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.violations()[0].field, "ttl");
}

#[tokio::test]
async fn conditions_are_held_and_told() {
    let running = Served::store();
    let kv = running.client();
    let absent = kv.set("a", "1").if_present().await.unwrap_err();
    assert_eq!(absent.reason(), Some(&Reason::KeyNotFound));
    let stored = kv.set("a", "1").if_absent().await.unwrap();
    let present = kv.set("a", "2").if_absent().await.unwrap_err();
    assert_eq!(present.reason(), Some(&Reason::KeyExists));
    let other = kv.delete("a").if_version(1).await.unwrap_err();
    assert_eq!(other.reason(), Some(&Reason::VersionMismatch));
    assert_eq!(other.current_version(), Some(stored.version));
    assert!(absent.is_refused_condition() && present.is_refused_condition());
    let deleted = kv.delete("a").if_version(stored.version);
    let deleted = deleted.return_previous().await.unwrap();
    assert!(deleted.deleted && deleted.version > stored.version);
    assert_eq!(deleted.previous.unwrap().version, stored.version);
    assert!(!kv.delete("a").await.unwrap().deleted);
}

#[tokio::test]
async fn counters_count_within_their_bounds() {
    let running = Served::store();
    let kv = running.client();
    let first = kv.increment("n").initial(10).by(-3).await.unwrap();
    assert_eq!(first.number, 7);
    assert_eq!(kv.increment("n").await.unwrap().number, 8);
    for call in [kv.increment("n").max(8), kv.increment("n").by(-1).min(8)] {
        let error = call.await.unwrap_err();
        assert_eq!(error.reason(), Some(&Reason::CounterOutOfBounds));
        assert_eq!(error.metadata("number"), Some("8"));
        assert!(error.is_refused_condition());
    }
}

#[tokio::test]
async fn a_batch_answers_each_operation_for_itself() {
    let running = Served::store();
    let outcomes = running
        .client()
        .batch()
        .then(operation::set("a", 1).return_previous())
        .then(operation::increment("a").by(2))
        .then(operation::touch("a").ttl(Duration::from_mins(1)))
        .all([operation::get("a"), operation::get("b")])
        .then(operation::delete("a").if_absent())
        .await
        .unwrap();
    let [
        Ok(Outcome::Set(set)),
        Ok(Outcome::Increment(counted)),
        Ok(Outcome::Touch(touched)),
        Ok(Outcome::Get(Some(entry))),
        Ok(Outcome::Get(None)),
        Err(refused),
    ] = &outcomes[..]
    else {
        panic!("{outcomes:?}");
    };
    assert!(set.version < counted.version);
    assert_eq!(counted.number, 3);
    assert_eq!(touched.entry.as_ref(), Some(entry));
    assert_eq!(entry.expire_time, Some(after_start(60)));
    assert_eq!(refused.reason(), Some(&Reason::KeyExists));
}

#[tokio::test]
async fn a_listing_goes_over_all_its_pages() {
    let running = Served::store();
    let kv = running.client();
    for number in 0..25 {
        kv.set(format!("a/{number:02}"), number).await.unwrap();
    }
    kv.set("b", "other").await.unwrap();
    let before = kv.describe().await.unwrap().version;

    let mut entries = kv.list(Range::prefix("a/")).page_size(10).entries();
    let mut numbers = Vec::new();
    while let Some(entry) = entries.next().await {
        numbers.push(entry.unwrap().value.unwrap().as_number().unwrap());
    }
    assert_eq!(numbers, (0..25).collect::<Vec<_>>());
    assert_eq!(entries.version(), Some(before));

    let page = kv.list(Range::all().start("a/03").end("a/05"));
    let page = page.omit_value().await.unwrap();
    let keys: Vec<_> = page
        .entries
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    assert_eq!(keys, ["a/03", "a/04"]);
    assert_eq!(page.entries[0].value, None);
    assert_eq!(page.next_page_token, None);
    let last = kv.list(Range::all().after("a/24")).await.unwrap();
    assert_eq!(last.entries[0].key, "b");
}

#[tokio::test]
async fn a_listing_ends_with_the_error_of_a_page() {
    let running = Served::store();
    let mut entries = running.client().list(Range::all()).page_size(-1).entries();
    let error = entries.next().await.unwrap().unwrap_err();
    assert_eq!(error.violations()[0].field, "page_size");
    assert!(entries.next().await.is_none());
}

#[tokio::test]
async fn a_server_describes_itself() {
    let running = Served::store();
    let told = running.client().describe().await.unwrap();
    assert_eq!(told.engine, "memory");
    assert_eq!(told.limits.key_bytes_max, 1024);
    assert_eq!(told.server_time, Some(after_start(0)));
    assert!(told.capabilities.contains(&"Get".to_owned()));
}

#[tokio::test]
async fn clones_and_calls_at_once_share_a_client() {
    let running = Served::store();
    let kv = running.client();
    let calls: Vec<_> = (0..50)
        .map(|_| tokio::spawn(kv.clone().increment("n").into_future()))
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(kv.increment("n").await.unwrap().number, 51);
}
