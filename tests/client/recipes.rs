//! The recipes among the examples, against a store.

use std::time::Duration;

use nanokv::client::operation;

use crate::{
    cache_aside::{read, write},
    lock::Lock,
    scripted::Scripted,
    served::Served,
    told::unavailable,
};

const TTL: Duration = Duration::from_secs(10);

#[tokio::test]
async fn one_holder_at_a_time_has_the_lock() {
    let running = Served::store();
    let kv = running.client();
    let first = Lock::take(&kv, "lock", TTL).await.unwrap().unwrap();
    assert!(Lock::take(&kv, "lock", TTL).await.unwrap().is_none());
    running.clock().advance(9_000);
    assert!(first.renew().await.unwrap());
    running.clock().advance(9_000);
    assert!(Lock::take(&kv, "lock", TTL).await.unwrap().is_none());
    let before = first.token;
    first.release().await.unwrap();
    let second = Lock::take(&kv, "lock", TTL).await.unwrap().unwrap();
    assert!(second.token > before);
}

#[tokio::test]
async fn who_has_lost_the_lock_changes_nothing() {
    let running = Served::store();
    let kv = running.client();
    let first = Lock::take(&kv, "lock", TTL).await.unwrap().unwrap();
    assert!(first.change([operation::set("a", "first")]).await.unwrap());
    running.clock().advance(10_000);
    let second = Lock::take(&kv, "lock", TTL).await.unwrap().unwrap();
    assert!(!first.renew().await.unwrap());
    assert!(!first.change([operation::set("a", "late")]).await.unwrap());
    first.release().await.unwrap();
    assert!(second.renew().await.unwrap(), "it was not the first one's");
    let entry = kv.get("a").await.unwrap().unwrap();
    assert_eq!(entry.value, Some("first".into()));
}

#[tokio::test]
async fn what_is_slow_to_get_is_asked_for_once() {
    let running = Served::store();
    let kv = running.client();
    let mut asked = 0;
    for _ in 0..3 {
        let got = read(&kv, "a", async || {
            asked += 1;
            Ok("1".to_owned())
        });
        assert_eq!(got.await.unwrap(), "1");
    }
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn what_was_loaded_before_a_write_does_not_replace_it() {
    let running = Served::store();
    let kv = running.client();
    let old = read(&kv, "a", async || {
        write(&kv, "a", "new".to_owned(), async |_| Ok(())).await?;
        Ok("old".to_owned())
    });
    assert_eq!(old.await.unwrap(), "old");
    let entry = kv.get("a").await.unwrap().unwrap();
    assert_eq!(entry.value, Some("new".into()));
}

#[tokio::test]
async fn a_cache_that_is_away_is_gone_around() {
    let server = Scripted::new().says(std::iter::repeat_with(unavailable).take(5));
    let running = server.serve();
    let kv = running.client();
    let got = read(&kv, "a", async || Ok("1".to_owned()));
    assert_eq!(got.await.unwrap(), "1");
    assert_eq!(server.script().asked, ["read"; 5], "nothing is kept");
}
