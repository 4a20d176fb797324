//! Calls that hold on to what they were given.

use bytes::Bytes;

use crate::serving::{
    client::{Client, GET, Open, SET, frame, get, post, set},
    server::Server,
    soon,
};

const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// Returns when a call was refused because of others, and then one was not.
async fn is_kept_out_and_let_in(client: &Client) {
    soon(async {
        while client.get("a").await.reason() != "TOO_MANY_CALLS" {
            tokio::task::yield_now().await;
        }
        while client.get("a").await.code() != Some(0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn body_that_never_comes_is_given_up() {
    let server = Server::start(|limits| limits.gate.request_read_ms_max = 100);
    let client = Client::connect(server.address()).await;
    let mut half = client.open(post(SET)).await.unwrap();
    let message = frame(&set("a", 1000));
    half.body.send_data(message.slice(..500), false).unwrap();
    let answer = half.answer().await.unwrap();
    let seen = (answer.code(), answer.reason());
    assert_eq!(seen, (Some(4), "REQUEST_TOO_SLOW"));
    server.is_alive().await;
}

#[tokio::test]
async fn bodies_that_never_end_fill_the_server_for_no_longer_than_they_last() {
    let server = Server::start(|limits| limits.gate.bytes_in_flight_max = 100_000);
    let hostile = Client::connect(server.address()).await;
    let client = Client::connect(server.address()).await;
    let mut held: Vec<Open> = Vec::new();
    soon(async {
        while client.set("b", 90_000).await.reason() != "TOO_MANY_BYTES" {
            let mut half = hostile.open(post(SET)).await.unwrap();
            let most = frame(&set("a", 40_000)).slice(..40_000);
            half.body.send_data(most, false).unwrap();
            held.push(half);
        }
    })
    .await;
    assert_eq!(client.health("").await.unwrap(), 1);
    drop(held);
    drop(hostile);
    soon(async {
        while client.set("b", 90_000).await.code() != Some(0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn replies_that_are_never_read_are_counted_until_they_are_gone() {
    let server = Server::start(|limits| limits.gate.bytes_in_flight_max = 4 << 20);
    let client = Client::connect(server.address()).await;
    soon(async {
        while client.set("large", 1 << 20).await.code() != Some(0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let hostile = Client::connect(server.address()).await;
    let mut replies = Vec::new();
    let mut unread: Vec<Open> = Vec::new();
    // All let in: it is their replies that fill the server, though but one of
    // them finds room on its way to a client that reads none.
    for _ in 0..4 {
        let mut open = hostile.open(post(GET)).await.unwrap();
        open.body.send_data(frame(&get("large")), true).unwrap();
        let head = soon(&mut open.response).await.unwrap();
        assert!(!head.headers().contains_key("grpc-status"), "{head:?}");
        unread.push(open);
        replies.push(head);
    }
    assert_eq!(client.get("large").await.reason(), "TOO_MANY_BYTES");
    assert_eq!(client.health("").await.unwrap(), 1);
    drop((unread, replies));
    drop(hostile);
    soon(async {
        while client.get("large").await.code() != Some(0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn replies_that_are_never_read_do_not_keep_others_out() {
    let server = Server::start(|limits| {
        limits.gate.calls_in_flight_max = 2;
        limits.serve.stream_unread_ms_max = 300;
    });
    let client = Client::connect(server.address()).await;
    assert_eq!(client.set("large", 1 << 20).await.code(), Some(0));
    let hostile = Client::connect(server.address()).await;
    let mut replies = Vec::new();
    let mut unread: Vec<Open> = Vec::new();
    // One of them finds room on its way, and the others wait for it.
    for _ in 0..8 {
        let mut open = hostile.open(post(GET)).await.unwrap();
        open.body.send_data(frame(&get("large")), true).unwrap();
        let head = soon(&mut open.response).await.unwrap();
        replies.push(head);
        unread.push(open);
    }
    is_kept_out_and_let_in(&client).await;
    drop((unread, replies));
}

#[tokio::test]
async fn a_stream_on_which_nothing_more_is_asked_does_not_keep_others_out() {
    let server = Server::start(|limits| {
        limits.gate.calls_in_flight_max = 1;
        limits.serve.stream_unread_ms_max = 300;
    });
    let client = Client::connect(server.address()).await;
    let stream = client.open(post(REFLECTION)).await.unwrap();
    is_kept_out_and_let_in(&client).await;
    drop(stream);
}

#[tokio::test]
async fn a_stream_of_requests_is_not_counted_for_ever() {
    let server = Server::start(|limits| limits.gate.bytes_in_flight_max = 10_000);
    let client = Client::connect(server.address()).await;
    let mut stream = client.open(post(REFLECTION)).await.unwrap();
    let question = Bytes::from_static(b"\x00\x00\x00\x00\x02\x3a\x00");
    let response = soon(async {
        stream.body.send_data(question.clone(), false).unwrap();
        (&mut stream.response).await.unwrap()
    })
    .await;
    let mut answers = response.into_body();
    // Each question is answered before the next, and together they are many
    // times what may be under way at once.
    for _ in 0..4000 {
        let data = soon(answers.data()).await.expect("an answer").unwrap();
        let _ = answers.flow_control().release_capacity(data.len());
        stream.body.send_data(question.clone(), false).unwrap();
    }
    assert_eq!(client.get("a").await.code(), Some(0));
}
