//! What becomes of pipelines when the server stops.

use bytes::Bytes;
use tokio::io::AsyncWriteExt;

use crate::{
    serving::{
        client::{Client, frame},
        frames::{self, ACK, DATA, END_HEADERS, HEADERS, PING, Raw},
        pipeline::{PIPELINE, done, getting, list, one_more, setting},
        server::{Limits, Server},
        soon,
    },
    steps::{asked_to_go, patient, ready},
};

const DRAINING: i32 = 14;

/// One worker, so that what is sent first is received first.
fn short(limits: &mut Limits) {
    patient(limits);
    limits.serve.drain_ms_max = 200;
}

async fn filled(server: &Server, bytes: usize) -> Client {
    let client = ready(server).await;
    assert_eq!(client.set("large", bytes).await.code(), Some(0));
    client
}

#[tokio::test]
async fn idle_pipelines_end_and_do_not_hold_up_the_end() {
    let server = Server::start(patient);
    let client = ready(&server).await;
    let unused = client.pipeline().await;
    let mut used = client.pipeline().await;
    used.send(1, [one_more("n")]);
    assert_eq!(done(&used.next().await.unwrap()), Ok(()));
    server.stop().gracefully();
    for pipeline in [unused, used] {
        assert_eq!(pipeline.ended().await, (DRAINING, "DRAINING".into()));
    }
    client.ended().await.unwrap();
    server.ended().await.unwrap();
}

#[tokio::test]
async fn in_the_grace_a_pipeline_goes_on() {
    let server = Server::start(|limits| limits.serve.drain_grace_ms = 3_600_000);
    let client = ready(&server).await;
    let mut pipeline = client.pipeline().await;
    server.stop().gracefully();
    soon(async { while client.health("").await.unwrap() == 1 {} }).await;
    for id in 0..100 {
        pipeline.send(id, [one_more("n")]);
        assert_eq!(done(&pipeline.next().await.unwrap()), Ok(()));
    }
}

#[tokio::test]
async fn lists_that_were_received_are_answered_before_the_end() {
    let server = Server::start(patient);
    let client = filled(&server, 100_000).await;
    let unread = ready(&server).await;
    let mut pipeline = unread.pipeline().await;
    // Not read yet, so that most of them wait in the server.
    for id in 0..200 {
        pipeline.send(id, [one_more("n"), getting("large")]);
    }
    soon(async { while client.number("n").await < 16 {} }).await;
    // They were sent at once, and the server has had time to take them.
    for _ in 0..500 {
        assert_eq!(client.get("turn").await.code(), Some(0));
    }
    assert!(client.number("n").await < 100);
    server.stop().gracefully();
    asked_to_go(&client).await;
    for id in 0..200 {
        let answer = pipeline.next().await.expect("received and not answered");
        assert_eq!((answer.id, done(&answer)), (id, Ok(())));
    }
    assert_eq!(pipeline.ended().await, (DRAINING, "DRAINING".into()));
    server.ended().await.unwrap();
}

#[tokio::test]
async fn list_of_which_a_part_was_received_is_not_waited_for() {
    let server = Server::start(patient);
    let client = ready(&server).await;
    let mut pipeline = client.pipeline().await;
    pipeline.send(1, [one_more("n")]);
    let half = frame(&list(2, [one_more("n")])).slice(..9);
    pipeline.lists.send_data(half, false).unwrap();
    assert_eq!(done(&pipeline.next().await.unwrap()), Ok(()));
    server.stop().gracefully();
    assert_eq!(pipeline.ended().await, (DRAINING, "DRAINING".into()));
    server.ended().await.unwrap();
}

#[tokio::test]
async fn pipeline_that_is_fed_on_and_on_does_not_hold_up_the_end() {
    let server = Server::start(patient);
    let client = ready(&server).await;
    let pipeline = client.pipeline().await;
    let fed = async {
        // Always something more is there to be read.
        let lists: Bytes = frame(&list(1, [one_more("n"), setting("s", 1000)]))
            .repeat(100)
            .into();
        let (mut sender, mut answers) = (pipeline.lists, pipeline.answers);
        let feed = async {
            loop {
                sender.reserve_capacity(lists.len());
                match std::future::poll_fn(|context| sender.poll_capacity(context)).await {
                    Some(Ok(_)) if sender.send_data(lists.clone(), false).is_ok() => {}
                    _ => return,
                }
            }
        };
        let read = async {
            while let Some(Ok(data)) = answers.data().await {
                let _ = answers.flow_control().release_capacity(data.len());
            }
            answers.trailers().await.unwrap().unwrap()
        };
        soon(async {
            tokio::select! {
                trailers = read => trailers,
                () = async { feed.await; std::future::pending::<()>().await } => unreachable!(),
            }
        })
        .await
    };
    let stop = async {
        soon(async { while client.number("n").await < 1000 {} }).await;
        server.stop().gracefully();
    };
    let (trailers, ()) = tokio::join!(fed, stop);
    assert_eq!(trailers.get("grpc-status").unwrap(), "14");
    server.ended().await.unwrap();
}

#[tokio::test]
async fn client_that_is_still_sending_can_read_the_end() {
    let server = Server::start(patient);
    let client = ready(&server).await;
    let mut raw = Raw::http2(server.address()).await;
    let call = frames::frame(HEADERS, END_HEADERS, 1, &frames::call(PIPELINE));
    let list = frames::frame(DATA, 0, 1, &frame(&list(1, [one_more("n")])));
    raw.write.write_all(&call).await.unwrap();
    raw.write.write_all(&list).await.unwrap();
    soon(async { while client.number("n").await < 1 {} }).await;
    server.stop().gracefully();
    let ping = raw.next_of(PING).await.unwrap();
    let reply = frames::frame(PING, ACK, 0, &ping.payload);
    raw.write.write_all(&reply).await.unwrap();
    // All is told when the server has closed its side. Who is busy sending sees
    // that late, and must not be reset before it has read what came.
    while raw.next().await.is_some() {}
    for _ in 0..100 {
        raw.write.write_all(&list).await.unwrap();
        tokio::task::yield_now().await;
    }
    drop((raw, client));
    server.ended().await.unwrap();
}

#[tokio::test]
async fn pipeline_that_is_not_read_is_cut_off_in_the_end() {
    let server = Server::start(short);
    let client = filled(&server, 1 << 20).await;
    let mut pipeline = client.pipeline().await;
    for id in 0..16 {
        pipeline.send(id, [getting("large")]);
    }
    server.stop().gracefully();
    server.ended().await.unwrap();
}
