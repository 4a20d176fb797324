//! The phases, one after the other, and what is expected of each.

use nanokv::proto::{GetRequest, kv_service_client::KvServiceClient};
use tokio::time::timeout;
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

use crate::{
    held_call::HeldCall,
    kubelet::{Answer, check},
    matrix::Matrix,
    opening::Opening,
    process::{CEILING, Process},
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
    let server = Process::start(&[
        ("NANOKV_CONNECTIONS_MAX", "2"),
        ("NANOKV_DRAIN_GRACE_MS", HELD_MS),
    ])
    .await;
    let address = server.address();
    server.until(|| check(address, ""), Answer::SERVING).await;
    matrix.ask("ready", address).await;

    let taken = timeout(CEILING, take_connections(&server, 2))
        .await
        .unwrap();
    assert_eq!(
        get(&connect(&server).await).await,
        Code::Unavailable,
        "no ordinary connection is left"
    );
    matrix.ask("ready, at connections_max", address).await;

    server.terminate();
    server
        .until(|| check(address, ""), Answer::NOT_SERVING)
        .await;
    matrix.ask("drain_grace, at connections_max", address).await;
    for channel in &taken {
        assert_eq!(get(channel).await, Code::Ok, "calls are still answered");
    }
    drop(taken);
    matrix.ask("drain_grace", address).await;
}

async fn draining_with_a_call_under_way(matrix: &mut Matrix) {
    let mut server = Process::start(&[
        ("NANOKV_DRAIN_GRACE_MS", "0"),
        ("NANOKV_DRAIN_MS_MAX", HELD_MS),
        ("NANOKV_REQUEST_READ_MS_MAX", HELD_MS),
    ])
    .await;
    let address = server.address();
    server.until(|| check(address, ""), Answer::SERVING).await;
    let call = HeldCall::begin(address).await;

    server.terminate();
    server
        .until(
            || async { get(&connect(&server).await).await == Code::Ok },
            false,
        )
        .await;
    matrix.ask("drain, with a call under way", address).await;
    assert!(server.runs(), "it waits for the call");

    assert_eq!(call.finish().await, "0", "the call is answered");
    assert_eq!(server.ended().await, Some(0));
    matrix.ask("ended", address).await;
}

/// Takes so many ordinary connections. Those of the probes may not be gone yet.
async fn take_connections(server: &Process, count: usize) -> Vec<Channel> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let channel = connect(server).await;
        if get(&channel).await == Code::Ok {
            taken.push(channel);
        }
    }
    taken
}

async fn connect(server: &Process) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address())).unwrap();
    endpoint.connect().await.unwrap()
}

async fn get(channel: &Channel) -> Code {
    let request = GetRequest {
        key: "a".into(),
        ..GetRequest::default()
    };
    let answer = KvServiceClient::new(channel.clone()).get(request).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}
