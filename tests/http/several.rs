//! Several entries: pages, ranges, lists of operations.

use serde_json::json;

use crate::{http1::Http1, serving::server::Server};

async fn start() -> (Server, Http1) {
    let server = Server::start(|_| {});
    let mut client = Http1::connect(server.address()).await;
    for key in ["a/1", "a/2", "a/3", "b"] {
        let path = format!("/v1/entries/{key}");
        client.ask("PUT", &path, &[], b"1").await;
    }
    (server, client)
}

#[tokio::test]
async fn pages_hold_each_key_once() {
    let (_server, mut client) = start().await;
    let (mut keys, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/entries?prefix=a%2F&page_size=2&page_token={token}");
        let page = client.ask("GET", &path, &[], b"").await.json();
        for entry in page["entries"].as_array().unwrap() {
            keys.push(entry["key"].as_str().unwrap().to_owned());
        }
        assert!(keys.len() <= 3, "{keys:?}");
        match page.get("nextPageToken") {
            Some(next) => token = next.as_str().unwrap().to_owned(),
            None => break,
        }
    }
    assert_eq!(keys, ["a/1", "a/2", "a/3"]);
    let path = "/v1/entries?start=a%2F2&end=b&omit_value=true";
    let page = client.ask("GET", path, &[], b"").await.json();
    let entries = page["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].get("value"), None);
    for (query, field) in [
        ("page_size=-1", "page_size"),
        ("page_size=x", "page_size"),
        ("page_token=nonsense", "page_token"),
        ("start=b&end=a", "range.start"),
        ("prefx=a", "prefx"),
    ] {
        let path = format!("/v1/entries?{query}");
        let refused = client.ask("GET", &path, &[], b"").await;
        assert_eq!(refused.status, 400, "{query}");
        assert_eq!(refused.json()["metadata"]["field"], field, "{query}");
    }
}

#[tokio::test]
async fn a_range_is_removed_and_everything_only_on_purpose() {
    let (_server, mut client) = start().await;
    let refused = client.ask("DELETE", "/v1/entries", &[], b"").await;
    assert_eq!(refused.status, 400);
    let refused = client
        .ask("DELETE", "/v1/entries?all=true&prefix=a", &[], b"")
        .await;
    assert_eq!(refused.status, 400);
    let removed = client.ask("DELETE", "/v1/entries?prefix=a", &[], b"").await;
    let removed = removed.json();
    assert_eq!(
        (&removed["deletedCount"], &removed["more"]),
        (&json!("3"), &json!(false))
    );
    let all = client.ask("DELETE", "/v1/entries?all=true", &[], b"").await;
    assert_eq!(all.json()["deletedCount"], "1");
}

#[tokio::test]
async fn operations_of_a_batch_stand_for_themselves_and_those_of_a_transaction_do_not() {
    let (_server, mut client) = start().await;
    let headers = [("content-type", "application/json")];
    let operations = json!([
        { "set": { "key": "x", "value": { "text": "1" } } },
        { "get": { "key": "x" } },
        { "increment": { "key": "x" } },
    ]);
    let list = json!({ "operations": operations }).to_string();
    let answered = client
        .ask("POST", "/v1/batch", &headers, list.as_bytes())
        .await
        .json();
    let results = answered["results"].as_array().unwrap();
    assert_eq!(results[1]["get"]["entry"]["value"]["text"], "1");
    assert_eq!(results[2]["failure"]["reason"], "WRONG_KIND");

    let list = json!({
        "checks": [{ "key": "x", "condition": { "absent": true } }],
        "operations": [{ "delete": { "key": "b" } }],
    })
    .to_string();
    let refused = client
        .ask("POST", "/v1/transact", &headers, list.as_bytes())
        .await;
    assert_eq!(refused.status, 412);
    assert_eq!(refused.json()["reason"], "CHECK_FAILED");
    assert_eq!(
        client.ask("GET", "/v1/entries/b", &[], b"").await.status,
        200
    );
    let list = json!({
        "checks": [{ "key": "x", "condition": { "present": true } }],
        "operations": [{ "delete": { "key": "b" } }],
    })
    .to_string();
    let key = [headers[0], ("idempotency-key", "once")];
    let done = client
        .ask("POST", "/v1/transact", &key, list.as_bytes())
        .await;
    assert_eq!(done.json()["results"][0]["delete"]["deleted"], true);
    let again = client
        .ask("POST", "/v1/transact", &key, list.as_bytes())
        .await;
    assert_eq!(again.json(), done.json(), "carried out once");
}

#[tokio::test]
async fn headers_that_say_nothing_about_several_entries_are_refused_and_nothing_is_done() {
    let (_server, mut client) = start().await;
    let json = ("content-type", "application/json");
    let list = json!({ "operations": [{ "increment": { "key": "new" } }] }).to_string();
    let range = "/v1/entries?all=true";
    for (method, path, header) in [
        ("POST", "/v1/batch", ("idempotency-key", "once")),
        ("POST", "/v1/batch", ("if-match", "*")),
        ("POST", "/v1/transact", ("if-none-match", "*")),
        ("DELETE", range, ("if-match", "\"1\"")),
    ] {
        let body = if method == "POST" { list.as_str() } else { "" };
        let refused = client
            .ask(method, path, &[json, header], body.as_bytes())
            .await;
        assert_eq!(refused.status, 400, "{method} {path} {header:?}");
        let field = refused.json()["metadata"]["field"]
            .as_str()
            .map(str::to_lowercase);
        assert_eq!(field.as_deref(), Some(header.0));
    }
    let entry = client.ask("GET", "/v1/entries/b", &[], b"").await;
    assert_eq!(entry.status, 200);
    let new = client.ask("GET", "/v1/entries/new", &[], b"").await;
    assert_eq!(new.status, 404);
}

#[tokio::test]
async fn a_value_that_is_too_large_is_said_so_in_a_transaction_too() {
    let (_server, mut client) = start().await;
    let headers = [("content-type", "application/json")];
    let text = "x".repeat((1 << 20) + 1);
    let list = json!({ "operations": [{ "set": { "key": "x", "value": { "text": text } } }] });
    let refused = client
        .ask(
            "POST",
            "/v1/transact",
            &headers,
            list.to_string().as_bytes(),
        )
        .await;
    assert_eq!(refused.status, 413);
    assert_eq!(
        refused.json()["metadata"]["field"],
        "operations[0].set.value.text"
    );
}
