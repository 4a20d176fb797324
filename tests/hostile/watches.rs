//! Watches that nobody reads.

use std::future::poll_fn;

use bytes::BytesMut;
use h2::{Reason, RecvStream};
use nanokv::proto::WatchResponse;
use prost::Message;
use tokio::task::JoinSet;

use crate::serving::{
    client::Client,
    pipeline::{getting, one_more},
    server::Server,
    soon,
};

const LARGE: usize = 1_000_000;

/// Reads until the first event; how many bytes its value has.
async fn first_event(mut watch: RecvStream) -> usize {
    let mut arrived = BytesMut::new();
    loop {
        let data = soon(watch.data()).await.unwrap().unwrap();
        let _ = watch.flow_control().release_capacity(data.len());
        arrived.extend_from_slice(&data);
        while let Some([_, a, b, c, d]) = arrived.first_chunk() {
            let whole = 5 + usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap();
            if arrived.len() < whole {
                break;
            }
            let reply = WatchResponse::decode(&arrived.split_to(whole)[5..]).unwrap();
            if let Some(event) = reply.events.first() {
                return event.entry.as_ref().unwrap().encoded_len();
            }
        }
    }
}

/// How a stream that was not read ends, after what its client had room for.
async fn reset(mut stream: RecvStream) -> Option<Reason> {
    loop {
        match soon(stream.data()).await {
            Some(Ok(data)) => {
                let _ = stream.flow_control().release_capacity(data.len());
            }
            Some(Err(error)) => return error.reason(),
            None => return None,
        }
    }
}

#[tokio::test]
async fn watches_that_are_not_read_hold_no_more_than_their_room_and_stop_no_call() {
    let server = Server::start(|limits| {
        limits.gate.bytes_in_flight_max = 8 << 20;
        limits.gate.watch_bytes_in_flight_max = 1 << 20;
    });
    let client = Client::connect(server.address()).await;
    let hostile = Client::connect(server.address()).await;
    let mut unread = Vec::new();
    for _ in 0..100 {
        unread.push(hostile.watch_keys().await);
    }
    // A hundred times as much would be told.
    assert_eq!(client.set("large", LARGE).await.code(), Some(0));
    for _ in 0..1000 {
        assert_eq!(client.get("turn").await.code(), Some(0));
    }
    assert_eq!(client.set("large", LARGE).await.code(), Some(0));
    // As soon as they are read, each is told all the same.
    let mut readers = JoinSet::new();
    for watch in unread {
        readers.spawn(first_event(watch));
    }
    while let Some(bytes) = readers.join_next().await {
        assert!(bytes.unwrap() > LARGE);
    }
}

#[tokio::test]
async fn watch_of_which_nothing_is_taken_is_reset_and_gives_its_room_to_others() {
    let server = Server::start(|limits| {
        limits.gate.watch_bytes_in_flight_max = 1000;
        limits.serve.stream_unread_ms_max = 300;
    });
    let client = Client::connect(server.address()).await;
    let hostile = Client::connect(server.address()).await;
    let mut unread = Vec::new();
    for _ in 0..10 {
        unread.push(hostile.watch_keys().await);
    }
    let watch = client.watch_keys().await;
    assert_eq!(client.set("large", LARGE).await.code(), Some(0));
    assert!(first_event(watch).await > LARGE);
    for watch in unread {
        assert_eq!(reset(watch).await, Some(Reason::CANCEL));
    }
}

#[tokio::test]
async fn pipeline_of_which_nothing_is_taken_is_reset() {
    let server = Server::start(|limits| limits.serve.stream_unread_ms_max = 300);
    let client = Client::connect(server.address()).await;
    assert_eq!(client.set("large", LARGE).await.code(), Some(0));
    let hostile = Client::connect(server.address()).await;
    let mut pipeline = hostile.pipeline().await;
    pipeline.send(1, [one_more("n"), getting("large")]);
    soon(async { while client.number("n").await < 1 {} }).await;
    let lists = &mut pipeline.lists;
    let reason = soon(poll_fn(|context| lists.poll_reset(context))).await;
    assert_eq!(reason.unwrap(), Reason::CANCEL);
}

#[tokio::test]
async fn watch_that_is_idle_is_not_reset() {
    let server = Server::start(|limits| limits.serve.stream_unread_ms_max = 1);
    let client = Client::connect(server.address()).await;
    let watch = client.watch_keys().await;
    for _ in 0..1000 {
        assert_eq!(client.get("turn").await.code(), Some(0));
    }
    assert_eq!(client.set("small", 10).await.code(), Some(0));
    assert!(first_event(watch).await > 10);
}
