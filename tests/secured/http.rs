//! Identities over plain HTTP: the same gate, the same rights.

use http::StatusCode;

use crate::{
    authority::Folder,
    http1::{Answer, Http1},
    people::{Person, file, serve},
};

const ADA: Person<'static> = Person("ada", &[("a/", "read write")]);
const EVE: Person<'static> = Person("eve", &[("a/", "read")]);
const BOB: Person<'static> = Person("bob", &[("b/", "read write")]);

async fn ask(http: &mut Http1, token: Option<&str>, method: &str, path: &str) -> Answer {
    let said = token.map(|token| format!("Bearer {token}"));
    // By any name: a page that came by it has no token.
    let mut headers = vec![("content-type", "text/plain"), ("host", "kv.example")];
    headers.extend(said.as_deref().map(|said| ("authorization", said)));
    http.ask(method, path, &headers, b"1").await
}

#[tokio::test]
async fn http_asks_who_calls_and_what_they_may() {
    let folder = Folder::new();
    let server = serve(&folder, &file(&[ADA, EVE, BOB]), &["--console"]).await;
    let http = &mut Http1::connect(server.address()).await;
    let (denied, allowed) = (StatusCode::FORBIDDEN, StatusCode::OK);
    for (token, method, path, expected) in [
        (None, "GET", "/healthz", allowed),
        (None, "GET", "/readyz", allowed),
        // It asks for a token.
        (None, "GET", "/console", allowed),
        (None, "GET", "/v1/entries/a%2F1", StatusCode::UNAUTHORIZED),
        (None, "GET", "/v1/describe", StatusCode::UNAUTHORIZED),
        (
            Some("adA"),
            "PUT",
            "/v1/entries/a%2F1",
            StatusCode::UNAUTHORIZED,
        ),
        (Some("eve"), "PUT", "/v1/entries/a%2F1", denied),
        (Some("ada"), "PUT", "/v1/entries/a%2F1", allowed),
        (Some("ada"), "PUT", "/v1/entries/b%2F1", denied),
        (Some("eve"), "GET", "/v1/entries/a%2F1", allowed),
        // Before anybody learns whether it is there.
        (Some("eve"), "GET", "/v1/entries/b%2F1", denied),
        (Some("bob"), "PUT", "/v1/entries/b%2F1", allowed),
        (Some("bob"), "GET", "/v1/entries/b/1", allowed),
        (Some("eve"), "GET", "/v1/entries/b/1", denied),
        (Some("eve"), "GET", "/v1/entries/b%2F1", denied),
        (Some("eve"), "DELETE", "/v1/entries/a%2F1", denied),
        (Some("eve"), "GET", "/v1/entries?prefix=a%2F", allowed),
        (Some("eve"), "GET", "/v1/entries", denied),
        (Some("eve"), "DELETE", "/v1/entries?prefix=a%2F", denied),
        (Some("eve"), "GET", "/v1/watch", denied),
        (Some("eve"), "GET", "/v1/describe", allowed),
    ] {
        let answer = ask(http, token, method, path).await;
        assert_eq!(answer.status, expected, "{token:?} {method} {path}");
        if expected == StatusCode::UNAUTHORIZED {
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
}

#[tokio::test]
async fn a_browser_asks_beforehand_without_saying_who_sits_there() {
    let folder = Folder::new();
    let listed = ["--cors-origins", "https://app.example"];
    let server = serve(&folder, &file(&[ADA]), &listed).await;
    let http = &mut Http1::connect(server.address()).await;
    let app = ("origin", "https://app.example");
    let before = [app, ("access-control-request-method", "PUT")];
    let preflight = http.ask("OPTIONS", "/v1/entries/a", &before, b"").await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    assert_eq!(preflight.header("access-control-allow-origin"), app.1);
    // That is all: the request itself says it, or is refused so that the page
    // can read why.
    let refused = http.ask("GET", "/v1/entries/a", &[app], b"").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.header("access-control-allow-origin"), app.1);
    assert_eq!(refused.json()["reason"], "CREDENTIALS_MISSING");
    // And who asks for the methods alone is asked who they are.
    let asked = http.ask("OPTIONS", "/v1/entries/a", &[], b"").await;
    assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    let web = [app, ("content-type", "application/grpc-web+proto")];
    let refused = http
        .ask("POST", "/nanokv.v1.KvService/Get", &web, b"")
        .await;
    assert_eq!(refused.header("grpc-status"), "16");
}
