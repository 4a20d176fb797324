//! One port for both: who is answered in which way, under the same limits and
//! to the same end.

use serde_json::Value as Json;

use crate::{
    http1::Http1,
    serving::{client::Client, server::Server, soon},
};

#[tokio::test]
async fn the_same_port_speaks_grpc_and_http_1_and_2() {
    let server = Server::start(|_| {});
    let mut client = Http1::connect(server.address()).await;
    let ready = client.ask("GET", "/readyz", &[], b"").await;
    assert_eq!((ready.status.as_u16(), ready.text()), (200, "ok\n"));
    server.is_alive().await;
    // A prior knowledge of HTTP/2, and no gRPC.
    let (mut sender, connection) = h2::client::handshake(
        tokio::net::TcpStream::connect(server.address())
            .await
            .unwrap(),
    )
    .await
    .unwrap();
    tokio::spawn(connection);
    let request = |method: &str, path: &str| {
        let uri = format!("http://localhost{path}");
        http::Request::builder()
            .method(method)
            .uri(uri)
            .body(())
            .unwrap()
    };
    let (answer, mut body) = sender
        .send_request(request("PUT", "/v1/entries/k"), false)
        .unwrap();
    body.send_data("1".into(), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
    let (answer, _) = sender
        .send_request(request("GET", "/v1/entries/k"), true)
        .unwrap();
    let mut body = answer.await.unwrap().into_body();
    assert_eq!(&body.data().await.unwrap().unwrap()[..], b"1");
    let (answer, _) = sender
        .send_request(request("HEAD", "/v1/entries/k"), true)
        .unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.headers()["content-length"], "1");
    assert!(answer.into_body().data().await.is_none());
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let server = Server::start(|_| {});
    let mut client = Http1::connect(server.address()).await;
    for path in ["/", "/v1", "/v1/entry/k", "/console"] {
        let unknown = client.ask("GET", path, &[], b"").await;
        assert_eq!(unknown.status, 404);
        assert_eq!(unknown.json()["reason"], "PATH_UNKNOWN");
    }
    let wrong = client.ask("PATCH", "/v1/entries/k", &[], b"").await;
    assert_eq!(wrong.status, 405);
    assert_eq!(wrong.header("allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
    // A key may end as a verb does.
    let both = client.ask("OPTIONS", "/v1/entries/k:touch", &[], b"").await;
    let all = "GET, HEAD, PUT, DELETE, POST, OPTIONS";
    assert_eq!(both.header("allow"), all);
    let options = client.ask("OPTIONS", "/v1/batch", &[], b"").await;
    assert_eq!(
        (options.status.as_u16(), options.header("allow")),
        (204, "POST, OPTIONS")
    );
    let grpc = [("content-type", "application/json")];
    let path = "/nanokv.v1.KvService/Get";
    let wrong = client.ask("POST", path, &grpc, b"{}").await;
    assert_eq!(wrong.status, 415);
}

#[tokio::test]
async fn a_page_of_another_origin_may_read_headers_at_most() {
    let server = Server::start(|_| {});
    let mut client = Http1::connect(server.address()).await;
    let elsewhere = [("origin", "https://elsewhere.example")];
    for (method, path) in [
        ("POST", "/v1/entries/k:increment"),
        ("PUT", "/v1/entries/k"),
        ("DELETE", "/v1/entries?all=true"),
    ] {
        let refused = client.ask(method, path, &elsewhere, b"").await;
        assert_eq!(refused.status, 403);
        assert_eq!(refused.json()["reason"], "ORIGIN_REFUSED");
    }
    let own = [("origin", "http://localhost")];
    let counted = client
        .ask("POST", "/v1/entries/k:increment", &own, b"")
        .await;
    assert_eq!(counted.json()["number"], "1", "nothing came before it");
    let read = client.ask("GET", "/v1/entries/k", &elsewhere, b"").await;
    assert_eq!(read.status, 200);
    assert_eq!(read.headers.get("access-control-allow-origin"), None);
}

#[tokio::test]
async fn who_comes_to_a_full_server_is_told_when_to_come_back() {
    let server = Server::start(|limits| limits.gate.calls_in_flight_max = 1);
    let mut slow = Http1::connect(server.address()).await;
    // A body that has not come yet holds the only call.
    let mut raw = tokio::net::TcpStream::connect(server.address())
        .await
        .unwrap();
    let head = b"PUT /v1/entries/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut raw, head)
        .await
        .unwrap();
    let refused = soon(async {
        loop {
            let answer = slow.ask("GET", "/v1/entries/k", &[], b"").await;
            if answer.status == 503 {
                return answer;
            }
        }
    })
    .await;
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.json()["reason"], "TOO_MANY_CALLS");
    assert_eq!(slow.ask("GET", "/healthz", &[], b"").await.status, 200);
}

#[tokio::test]
async fn health_is_answered_above_connections_max_and_nothing_else() {
    let server = Server::start(|limits| {
        limits.serve.connections_max = 1;
        limits.serve.health_connections_reserved = 1;
    });
    let mut only = Http1::connect(server.address()).await;
    assert_eq!(only.ask("GET", "/v1/entries", &[], b"").await.status, 200);
    let mut probe = Http1::connect(server.address()).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(probe.ask("GET", path, &[], b"").await.status, 200);
    }
    let refused = probe.ask("GET", "/v1/entries", &[], b"").await;
    assert_eq!(refused.status, 503);
    let reason = &refused.json()["reason"];
    assert_eq!(*reason, Json::from("TOO_MANY_CONNECTIONS"));
}

#[tokio::test]
async fn a_server_that_asks_to_be_left_is_not_ready_and_answers_on() {
    let server = Server::start(|limits| limits.serve.drain_grace_ms = 600_000);
    let mut client = Http1::connect(server.address()).await;
    server.stop().gracefully();
    let told = soon(async {
        loop {
            let answer = client.ask("GET", "/readyz", &[], b"").await;
            if answer.status == 503 {
                return answer;
            }
        }
    })
    .await;
    assert_eq!(told.text(), "draining\n");
    assert_eq!(client.ask("GET", "/healthz", &[], b"").await.status, 200);
    let read = client.ask("GET", "/v1/entries", &[], b"").await;
    assert_eq!(read.status, 200);
    server.stop().now();
}

#[tokio::test]
async fn a_server_that_stops_closes_idle_connections_and_finishes_requests() {
    let server = Server::start(|limits| limits.serve.drain_grace_ms = 0);
    let address = server.address();
    let mut idle = Http1::connect(address).await;
    idle.ask("GET", "/healthz", &[], b"").await;
    let mut raw = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = b"PUT /v1/entries/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\nexpect: 100-continue\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut raw, head)
        .await
        .unwrap();
    let mut seen = vec![0; 25];
    let reading = tokio::io::AsyncReadExt::read_exact(&mut raw, &mut seen);
    soon(reading).await.unwrap();
    assert_eq!(&seen, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.stop().gracefully();
    // Only what is under way is left, so its answer is the last.
    tokio::io::AsyncWriteExt::write_all(&mut raw, b"1")
        .await
        .unwrap();
    let mut rest = String::new();
    let reading = tokio::io::AsyncReadExt::read_to_string(&mut raw, &mut rest);
    soon(reading).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 OK"), "{rest}");
    server.ended().await.unwrap();
}

#[tokio::test]
async fn grpc_goes_on_as_before_beside_http() {
    let server = Server::start(|_| {});
    let grpc = Client::connect(server.address()).await;
    let mut client = Http1::connect(server.address()).await;
    client.ask("PUT", "/v1/entries/k", &[], b"1").await;
    assert_eq!(grpc.get("k").await.code(), Some(0));
}
