//! Connections that are not what this port is for, or are too many.

use tokio::io::AsyncWriteExt;

use crate::serving::{
    client::{CHECK, Client, GET, frame, framed, get, post, told},
    frames::{self, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, Raw},
    server::Server,
    soon,
};

#[tokio::test]
async fn http1_headers_without_end_are_given_up() {
    let server = Server::start(|_| {});
    let mut raw = Raw::connect(server.address()).await;
    let _ = raw.write.write_all(b"GET / HTTP/1.1\r\n").await;
    // Far more than is buffered; the write fails once the server has closed.
    for _ in 0..64 {
        let line = format!("x: {}\r\n", "y".repeat(16 << 10));
        if raw.write.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    let answer = String::from_utf8(raw.rest().await).unwrap();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
    server.is_alive().await;
}

#[tokio::test]
async fn bytes_that_are_no_preface_are_closed_without_a_word() {
    let server = Server::start(|_| {});
    // The first bytes of a TLS client, and zeros.
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\x01"[..], &[0; 24]] {
        let mut raw = Raw::connect(server.address()).await;
        raw.write.write_all(bytes).await.unwrap();
        assert_eq!(raw.rest().await, b"");
    }
    server.is_alive().await;
}

#[tokio::test]
async fn frames_that_make_no_sense_end_the_connection() {
    let server = Server::start(|_| {});
    for bytes in [&[0xff; 64][..], &[0x5a; 10_000]] {
        let mut raw = Raw::connect(server.address()).await;
        raw.write.write_all(PREFACE).await.unwrap();
        let _ = raw.write.write_all(bytes).await;
        let goaway = raw.next_of(GOAWAY).await;
        assert_ne!(goaway.unwrap().error(), h2::Reason::NO_ERROR);
        raw.rest().await;
    }
    server.is_alive().await;
}

#[tokio::test]
async fn header_block_that_cannot_be_read_ends_the_connection() {
    let server = Server::start(|_| {});
    let mut raw = Raw::http2(server.address()).await;
    // An index far outside of every table.
    let block = [0xff, 0xff, 0xff, 0x7f];
    let flags = END_HEADERS | END_STREAM;
    let headers = frames::frame(HEADERS, flags, 1, &block);
    raw.write.write_all(&headers).await.unwrap();
    let goaway = raw.next_of(GOAWAY).await.unwrap();
    assert_ne!(goaway.error(), h2::Reason::NO_ERROR);
    server.is_alive().await;
}

#[tokio::test]
async fn slow_handshake_is_closed() {
    let server = Server::start(|limits| limits.serve.handshake_ms_max = 100);
    for said in [&b""[..], b"PRI * HTTP", b"GET / HTTP/1.1\r\n"] {
        let mut raw = Raw::connect(server.address()).await;
        raw.write.write_all(said).await.unwrap();
        // The writing half stays open: it is the server that gives up.
        raw.rest().await;
    }
    server.is_alive().await;
}

#[tokio::test]
async fn slow_handshakes_are_counted_as_connections() {
    let server = Server::start(|limits| {
        limits.serve.connections_max = 1;
        limits.serve.health_connections_reserved = 0;
        limits.serve.handshake_ms_max = 100;
    });
    let _silent = Raw::connect(server.address()).await;
    let mut second = Raw::connect(server.address()).await;
    assert_eq!(second.rest().await, b"");
    // As soon as the first is given up, its place is free.
    soon(async {
        loop {
            let mut raw = Raw::http2(server.address()).await;
            if raw.next().await.is_some() {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn streams_above_the_limit_are_refused() {
    let server = Server::start(|limits| limits.serve.streams_per_connection_max = 2);
    let mut raw = Raw::http2(server.address()).await;
    for stream in [1, 3, 5] {
        let headers = frames::call(GET);
        let headers = frames::frame(HEADERS, END_HEADERS, stream, &headers);
        raw.write.write_all(&headers).await.unwrap();
    }
    let reset = raw.next_of(RST_STREAM).await.unwrap();
    assert_eq!(
        (reset.stream, reset.error()),
        (5, h2::Reason::REFUSED_STREAM)
    );
    server.is_alive().await;
}

#[tokio::test]
async fn above_connections_max_health_alone_is_answered() {
    let server = Server::start(|limits| {
        limits.serve.connections_max = 1;
        limits.serve.health_connections_reserved = 1;
    });
    let ordinary = Client::connect(server.address()).await;
    soon(async {
        while ordinary.get("a").await.code() != Some(0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let probe = Client::connect(server.address()).await;
    assert_eq!(probe.health("").await.unwrap(), 1);
    assert_eq!(probe.health("liveness").await.unwrap(), 1);
    // And beyond these there is no place at all.
    assert_eq!(Raw::connect(server.address()).await.rest().await, b"");

    let refused = probe.get("a").await;
    let seen = (refused.code(), refused.reason());
    assert_eq!(seen, (Some(14), "TOO_MANY_CONNECTIONS"));
    assert_eq!(ordinary.get("a").await.code(), Some(0));
}

#[tokio::test]
async fn reserved_connection_that_asks_for_more_than_health_makes_way() {
    let server = Server::start(|limits| {
        limits.serve.connections_max = 0;
        limits.serve.health_connections_reserved = 1;
    });
    let greedy = Client::connect(server.address()).await;
    // However it hurries, it is asked to go: it is never quiet by itself.
    soon(async {
        while let Ok(answer) = greedy.send(post(GET), frame(&get("a"))).await {
            assert_eq!(answer.code(), Some(14), "{answer:?}");
        }
    })
    .await;
    greedy.ended().await.unwrap();
    health_is_answered(&server).await;
}

#[tokio::test]
async fn reserved_connection_that_is_quiet_makes_way_with_its_watch() {
    let server = Server::start(|limits| {
        limits.serve.connections_max = 0;
        limits.serve.health_connections_reserved = 1;
    });
    let watcher = Client::connect(server.address()).await;
    let mut watch = watcher.watch("liveness").await;
    assert_eq!(told(&mut watch).await, Some(1));
    assert_eq!(told(&mut watch).await, None);
    health_is_answered(&server).await;
}

#[tokio::test]
async fn old_connection_is_asked_to_go_and_its_calls_are_answered() {
    let server = Server::start(|limits| limits.serve.connection_age_ms_max = 100);
    let client = Client::connect(server.address()).await;
    let mut held = client.open(post(CHECK)).await.unwrap();
    // From the GOAWAY on, no call can be begun here.
    soon(async {
        while client.health("").await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let message = framed(b"");
    held.body.send_data(message, true).unwrap();
    assert_eq!(held.answer().await.unwrap().code(), Some(0));
    client.ended().await.unwrap();
}

/// A probe must find a place.
async fn health_is_answered(server: &Server) {
    soon(async {
        loop {
            let mut raw = Raw::http2(server.address()).await;
            if raw.next().await.is_some() {
                return;
            }
        }
    })
    .await;
}
