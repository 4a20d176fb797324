//! Pages of other origins: what a browser is told of them.

use http::StatusCode;

use crate::{
    http1::{Answer, Http1},
    serving::server::Server,
};

const APP: (&str, &str) = ("origin", "https://app.example");

fn listing(origins: &str) -> Server {
    let origins = origins.parse().unwrap();
    Server::start(|limits| limits.http.cors_origins = origins)
}

fn told<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let value = answer.headers.get(format!("access-control-{name}"))?;
    Some(value.to_str().unwrap())
}

#[tokio::test]
async fn nothing_is_told_unless_origins_are_listed() {
    let server = Server::start(|_| {});
    let mut http = Http1::connect(server.address()).await;
    let before = [APP, ("access-control-request-method", "PUT")];
    let preflight = http.ask("OPTIONS", "/v1/entries/k", &before, b"").await;
    assert_eq!(told(&preflight, "allow-origin"), None);
    assert_eq!(told(&preflight, "allow-methods"), None);
    assert_eq!(preflight.headers.get("vary"), None);
}

#[tokio::test]
async fn a_listed_page_asks_beforehand_and_then_changes_the_store() {
    let server = listing("https://app.example,http://localhost:3000");
    let mut http = Http1::connect(server.address()).await;
    for (path, methods) in [
        ("/v1/entries/k", "GET, HEAD, PUT, DELETE, OPTIONS"),
        ("/v1/batch", "POST, OPTIONS"),
        ("/nanokv.v1.KvService/Get", "POST, OPTIONS"),
    ] {
        let before = [APP, ("access-control-request-method", "PUT")];
        let answer = http.ask("OPTIONS", path, &before, b"").await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
        assert_eq!(told(&answer, "allow-origin"), Some(APP.1));
        assert_eq!(told(&answer, "allow-credentials"), Some("true"));
        assert_eq!(told(&answer, "allow-methods"), Some(methods));
        for name in ["authorization", "if-match", "x-grpc-web", "idempotency-key"] {
            assert!(
                told(&answer, "allow-headers").unwrap().contains(name),
                "{name}"
            );
        }
        assert_eq!(answer.header("vary"), "origin");
    }
    let local = ("origin", "http://localhost:3000");
    let read = http.ask("GET", "/v1/entries/none", &[local], b"").await;
    assert_eq!(told(&read, "allow-origin"), Some(local.1));
    let text = ("content-type", "text/plain");
    let stored = http.ask("PUT", "/v1/entries/k", &[APP, text], b"1").await;
    assert_eq!(stored.status, StatusCode::OK);
    // Errors too, or the page would not learn why.
    let missed = http.ask("GET", "/v1/entries/none", &[APP], b"").await;
    for answer in [&stored, &missed] {
        assert_eq!(told(answer, "allow-origin"), Some(APP.1));
        for name in ["etag", "retry-after", "grpc-status-details-bin"] {
            assert!(
                told(answer, "expose-headers").unwrap().contains(name),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn another_page_is_told_nothing_and_changes_nothing() {
    let server = listing("https://app.example");
    let mut http = Http1::connect(server.address()).await;
    for origin in [
        "https://evil.example",
        "https://app.example.evil",
        "http://app.example",
        "null",
    ] {
        let from = ("origin", origin);
        let before = [from, ("access-control-request-method", "PUT")];
        let preflight = http.ask("OPTIONS", "/v1/entries/k", &before, b"").await;
        assert_eq!(told(&preflight, "allow-origin"), None, "{origin}");
        assert_eq!(told(&preflight, "allow-methods"), None, "{origin}");
        // Or a cache would tell it to the page that may ask.
        assert_eq!(preflight.header("vary"), "origin");
        let refused = http.ask("PUT", "/v1/entries/k", &[from], b"1").await;
        assert_eq!(refused.json()["reason"], "ORIGIN_REFUSED", "{origin}");
        let read = http.ask("GET", "/v1/entries/k", &[from], b"").await;
        assert_eq!(read.status, StatusCode::NOT_FOUND);
        assert_eq!(told(&read, "allow-origin"), None, "{origin}");
    }
}

#[tokio::test]
async fn a_star_lets_every_page_ask_without_credentials() {
    let server = listing("*");
    let mut http = Http1::connect(server.address()).await;
    let stored = http.ask("PUT", "/v1/entries/k", &[APP], b"1").await;
    assert_eq!(stored.status, StatusCode::OK);
    assert_eq!(told(&stored, "allow-origin"), Some("*"));
    assert_eq!(told(&stored, "allow-credentials"), None);
}
