//! Expired is absent, everywhere, whatever the sweeper has done.

use tonic::Code;

use crate::support::{
    kv::Kv,
    server::Server,
    words::{Span, number, start_plus, text},
};

contract_of_single_keys![
    an_expired_key_is_a_miss_before_the_sweep,
    an_expired_key_is_a_miss_after_the_sweep,
    an_expired_key_meets_the_condition_absent,
    an_expired_key_does_not_meet_the_condition_present,
    an_expired_key_has_no_version,
    an_expired_entry_is_not_the_previous_one,
    an_expired_deadline_is_not_kept,
    an_expired_counter_begins_anew,
    an_expired_value_of_another_kind_does_not_hinder_a_counter,
    an_expired_key_is_not_listed,
    an_expired_key_is_not_deleted_again,
    an_expired_key_is_not_revived_by_a_touch,
    an_expired_key_is_absent_in_a_batch,
    no_read_removes_an_expired_key,
    the_removal_follows_within_about_a_second,
    only_what_has_expired_is_removed,
    a_key_set_again_lives_its_new_life,
];

async fn an_expired_key_is_a_miss_before_the_sweep(server: Server) {
    let kv = expired_unswept(server).await;
    assert_eq!(kv.get("a").await, None);
    assert_eq!(kv.get("a").omit_value().await, None);
}

async fn an_expired_key_is_a_miss_after_the_sweep(server: Server) {
    let kv = server.start().await;
    let stored = kv.set("a", "1").ttl(10.seconds()).await;
    kv.advance(11.seconds());
    kv.until_version(stored.version + 1).await;
    assert_eq!(kv.get("a").await, None);
    assert_eq!(kv.list().keys().await, [""; 0]);
}

async fn an_expired_key_meets_the_condition_absent(server: Server) {
    let kv = expired_unswept(server).await;
    kv.set("a", "2").if_absent().await;
    assert_eq!(kv.value("a").await, Some(text("2")));
}

async fn an_expired_key_does_not_meet_the_condition_present(server: Server) {
    let kv = expired_unswept(server).await;
    let code = Code::NotFound;
    kv.set("a", 2).if_present().refused(code).await;
    kv.delete("a").if_present().refused(code).await;
    kv.increment("a").if_present().refused(code).await;
    kv.touch("a").if_present().refused(code).await;
}

async fn an_expired_key_has_no_version(server: Server) {
    let kv = expired_unswept(server).await;
    let version = kv.version().await;
    let refusal = kv.set("a", "2").if_version(version);
    let refusal = refusal.refused(Code::Aborted).await;
    assert_eq!(refusal.detail("current_version"), "0");
}

async fn an_expired_entry_is_not_the_previous_one(server: Server) {
    let kv = expired_unswept(server).await;
    assert_eq!(kv.delete("a").return_previous().await.previous, None);
    assert_eq!(kv.set("a", "2").return_previous().await.previous, None);
}

async fn an_expired_deadline_is_not_kept(server: Server) {
    let kv = expired_unswept(server.default_ttl(10.seconds())).await;
    let stored = kv.set("a", "2").keep_expiry().await;
    assert_eq!(stored.expire_time, Some(start_plus(20.seconds())));
    assert_eq!(kv.value("a").await, Some(text("2")));
}

async fn an_expired_counter_begins_anew(server: Server) {
    let kv = server.unswept().start().await;
    kv.increment("n").by(5).ttl(10.seconds()).await;
    kv.advance(10.seconds());
    let counted = kv.increment("n").initial(100).ttl(20.seconds()).await;
    assert_eq!(counted.number, Some(101));
    assert_eq!(counted.expire_time, Some(start_plus(30.seconds())));
}

async fn an_expired_value_of_another_kind_does_not_hinder_a_counter(server: Server) {
    let kv = expired_unswept(server).await;
    assert_eq!(kv.increment("a").await.number, Some(1));
}

async fn an_expired_key_is_not_listed(server: Server) {
    let kv = expired_unswept(server).await;
    kv.set("b", "1").await;
    assert_eq!(kv.list().keys().await, ["b"]);
    assert_eq!(kv.list().prefix("a").keys().await, [""; 0]);
}

async fn an_expired_key_is_not_deleted_again(server: Server) {
    let kv = expired_unswept(server).await;
    let removed = kv.delete("a").await;
    assert_eq!((removed.deleted, removed.version), (Some(false), 0));
}

async fn an_expired_key_is_not_revived_by_a_touch(server: Server) {
    let kv = expired_unswept(server).await;
    let touched = kv.touch("a").ttl(10.seconds()).await;
    assert_eq!((touched.entry, touched.applied), (None, Some(false)));
    assert_eq!(kv.get("a").await, None);
}

async fn an_expired_key_is_absent_in_a_batch(server: Server) {
    let kv = expired_unswept(server).await;
    let create = kv.set("a", 2).if_absent();
    let batch = kv.batch().then(kv.get("a")).then(create).then(kv.get("a"));
    let slots = batch.await;
    assert_eq!(slots[0].value(), None);
    assert_eq!(slots[2].value(), Some(&number(2)));
}

async fn no_read_removes_an_expired_key(server: Server) {
    let kv = expired_unswept(server).await;
    let version = kv.version().await;
    kv.get("a").await;
    kv.list().await;
    kv.batch().then(kv.get("a")).await;
    assert_eq!(kv.version().await, version, "a removal would take one");
}

async fn the_removal_follows_within_about_a_second(server: Server) {
    let kv = server.start().await;
    for key in 0..100 {
        kv.set(&format!("k{key}"), "1").ttl(10.seconds()).await;
    }
    let version = kv.version().await;
    kv.advance(10.seconds());
    kv.advance(1.seconds());
    kv.until_version(version + 100).await;
}

async fn only_what_has_expired_is_removed(server: Server) {
    let kv = server.start().await;
    kv.set("early", "1").ttl(10.seconds()).await;
    kv.set("late", "1").ttl(1.days()).await;
    kv.set("never", "1").await;
    kv.set("extended", "1").ttl(10.seconds()).await;
    kv.touch("extended").ttl(20.seconds()).await;
    kv.set("shortened", "1").ttl(1.days()).await;
    kv.touch("shortened").ttl(10.seconds()).await;
    let version = kv.version().await;
    kv.advance(11.seconds());
    kv.until_version(version + 2).await;
    kv.advance(1.seconds());
    assert_eq!(kv.list().keys().await, ["extended", "late", "never"]);
    kv.advance(9.seconds());
    kv.until_version(version + 3).await;
    assert_eq!(kv.list().keys().await, ["late", "never"]);
}

async fn a_key_set_again_lives_its_new_life(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    kv.set("a", "2").ttl(20.seconds()).await;
    kv.advance(19.seconds());
    assert_eq!(kv.value("a").await, Some(text("2")));
    kv.advance(1.seconds());
    assert_eq!(kv.value("a").await, None);
}

/// A server where the key `a` has expired ten seconds after the start, and has
/// not been removed.
async fn expired_unswept(server: Server) -> Kv {
    let kv = server.unswept().start().await;
    kv.set("a", "1").ttl(10.seconds()).await;
    kv.advance(10.seconds());
    kv
}
