//! The three routes of the tutorial.

use crate::{http1::Http1, serving::server::Server};

#[tokio::test]
async fn the_tutorials_routes_are_off_unless_they_are_asked_for() {
    let server = Server::start(|_| {});
    let mut client = Http1::connect(server.address()).await;
    for (method, path) in [
        ("POST", "/set/foo/bar"),
        ("GET", "/get/foo"),
        ("DELETE", "/delete/foo"),
    ] {
        let refused = client.ask(method, path, &[], b"").await;
        assert_eq!(refused.status, 404);
        assert_eq!(refused.json()["reason"], "PATH_UNKNOWN");
    }
}

#[tokio::test]
async fn a_text_is_kept_for_ten_minutes() {
    let server = Server::start(|limits| limits.http.tutorial_routes = true);
    let mut client = Http1::connect(server.address()).await;
    let stored = client.ask("POST", "/set/foo/bar", &[], b"").await;
    assert_eq!((stored.status.as_u16(), stored.text()), (201, "OK"));
    let read = client.ask("GET", "/get/foo", &[], b"").await;
    assert_eq!((read.status.as_u16(), read.text()), (200, "bar"));
    let entry = client.ask("GET", "/v1/entries/foo", &[], b"").await;
    assert_eq!(entry.header("nanokv-expire-time"), "2026-01-01T00:10:00Z");
    assert_eq!(entry.header("nanokv-kind"), "text");
    let path = "/set/a%2Fb/c%20d?ttl=1h";
    assert_eq!(client.ask("POST", path, &[], b"").await.status, 201);
    let read = client.ask("GET", "/get/a%2Fb", &[], b"").await;
    assert_eq!(read.text(), "c d");
    for _ in 0..2 {
        let deleted = client.ask("DELETE", "/delete/foo", &[], b"").await;
        assert_eq!((deleted.status.as_u16(), deleted.text()), (200, "OK"));
    }
    let miss = client.ask("GET", "/get/foo", &[], b"").await;
    assert_eq!((miss.status.as_u16(), miss.text()), (404, "Not Found"));
    let wrong = client.ask("GET", "/set/foo/bar", &[], b"").await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.header("allow")),
        (405, "POST, OPTIONS")
    );
}
