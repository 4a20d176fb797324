//! What metrics tell of calls that went well, badly, and away.

use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
};

use nanokv::proto::{DeleteRequest, GetRequest, PipelineRequest, SetRequest, WatchRequest};
use tonic::Code;

use crate::program::{Program, Server, eventually};

/// A server, and where it tells its metrics.
async fn started() -> (Server, String) {
    let server = Program::new(&["--metrics-listen", "127.0.0.1:0"])
        .variable("NANOKV_PIPELINES_MAX", "1")
        .serve();
    server.logged("ready").await;
    let log = server.log();
    let (_, rest) = log.split_once("metrics listening").unwrap();
    let (_, rest) = rest.split_once("\"address\":\"").unwrap();
    let (address, _) = rest.split_once('"').unwrap();
    let address = address.to_owned();
    (server, address)
}

fn page(address: &str) -> String {
    ask(address, "GET", "/metrics", "")
}

/// The whole answer to a request over HTTP/1.1.
fn ask(address: impl ToSocketAddrs, method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close");
    say(
        address,
        &format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}"),
    )
}

/// What is answered to all that is said on one connection, which the last request
/// of it ends.
fn say(address: impl ToSocketAddrs, said: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(said.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Returns when the page has each of these lines.
async fn told(address: &str, lines: &[&str]) {
    for line in lines {
        let ended = format!("{line}\n");
        eventually(line, async || page(address).contains(&ended)).await;
    }
}

fn calls(method: &str, code: &str, count: u64) -> String {
    format!(
        "nanokv_calls_total{{rpc_service=\"nanokv.v1.KvService\",rpc_method=\"{method}\",\
         rpc_grpc_status_code=\"{code}\"}} {count}"
    )
}

#[tokio::test]
async fn calls_are_told_by_how_they_ended() {
    let (server, metrics) = started().await;
    told(&metrics, &["nanokv_ready 1", &calls("Get", "OK", 0)]).await;
    let mut kv = server.kv().await;
    let get = |key: &str| GetRequest {
        key: key.to_owned(),
        ..GetRequest::default()
    };
    kv.get(get("absent")).await.unwrap();
    kv.get(get("")).await.unwrap_err();
    // Over HTTP a miss is one too, also where the read that is asked most was
    // looked for first, and where it is a plain one.
    let answer = ask(server.address(), "GET", "/v1/entries/absent", "");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let plain = "GET /v1/entries/absent HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answers = say(server.address(), &(plain.repeat(2) + last));
    assert_eq!(answers.matches("HTTP/1.1 404").count(), 2, "{answers}");
    kv.delete(DeleteRequest {
        key: "absent".to_owned(),
        condition: Some(nanokv::proto::Condition {
            kind: Some(nanokv::proto::condition::Kind::Present(true)),
        }),
        ..DeleteRequest::default()
    })
    .await
    .unwrap_err();
    let mut late = tonic::Request::new(SetRequest::default());
    late.metadata_mut()
        .insert("grpc-timeout", "never".parse().unwrap());
    assert_eq!(
        kv.set(late).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let lines = [
        calls("Get", "OK", 1),
        calls("Get", "INVALID_ARGUMENT", 1),
        calls("Delete", "NOT_FOUND", 1),
        calls("Set", "INVALID_ARGUMENT", 1),
        "nanokv_refusals_total{reason=\"FIELD_MISSING\"} 1".to_owned(),
        "nanokv_refusals_total{reason=\"TIMEOUT_MALFORMED\"} 1".to_owned(),
        "nanokv_reads_total{result=\"miss\"} 4".to_owned(),
        "nanokv_http_requests_total{http_request_method=\"GET\",\
         http_route=\"/v1/entries/{key}\",http_response_status_code=\"404\"} 3"
            .to_owned(),
        "nanokv_connections{kind=\"ordinary\"} 1".to_owned(),
    ];
    told(&metrics, &lines.each_ref().map(String::as_str)).await;
    // Not counted among refusals: the answer to a condition.
    assert!(!page(&metrics).contains("KEY_NOT_FOUND"));
}

#[tokio::test]
async fn streams_are_told_while_they_last_and_when_their_callers_go_away() {
    let (server, metrics) = started().await;
    let mut kv = server.kv().await;
    let watch = kv
        .watch(WatchRequest {
            ranges: vec![nanokv::proto::Range::default()],
            ..WatchRequest::default()
        })
        .await
        .unwrap();
    let (lists, receiver) = tokio::sync::mpsc::channel(2);
    let lists_sent = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut answers = kv.pipeline(lists_sent).await.unwrap().into_inner();
    lists.send(PipelineRequest::default()).await.unwrap();
    let answer = answers.message().await.unwrap().unwrap();
    assert!(answer.failure.is_none(), "{answer:?}");
    let nothing = tokio_stream::empty::<PipelineRequest>();
    let refused = kv.pipeline(nothing).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    told(
        &metrics,
        &[
            "nanokv_watchers 1",
            "nanokv_pipelines 1",
            "nanokv_pipeline_lists_total 1",
            "nanokv_watch_history_armed 1",
            "nanokv_refusals_total{reason=\"TOO_MANY_PIPELINES\"} 1",
            &calls("Pipeline", "RESOURCE_EXHAUSTED", 1),
        ],
    )
    .await;
    drop((watch, lists, answers, kv));
    told(
        &metrics,
        &[
            "nanokv_watchers 0",
            "nanokv_pipelines 0",
            &calls("Watch", "CANCELLED", 1),
            "nanokv_calls_in_flight 0",
            "nanokv_in_flight_bytes 0",
            "nanokv_connections{kind=\"ordinary\"} 0",
        ],
    )
    .await;
}

fn requests(method: &str, route: &str, status: u16, count: u64) -> String {
    format!(
        "nanokv_http_requests_total{{http_request_method=\"{method}\",http_route=\"{route}\",\
         http_response_status_code=\"{status}\"}} {count}"
    )
}

#[tokio::test]
async fn requests_over_http_are_told_by_route_and_status_and_never_by_key() {
    let (server, metrics) = started().await;
    let entry = "/v1/entries/{key}";
    told(&metrics, &[&requests("GET", entry, 200, 0)]).await;
    for (method, path, status) in [
        ("PUT", "/v1/entries/secret", "200"),
        // The hot way, the way of all others, and what is not there.
        ("GET", "/v1/entries/secret", "200"),
        ("GET", "/v1/entries/secret?omit_value=true", "200"),
        ("GET", "/v1/entries/secret/absent", "404"),
        ("GET", "/v1/entries/%00", "400"),
        ("POST", "/v1/entries/secret:increment", "400"),
        ("GET", "/secret", "404"),
        ("BREW", "/secret/of/another", "404"),
        ("POST", "/nanokv.v1.KvService/Get", "415"),
    ] {
        let answer = ask(server.address(), method, path, "text");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    // One that hyper does not see.
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let plain = b"GET /v1/entries/secret HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(plain).unwrap();
    stream.read_exact(&mut [0; 15]).unwrap();
    let lines = [
        requests("PUT", entry, 200, 1),
        requests("GET", entry, 200, 3),
        requests("GET", entry, 404, 1),
        requests("GET", entry, 400, 1),
        requests("POST", "/v1/entries/{key}:increment", 400, 1),
        requests("GET", "unknown", 404, 1),
        requests("_OTHER", "unknown", 404, 1),
        requests("POST", "/{service}/{method}", 415, 1),
        "nanokv_refusals_total{reason=\"FIELD_MALFORMED\"} 1".to_owned(),
        "nanokv_refusals_total{reason=\"MESSAGE_MALFORMED\"} 1".to_owned(),
        "nanokv_refusals_total{reason=\"MEDIA_TYPE_UNSUPPORTED\"} 1".to_owned(),
    ];
    told(&metrics, &lines.each_ref().map(String::as_str)).await;
    let page = page(&metrics);
    assert!(!page.contains("secret"), "{page}");
    let count = "nanokv_http_request_duration_seconds_count{http_request_method=\"GET\",\
                 http_route=\"/v1/entries/{key}\"} 5";
    assert!(page.contains(count), "{page}");
}
