//! Transact: what a transaction is refused for, and that nothing has changed.

use nanokv::proto as pb;
use tonic::Code;

use crate::support::{
    call::Call,
    server::Server,
    words::{Span, data, text},
};

contract![
    a_transaction_with_nothing_to_do_is_refused,
    a_transaction_counts_checks_and_operations,
    all_conditions_are_checked_before_anything_is_done,
    a_check_that_does_not_hold_is_aborted_with_its_place,
    a_check_has_a_condition,
    an_operation_that_fails_fails_all_with_its_own_code,
    what_can_never_be_right_comes_before_checks,
    a_field_that_breaks_a_rule_is_named_by_its_path,
    a_key_is_written_once,
    a_request_id_of_an_operation_is_invalid,
    a_reply_that_would_be_too_large_is_refused_before_anything_is_done,
];

async fn a_transaction_with_nothing_to_do_is_refused(server: Server) {
    let kv = server.start().await;
    kv.transact().invalid("operations").await;
}

async fn a_transaction_counts_checks_and_operations(server: Server) {
    let kv = server.start().await;
    let filled = |checks: usize, operations: usize| {
        let mut call = kv.transact();
        for _ in 0..checks {
            call = call.check_absent("a");
        }
        for index in 0..operations {
            call = call.then(kv.increment(&format!("n{index}")));
        }
        call
    };
    for (checks, operations) in [(1024, 0), (0, 1024), (24, 1000)] {
        let done = filled(checks, operations).await;
        assert_eq!(done.slots.len(), operations);
    }
    let before = kv.version().await;
    for (checks, operations) in [(1025, 0), (0, 1025), (25, 1000)] {
        let refusal = filled(checks, operations).invalid("operations").await;
        assert_eq!(refusal.detail("limit"), "batch_operations_max");
    }
    assert_eq!(kv.version().await, before);
}

async fn all_conditions_are_checked_before_anything_is_done(server: Server) {
    let kv = server.start().await;
    let version = kv.set("a", "1").await.version;
    let refused = kv
        .transact()
        .check_present("a")
        .then(kv.set("b", "1"))
        .then(kv.delete("a"))
        .then(kv.touch("a2").ttl(10.seconds()))
        .check_present("c");
    refused.refused(Code::Aborted).await;
    let refused = kv
        .transact()
        .then(kv.set("b", "1"))
        .then(kv.delete("a"))
        .then(kv.set("c", "1").if_present())
        .then(kv.set("d", "1"));
    refused.refused(Code::NotFound).await;
    assert_eq!(kv.list().keys().await, ["a"]);
    assert_eq!(kv.version().await, version, "a refusal takes none");
}

async fn a_check_that_does_not_hold_is_aborted_with_its_place(server: Server) {
    let kv = server.start().await;
    let version = kv.set("a", "1").await.version;
    let refused = async |call: Call<'_, pb::TransactRequest>| {
        let refusal = call.then(kv.set("x", "1")).refused(Code::Aborted).await;
        assert_eq!(refusal.reason, "CHECK_FAILED");
        let current = refusal.detail("current_version").to_owned();
        let place = refusal.detail("check_index").to_owned();
        (place, refusal.detail("key").to_owned(), current)
    };
    let is = |place: &str, key: &str, current: &str| {
        (place.to_owned(), key.to_owned(), current.to_owned())
    };
    let there = version.to_string();
    let call = kv.transact().check_absent("a");
    assert_eq!(refused(call).await, is("0", "a", &there));
    let call = kv.transact().check_present("a").check_present("b");
    assert_eq!(refused(call).await, is("1", "b", "0"));
    let call = kv.transact().check_version("a", version + 1);
    assert_eq!(refused(call).await, is("0", "a", &there));
    let call = kv.transact().check_version("b", version);
    assert_eq!(refused(call).await, is("0", "b", "0"));
    let call = kv.transact().check_absent("b").check_absent("c");
    let call = call.check_absent("a").check_present("b");
    assert_eq!(refused(call).await, is("2", "a", &there), "the first one");
    assert_eq!(kv.get("x").await, None);
}

async fn a_check_has_a_condition(server: Server) {
    let kv = server.start().await;
    let condition = "checks[1].condition";
    let good = || kv.transact().check_absent("a").then(kv.set("a", "1"));
    let without = good().with(|it| {
        it.checks.push(pb::Check {
            key: "b".to_owned(),
            condition: None,
        });
    });
    without.invalid(condition).await;
    let unset = good().check("b", None);
    unset.invalid(&format!("{condition}.kind")).await;
    let present = good().check("b", pb::condition::Kind::Present(false));
    present.invalid(&format!("{condition}.present")).await;
    let absent = good().check("b", pb::condition::Kind::Absent(false));
    absent.invalid(&format!("{condition}.absent")).await;
    let version = good().check_version("b", 0);
    version.invalid(&format!("{condition}.version")).await;
    good().check_absent("").invalid("checks[1].key").await;
    assert_eq!(kv.get("a").await, None);
}

async fn an_operation_that_fails_fails_all_with_its_own_code(server: Server) {
    let kv = server.start().await;
    let version = kv.set("a", "1").await.version;
    kv.set("n", 5).await;
    let before = kv.version().await;
    let cases: [(pb::Operation, Code, &str, &str); 6] = [
        (
            kv.set("a", "2").if_absent().into(),
            Code::AlreadyExists,
            "KEY_EXISTS",
            "a",
        ),
        (
            kv.delete("b").if_present().into(),
            Code::NotFound,
            "KEY_NOT_FOUND",
            "b",
        ),
        (
            kv.touch("a").if_version(version + 1).into(),
            Code::Aborted,
            "VERSION_MISMATCH",
            "a",
        ),
        (
            kv.increment("a").into(),
            Code::FailedPrecondition,
            "WRONG_KIND",
            "a",
        ),
        (
            kv.increment("n").max(5).into(),
            Code::FailedPrecondition,
            "COUNTER_OUT_OF_BOUNDS",
            "n",
        ),
        (
            kv.increment("n").by(i64::MAX).into(),
            Code::FailedPrecondition,
            "COUNTER_OVERFLOW",
            "n",
        ),
    ];
    for (operation, code, reason, key) in cases {
        let call = kv.transact().then(kv.set("x", "1")).then(kv.get("a"));
        let refusal = call.then(operation).then(kv.delete("c").if_present());
        let refusal = refusal.refused(code).await;
        assert_eq!((&*refusal.reason, refusal.detail("key")), (reason, key));
        assert_eq!(refusal.detail("operation_index"), "2");
    }
    assert_eq!(kv.get("x").await, None);
    assert_eq!(kv.version().await, before);
}

async fn what_can_never_be_right_comes_before_checks(server: Server) {
    let kv = server.start().await;
    let never = || {
        [
            kv.set("a", "1").ttl(101.years()),
            kv.set("a", "1").ttl(0.seconds()),
        ]
    };
    for call in never() {
        let call = kv
            .transact()
            .check_present("b")
            .then(kv.get("b"))
            .then(call);
        let refusal = call.invalid("operations[1].set.ttl").await;
        assert_eq!(refusal.detail("operation_index"), "1");
    }
    let bounds = kv.increment("n").min(2).max(1);
    let call = kv.transact().check_present("b").then(bounds);
    call.invalid("operations[0].increment.min").await;
}

async fn a_field_that_breaks_a_rule_is_named_by_its_path(server: Server) {
    let kv = server.start().await;
    let too_long = "k".repeat(1025);
    let cases: [(pb::Operation, &str); 7] = [
        (pb::Operation { kind: None }, "kind"),
        (kv.get("").into(), "get.key"),
        (kv.set(&too_long, "1").into(), "set.key"),
        (
            kv.set("a", pb::Value { kind: None }).into(),
            "set.value.kind",
        ),
        (
            kv.set("a", data(vec![7; (1 << 20) + 1])).into(),
            "set.value.data",
        ),
        (
            kv.delete("a").if_version(0).into(),
            "delete.condition.version",
        ),
        (kv.touch("a").with(|it| it.mode = 9).into(), "touch.mode"),
    ];
    for (operation, field) in cases {
        let call = kv.transact().then(kv.set("b", "1")).then(operation);
        let refusal = call.invalid(&format!("operations[1].{field}")).await;
        assert_eq!(refusal.detail("operation_index"), "1");
    }
    assert_eq!(kv.get("b").await, None);
}

async fn a_key_is_written_once(server: Server) {
    let kv = server.start().await;
    kv.set("a", 1).await;
    let twice: [(pb::Operation, &str); 4] = [
        (kv.set("a", "2").into(), "set"),
        (kv.delete("a").into(), "delete"),
        (kv.increment("a").into(), "increment"),
        (kv.touch("a").ttl(10.seconds()).into(), "touch"),
    ];
    for (operation, kind) in twice {
        let call = kv.transact().then(kv.touch("a").ttl(20.seconds()));
        let call = call.then(kv.set("b", "1")).then(operation);
        let refusal = call.invalid(&format!("operations[2].{kind}.key")).await;
        assert_eq!(refusal.detail("operation_index"), "2");
    }
    assert_eq!(kv.get("b").await, None);
    // Looking at a key as well is fine.
    let call = kv.transact().check_present("a").check_present("a");
    let done = call
        .then(kv.get("a"))
        .then(kv.increment("a"))
        .then(kv.get("a"));
    assert_eq!(done.await.slots.len(), 3);
}

async fn a_request_id_of_an_operation_is_invalid(server: Server) {
    let kv = server.start().await;
    let id = || "6ba7b810-9dad-11d1-80b4-00c04fd430c8".to_owned();
    let cases: [(pb::Operation, &str); 4] = [
        (kv.set("a", 1).with(|it| it.request_id = id()).into(), "set"),
        (
            kv.delete("a").with(|it| it.request_id = id()).into(),
            "delete",
        ),
        (
            kv.increment("a").with(|it| it.request_id = id()).into(),
            "increment",
        ),
        (
            kv.touch("a").with(|it| it.request_id = id()).into(),
            "touch",
        ),
    ];
    for (operation, kind) in cases {
        let call = kv.transact().then(kv.set("b", "1")).then(operation);
        call.invalid(&format!("operations[1].{kind}.request_id"))
            .await;
    }
    assert_eq!(kv.list().keys().await, [""; 0]);
}

async fn a_reply_that_would_be_too_large_is_refused_before_anything_is_done(server: Server) {
    let kv = server.start().await;
    for key in ["a", "b", "c", "d"] {
        kv.set(key, data(vec![7; 1_000_000])).await;
    }
    let before = kv.version().await;
    let three = || {
        let call = kv.transact().then(kv.set("e", "1")).then(kv.get("a"));
        call.then(kv.delete("b").return_previous())
            .then(kv.get("c"))
    };
    for last in [
        pb::Operation::from(kv.get("d")),
        kv.delete("d").return_previous().into(),
        kv.set("d", "1").return_previous().into(),
        kv.touch("d").ttl(10.seconds()).into(),
    ] {
        let refusal = three().then(last).refused(Code::ResourceExhausted).await;
        assert_eq!(refusal.reason, "REPLY_TOO_LARGE");
        assert_eq!(refusal.detail("reply_bytes_max"), (3 << 20).to_string());
        assert_eq!(refusal.detail("operation_index"), "4");
    }
    assert_eq!(kv.version().await, before);
    let keys = kv.list().omit_value().keys().await;
    assert_eq!(keys, ["a", "b", "c", "d"]);
    assert_eq!(kv.get("d").omit_value().await.unwrap().expire_time, None);
    // Without the last value all of it fits.
    three().then(kv.get("d").omit_value()).await;
    assert_eq!(kv.value("e").await, Some(text("1")));
}
