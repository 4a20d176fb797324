//! Condition: what must hold for a change to be made; not met, it is an error
//! and nothing changes.

use nanokv::proto::condition::Kind;
use tokio::task::JoinSet;
use tonic::Code;

use crate::support::{
    call::Call,
    kv::Kv,
    raw::{FutureCondition, SetIfFuture},
    refusal::Refusal,
    server::Server,
    words::{Span, number, text},
};

contract_of_single_keys![
    absent_not_met_is_already_exists,
    present_not_met_is_not_found,
    version_not_met_is_aborted_with_the_current_version,
    version_of_an_absent_key_is_aborted_with_version_0,
    a_condition_that_is_not_met_changes_nothing,
    a_condition_that_holds_lets_the_change_through,
    delete_of_an_absent_key_if_absent_is_ok,
    touch_of_an_absent_key_if_absent_is_ok,
    a_version_is_above_0,
    a_condition_has_a_kind,
    a_condition_is_never_false,
    a_condition_of_the_future_is_not_an_unconditional_change,
    a_touch_leaves_the_version_token_valid,
    a_bad_request_is_refused_before_its_condition_is_looked_at,
    one_of_many_creates_a_key,
    one_of_many_wins_a_version,
];

async fn absent_not_met_is_already_exists(server: Server) {
    let kv = server.start().await;
    kv.set("a", 1).await;
    changes_refused(&kv, Kind::Absent(true), Code::AlreadyExists).await;
}

async fn present_not_met_is_not_found(server: Server) {
    let kv = server.start().await;
    changes_refused(&kv, Kind::Present(true), Code::NotFound).await;
}

async fn version_not_met_is_aborted_with_the_current_version(server: Server) {
    let kv = server.start().await;
    let old = kv.set("a", 1).await.version;
    let current = kv.set("a", 1).await.version;
    for wrong in [1, old, current + 1, i64::MAX] {
        for refusal in changes_refused(&kv, Kind::Version(wrong), Code::Aborted).await {
            assert_eq!(refusal.detail("current_version"), current.to_string());
        }
    }
}

async fn version_of_an_absent_key_is_aborted_with_version_0(server: Server) {
    let kv = server.start().await;
    let version = kv.set("a", 1).await.version;
    kv.delete("a").await;
    for refusal in changes_refused(&kv, Kind::Version(version), Code::Aborted).await {
        assert_eq!(refusal.detail("current_version"), "0");
    }
}

async fn a_condition_that_is_not_met_changes_nothing(server: Server) {
    let kv = server.start().await;
    kv.set("a", 1).ttl(10.seconds()).await;
    let (entry, version) = (kv.get("a").await, kv.version().await);
    changes_refused(&kv, Kind::Absent(true), Code::AlreadyExists).await;
    changes_refused(&kv, Kind::Version(1), Code::Aborted).await;
    kv.set("b", 1).if_present().refused(Code::NotFound).await;
    kv.increment("b").if_present().refused(Code::NotFound).await;
    assert_eq!(kv.get("a").await, entry);
    assert_eq!(kv.get("b").await, None);
    assert_eq!(kv.version().await, version);
}

async fn a_condition_that_holds_lets_the_change_through(server: Server) {
    let kv = server.start().await;
    let first = kv.set("a", 1).if_absent().await.version;
    let second = kv.set("a", 2).if_version(first).await.version;
    kv.touch("a").if_version(second).never_expire().await;
    let third = kv.increment("a").if_version(second).await.version;
    kv.touch("a").if_present().never_expire().await;
    kv.increment("a").if_present().await;
    let fifth = kv.set("a", 7).if_present().await.version;
    assert_eq!(kv.value("a").await, Some(number(7)));
    assert!(third < fifth);
    assert_eq!(kv.delete("a").if_version(fifth).await.deleted, Some(true));
    assert_eq!(kv.increment("a").if_absent().await.number, Some(1));
    assert_eq!(kv.delete("a").if_present().await.deleted, Some(true));
}

async fn delete_of_an_absent_key_if_absent_is_ok(server: Server) {
    let kv = server.start().await;
    assert_eq!(kv.delete("a").if_absent().await.deleted, Some(false));
}

async fn touch_of_an_absent_key_if_absent_is_ok(server: Server) {
    let kv = server.start().await;
    assert_eq!(kv.touch("a").if_absent().await.applied, Some(false));
}

async fn a_version_is_above_0(server: Server) {
    let kv = server.start().await;
    kv.set("a", 1).await;
    for bad in [0, -1, i64::MIN] {
        for refusal in changes_refused(&kv, Kind::Version(bad), Code::InvalidArgument).await {
            assert_eq!(refusal.fields, ["condition.version"]);
        }
    }
    assert_eq!(kv.value("a").await, Some(number(1)));
}

async fn a_condition_has_a_kind(server: Server) {
    let kv = server.start().await;
    kv.set("a", 1).await;
    for refusal in changes_refused(&kv, None, Code::InvalidArgument).await {
        assert!(refusal.fields[0].starts_with("condition"), "{refusal:?}");
    }
    assert_eq!(kv.value("a").await, Some(number(1)));
}

async fn a_condition_is_never_false(server: Server) {
    let kv = server.start().await;
    let forms = [
        (Kind::Absent(false), "condition.absent"),
        (Kind::Present(false), "condition.present"),
    ];
    for (kind, field) in forms {
        for refusal in changes_refused(&kv, kind, Code::InvalidArgument).await {
            assert_eq!(refusal.fields, [field]);
        }
    }
}

async fn a_condition_of_the_future_is_not_an_unconditional_change(server: Server) {
    let kv = server.start().await;
    let request = SetIfFuture {
        key: "a".to_owned(),
        value: Some(text("1")),
        condition: Some(FutureCondition { unheard_of: true }),
    };
    let call = Call::new(&kv, request);
    call.refused(Code::InvalidArgument).await;
    assert_eq!(kv.get("a").await, None);
}

async fn a_touch_leaves_the_version_token_valid(server: Server) {
    let kv = server.start().await;
    let version = kv.set("a", 1).await.version;
    kv.touch("a").ttl(10.seconds()).await;
    kv.set("a", 2).if_version(version).await;
}

async fn a_bad_request_is_refused_before_its_condition_is_looked_at(server: Server) {
    let kv = server.start().await;
    kv.set("a", 1).await;
    let bad = kv.set("a", 2).if_absent().ttl(0.seconds());
    bad.invalid("ttl").await;
    let bad = kv.touch("b").if_present().ttl(101.years());
    bad.invalid("ttl").await;
    let bad = kv.increment("a").if_absent().min(2).max(1);
    bad.refused(Code::InvalidArgument).await;
}

async fn one_of_many_creates_a_key(server: Server) {
    let kv = server.start().await;
    let won = at_once(&kv, |kv| async move {
        let answer = kv.set("a", 1).if_absent().answer().await;
        answer.map_err(|status| assert_eq!(status.code(), Code::AlreadyExists))
    });
    assert_eq!(won.await, 1);
}

async fn one_of_many_wins_a_version(server: Server) {
    let kv = server.start().await;
    let version = kv.set("a", 1).await.version;
    let won = at_once(&kv, |kv| async move {
        let answer = kv.set("a", 2).if_version(version).answer().await;
        answer.map_err(|status| assert_eq!(status.code(), Code::Aborted))
    });
    assert_eq!(won.await, 1);
}

/// Every kind of change of the key `a` under a condition; each must be refused
/// with this code.
async fn changes_refused(kv: &Kv, kind: impl Into<Option<Kind>>, code: Code) -> [Refusal; 4] {
    let kind: Option<Kind> = kind.into();
    [
        kv.set("a", 2).on_condition(kind).refused(code).await,
        kv.delete("a").on_condition(kind).refused(code).await,
        kv.increment("a").on_condition(kind).refused(code).await,
        kv.touch("a").on_condition(kind).refused(code).await,
    ]
}

/// How many of several callers, each on its own connection, had success.
async fn at_once<T, F>(kv: &Kv, call: impl Fn(Kv) -> F) -> usize
where
    F: Future<Output = Result<T, ()>> + Send + 'static,
    T: Send + 'static,
{
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        callers.spawn(call(kv.reconnected().await));
    }
    let answers = callers.join_all().await;
    answers.iter().flatten().count()
}
