//! Pipelines that are not read, not fed, or not ended.

use crate::serving::{
    client::{Client, Open, SET, frame, framed, post, set},
    pipeline::{PIPELINE, done, getting, list, one_more, setting},
    server::Server,
    soon,
};

/// The server has had this many turns to do what it would do.
async fn turns(client: &Client) {
    for _ in 0..2000 {
        assert_eq!(client.get("turn").await.code(), Some(0));
    }
}

/// Until the number under `key` is at least `number`.
async fn reached(client: &Client, key: &str, number: i64) {
    soon(async { while client.number(key).await < number {} }).await;
}

async fn with_large(server: &Server, bytes: usize) -> Client {
    let client = Client::connect(server.address()).await;
    soon(async { while client.set("large", bytes).await.code() != Some(0) {} }).await;
    client
}

#[tokio::test]
async fn pipeline_that_is_not_read_is_not_read_from_either() {
    let server = Server::start(|_| {});
    let client = with_large(&server, 100_000).await;
    let hostile = Client::connect(server.address()).await;
    let mut pipeline = hostile.pipeline().await;
    // All of them find room on the way to the server.
    for id in 0..1000 {
        pipeline.send(id, [one_more("n"), getting("large")]);
    }
    reached(&client, "n", 16).await;
    turns(&client).await;
    // Sixteen in flight, and those whose answers have left for the windows of
    // a connection: about half a MiB.
    let read = client.number("n").await;
    assert!((16..32).contains(&read), "{read} lists were read");
    // As soon as it reads, all is answered.
    for id in 0..1000 {
        let answer = pipeline.next().await.unwrap();
        assert_eq!((answer.id, done(&answer)), (id, Ok(())));
    }
    assert_eq!(client.number("n").await, 1000);
}

#[tokio::test]
async fn lists_that_are_not_read_wait_with_the_client() {
    let server = Server::start(|_| {});
    let client = with_large(&server, 100_000).await;
    let hostile = Client::connect(server.address()).await;
    let mut pipeline = hostile.pipeline().await;
    for id in 0..400 {
        pipeline.send(id, [one_more("n"), getting("large"), setting("s", 20_000)]);
    }
    reached(&client, "n", 16).await;
    turns(&client).await;
    // Of 8 MB no more than a window has left.
    pipeline.lists.reserve_capacity(1);
    assert_eq!(pipeline.lists.capacity(), 0);
    let read = client.number("n").await;
    assert!((16..32).contains(&read), "{read} lists were read");
}

#[tokio::test]
async fn short_lists_that_are_not_read_wait_with_the_client() {
    let server = Server::start(|_| {});
    let client = with_large(&server, 100_000).await;
    let hostile = Client::connect(server.address()).await;
    let mut pipeline = hostile.pipeline().await;
    for id in 0..40 {
        pipeline.send(id, [getting("large")]);
    }
    // The shortest that there is: five bytes, each in a frame of its own.
    for _ in 0..15_000 {
        pipeline.send(0, []);
    }
    turns(&client).await;
    for id in (0..40).chain(std::iter::repeat_n(0, 15_000)) {
        let answer = pipeline.next().await.unwrap();
        assert_eq!((answer.id, done(&answer)), (id, Ok(())));
    }
}

#[tokio::test]
async fn answers_that_are_not_read_are_bounded_in_bytes() {
    // Far less than sixteen of the largest answers.
    let server = Server::start(|limits| limits.gate.bytes_in_flight_max = 12 << 20);
    let client = with_large(&server, 1 << 20).await;
    let hostile = Client::connect(server.address()).await;
    let mut pipeline = hostile.pipeline().await;
    for id in 0..100 {
        pipeline.send(id, [one_more("n"), getting("large"), getting("large")]);
    }
    reached(&client, "n", 2).await;
    turns(&client).await;
    let read = client.number("n").await;
    assert!((2..=4).contains(&read), "{read} lists were read");
    for id in 0..100 {
        let answer = pipeline.next().await.unwrap();
        assert_eq!((answer.id, done(&answer)), (id, Ok(())));
    }
}

#[tokio::test]
async fn idle_pipelines_are_no_calls_in_flight() {
    let server = Server::start(|limits| limits.gate.calls_in_flight_max = 1);
    let client = with_large(&server, 1).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(client.pipeline().await);
    }
    assert_eq!(client.get("a").await.code(), Some(0));
    for pipeline in &mut idle {
        pipeline.send(1, [one_more("n")]);
        assert_eq!(done(&pipeline.next().await.unwrap()), Ok(()));
    }
    assert_eq!(client.number("n").await, 100);
}

#[tokio::test]
async fn list_above_calls_in_flight_max_is_a_failure_and_the_stream_lives() {
    let server = Server::start(|limits| limits.gate.calls_in_flight_max = 1);
    let client = with_large(&server, 1).await;
    let mut pipeline = client.pipeline().await;
    let mut held = begun(&client).await;
    pipeline.send(1, [one_more("n")]);
    let answer = pipeline.next().await.unwrap();
    assert_eq!(
        (answer.id, done(&answer)),
        (1, Err("TOO_MANY_CALLS".into()))
    );
    finish(&mut held).await;
    pipeline.send(2, [one_more("n")]);
    let answer = pipeline.next().await.unwrap();
    assert_eq!((answer.id, done(&answer)), (2, Ok(())));
    assert_eq!(client.number("n").await, 1, "what was refused was not done");
}

#[tokio::test]
async fn list_above_bytes_in_flight_max_is_a_failure_and_the_stream_lives() {
    let server = Server::start(|limits| limits.gate.bytes_in_flight_max = 100_000);
    let client = with_large(&server, 1).await;
    let mut pipeline = client.pipeline().await;
    let many = || (0..800).map(|_| one_more("n"));
    pipeline.send(1, many());
    let answer = pipeline.next().await.unwrap();
    assert_eq!(
        (answer.id, done(&answer)),
        (1, Err("TOO_MANY_BYTES".into()))
    );
    pipeline.send(2, [one_more("n")]);
    let answer = pipeline.next().await.unwrap();
    assert_eq!((answer.id, done(&answer)), (2, Ok(())));
    assert_eq!(client.number("n").await, 1);
}

#[tokio::test]
async fn largest_list_fits_alone() {
    let server = Server::start(|limits| {
        limits.gate.bytes_in_flight_max = limits.grpc.limits.message_bytes_max;
    });
    let client = with_large(&server, 1).await;
    let mut pipeline = client.pipeline().await;
    // 4 MiB, but for some bytes.
    let sets = || (0..4).map(|key| setting(&format!("{key}"), (1 << 20) - 100));
    for id in 0..3 {
        pipeline.send(id, sets());
        assert_eq!(done(&pipeline.next().await.unwrap()), Ok(()));
    }
}

#[tokio::test]
async fn lists_are_counted_for_no_longer_than_they_last() {
    let server = Server::start(|limits| limits.gate.bytes_in_flight_max = 400_000);
    let client = with_large(&server, 10_000).await;
    let mut pipeline = client.pipeline().await;
    // Together many times what may be under way at once.
    for id in 0..500 {
        pipeline.send(id, [getting("large"), setting("s", 10_000)]);
        let answer = pipeline.next().await.unwrap();
        assert_eq!((answer.id, done(&answer)), (id, Ok(())));
    }
}

#[tokio::test]
async fn idle_pipeline_outlasts_request_read_ms_max() {
    let server = Server::start(|limits| limits.gate.request_read_ms_max = 50);
    let client = with_large(&server, 1).await;
    let mut idle = client.pipeline().await;
    let mut half = client.pipeline().await;
    let message = frame(&list(7, [one_more("n")]));
    half.lists.send_data(message.slice(..9), false).unwrap();
    // So long must have passed when this one is given up.
    let mut slow = begun(&client).await;
    let answer = slow.answer().await.unwrap();
    assert_eq!(answer.reason(), "REQUEST_TOO_SLOW");
    idle.send(1, [one_more("n")]);
    assert_eq!(done(&idle.next().await.unwrap()), Ok(()));
    half.lists.send_data(message.slice(9..), false).unwrap();
    assert_eq!(half.next().await.unwrap().id, 7);
}

#[tokio::test]
async fn pipeline_that_ends_within_a_list_is_malformed() {
    let server = Server::start(|_| {});
    let client = with_large(&server, 1).await;
    let mut pipeline = client.pipeline().await;
    pipeline.send(1, [one_more("n")]);
    let message = frame(&list(2, [one_more("n")]));
    let most = message.slice(..message.len() - 1);
    pipeline.lists.send_data(most, true).unwrap();
    assert_eq!(done(&pipeline.next().await.unwrap()), Ok(()));
    assert_eq!(pipeline.ended().await, (3, "MESSAGE_MALFORMED".into()));
    assert_eq!(client.number("n").await, 1);
}

#[tokio::test]
async fn list_that_is_no_message_ends_the_pipeline_after_what_came_before() {
    let server = Server::start(|_| {});
    let client = with_large(&server, 1).await;
    for (bytes, end) in [
        (framed(&[0xff; 64]), (3, "MESSAGE_MALFORMED")),
        (
            vec![0, 0xff, 0xff, 0xff, 0xff].into(),
            (8, "MESSAGE_TOO_LARGE"),
        ),
        (vec![9, 0, 0, 0, 0].into(), (3, "MESSAGE_MALFORMED")),
    ] {
        let mut pipeline = client.pipeline().await;
        pipeline.send(1, [one_more("n")]);
        pipeline.lists.send_data(bytes, false).unwrap();
        pipeline.send(2, [one_more("m")]);
        assert_eq!(done(&pipeline.next().await.unwrap()), Ok(()));
        assert_eq!(pipeline.ended().await, (end.0, end.1.to_owned()));
    }
    assert_eq!(client.number("n").await, 3);
    assert_eq!(client.number("m").await, 0, "nothing after it was done");
}

#[tokio::test]
async fn pipelines_that_are_reset_leave_nothing() {
    let server = Server::start(|limits| limits.gate.bytes_in_flight_max = 12 << 20);
    let client = with_large(&server, 1 << 20).await;
    for _ in 0..50 {
        let mut pipeline = client.pipeline().await;
        for id in 0..16 {
            pipeline.send(id, [getting("large"), getting("large")]);
        }
        pipeline.lists.send_reset(h2::Reason::CANCEL);
    }
    soon(async { while client.get("large").await.code() != Some(0) {} }).await;
    server.is_alive().await;
}

#[tokio::test]
async fn pipeline_whose_client_is_gone_makes_room() {
    let server = Server::start(|limits| limits.grpc.pipelines_max = 1);
    let client = with_large(&server, 100_000).await;
    let hostile = Client::connect(server.address()).await;
    let mut first = hostile.pipeline().await;
    for id in 0..1000 {
        first.send(id, [getting("large")]);
    }
    let refused = client
        .send(post(PIPELINE), frame(&list(1, [])))
        .await
        .unwrap();
    let seen = (refused.code(), refused.reason());
    assert_eq!(seen, (Some(8), "TOO_MANY_PIPELINES"));
    drop((first, hostile));
    let one = || frame(&list(1, [getting("large")]));
    soon(async { while client.send(post(PIPELINE), one()).await.unwrap().code() != Some(0) {} })
        .await;
}

/// A Set that the server has begun and that stays under way.
async fn begun(client: &Client) -> Open {
    let mut call = client.open(post(SET)).await.unwrap();
    let message = frame(&set("begun", 10));
    call.body.send_data(message.slice(..5), false).unwrap();
    // Answered later on the same connection, so the server has seen the call.
    assert_eq!(client.health("liveness").await.unwrap(), 1);
    call
}

async fn finish(call: &mut Open) {
    let message = frame(&set("begun", 10));
    call.body.send_data(message.slice(5..), true).unwrap();
    assert_eq!(call.answer().await.unwrap().code(), Some(0));
}
