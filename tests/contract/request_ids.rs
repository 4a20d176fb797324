//! `request_id`: what is asked for again is done once.

use tonic::Code;

use crate::support::{
    identified::Identified,
    server::Server,
    words::{Span, data, number, start_plus, text},
};

contract_of_single_keys![
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
    a_server_that_remembers_none_refuses_request_ids,
];

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
    kv.set("a", "2").ttl(10.seconds()).id("1").reused().await;
    kv.set("b", "1").ttl(10.seconds()).id("1").reused().await;
    kv.set("a", "1").ttl(11.seconds()).id("1").reused().await;
    kv.set("a", "1").id("1").reused().await;
    kv.set("a", "1")
        .ttl(10.seconds())
        .if_present()
        .id("1")
        .reused()
        .await;
    kv.set("a", "1")
        .ttl(10.seconds())
        .return_previous()
        .id("1")
        .reused()
        .await;
    kv.increment("n").id("2").await;
    kv.increment("n")
        .with(|it| it.delta = Some(2))
        .id("2")
        .reused()
        .await;
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
    kv.delete("a").id("1").reused().await;
    kv.increment("a").id("1").reused().await;
    kv.touch("a").never_expire().id("1").reused().await;
    kv.delete_range().prefix("a").id("1").reused().await;
    kv.transact().then(kv.set("a", 1)).id("1").reused().await;
    kv.delete_range().prefix("b").id("2").await;
    kv.set("a", 1).id("2").reused().await;
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
    let capabilities = kv.describe().await.capabilities;
    assert!(!capabilities.iter().any(|name| name == "request_id"));
}
