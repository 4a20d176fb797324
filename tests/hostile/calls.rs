//! Calls that are not what the contract or gRPC says.

use bytes::Bytes;
use http::Request;

use crate::serving::{
    client::{Answer, Client, GET, SET, frame, framed, get, post, set},
    server::Server,
};

/// The answer to one call.
async fn answer(request: Request<()>, body: impl Into<Bytes>) -> Answer {
    let server = Server::start(|_| {});
    let client = Client::connect(server.address()).await;
    let answer = client.send(request, body.into()).await.unwrap();
    server.is_alive().await;
    answer
}

#[tokio::test]
async fn random_bytes_as_message_are_malformed() {
    // 64 bytes that no message of the contract begins with.
    let bytes: Vec<u8> = (0..64u8).map(|n| n.wrapping_mul(167) ^ 0xff).collect();
    let answer = answer(post(GET), framed(&bytes)).await;
    assert_eq!(
        (answer.code(), answer.reason()),
        (Some(3), "MESSAGE_MALFORMED")
    );
}

#[tokio::test]
async fn body_that_is_no_message_is_malformed() {
    for body in [
        &b""[..],
        b"\x00\x00",
        b"\x00\x00\x00\x00\x09only 6",
        b"\x07\x00\x00\x00\x00",
    ] {
        let answer = answer(post(GET), body).await;
        let seen = (answer.code(), answer.reason());
        assert_eq!(seen, (Some(3), "MESSAGE_MALFORMED"), "{body:?}");
    }
}

#[tokio::test]
async fn compressed_message_is_refused_by_name() {
    let request = Request::post(format!("http://localhost{GET}"))
        .header("content-type", "application/grpc")
        .header("grpc-encoding", "gzip")
        .body(())
        .unwrap();
    let answer = answer(request, &b"\x01\x00\x00\x00\x00"[..]).await;
    assert_eq!(
        (answer.code(), answer.reason()),
        (Some(12), "ENCODING_UNKNOWN")
    );
}

#[tokio::test]
async fn other_content_type_is_415() {
    for content_type in [
        "application/json",
        "application/grpc-web+json",
        "application/grpc+protoplasm",
    ] {
        let request = Request::post(format!("http://localhost{GET}"))
            .header("content-type", content_type)
            .body(())
            .unwrap();
        assert_eq!(answer(request, "{}").await.status, 415, "{content_type}");
    }
    let none = Request::post(format!("http://localhost{GET}"));
    assert_eq!(answer(none.body(()).unwrap(), "").await.status, 415);
}

#[tokio::test]
async fn other_method_is_405() {
    let request = Request::put(format!("http://localhost{GET}"))
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    assert_eq!(answer(request, "").await.status, 405);
}

#[tokio::test]
async fn unknown_path_is_an_unknown_method() {
    for path in [
        "/",
        "/nanokv.v1.KvService",
        "/nanokv.v1.KvService/Nope",
        "/a/b/c",
    ] {
        let answer = answer(post(path), "").await;
        let seen = (answer.code(), answer.reason());
        assert_eq!(seen, (Some(12), "METHOD_UNKNOWN"), "{path}");
    }
}

#[tokio::test]
async fn message_of_5_mib_is_too_large() {
    let answer = answer(post(SET), frame(&set("a", 5 << 20))).await;
    assert_eq!(
        (answer.code(), answer.reason()),
        (Some(8), "MESSAGE_TOO_LARGE")
    );
}

#[tokio::test]
async fn message_that_says_it_has_4_gib_is_too_large() {
    let answer = answer(post(SET), &b"\x00\xff\xff\xff\xff"[..]).await;
    assert_eq!(
        (answer.code(), answer.reason()),
        (Some(8), "MESSAGE_TOO_LARGE")
    );
}

#[tokio::test]
async fn headers_above_the_limit_are_431() {
    let server = Server::start(|_| {});
    let client = Client::connect(server.address()).await;
    let mut request = post(GET);
    let value = "x".repeat(20 << 10).parse().unwrap();
    request.headers_mut().insert("bomb", value);
    let answer = client.send(request, Bytes::new()).await.unwrap();
    assert_eq!(answer.status, 431);
    server.is_alive().await;
}

#[tokio::test]
async fn deadline_beyond_all_clocks_is_taken() {
    let mut request = post(GET);
    let timeout = "99999999H".parse().unwrap();
    request.headers_mut().insert("grpc-timeout", timeout);
    assert_eq!(answer(request, frame(&get("a"))).await.code(), Some(0));
}

#[tokio::test]
async fn health_request_of_a_mebibyte_is_too_large() {
    use crate::serving::client::CHECK;

    let long = tonic_health::pb::HealthCheckRequest {
        service: "s".repeat(1 << 20),
    };
    let answer = answer(post(CHECK), frame(&long)).await;
    assert_eq!(
        (answer.code(), answer.reason()),
        (Some(8), "MESSAGE_TOO_LARGE")
    );
}
