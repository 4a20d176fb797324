//! Bytes: of requests and of replies, paid for by the call after.

use nanokv::{
    client::{operation, range::Range, reason::Reason},
    gate::rate::Rates,
};

use crate::people::{bytes, client, person, serve, wait};

/// What goes along with a key and a value of a call.
const BESIDE: u64 = 120;

#[track_caller]
fn about(wait_ms: u64, expected_ms: u64) {
    let beyond = wait_ms.abs_diff(expected_ms);
    assert!(beyond <= BESIDE, "{wait_ms} ms, and not {expected_ms}");
}

#[tokio::test]
async fn requests_and_replies_are_paid_for_by_the_next_call() {
    let people = person("ada", "bytes_per_second_max = 1000") + &person("bob", "");
    let server = serve(&people, Rates::default());
    let (ada, bob) = (client(&server, Some("ada")), client(&server, Some("bob")));
    // A client asks once what the server can do.
    ada.set("a", "").await.unwrap();
    server.clock().advance(5000);
    ada.get("a").await.unwrap();
    server.clock().advance(5000);
    ada.set("a", "v".repeat(3000)).await.unwrap();
    about(wait(ada.get("a").await), 2000);
    server.clock().advance(1000);
    about(wait(ada.get("a").await), 1000);
    bob.get("a").await.unwrap();
    server.clock().advance(5000);
    // A reply costs as much.
    ada.get("a").await.unwrap();
    wait(ada.get("b").await);
    server.clock().advance(4000);
    ada.get("b").await.unwrap();
}

#[tokio::test]
async fn lists_of_a_pipeline_cost_what_they_have() {
    let server = serve("", bytes(10_000));
    let pipeline = client(&server, None).pipeline().await.unwrap();
    let large = || vec![operation::set("a", "v".repeat(11_000))];
    pipeline.send(large()).await.unwrap().await.unwrap();
    about(wait(pipeline.send(large()).await.unwrap().await), 110);
    server.clock().advance(10_000);
    pipeline.send(large()).await.unwrap().await.unwrap();
    server.clock().advance(10_000);
    let other = vec![operation::get("b")];
    pipeline.send(other).await.unwrap().await.unwrap();
    server.clock().advance(10_000);
    // So does an answer.
    let get = || vec![operation::get("a")];
    pipeline.send(get()).await.unwrap().await.unwrap();
    wait(pipeline.send(get()).await.unwrap().await);
    server.clock().advance(20_000);
    // So does one that breaks a rule, or comes too soon.
    let broken = || vec![operation::get("12345"); 1025];
    let refused = pipeline.send(broken()).await.unwrap().await.unwrap_err();
    assert_eq!(refused.reason(), Some(&Reason::FieldTooLarge));
    about(wait(pipeline.send(broken()).await.unwrap().await), 130);
    about(wait(pipeline.send(get()).await.unwrap().await), 1260);
}

#[tokio::test]
async fn a_watch_is_paid_for_by_the_calls_of_its_caller() {
    let people = person("ada", "bytes_per_second_max = 10000") + &person("bob", "");
    let server = serve(&people, Rates::default());
    let (ada, bob) = (client(&server, Some("ada")), client(&server, Some("bob")));
    let mut watch = ada.watch(Range::all()).await.unwrap();
    bob.set("a", "v".repeat(12_000)).await.unwrap();
    watch.next().await.unwrap().unwrap();
    wait(ada.get("b").await);
    server.clock().advance(10_000);
    ada.get("b").await.unwrap();
}
