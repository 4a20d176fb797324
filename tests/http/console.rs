//! The page at `/console`.

use crate::{http1::Http1, serving::server::Server};

#[tokio::test]
async fn the_console_is_off_unless_it_is_asked_for() {
    let server = Server::start(|_| {});
    let mut client = Http1::connect(server.address()).await;
    for (method, path) in [
        ("GET", "/console"),
        ("GET", "/console/page.js"),
        ("OPTIONS", "/console"),
    ] {
        let refused = client.ask(method, path, &[], b"").await;
        assert_eq!(refused.status, 404, "{method} {path}");
        assert_eq!(refused.json()["reason"], "PATH_UNKNOWN");
    }
}

#[tokio::test]
async fn the_console_is_a_page_whose_files_are_all_here() {
    let server = Server::start(|limits| limits.http.console = true);
    let mut client = Http1::connect(server.address()).await;
    let page = client.ask("GET", "/console", &[], b"").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    let text = page.text();
    let files: Vec<_> = text
        .split('"')
        .filter(|part| part.starts_with("console/"))
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let answer = client.ask("GET", &format!("/{file}"), &[], b"").await;
        assert_eq!(answer.status, 200, "{file}");
    }
    for path in ["/console/", "/console/mod.rs", "/console/../openapi.json"] {
        assert_eq!(client.ask("GET", path, &[], b"").await.status, 404);
    }
    assert_eq!(client.ask("PUT", "/console", &[], b"").await.status, 405);
}
