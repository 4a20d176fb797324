//! One test for each step, and one with callers that never pause.

use nanokv::serve::error::Error;
use tokio::task::JoinSet;

use crate::serving::{
    client::{Answer, Client, Open, SET, frame, post, set, told},
    frames::Raw,
    server::{Limits, Server},
    soon,
};

const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;

/// Longer than any test.
const FOR_EVER_MS: u64 = 3_600_000;

/// A server whose grace lasts for ever.
fn long_grace() -> Server {
    Server::start(|limits| limits.serve.drain_grace_ms = FOR_EVER_MS)
}

/// A server that waits for ever for its calls.
pub(crate) fn patient(limits: &mut Limits) {
    limits.serve.drain_grace_ms = 0;
    limits.serve.drain_ms_max = FOR_EVER_MS;
}

/// A call that the server has begun, and whose message has yet to come.
async fn begun(client: &Client) -> Open {
    let mut call = client.open(post(SET)).await.unwrap();
    let message = frame(&set("begun", 10));
    call.body.send_data(message.slice(..5), false).unwrap();
    // Answered later on the same connection, so the server has seen the call.
    assert_eq!(client.health("liveness").await.unwrap(), SERVING);
    call
}

/// The rest of its message, and its answer.
async fn finished(call: &mut Open) -> Answer {
    let message = frame(&set("begun", 10));
    call.body.send_data(message.slice(5..), true).unwrap();
    call.answer().await.unwrap()
}

pub(crate) async fn ready(server: &Server) -> Client {
    let client = Client::connect(server.address()).await;
    let mut health = client.watch("").await;
    while told(&mut health).await != Some(SERVING) {}
    client
}

/// Until the server has asked the connection to go: no call can be begun.
pub(crate) async fn asked_to_go(client: &Client) {
    soon(async {
        while client.health("liveness").await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn in_the_grace_health_says_no_and_everything_is_served() {
    let server = long_grace();
    let client = ready(&server).await;
    let mut readiness = client.watch("nanokv.v1.KvService").await;
    let mut liveness = client.watch("liveness").await;
    assert_eq!(told(&mut readiness).await, Some(SERVING));
    assert_eq!(told(&mut liveness).await, Some(SERVING));

    server.stop().gracefully();
    assert_eq!(told(&mut readiness).await, Some(NOT_SERVING));
    assert_eq!(client.get("a").await.code(), Some(0));
    let new = Client::connect(server.address()).await;
    assert_eq!(new.get("a").await.code(), Some(0));
    assert_eq!(new.health("").await.unwrap(), NOT_SERVING);
    assert_eq!(new.health("liveness").await.unwrap(), SERVING);
}

#[tokio::test]
async fn after_the_grace_connections_are_asked_to_go_and_their_calls_finish() {
    let server = Server::start(patient);
    let client = ready(&server).await;
    let mut call = begun(&client).await;
    server.stop().gracefully();
    asked_to_go(&client).await;
    assert_eq!(finished(&mut call).await.code(), Some(0));
    client.ended().await.unwrap();
    server.ended().await.unwrap();
}

#[tokio::test]
async fn health_is_answered_on_new_connections_until_the_end() {
    let server = Server::start(|limits| {
        patient(limits);
        limits.serve.health_connections_reserved = 4;
    });
    let client = ready(&server).await;
    let mut call = begun(&client).await;
    server.stop().gracefully();
    asked_to_go(&client).await;

    // More of them, one after another, than there are places.
    for _ in 0..10 {
        let probe = Client::connect(server.address()).await;
        assert_eq!(probe.health("liveness").await.unwrap(), SERVING);
        assert_eq!(probe.health("").await.unwrap(), NOT_SERVING);
        let refused = probe.get("a").await;
        let seen = (refused.code(), refused.reason());
        assert_eq!(seen, (Some(14), "DRAINING"));
        probe.ended().await.unwrap();
    }
    assert_eq!(finished(&mut call).await.code(), Some(0));
    server.ended().await.unwrap();
}

#[tokio::test]
async fn health_does_not_hold_up_the_end() {
    let server = Server::start(patient);
    let client = ready(&server).await;
    let mut watch = client.watch("liveness").await;
    assert_eq!(told(&mut watch).await, Some(SERVING));
    let mut call = begun(&client).await;
    server.stop().gracefully();
    asked_to_go(&client).await;
    assert_eq!(told(&mut watch).await, None);
    // A probe that stays connected, and one that has not even asked.
    let probe = Client::connect(server.address()).await;
    assert_eq!(probe.health("liveness").await.unwrap(), SERVING);
    let _silent = Raw::connect(server.address()).await;
    assert_eq!(finished(&mut call).await.code(), Some(0));
    server.ended().await.unwrap();
}

#[tokio::test]
async fn watches_end_promptly_and_the_calls_beside_them_finish() {
    let server = Server::start(patient);
    let client = ready(&server).await;
    let mut watches = Vec::new();
    for _ in 0..10 {
        watches.push(client.watch_keys().await);
    }
    let mut call = begun(&client).await;
    server.stop().gracefully();
    for mut watch in watches {
        while let Some(data) = soon(watch.data()).await {
            let bytes = data.unwrap().len();
            watch.flow_control().release_capacity(bytes).unwrap();
        }
        let trailers = soon(watch.trailers()).await.unwrap().unwrap();
        assert_eq!(trailers.get("grpc-status").unwrap(), "14");
        let message = trailers.get("grpc-message").unwrap();
        assert!(message.to_str().unwrap().starts_with("DRAINING"));
    }
    assert_eq!(finished(&mut call).await.code(), Some(0));
    server.ended().await.unwrap();
}

#[tokio::test]
async fn watch_that_is_not_read_does_not_hold_up_the_end() {
    let server = Server::start(patient);
    let watcher = ready(&server).await;
    let unread = watcher.watch_keys().await;
    let client = ready(&server).await;
    // More than a connection takes without being read.
    for _ in 0..10 {
        assert_eq!(client.set("a", 60_000).await.code(), Some(0));
    }
    let mut call = begun(&client).await;
    server.stop().gracefully();
    asked_to_go(&client).await;
    assert_eq!(finished(&mut call).await.code(), Some(0));
    server.ended().await.unwrap();
    drop(unread);
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let server = Server::start(|limits| {
        patient(limits);
        limits.serve.handshake_ms_max = FOR_EVER_MS;
    });
    let client = ready(&server).await;
    let _silent = Raw::connect(server.address()).await;
    let idle = ready(&server).await;
    server.stop().gracefully();
    server.ended().await.unwrap();
    client.ended().await.unwrap();
    idle.ended().await.unwrap();
}

#[tokio::test]
async fn call_that_does_not_end_is_cut_off() {
    let server = Server::start(|limits| {
        limits.serve.drain_grace_ms = 0;
        limits.serve.drain_ms_max = 100;
    });
    let client = ready(&server).await;
    let mut call = begun(&client).await;
    server.stop().gracefully();
    server.ended().await.unwrap();
    assert!(call.answer().await.is_err());
}

#[tokio::test]
async fn stop_now_skips_the_grace() {
    let server = long_grace();
    let client = ready(&server).await;
    server.stop().now();
    client.ended().await.unwrap();
    server.ended().await.unwrap();
}

#[tokio::test]
async fn second_demand_ends_the_grace_at_once() {
    let server = long_grace();
    let client = ready(&server).await;
    let mut call = begun(&client).await;
    server.stop().gracefully();
    server.stop().gracefully();
    assert!(matches!(server.ended().await, Err(Error::Aborted)));
    assert!(call.answer().await.is_err());
}

#[tokio::test]
async fn second_demand_ends_the_wait_for_calls_at_once() {
    let server = Server::start(patient);
    let client = ready(&server).await;
    let mut call = begun(&client).await;
    server.stop().gracefully();
    asked_to_go(&client).await;
    server.stop().now();
    assert!(matches!(server.ended().await, Err(Error::Aborted)));
    assert!(call.answer().await.is_err());
}

#[tokio::test]
async fn calls_under_load_are_all_answered() {
    let server = Server::start(|limits| {
        limits.serve.workers = 2;
        limits.serve.drain_grace_ms = 50;
        limits.serve.drain_ms_max = FOR_EVER_MS;
    });
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let client = ready(&server).await;
        callers.spawn(caller(client));
    }
    server.stop().gracefully();
    let answered = callers.join_all().await;
    assert!(answered.iter().all(|count| *count > 0), "{answered:?}");
    server.ended().await.unwrap();
}

/// Calls on and on, several at once, until it is asked to go; each call that
/// could be begun must be answered. How many were.
async fn caller(client: Client) -> usize {
    let mut answered = 0;
    loop {
        let mut begun = Vec::new();
        for _ in 0..16 {
            match client.open(post(SET)).await {
                Ok(mut call) => {
                    let message = frame(&set("key", 100));
                    call.body.send_data(message, true).unwrap();
                    begun.push(call);
                }
                Err(error) => assert!(error.is_go_away(), "{error}"),
            }
        }
        if begun.is_empty() {
            return answered;
        }
        for mut call in begun {
            let answer = call.answer().await.expect("begun and not answered");
            assert_eq!(answer.code(), Some(0), "{answer:?}");
            answered += 1;
        }
    }
}
