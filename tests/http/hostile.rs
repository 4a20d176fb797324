//! Clients of HTTP/1.1 that mean harm or are broken.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::serving::{server::Server, soon};

/// What is answered to these bytes until the server closes, or has answered
/// nothing more for a moment.
async fn answered(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has refused does not read on.
    let _ = stream.write_all(bytes).await;
    let mut seen = Vec::new();
    let _ = soon(stream.read_to_end(&mut seen)).await;
    String::from_utf8_lossy(&seen).into_owned()
}

fn statuses(answers: &str) -> Vec<&str> {
    let heads = answers.split("HTTP/1.1 ").skip(1);
    heads.filter_map(|head| head.get(..3)).collect()
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_their_order() {
    let server = Server::start(|_| {});
    let put = "PUT /v1/entries/k HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n";
    let get = "GET /v1/entries/k HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let miss = "GET /v1/entries/x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answers = answered(server.address(), format!("{put}{get}{miss}").as_bytes()).await;
    assert_eq!(statuses(&answers), ["200", "200", "404"], "{answers}");
    assert!(answers.contains("\r\n\r\nabc"), "{answers}");
}

#[tokio::test]
async fn a_request_that_two_servers_would_read_in_two_ways_is_refused() {
    let server = Server::start(|_| {});
    let inner = "DELETE /v1/entries?all=true HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for head in [
        "content-length: 0\r\ncontent-length: 60",
        "content-length: 0, 60",
        "content-length: +60",
        "content-length: -1",
        "content-length: 0x3c",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: xchunked",
        "content-length : 60",
        " folded: 1",
        "name with space: 1",
    ] {
        let request =
            format!("POST /v1/batch HTTP/1.1\r\nhost: localhost\r\n{head}\r\n\r\n{inner}");
        let answers = answered(server.address(), request.as_bytes()).await;
        assert_eq!(statuses(&answers), ["400"], "{head}: {answers}");
    }
    for chunks in [
        "zz\r\n",
        "-1\r\n",
        "ffffffffffffffffff\r\n",
        "1;\na\r\n0\r\n\r\n",
    ] {
        let request = format!(
            "PUT /v1/entries/k HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n{chunks}{inner}"
        );
        let answers = answered(server.address(), request.as_bytes()).await;
        assert!(!answers.contains("deletedCount"), "{chunks:?}: {answers}");
    }
    // Where both are given the chunks count, and the connection ends: what
    // stands behind them is nobody's request.
    let request = format!(
        "PUT /v1/entries/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{inner}"
    );
    let answers = answered(server.address(), request.as_bytes()).await;
    assert!(!answers.contains("deletedCount"), "{answers}");
    server.is_alive().await;
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let server = Server::start(|_| {});
    let large = "x".repeat(17 << 10);
    let request = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {large}\r\n\r\n");
    let answers = answered(server.address(), request.as_bytes()).await;
    assert_eq!(statuses(&answers), ["431"], "{answers}");
    let many = "x: y\r\n".repeat(200);
    let request = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{many}\r\n");
    let answers = answered(server.address(), request.as_bytes()).await;
    assert_eq!(statuses(&answers), ["431"], "{answers}");
    let request = format!(
        "GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "y".repeat(70_000)
    );
    let answers = answered(server.address(), request.as_bytes()).await;
    assert_eq!(statuses(&answers), ["431"], "{answers}");
    server.is_alive().await;
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_before_it_comes() {
    let server = Server::start(|_| {});
    // Nothing of it is sent: who is still sending may lose the answer.
    let head = format!(
        "PUT /v1/entries/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
        (4 << 20) + 1
    );
    let answers = answered(server.address(), head.as_bytes()).await;
    assert_eq!(statuses(&answers), ["413"], "{answers}");
    assert!(answers.contains("MESSAGE_TOO_LARGE"), "{answers}");
}

#[tokio::test]
async fn a_head_or_a_body_that_does_not_come_is_given_up() {
    let server = Server::start(|limits| {
        limits.serve.http1_idle_ms_max = 50;
        limits.gate.request_read_ms_max = 50;
    });
    // They end: `answered` waits for that.
    let answers = answered(server.address(), b"GET /healthz HTTP/1.1\r\nhost: ").await;
    assert!(
        answers.is_empty() || statuses(&answers) == ["408"],
        "{answers}"
    );
    let idle = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert_eq!(statuses(&answered(server.address(), idle).await), ["200"]);
    let head = b"PUT /v1/entries/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nx";
    let answers = answered(server.address(), head).await;
    assert_eq!(statuses(&answers), ["408"], "{answers}");
    assert!(answers.contains("REQUEST_TOO_SLOW"), "{answers}");
}

#[tokio::test]
async fn answers_that_nobody_takes_end_the_connection() {
    let server = Server::start(|limits| {
        limits.serve.stream_unread_ms_max = 50;
        limits.serve.drain_ms_max = 600_000;
        limits.serve.drain_grace_ms = 0;
    });
    let mut client = crate::http1::Http1::connect(server.address()).await;
    let large = vec![b'x'; 1 << 20];
    client.ask("PUT", "/v1/entries/k", &[], &large).await;
    drop(client);
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let get = "GET /v1/entries/k HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(64);
    stream.write_all(get.as_bytes()).await.unwrap();
    // Until some has come, so that the server writes; then nothing is read.
    let mut some = [0; 1024];
    soon(stream.read_exact(&mut some)).await.unwrap();
    server.stop().now();
    let ended = tokio::time::timeout(Duration::from_mins(1), server.ended()).await;
    ended
        .expect("it does not wait for who does not read")
        .unwrap();
}
