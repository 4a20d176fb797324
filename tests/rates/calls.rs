//! Calls: of identities, of addresses, of lists, and whom they are not counted
//! for.

use std::time::Duration;

use http::StatusCode;
use nanokv::{
    client::{operation, range::Range},
    gate::rate::Rates,
};

use crate::{
    http1::Http1,
    people::{calls, client, person, serve, wait},
    serving::client::Client as Raw,
};

#[tokio::test]
async fn each_identity_has_its_own_and_is_told_when_to_come_back() {
    let people = person("ada", "calls_per_second_max = 6") + &person("bob", "");
    let server = serve(&people, Rates::default());
    let (ada, bob) = (client(&server, Some("ada")), client(&server, Some("bob")));
    // A client asks once whether it may give requests an id.
    ada.set("a", "1").await.unwrap();
    ada.get("a").await.unwrap();
    // On another connection, and not by the short way.
    let again = client(&server, Some("ada"));
    again.increment("n").await.unwrap();
    again.list(Range::all()).await.unwrap();
    let error = ada.set("a", "2").await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_millis(167)));
    assert_eq!(error.metadata("calls_per_second_max"), Some("6"));
    assert_eq!(wait(again.delete("a").await), 167);
    for _ in 0..20 {
        let entry = bob.get("a").await.unwrap().unwrap();
        assert_eq!(entry.value.unwrap().as_text(), Some("1"), "it is unchanged");
    }
    server.clock().advance(167);
    ada.get("a").await.unwrap();
    assert_eq!(wait(again.get("a").await), 167);
}

#[tokio::test]
async fn probes_are_always_answered() {
    let server = serve("", calls(1));
    let raw = Raw::connect(server.address()).await;
    assert_eq!(raw.get("a").await.code(), Some(0));
    assert_eq!(raw.get("a").await.code(), Some(8));
    let http = &mut Http1::connect(server.address()).await;
    for _ in 0..20 {
        assert_eq!(raw.health("").await.unwrap(), 1);
        assert_eq!(http.ask("GET", "/healthz", &[], b"").await.status, 200);
        assert_eq!(http.ask("GET", "/readyz", &[], b"").await.status, 200);
    }
}

#[tokio::test]
async fn who_is_not_asked_who_they_are_is_counted_by_address_on_every_wire() {
    let server = serve("", calls(3));
    client(&server, None).get("a").await.unwrap();
    let raw = Raw::connect(server.address()).await;
    assert_eq!(raw.get("a").await.code(), Some(0));
    let http = &mut Http1::connect(server.address()).await;
    let path = "/v1/entries/a";
    assert_eq!(http.ask("GET", path, &[], b"").await.status, 404);
    let answer = http.ask("GET", path, &[], b"").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.json()["reason"], "RATE_LIMITED");
    let refused = raw.get("a").await;
    assert_eq!(refused.code(), Some(8));
    let pushback = &refused.trailers["grpc-retry-pushback-ms"];
    assert_eq!(pushback, "334");
    server.clock().advance(334);
    assert_eq!(raw.get("a").await.code(), Some(0));
}

#[tokio::test]
async fn a_list_of_a_pipeline_is_a_call_and_one_too_many_leaves_the_stream() {
    let people = person("ada", "calls_per_second_max = 3") + &person("bob", "");
    let server = serve(&people, Rates::default());
    let pipeline = client(&server, Some("ada")).pipeline().await.unwrap();
    // To begin it was one.
    let list = |value: &str| vec![operation::set("a", value)];
    for value in ["1", "2"] {
        pipeline.send(list(value)).await.unwrap().await.unwrap();
    }
    let refused = pipeline.send(list("3")).await.unwrap().await;
    assert_eq!(wait(refused), 334);
    // In a form that the short way does not take.
    let refused = pipeline.send(vec![operation::delete("a")]).await.unwrap();
    assert_eq!(wait(refused.await), 334);
    let entry = client(&server, Some("bob")).get("a").await.unwrap();
    assert_eq!(entry.unwrap().value.unwrap().as_text(), Some("2"));
    server.clock().advance(334);
    pipeline.send(list("4")).await.unwrap().await.unwrap();

    server.identify(&person("ada", "calls_per_second_max = 0"));
    for _ in 0..20 {
        pipeline.send(list("5")).await.unwrap().await.unwrap();
    }
    server.identify(&person("ada", "calls_per_second_max = 1"));
    pipeline.send(list("6")).await.unwrap().await.unwrap();
    wait(pipeline.send(list("7")).await.unwrap().await);
}

#[tokio::test]
async fn what_the_file_does_not_say_is_what_is_usual_and_describe_tells_it() {
    let people = person("ada", "calls_per_second_max = 9") + &person("bob", "");
    let server = serve(&people, calls(2));
    for (name, told) in [("ada", 9), ("bob", 2)] {
        let described = client(&server, Some(name)).describe().await.unwrap();
        let limits = described.limits;
        assert_eq!(limits.calls_per_second_max, told, "{name}");
        assert_eq!(limits.bytes_per_second_max, 0);
    }
    let bob = client(&server, Some("bob"));
    bob.get("a").await.unwrap();
    assert_eq!(wait(bob.get("a").await), 500);
}
