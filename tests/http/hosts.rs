//! Names by which the server is asked: a page whose name was made to resolve to
//! this server's address is of our own origin to a browser.

use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    http1::{Answer, Http1},
    serving::{server::Server, soon},
};

const BEFORE: (&str, &str) = ("access-control-request-method", "PUT");
const FOREIGN: (&str, &str) = ("host", "evil.example:50051");

async fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut http = Http1::connect(server.address()).await;
    // With a body a read is no plain one.
    let body: &[u8] = if method == "GET" { b"" } else { b"1" };
    http.ask(method, path, headers, body).await
}

#[tokio::test]
async fn by_a_foreign_name_nothing_is_told_and_nothing_is_changed() {
    let server = Server::start(|limits| limits.http.console = true);
    let kept = ask(&server, "PUT", "/v1/entries/k", &[]).await;
    assert_eq!(kept.status, StatusCode::OK);
    let own = ("origin", "http://evil.example:50051");
    for (method, path, more) in [
        ("GET", "/v1/entries/k", None),
        ("GET", "/v1/entries/k", Some(("other", "1"))),
        ("PUT", "/v1/entries/k", Some(own)),
        ("POST", "/v1/entries/k:increment", Some(own)),
        ("DELETE", "/v1/entries?all=true", Some(own)),
        ("GET", "/v1/entries", None),
        ("GET", "/v1/watch", None),
        ("GET", "/console", None),
        ("OPTIONS", "/v1/entries/k", None),
        ("OPTIONS", "/v1/entries/k", Some(BEFORE)),
        ("GET", "/nothing", None),
    ] {
        let headers: Vec<_> = [FOREIGN].into_iter().chain(more).collect();
        let refused = ask(&server, method, path, &headers).await;
        assert_eq!(refused.status, StatusCode::MISDIRECTED_REQUEST, "{path}");
        assert_eq!(refused.json()["reason"], "HOST_REFUSED", "{path}");
    }
    let web = ("content-type", "application/grpc-web+proto");
    let refused = ask(&server, "POST", "/nanokv.v1.KvService/Get", &[FOREIGN, web]).await;
    assert_eq!(refused.header("grpc-status"), "7");
    let value = ask(&server, "GET", "/v1/entries/k", &[]).await;
    assert_eq!(value.body, b"1"[..]);
}

#[tokio::test]
async fn a_foreign_name_behind_plain_reads_is_refused_too() {
    let server = Server::start(|_| {});
    ask(&server, "PUT", "/v1/entries/k", &[]).await;
    let mut http = Http1::connect(server.address()).await;
    for (host, status) in [
        ("localhost", StatusCode::OK),
        ("[::1]:1", StatusCode::OK),
        ("evil", StatusCode::MISDIRECTED_REQUEST),
        ("localhost", StatusCode::OK),
    ] {
        let answer = http
            .ask("GET", "/v1/entries/k", &[("host", host)], b"")
            .await;
        assert_eq!(answer.status, status, "{host}");
    }
}

#[tokio::test]
async fn a_request_has_one_name() {
    let server = Server::start(|_| {});
    for names in ["", "Host: localhost\r\nHost: localhost\r\n"] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let request = format!("GET /v1/entries/k HTTP/1.1\r\n{names}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(answer.contains("FIELD_MALFORMED"), "{answer}");
    }
}

#[tokio::test]
async fn probes_may_use_any_name() {
    let server = Server::start(|_| {});
    for path in ["/healthz", "/readyz"] {
        let answer = ask(&server, "GET", path, &[FOREIGN]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn names_that_are_listed_may_be_asked_by_and_a_star_lists_all() {
    for (hosts, may) in [
        ("kv.example,evil.example", true),
        ("kv.example", false),
        ("*", true),
    ] {
        let hosts = hosts.parse().unwrap();
        let server = Server::start(|limits| limits.http.http_hosts = hosts);
        let answer = ask(&server, "PUT", "/v1/entries/k", &[FOREIGN]).await;
        assert_eq!(answer.status == StatusCode::OK, may);
        let local = ask(&server, "GET", "/v1/entries", &[("host", "127.0.0.1:1")]).await;
        assert_eq!(local.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn where_others_reach_the_server_its_name_may_be_any() {
    let server = Server::start(|limits| limits.serve.listen = ([0, 0, 0, 0], 0).into());
    let stored = ask(&server, "PUT", "/v1/entries/k", &[FOREIGN]).await;
    assert_eq!(stored.status, StatusCode::OK);
}
