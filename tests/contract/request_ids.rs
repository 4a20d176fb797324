//! `request_id`: what is asked for again is done once.

use nanokv::proto::{self as pb, operation_result::Kind};
use tonic::Code;

use crate::support::{
    call::Call,
    kv::Kv,
    server::Server,
    words::{Span, data, number, start_plus, text},
};

contract![
    a_repeat_is_given_the_first_reply_and_changes_nothing,
    a_repeat_is_given_the_entry_that_the_first_reply_held,
    a_repeat_keeps_the_expire_time_of_the_first_reply,
    a_repeat_of_what_found_nothing_is_given_that,
    a_repeat_that_asks_for_something_else_is_refused,
    a_repeat_under_another_rpc_is_refused,
    another_id_is_another_request,
    no_id_is_no_repeat,
    what_was_refused_is_not_remembered,
    a_request_is_remembered_for_its_window,
    the_oldest_request_makes_way,
    a_request_id_has_1_to_128_printable_characters,
    a_repeat_within_a_list_is_given_the_first_reply,
    a_call_and_an_operation_are_the_same_request,
    a_repeat_in_a_pipeline_is_given_the_first_reply,
    a_bad_request_id_fails_its_slot,
    a_reply_given_again_counts_in_a_list,
    a_transaction_is_repeated_as_a_whole,
    operations_of_a_transaction_have_no_request_id,
    a_range_is_deleted_once,
    of_many_at_once_one_is_carried_out,
    a_server_that_remembers_none_refuses_request_ids,
];

/// A request with an id.
trait Identified: Sized {
    fn id(self, id: &str) -> Self;
}

macro_rules! identified {
    ($($request:ty),*) => {
        $(impl Identified for Call<'_, $request> {
            fn id(self, id: &str) -> Self {
                self.with(|request| request.request_id = id.to_owned())
            }
        })*
    };
}

identified!(
    pb::SetRequest,
    pb::DeleteRequest,
    pb::IncrementRequest,
    pb::TouchRequest,
    pb::TransactRequest,
    pb::DeleteRangeRequest
);

/// Must be refused because the id is that of something else.
macro_rules! reused {
    ($call:expr) => {{
        let refusal = $call.refused(Code::AlreadyExists).await;
        assert_eq!(refusal.reason, "REQUEST_ID_REUSED");
    }};
}

async fn a_repeat_is_given_the_first_reply_and_changes_nothing(server: Server) {
    let kv = server.start().await;
    let set = || kv.set("a", 1).id("set");
    let first = set().await;
    kv.set("a", 2).await;
    assert_eq!(set().await, first);
    assert_eq!(kv.value("a").await, Some(number(2)));

    let add = || kv.increment("a").id("add");
    let first = add().await;
    assert_eq!(first.number, Some(3));
    kv.increment("a").await;
    assert_eq!(add().await, first);
    assert_eq!(kv.value("a").await, Some(number(4)));

    let touch = || kv.touch("a").ttl(10.seconds()).id("touch");
    let first = touch().await;
    kv.touch("a").never_expire().await;
    assert_eq!(touch().await, first);
    assert_eq!(kv.get("a").await.unwrap().expire_time, None);

    let delete = || kv.delete("a").id("delete");
    let first = delete().await;
    assert_eq!(first.deleted, Some(true));
    kv.set("a", 5).await;
    let version = kv.version().await;
    assert_eq!(delete().await, first);
    assert_eq!(kv.value("a").await, Some(number(5)));
    assert_eq!(kv.version().await, version, "no version either");
}

async fn a_repeat_is_given_the_entry_that_the_first_reply_held(server: Server) {
    let kv = server.start().await;
    kv.set("a", "before").await;
    let set = || kv.set("a", "after").return_previous().id("1");
    let first = set().await;
    assert_eq!(first.previous.clone().unwrap().value, Some(text("before")));
    assert_eq!(set().await, first);
    let touch = || kv.touch("a").never_expire().id("2");
    let first = touch().await;
    kv.delete("a").await;
    assert_eq!(touch().await, first);
    assert_eq!(first.entry.unwrap().value, Some(text("after")));
    kv.set("a", data(vec![7; 1 << 20])).await;
    let delete = || kv.delete("a").return_previous().id("3");
    let first = delete().await;
    assert_eq!(delete().await, first);
    assert_eq!(first.previous.unwrap().value, Some(data(vec![7; 1 << 20])));
}

async fn a_repeat_keeps_the_expire_time_of_the_first_reply(server: Server) {
    let kv = server.start().await;
    let set = || kv.set("a", "1").ttl(10.seconds()).id("1");
    assert_eq!(set().await.expire_time, Some(start_plus(10.seconds())));
    kv.advance(5.seconds());
    assert_eq!(set().await.expire_time, Some(start_plus(10.seconds())));
    kv.advance(5.seconds());
    assert_eq!(set().await.expire_time, Some(start_plus(10.seconds())));
    assert_eq!(kv.get("a").await, None, "it has expired, and stays so");
}

async fn a_repeat_of_what_found_nothing_is_given_that(server: Server) {
    let kv = server.start().await;
    let delete = || kv.delete("a").id("1");
    let touch = || kv.touch("a").never_expire().id("2");
    assert_eq!(delete().await.deleted, Some(false));
    assert_eq!(touch().await.applied, Some(false));
    kv.set("a", "1").ttl(10.seconds()).await;
    assert_eq!(delete().await.deleted, Some(false));
    assert_eq!(touch().await.applied, Some(false));
    assert!(kv.get("a").await.unwrap().expire_time.is_some());
}

async fn a_repeat_that_asks_for_something_else_is_refused(server: Server) {
    let kv = server.start().await;
    kv.set("a", "1").ttl(10.seconds()).id("1").await;
    reused!(kv.set("a", "2").ttl(10.seconds()).id("1"));
    reused!(kv.set("b", "1").ttl(10.seconds()).id("1"));
    reused!(kv.set("a", "1").ttl(11.seconds()).id("1"));
    reused!(kv.set("a", "1").id("1"));
    reused!(kv.set("a", "1").ttl(10.seconds()).if_present().id("1"));
    reused!(kv.set("a", "1").ttl(10.seconds()).return_previous().id("1"));
    kv.increment("n").id("2").await;
    reused!(kv.increment("n").with(|it| it.delta = Some(2)).id("2"));
    // Left out, it is 1.
    kv.increment("n")
        .with(|it| it.delta = Some(1))
        .id("2")
        .await;
    assert_eq!(kv.value("n").await, Some(number(1)));
    assert_eq!(kv.list().keys().await, ["a", "n"]);
}

async fn a_repeat_under_another_rpc_is_refused(server: Server) {
    let kv = server.start().await;
    kv.set("a", 1).id("1").await;
    reused!(kv.delete("a").id("1"));
    reused!(kv.increment("a").id("1"));
    reused!(kv.touch("a").never_expire().id("1"));
    reused!(kv.delete_range().prefix("a").id("1"));
    reused!(kv.transact().then(kv.set("a", 1)).id("1"));
    kv.delete_range().prefix("b").id("2").await;
    reused!(kv.set("a", 1).id("2"));
    assert_eq!(kv.value("a").await, Some(number(1)));
}

async fn another_id_is_another_request(server: Server) {
    let kv = server.start().await;
    for id in ["1", "2", "1 ".trim(), "01", "A", "a"] {
        kv.increment("n").id(id).await;
    }
    assert_eq!(kv.value("n").await, Some(number(5)));
}

async fn no_id_is_no_repeat(server: Server) {
    let kv = server.start().await;
    for _ in 0..3 {
        kv.increment("n").id("").await;
    }
    assert_eq!(kv.value("n").await, Some(number(3)));
}

async fn what_was_refused_is_not_remembered(server: Server) {
    let kv = server.start().await;
    let set = || kv.set("a", "1").if_present().id("1");
    set().refused(Code::NotFound).await;
    set().refused(Code::NotFound).await;
    kv.set("a", "0").await;
    let first = set().await;
    kv.delete("a").await;
    assert_eq!(set().await, first);
    // The id of what was refused can even be given to something else.
    kv.set("a", "1")
        .if_present()
        .id("2")
        .refused(Code::NotFound)
        .await;
    kv.set("b", "1").id("2").await;
}

async fn a_request_is_remembered_for_its_window(server: Server) {
    let server = server.requests(|requests| requests.window_ms = 1000);
    let kv = server.start().await;
    kv.increment("n").id("1").await;
    kv.advance(999.millis());
    kv.increment("n").id("1").await;
    assert_eq!(kv.value("n").await, Some(number(1)));
    kv.advance(1.millis());
    kv.increment("n").id("1").await;
    assert_eq!(kv.value("n").await, Some(number(2)), "and no longer");
    kv.advance(999.millis());
    kv.increment("n").id("1").await;
    assert_eq!(kv.value("n").await, Some(number(2)), "anew");
    kv.advance(1.millis());
    kv.set("a", "also something else").id("1").await;
}

async fn the_oldest_request_makes_way(server: Server) {
    let kv = server
        .requests(|requests| requests.ids_max = 3)
        .start()
        .await;
    let add = |id: &str| kv.increment("n").id(id);
    for id in ["1", "2", "3"] {
        add(id).await;
    }
    for id in ["1", "2", "3"] {
        add(id).await;
    }
    assert_eq!(kv.value("n").await, Some(number(3)));
    add("4").await;
    add("2").await;
    add("3").await;
    assert_eq!(
        kv.value("n").await,
        Some(number(4)),
        "the last three are known"
    );
    add("1").await;
    assert_eq!(kv.value("n").await, Some(number(5)), "the first is not");
}

async fn a_request_id_has_1_to_128_printable_characters(server: Server) {
    let kv = server.start().await;
    let long = "~".repeat(129);
    for id in [" ", "a b", "a\n", "a\u{7f}", "é", "🦀", &long] {
        kv.set("a", "1").id(id).invalid("request_id").await;
        kv.delete("a").id(id).invalid("request_id").await;
        kv.increment("a").id(id).invalid("request_id").await;
        kv.touch("a").id(id).invalid("request_id").await;
        let set = kv.set("a", "1");
        kv.transact().then(set).id(id).invalid("request_id").await;
        kv.delete_range().all().id(id).invalid("request_id").await;
    }
    assert_eq!(kv.list().keys().await, [""; 0]);
    kv.set("a", "1").id(&"~".repeat(128)).await;
    kv.set("a", "1").id("!").await;
}

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
    reused!(
        kv.transact()
            .check_present("a")
            .then(kv.increment("n"))
            .id("1")
    );
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
    reused!(kv.delete_range().prefix("b").id("1"));
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

async fn a_server_that_remembers_none_refuses_request_ids(server: Server) {
    let kv = server
        .requests(|requests| requests.ids_max = 0)
        .start()
        .await;
    let code = Code::Unimplemented;
    kv.set("a", "1").id("1").refused(code).await;
    kv.transact()
        .then(kv.set("a", "1"))
        .id("1")
        .refused(code)
        .await;
    kv.delete_range().all().id("1").refused(code).await;
    let slots = kv
        .batch()
        .then(kv.set("a", "1").id("1"))
        .then(kv.set("b", "1"))
        .await;
    slots[0].refused(code);
    assert_eq!(kv.list().keys().await, ["b"]);
}
