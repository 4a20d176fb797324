//! `request_id` where several things are asked for, or by several callers.

use nanokv::proto::operation_result::Kind;
use tonic::Code;

use crate::support::{
    identified::Identified,
    kv::Kv,
    server::Server,
    words::{data, number},
};

contract![
    a_repeat_within_a_list_is_given_the_first_reply,
    a_call_and_an_operation_are_the_same_request,
    a_repeat_in_a_pipeline_is_given_the_first_reply,
    a_bad_request_id_fails_its_slot,
    a_reply_given_again_counts_in_a_list,
    a_transaction_is_repeated_as_a_whole,
    operations_of_a_transaction_have_no_request_id,
    a_range_is_deleted_once,
    of_many_at_once_one_is_carried_out,
];

async fn a_repeat_within_a_list_is_given_the_first_reply(server: Server) {
    let kv = server.start().await;
    let add = || kv.increment("n").id("1");
    let slots = kv
        .batch()
        .then(add())
        .then(kv.increment("n"))
        .then(add())
        .then(kv.get("n"))
        .then(kv.set("n", 7).id("1"))
        .then(kv.increment("n").id("2"))
        .await;
    assert_eq!(slots[0], slots[2]);
    assert_eq!(slots[3].value(), Some(&number(2)));
    let refusal = slots[4].refused(Code::AlreadyExists);
    assert_eq!(refusal.reason, "REQUEST_ID_REUSED");
    assert_eq!(kv.value("n").await, Some(number(3)));
    let again = kv.batch().then(add()).then(kv.increment("n").id("2")).await;
    assert_eq!((&again[0], &again[1]), (&slots[0], &slots[5]));
    assert_eq!(kv.value("n").await, Some(number(3)));
}

async fn a_call_and_an_operation_are_the_same_request(server: Server) {
    let kv = server.start().await;
    let add = |id: &str| kv.increment("n").id(id);
    let alone = add("1").await;
    let slots = kv.batch().then(add("1")).then(add("2")).await;
    assert_eq!(slots[0].0, Kind::Increment(alone));
    assert_eq!(slots[1].0, Kind::Increment(add("2").await));
    assert_eq!(kv.value("n").await, Some(number(2)));
}

async fn a_repeat_in_a_pipeline_is_given_the_first_reply(server: Server) {
    let kv = server.start().await;
    let mut pipeline = kv.pipeline().await;
    let list = || [kv.increment("n").id("1").into(), kv.increment("m").into()];
    pipeline.send(1, list()).await;
    pipeline.send(2, list()).await;
    let first = pipeline.answer().await.slots();
    let second = pipeline.answer().await.slots();
    assert_eq!(first[0], second[0]);
    assert_ne!(first[1], second[1]);
    assert_eq!(kv.value("n").await, Some(number(1)));
    // Over another stream as well.
    let mut other = kv.pipeline().await;
    other.send(1, list()).await;
    assert_eq!(other.answer().await.slots()[0], first[0]);
}

async fn a_bad_request_id_fails_its_slot(server: Server) {
    let kv = server.start().await;
    let slots = kv
        .batch()
        .then(kv.set("a", 1).id("two words"))
        .then(kv.set("b", 1))
        .await;
    let refusal = slots[0].refused(Code::InvalidArgument);
    assert_eq!(refusal.fields, ["set.request_id"]);
    assert_eq!(kv.list().keys().await, ["b"]);
}

async fn a_reply_given_again_counts_in_a_list(server: Server) {
    let kv = server.start().await;
    for key in ["a", "b"] {
        kv.set(key, data(vec![7; 1_000_000])).await;
    }
    let touch = |key: &str| kv.touch(key).never_expire().id(key);
    touch("a").await;
    let list = || {
        let batch = kv.batch().then(touch("a")).then(touch("a"));
        batch.then(touch("a")).then(touch("a")).then(touch("b"))
    };
    let slots = list().await;
    assert!(matches!(slots[2].0, Kind::Touch(_)));
    for slot in &slots[3..] {
        let refusal = slot.refused(Code::ResourceExhausted);
        assert_eq!(refusal.reason, "REPLY_TOO_LARGE");
    }
    // Neither forgotten nor done by that.
    let alone = kv.batch().then(touch("a")).await;
    assert_eq!(alone[0], slots[0]);
    touch("b").await;
}

async fn a_transaction_is_repeated_as_a_whole(server: Server) {
    let kv = server.start().await;
    let transact = || {
        let transact = kv.transact().check_absent("a").then(kv.get("n"));
        transact
            .then(kv.increment("n"))
            .then(kv.set("a", "1"))
            .id("1")
    };
    let first = transact().await;
    // Now its check would not hold.
    assert_eq!(transact().await, first);
    assert_eq!(kv.value("n").await, Some(number(1)));
    kv.transact()
        .check_present("a")
        .then(kv.increment("n"))
        .id("1")
        .reused()
        .await;
    let refused = || {
        kv.transact()
            .check_absent("a")
            .then(kv.increment("n"))
            .id("2")
    };
    let refusal = refused().refused(Code::Aborted).await;
    assert_eq!(refusal.reason, "CHECK_FAILED");
    kv.delete("a").await;
    refused().await;
    assert_eq!(
        kv.value("n").await,
        Some(number(2)),
        "done when its check held"
    );
    refused().await;
    assert_eq!(kv.value("n").await, Some(number(2)));
}

async fn operations_of_a_transaction_have_no_request_id(server: Server) {
    let kv = server.start().await;
    let transact = kv.transact().then(kv.set("a", "1").id("1")).id("2");
    transact.invalid("operations[0].set.request_id").await;
    assert_eq!(kv.get("a").await, None);
}

async fn a_range_is_deleted_once(server: Server) {
    let kv = server
        .limits(|limits| limits.delete_range_entries_max = 2)
        .start()
        .await;
    for key in ["a1", "a2", "a3", "b"] {
        kv.set(key, "1").await;
    }
    let delete = |id: &str| kv.delete_range().prefix("a").id(id);
    let first = delete("1").await;
    assert_eq!((first.deleted_count, first.more), (Some(2), Some(true)));
    assert_eq!(delete("1").await, first);
    assert_eq!(kv.list().keys().await, ["a3", "b"]);
    kv.delete_range().prefix("b").id("1").reused().await;
    let second = delete("2").await;
    assert_eq!((second.deleted_count, second.more), (Some(1), Some(false)));
    kv.set("a1", "1").await;
    assert_eq!(delete("2").await, second);
    assert_eq!(kv.list().keys().await, ["a1", "b"]);
}

async fn of_many_at_once_one_is_carried_out(server: Server) {
    let kv = server.start().await;
    let mut connections: Vec<Kv> = Vec::new();
    for _ in 0..4 {
        connections.push(kv.reconnected().await);
    }
    for round in 0..50 {
        let id = format!("{round}");
        let mut callers = tokio::task::JoinSet::new();
        for (number, kv) in connections.iter().cloned().enumerate() {
            let id = id.clone();
            callers.spawn(async move {
                if number % 2 == 0 {
                    return kv.increment("n").id(&id).await;
                }
                let slots = kv.batch().then(kv.increment("n").id(&id)).await;
                match slots.into_iter().next().unwrap().0 {
                    Kind::Increment(answer) => answer,
                    other => panic!("{other:?}"),
                }
            });
        }
        let answers = callers.join_all().await;
        assert!(
            answers.iter().all(|answer| *answer == answers[0]),
            "{answers:?}"
        );
        assert_eq!(kv.value("n").await, Some(number(round + 1)));
    }
}
