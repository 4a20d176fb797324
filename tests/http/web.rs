//! gRPC-Web, as a browser speaks it: over HTTP/1.1 and HTTP/2.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::{Buf, Bytes};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use nanokv::proto;
use prost::Message;

use crate::{
    http1::Http1,
    serving::{
        client::{self, Client, GET, SET, WATCH_KEYS, frame},
        server::Server,
        soon,
    },
};

const WEB: (&str, &str) = ("content-type", "application/grpc-web+proto");

/// The parts of a body: messages, and what stands for trailers at its end.
fn parts(mut body: Bytes) -> (Vec<Bytes>, String) {
    let (mut messages, mut trailers) = (Vec::new(), String::new());
    while body.has_remaining() {
        let flag = body.get_u8();
        let length = body.get_u32().try_into().unwrap();
        let part = body.split_to(length);
        match flag {
            0 => messages.push(part),
            0x80 => trailers = String::from_utf8(part.to_vec()).unwrap(),
            other => panic!("a part of kind {other}"),
        }
    }
    (messages, trailers)
}

/// The only message of a body that ends well.
fn message<M: Message + Default>(body: Bytes) -> M {
    let (messages, trailers) = parts(body);
    assert!(trailers.contains("grpc-status:0"), "{trailers:?}");
    assert_eq!(messages.len(), 1);
    M::decode(messages[0].clone()).unwrap()
}

/// What base64 stands for, of which each part is encoded for itself, with its
/// own padding.
fn decoded(text: &[u8]) -> Bytes {
    let fours = text.chunks(4);
    let bytes = fours.flat_map(|signs| BASE64_STANDARD.decode(signs).unwrap());
    bytes.collect()
}

fn set_if_absent(key: &str) -> proto::SetRequest {
    proto::SetRequest {
        condition: Some(proto::Condition {
            kind: Some(proto::condition::Kind::Absent(true)),
        }),
        ..client::set(key, 1)
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn calls_are_answered_in_the_form_that_they_came_in() {
    let server = Server::start(|_| {});
    let mut http = Http1::connect(server.address()).await;
    let stored = http
        .ask("POST", SET, &[WEB], &frame(&client::set("k", 3)))
        .await;
    assert_eq!(stored.status, StatusCode::OK);
    assert_eq!(stored.header("content-type"), WEB.1);
    let stored: proto::SetResponse = message(stored.body);
    // In base64, as browsers without streams have it.
    let text = [
        ("content-type", "application/grpc-web-text"),
        ("accept", "application/grpc-web-text"),
    ];
    let asked = BASE64_STANDARD.encode(frame(&client::get("k")));
    let read = http.ask("POST", GET, &text, asked.as_bytes()).await;
    assert!(read.header("content-type").starts_with(text[0].1));
    let read: proto::GetResponse = message(decoded(&read.body));
    assert_eq!(read.entry.unwrap().version, stored.version);
}

#[tokio::test]
async fn base64_comes_in_pieces_of_any_length() {
    let server = Server::start(|_| {});
    let client = Client::connect(server.address()).await;
    client.set("k", 3).await;
    let asked = BASE64_STANDARD.encode(frame(&client::get("k")));
    for at in 1..asked.len() {
        let mut request = client::post(GET);
        for name in ["content-type", "accept"] {
            let text = "application/grpc-web-text".parse().unwrap();
            request.headers_mut().insert(name, text);
        }
        let mut call = client.open(request).await.unwrap();
        let (first, rest) = asked.split_at(at);
        call.body.send_data(first.to_owned().into(), false).unwrap();
        call.body.send_data(rest.to_owned().into(), true).unwrap();
        let answer = call.answer().await.unwrap();
        let read: proto::GetResponse = message(decoded(&answer.data));
        assert_eq!(read.entry.unwrap().key, "k", "{first} {rest}");
    }
}

#[tokio::test]
async fn a_refusal_comes_with_its_details() {
    let server = Server::start(|_| {});
    let mut http = Http1::connect(server.address()).await;
    let set = frame(&set_if_absent("k"));
    http.ask("POST", SET, &[WEB], &set).await;
    let refused = http.ask("POST", SET, &[WEB], &set).await;
    assert_eq!(refused.status, StatusCode::OK);
    assert_eq!(refused.header("content-type"), WEB.1);
    assert_eq!(refused.header("grpc-status"), "6");
    assert!(refused.header("grpc-message").starts_with("KEY_EXISTS"));
    assert!(!refused.header("grpc-status-details-bin").is_empty());
    let unknown = http
        .ask("POST", "/nanokv.v1.KvService/Take", &[WEB], b"")
        .await;
    assert_eq!(unknown.header("grpc-status"), "12");
    let broken = http.ask("POST", GET, &[WEB], b"\0\0\0\0\xffrubbish").await;
    assert_eq!(broken.header("grpc-status"), "3");
    server.is_alive().await;
}

#[tokio::test]
async fn a_watch_tells_of_changes_and_ends_with_its_deadline() {
    let server = Server::start(|_| {});
    let mut http = Http1::connect(server.address()).await;
    let ranges = vec![proto::Range::default()];
    let request = proto::WatchRequest {
        ranges,
        ..Default::default()
    };
    let lasting = [WEB, ("grpc-timeout", "1H")];
    let watching = http
        .begin("POST", WATCH_KEYS, &lasting, &frame(&request))
        .await;
    let mut body = watching.into_body();
    // It has begun when it says so.
    soon(body.frame()).await.unwrap().unwrap();
    Client::connect(server.address()).await.set("k", 1).await;
    let told = soon(body.frame()).await.unwrap().unwrap();
    let (messages, _) = parts(told.into_data().unwrap());
    let told = proto::WatchResponse::decode(messages[0].clone()).unwrap();
    assert_eq!(told.events[0].entry.as_ref().unwrap().key, "k");

    let short = [WEB, ("grpc-timeout", "50m")];
    let mut http = Http1::connect(server.address()).await;
    let ended = soon(http.ask("POST", WATCH_KEYS, &short, &frame(&request))).await;
    let (_, trailers) = parts(ended.body);
    assert!(trailers.contains("grpc-status:4"), "{trailers:?}");
    assert!(
        trailers.contains("grpc-status-details-bin:"),
        "{trailers:?}"
    );
}

#[tokio::test]
async fn it_is_spoken_over_http_2_beside_grpc() {
    let server = Server::start(|_| {});
    let client = Client::connect(server.address()).await;
    assert_eq!(client.set("k", 1).await.code(), Some(0));
    let mut request = client::post(GET);
    let web = WEB.1.parse().unwrap();
    request.headers_mut().insert("content-type", web);
    let body = frame(&client::get("k"));
    let answer = client.send(request, body).await.unwrap();
    let read: proto::GetResponse = message(answer.data);
    assert_eq!(read.entry.unwrap().key, "k");
}

#[tokio::test]
async fn it_is_held_to_the_limits_of_all_calls() {
    let server = Server::start(|limits| {
        limits.gate.calls_in_flight_max = 0;
        limits.grpc.watches.watchers_max = 0;
    });
    let mut http = Http1::connect(server.address()).await;
    let refused = http
        .ask("POST", GET, &[WEB], &frame(&client::get("k")))
        .await;
    assert_eq!(refused.header("grpc-status"), "14");
    assert!(refused.header("grpc-message").starts_with("TOO_MANY_CALLS"));
}

#[tokio::test]
async fn a_page_of_another_origin_may_call_only_if_it_is_listed() {
    let server = Server::start(|limits| {
        limits.http.cors_origins = "https://app.example".parse().unwrap();
    });
    let mut http = Http1::connect(server.address()).await;
    let set = frame(&client::set("k", 1));
    for (origin, status, allowed) in [
        ("https://app.example", "", "https://app.example"),
        ("http://localhost", "", ""),
        ("https://evil.example", "7", ""),
        ("null", "7", ""),
    ] {
        let answer = http
            .ask("POST", SET, &[WEB, ("origin", origin)], &set)
            .await;
        assert_eq!(header(&answer.headers, "grpc-status"), status, "{origin}");
        let told = header(&answer.headers, "access-control-allow-origin");
        assert_eq!(told, allowed, "{origin}");
        if status == "7" {
            assert!(answer.header("grpc-message").starts_with("ORIGIN_REFUSED"));
        }
    }
}
