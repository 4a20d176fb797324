//! Signals: the end of a server, under load, drops no call that it accepted.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use bytes::{BufMut, Bytes, BytesMut};
use h2::{Reason, client::SendRequest};
use http::Request;
use nanokv::proto::{GetRequest, SetRequest, Value, value::Kind};
use prost::Message;
use rustix::process::Signal;
use tokio::{net::TcpStream, task::JoinSet};
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::program::{Program, Server, eventually};

const CONNECTIONS: usize = 4;
const CALLERS_PER_CONNECTION: usize = 16;

/// What became of the calls of all callers.
#[derive(Default)]
struct Tally {
    /// Answered with OK.
    answered: AtomicUsize,
    /// Answered with UNAVAILABLE.
    turned_away: AtomicUsize,
    /// Told by the connection that they were never looked at.
    not_accepted: AtomicUsize,
}

#[tokio::test]
async fn sigterm_under_load_answers_every_accepted_call() {
    let mut server = Program::new(&["--drain-grace-ms", "300"]).serve();
    server.logged("ready").await;
    let tally: &'static Tally = Box::leak(Box::default());
    let mut callers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let sender = connect(server.address()).await;
        for _ in 0..CALLERS_PER_CONNECTION {
            callers.spawn(call_until_the_end(sender.clone(), tally));
        }
    }
    let answered = || tally.answered.load(Ordering::Relaxed);
    eventually("load", async || answered() > 500).await;
    let before = answered();
    server.signal(Signal::TERM);

    let seen_to_stop = AtomicBool::new(false);
    eventually("the end", async || {
        for (service, expected) in [
            ("liveness", ServingStatus::Serving),
            ("", ServingStatus::NotServing),
        ] {
            match health(&server, service).await {
                Some(status) if service.is_empty() => {
                    let stops = status == expected;
                    seen_to_stop.fetch_or(stops, Ordering::Relaxed);
                }
                Some(status) => assert_eq!(status, expected, "liveness until the end"),
                None => {}
            }
        }
        server.has_ended()
    })
    .await;
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    let (status, log) = server.ended().await;

    println!(
        "answered {before} before the signal and {} after it, turned away {}, not accepted {}",
        answered() - before,
        tally.turned_away.load(Ordering::Relaxed),
        tally.not_accepted.load(Ordering::Relaxed),
    );
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(seen_to_stop.into_inner(), "health says that it will stop");
    assert!(answered() > before, "the grace is served");
    for event in ["starting", "ready", "draining", "stopped"] {
        assert!(log.contains(event), "{event}: {log}");
    }
    assert!(!log.contains("cut off"), "{log}");
}

#[tokio::test]
async fn ctrl_c_has_no_grace() {
    let server = Program::new(&["--drain-grace-ms", "80000000"]).serve();
    server.logged("ready").await;
    server.signal(Signal::INT);
    assert_eq!(server.ended().await.0.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let server = Program::new(&["--drain-grace-ms", "80000000"]).serve();
    server.logged("ready").await;
    server.signal(Signal::TERM);
    server.logged("draining").await;
    server.signal(Signal::TERM);
    let (status, log) = server.ended().await;
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("stopped at once"), "{log}");
}

#[tokio::test]
async fn a_signal_right_after_the_line_is_heard() {
    let server = Program::new(&["--drain-grace-ms", "0"]).serve();
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await.0.code(), Some(0));
}

/// The answer of a connection of its own, as the kubelet asks; `None` when it
/// is not taken any more.
async fn health(server: &Server, service: &str) -> Option<ServingStatus> {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address())).unwrap();
    let channel = endpoint.connect().await.ok()?;
    let service = service.to_owned();
    let answer = HealthClient::new(channel)
        .check(HealthCheckRequest { service })
        .await;
    Some(answer.ok()?.into_inner().status())
}

/// A connection without anything that would try a call again.
async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Sets and gets in turn, until the connection takes no more calls.
async fn call_until_the_end(mut sender: SendRequest<Bytes>, tally: &Tally) {
    for number in 0.. {
        sender = match sender.ready().await {
            Ok(sender) => sender,
            Err(error) => {
                assert!(was_asked_to_go(&error), "{error:?}");
                return;
            }
        };
        match call(&mut sender, number).await {
            Ok(code) if code == "0" => tally.answered.fetch_add(1, Ordering::Relaxed),
            Ok(code) if code == "14" => tally.turned_away.fetch_add(1, Ordering::Relaxed),
            Ok(code) => panic!("answered with {code}"),
            Err(error) => {
                assert!(
                    was_asked_to_go(&error),
                    "an accepted call is lost: {error:?}"
                );
                tally.not_accepted.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

/// Makes one call and gives its `grpc-status`.
async fn call(sender: &mut SendRequest<Bytes>, number: usize) -> Result<String, h2::Error> {
    let key = format!("key-{}", number / 2);
    let (method, message) = if number.is_multiple_of(2) {
        let kind = Some(Kind::Text("v".repeat(100)));
        let request = SetRequest {
            key,
            value: Some(Value { kind }),
            ..SetRequest::default()
        };
        ("Set", request.encode_to_vec())
    } else {
        let request = GetRequest {
            key,
            ..GetRequest::default()
        };
        ("Get", request.encode_to_vec())
    };
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.put_slice(&message);

    let head = Request::post(format!("http://nanokv/nanokv.v1.KvService/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (answer, mut body) = sender.send_request(head, false)?;
    body.send_data(frame.freeze(), true)?;
    let answer = answer.await?;
    let of_head = answer.headers().get("grpc-status").cloned();
    let mut body = answer.into_body();
    while let Some(data) = body.data().await {
        let bytes = data?.len();
        body.flow_control().release_capacity(bytes)?;
    }
    let of_trailers = body
        .trailers()
        .await?
        .and_then(|trailers| trailers.get("grpc-status").cloned());
    let code = of_trailers.or(of_head).expect("an answer has a status");
    Ok(code.to_str().unwrap().to_owned())
}

/// Whether a call was refused because the server asked the connection to go,
/// so that the server has never looked at it.
fn was_asked_to_go(error: &h2::Error) -> bool {
    (error.is_go_away() && error.reason() == Some(Reason::NO_ERROR))
        || error.reason() == Some(Reason::REFUSED_STREAM)
}
