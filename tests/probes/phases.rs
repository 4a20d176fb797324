//! The phases, one after the other, and what is expected of each.

use nanokv::proto::{GetRequest, kv_service_client::KvServiceClient};
use rustix::process::Signal;
use tonic::{Code, transport::Channel};

use crate::{
    held_call::HeldCall,
    kubelet::{Answer, check},
    matrix::Matrix,
    opening::Opening,
    program::{Program, Server, eventually},
};

/// An hour: a phase that lasts until the test ends it.
const HELD_MS: &str = "3600000";

const EXPECTED: &str = "\
phase                               (server)       nanokv.v1.KvService  liveness       another
opening                             NOT_SERVING    NOT_SERVING          SERVING        NOT_FOUND
ready                               SERVING        SERVING              SERVING        NOT_FOUND
ready, at connections_max           SERVING        SERVING              SERVING        NOT_FOUND
drain_grace, at connections_max     NOT_SERVING    NOT_SERVING          SERVING        NOT_FOUND
drain_grace                         NOT_SERVING    NOT_SERVING          SERVING        NOT_FOUND
drain, with a call under way        NOT_SERVING    NOT_SERVING          SERVING        NOT_FOUND
ended                               no connection  no connection        no connection  no connection
";

#[tokio::test]
async fn the_kubelet_is_told_the_truth_in_every_phase() {
    let mut matrix = Matrix::default();

    let opening = Opening::start();
    matrix.ask("opening", opening.address()).await;

    full_and_in_its_grace(&mut matrix).await;
    draining_with_a_call_under_way(&mut matrix).await;

    println!("{matrix}");
    assert_eq!(matrix.to_string(), EXPECTED);
}

async fn full_and_in_its_grace(matrix: &mut Matrix) {
    let server = Program::new(&[])
        .variable("NANOKV_CONNECTIONS_MAX", "2")
        .variable("NANOKV_DRAIN_GRACE_MS", HELD_MS)
        .serve();
    let address = server.address();
    server.logged("ready").await;
    matrix.ask("ready", address).await;

    let taken = [
        ordinary_channel(&server).await,
        ordinary_channel(&server).await,
    ];
    let refused = get(&server.channel().await).await;
    assert_eq!(refused, Code::Unavailable, "no ordinary connection is left");
    matrix.ask("ready, at connections_max", address).await;

    server.signal(Signal::TERM);
    eventually("the drain", async || {
        check(address, "").await == Answer::NOT_SERVING
    })
    .await;
    matrix.ask("drain_grace, at connections_max", address).await;
    for channel in &taken {
        assert_eq!(get(channel).await, Code::Ok, "calls are still answered");
    }
    drop(taken);
    matrix.ask("drain_grace", address).await;
}

async fn draining_with_a_call_under_way(matrix: &mut Matrix) {
    let mut server = Program::new(&[])
        .variable("NANOKV_DRAIN_GRACE_MS", "0")
        .variable("NANOKV_DRAIN_MS_MAX", HELD_MS)
        .variable("NANOKV_REQUEST_READ_MS_MAX", HELD_MS)
        .serve();
    let address = server.address();
    server.logged("ready").await;
    let call = HeldCall::begin(address).await;

    server.signal(Signal::TERM);
    eventually("an end of ordinary connections", async || {
        get(&server.channel().await).await != Code::Ok
    })
    .await;
    matrix.ask("drain, with a call under way", address).await;
    assert!(!server.has_ended(), "it waits for the call");

    assert_eq!(call.finish().await, "0", "the call is answered");
    let (status, _) = server.ended().await;
    assert_eq!(status.code(), Some(0));
    matrix.ask("ended", address).await;
}

/// A connection that takes one of `connections_max`. Those of probes may not be
/// gone yet.
async fn ordinary_channel(server: &Server) -> Channel {
    let mut found = None;
    eventually("an ordinary connection", async || {
        let channel = server.channel().await;
        let ordinary = get(&channel).await == Code::Ok;
        found = ordinary.then_some(channel);
        ordinary
    })
    .await;
    found.unwrap()
}

async fn get(channel: &Channel) -> Code {
    let request = GetRequest {
        key: "a".into(),
        ..GetRequest::default()
    };
    let answer = KvServiceClient::new(channel.clone()).get(request).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}
