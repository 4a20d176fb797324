//! Increment: adds to a number in one step, creating it when absent.

use tokio::task::JoinSet;
use tonic::Code;

use crate::support::{
    server::Server,
    words::{IntoValue, Span, data, number, start_plus, text},
};

contract_of_single_keys![
    an_absent_delta_is_1,
    a_delta_may_be_0_or_negative,
    a_new_counter_starts_at_initial_and_delta_applies,
    initial_means_nothing_to_an_existing_counter,
    a_number_that_was_set_is_a_counter,
    a_result_out_of_bounds_is_refused_and_nothing_changes,
    a_new_counter_out_of_bounds_is_not_created,
    the_bounds_are_inclusive,
    the_bounds_are_of_the_result_alone,
    a_result_that_overflows_is_refused_and_nothing_changes,
    min_is_not_above_max,
    what_is_not_a_number_is_refused_and_nothing_changes,
    a_new_counter_takes_the_expiry,
    an_existing_counter_keeps_its_expiry,
    the_number_is_always_shown,
    increments_at_once_all_count,
];

async fn an_absent_delta_is_1(server: Server) {
    let kv = server.start().await;
    assert_eq!(kv.increment("n").await.number, Some(1));
    assert_eq!(kv.increment("n").await.number, Some(2));
    assert_eq!(kv.value("n").await, Some(number(2)));
}

async fn a_delta_may_be_0_or_negative(server: Server) {
    let kv = server.start().await;
    assert_eq!(kv.increment("n").by(5).await.number, Some(5));
    assert_eq!(kv.increment("n").by(0).await.number, Some(5));
    assert_eq!(kv.increment("n").by(-7).await.number, Some(-2));
}

async fn a_new_counter_starts_at_initial_and_delta_applies(server: Server) {
    let kv = server.start().await;
    let counted = kv.increment("n").initial(100).by(5).await;
    assert_eq!(counted.number, Some(105));
    assert_eq!(kv.increment("m").initial(-1).await.number, Some(0));
}

async fn initial_means_nothing_to_an_existing_counter(server: Server) {
    let kv = server.start().await;
    kv.set("n", 1).await;
    assert_eq!(kv.increment("n").initial(100).await.number, Some(2));
}

async fn a_number_that_was_set_is_a_counter(server: Server) {
    let kv = server.start().await;
    kv.set("n", 41).await;
    assert_eq!(kv.increment("n").await.number, Some(42));
}

async fn a_result_out_of_bounds_is_refused_and_nothing_changes(server: Server) {
    let kv = server.start().await;
    kv.set("n", 5).await;
    let before = kv.get("n").await;
    for beyond in [
        kv.increment("n").by(6).max(10),
        kv.increment("n").by(-6).min(0),
    ] {
        beyond.refused(Code::FailedPrecondition).await;
        assert_eq!(kv.get("n").await, before);
    }
}

async fn a_new_counter_out_of_bounds_is_not_created(server: Server) {
    let kv = server.start().await;
    let beyond = kv.increment("n").initial(10).max(10);
    beyond.refused(Code::FailedPrecondition).await;
    assert_eq!(kv.get("n").await, None);
}

async fn the_bounds_are_inclusive(server: Server) {
    let kv = server.start().await;
    let exactly_3 = |delta| kv.increment("n").by(delta).min(3).max(3);
    assert_eq!(exactly_3(3).await.number, Some(3));
    assert_eq!(exactly_3(0).await.number, Some(3));
    exactly_3(1).refused(Code::FailedPrecondition).await;
}

async fn the_bounds_are_of_the_result_alone(server: Server) {
    let kv = server.start().await;
    kv.set("n", 100).await;
    assert_eq!(kv.increment("n").by(-95).max(10).await.number, Some(5));
}

async fn a_result_that_overflows_is_refused_and_nothing_changes(server: Server) {
    let kv = server.start().await;
    for (edge, delta) in [(i64::MAX, 1), (i64::MIN, -1), (-1, i64::MIN)] {
        kv.set("n", edge).await;
        let beyond = kv.increment("n").by(delta);
        beyond.refused(Code::FailedPrecondition).await;
        assert_eq!(kv.value("n").await, Some(number(edge)));
    }
    let beyond = kv.increment("m").initial(i64::MAX);
    beyond.refused(Code::FailedPrecondition).await;
    assert_eq!(kv.get("m").await, None);
}

async fn min_is_not_above_max(server: Server) {
    let kv = server.start().await;
    kv.set("n", 5).await;
    for key in ["n", "absent"] {
        let refused = kv.increment(key).min(2).max(1);
        refused.refused(Code::InvalidArgument).await;
    }
    assert_eq!(kv.value("n").await, Some(number(5)));
    assert_eq!(kv.get("absent").await, None);
}

async fn what_is_not_a_number_is_refused_and_nothing_changes(server: Server) {
    let kv = server.start().await;
    for value in [text("42"), data("42"), text("")] {
        kv.set("n", value.clone()).await;
        let refusal = kv.increment("n").refused(Code::FailedPrecondition).await;
        assert_eq!(refusal.reason, "WRONG_KIND");
        assert_eq!(kv.value("n").await, Some(value.into_value()));
    }
}

async fn a_new_counter_takes_the_expiry(server: Server) {
    let kv = server.start().await;
    let counted = kv.increment("n").ttl(10.seconds()).await;
    assert_eq!(counted.expire_time, Some(start_plus(10.seconds())));
    let time = start_plus(20.seconds());
    let counted = kv.increment("m").expire_time(time).await;
    assert_eq!(counted.expire_time, Some(time));
    kv.advance(10.seconds());
    assert_eq!(kv.list().keys().await, ["m"]);
}

async fn an_existing_counter_keeps_its_expiry(server: Server) {
    let kv = server.default_ttl(7.seconds()).start().await;
    kv.set("n", 1).ttl(10.seconds()).await;
    kv.set("never", 1).never_expire().await;
    kv.advance(4.seconds());
    let forms = [
        kv.increment("n"),
        kv.increment("n").ttl(1.days()),
        kv.increment("n").never_expire(),
        kv.increment("n").keep_expiry(),
    ];
    for form in forms {
        let expire_time = form.await.expire_time;
        assert_eq!(expire_time, Some(start_plus(10.seconds())));
    }
    let counted = kv.increment("never").ttl(1.seconds()).await;
    assert_eq!(counted.expire_time, None);
    kv.advance(6.seconds());
    assert_eq!(kv.list().keys().await, ["never"]);
}

async fn the_number_is_always_shown(server: Server) {
    let kv = server.start().await;
    // 0 too, so that grpcurl shows it.
    assert_eq!(kv.increment("n").by(0).await.number, Some(0));
}

async fn increments_at_once_all_count(server: Server) {
    let kv = server.start().await;
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let kv = kv.reconnected().await;
        callers.spawn(async move {
            for _ in 0..20 {
                kv.increment("n").await;
            }
        });
    }
    callers.join_all().await;
    assert_eq!(kv.value("n").await, Some(number(160)));
}
