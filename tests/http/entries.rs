//! One entry: its forms, its conditions, its deadlines, and what is refused.

use proptest::prelude::*;
use serde_json::json;

use crate::{
    http1::{Answer, Http1},
    serving::server::Server,
};

const JSON: (&str, &str) = ("accept", "application/json");

async fn start() -> (Server, Http1) {
    let server = Server::start(|_| {});
    let client = Http1::connect(server.address()).await;
    (server, client)
}

fn is_problem(answer: &Answer, status: u16, reason: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let document = answer.json();
    assert_eq!(document["reason"], reason, "{document}");
    assert_eq!(document["status"], status);
    assert!(document["detail"].as_str().unwrap().starts_with(reason));
}

#[tokio::test]
async fn a_value_comes_back_as_the_kind_that_it_was_sent_as() {
    let (_server, mut client) = start().await;
    for (headers, query, sent, kind, content_type) in [
        (
            &[("content-type", "text/plain")][..],
            "",
            &b"h\xc3\xa9"[..],
            "text",
            "text/plain; charset=utf-8",
        ),
        (
            &[("content-type", "application/x-www-form-urlencoded")],
            "",
            b"a=1",
            "text",
            "text/plain; charset=utf-8",
        ),
        (&[], "", b"\x00\xff", "data", "application/octet-stream"),
        (&[], "", b"", "data", "application/octet-stream"),
        (
            &[("content-type", "text/plain")],
            "?kind=number",
            b"-42",
            "number",
            "text/plain; charset=utf-8",
        ),
    ] {
        let path = format!("/v1/entries/k{query}");
        let stored = client.ask("PUT", &path, headers, sent).await;
        assert_eq!(stored.status, 200, "{stored:?}");
        let read = client.ask("GET", "/v1/entries/k", &[], b"").await;
        assert_eq!(read.status, 200);
        assert_eq!(&read.body[..], sent);
        assert_eq!(read.header("nanokv-kind"), kind);
        assert_eq!(read.header("content-type"), content_type);
        assert_eq!(read.header("etag"), stored.header("etag"));
        assert_eq!(read.header("x-content-type-options"), "nosniff");
        assert_eq!(read.header("cache-control"), "no-cache");
        let head = client.ask("HEAD", "/v1/entries/k", &[], b"").await;
        assert_eq!(head.header("content-length"), sent.len().to_string());
        assert!(head.body.is_empty());
    }
}

#[tokio::test]
async fn json_holds_all_of_an_entry() {
    let (_server, mut client) = start().await;
    let set = json!({ "value": { "number": "-9223372036854775808" }, "ttl": "60s" }).to_string();
    let headers = [("content-type", "application/json")];
    let stored = client
        .ask("PUT", "/v1/entries/n", &headers, set.as_bytes())
        .await
        .json();
    let read = client.ask("GET", "/v1/entries/n", &[JSON], b"").await;
    let expected = json!({
        "key": "n",
        "value": { "number": "-9223372036854775808" },
        "version": stored["version"],
        "expireTime": "2026-01-01T00:01:00Z",
    });
    assert_eq!(read.json(), expected);
    assert_eq!(read.header("vary"), "accept");
    let path = "/v1/entries/n?omit_value=true";
    let read = client.ask("GET", path, &[JSON], b"").await.json();
    assert_eq!(read.get("value"), None);
}

#[tokio::test]
async fn a_key_is_what_was_encoded() {
    let (_server, mut client) = start().await;
    for (path, key) in [
        ("a/b/c", "a/b/c"),
        ("a%2Fb", "a/b"),
        ("%2E%2E/%3F%23", "../?#"),
        ("h%C3%A9", "hé"),
        ("a:touch", "a:touch"),
        ("a+b%20c%25", "a+b c%"),
    ] {
        let path = format!("/v1/entries/{path}");
        let stored = client.ask("PUT", &path, &[], b"1").await;
        assert_eq!(stored.status, 200, "{stored:?}");
        let read = client.ask("GET", &path, &[JSON], b"").await;
        assert_eq!(read.json()["key"], key);
    }
    // Also where the key is there that is written so.
    client.ask("PUT", "/v1/entries/a%252Fb", &[], b"2").await;
    let read = client.ask("GET", "/v1/entries/a%2Fb", &[], b"").await;
    assert_eq!(&read.body[..], b"1");
    for path in ["", "%00", "%ff", "%zz", "%", "a%7F"] {
        let path = format!("/v1/entries/{path}");
        let refused = client.ask("GET", &path, &[], b"").await;
        assert_eq!(refused.status, 400, "{path}");
        assert_eq!(refused.json()["metadata"]["field"], "key", "{path}");
    }
    let long = format!("/v1/entries/{}", "k".repeat(1025));
    let refused = client.ask("GET", &long, &[], b"").await;
    is_problem(&refused, 400, "FIELD_TOO_LARGE");
}

#[tokio::test]
async fn a_miss_is_404_and_a_delete_of_nothing_is_not() {
    let (_server, mut client) = start().await;
    let miss = client.ask("GET", "/v1/entries/k", &[], b"").await;
    is_problem(&miss, 404, "KEY_NOT_FOUND");
    let miss = client.ask("HEAD", "/v1/entries/k", &[], b"").await;
    assert_eq!((miss.status.as_u16(), miss.body.len()), (404, 0));
    let deleted = client.ask("DELETE", "/v1/entries/k", &[], b"").await;
    assert_eq!(deleted.json(), json!({ "deleted": false }));
    client.ask("PUT", "/v1/entries/k", &[], b"1").await;
    let path = "/v1/entries/k?return_previous=true";
    let deleted = client.ask("DELETE", path, &[], b"").await.json();
    assert_eq!(deleted["deleted"], true);
    assert_eq!(deleted["previous"]["value"]["data"], "MQ==");
}

#[tokio::test]
async fn conditions_are_etags() {
    let (_server, mut client) = start().await;
    let put = |tag| ("PUT", "/v1/entries/k", tag);
    let absent = [("if-none-match", "*")];
    let (method, path, headers) = put(absent);
    let created = client.ask(method, path, &headers, b"1").await;
    assert_eq!(created.status, 201);
    let tag = created.header("etag").to_owned();
    let again = client.ask(method, path, &headers, b"2").await;
    is_problem(&again, 412, "KEY_EXISTS");

    let matches = [("if-match", tag.as_str())];
    let changed = client.ask("PUT", path, &matches, b"2").await;
    assert_eq!(changed.status, 200);
    let stale = client.ask("PUT", path, &matches, b"3").await;
    is_problem(&stale, 412, "VERSION_MISMATCH");
    let current = changed.header("etag").trim_matches('"');
    assert_eq!(stale.json()["metadata"]["current_version"], current);
    let stale = client.ask("DELETE", path, &matches, b"").await;
    is_problem(&stale, 412, "VERSION_MISMATCH");

    let fresh = changed.header("etag").to_owned();
    let known = client
        .ask("GET", path, &[("if-none-match", &fresh)], b"")
        .await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    let cached = ["cache-control", "vary"].map(|name| known.header(name).to_owned());
    assert_eq!(cached, ["no-cache", "accept"]);
    assert_eq!(known.header("etag"), fresh);
    let other = client.ask("GET", path, &matches, b"").await;
    is_problem(&other, 412, "VERSION_MISMATCH");
    let any = [("if-match", "*")];
    let absent = client.ask("PUT", "/v1/entries/none", &any, b"1").await;
    is_problem(&absent, 412, "KEY_NOT_FOUND");
    let odd = [("if-match", "W/\"1\"")];
    let refused = client.ask("PUT", path, &odd, b"1").await;
    is_problem(&refused, 400, "FIELD_MALFORMED");
}

#[tokio::test]
async fn a_ttl_is_a_parameter_and_the_answer_says_when() {
    let (_server, mut client) = start().await;
    for (query, expected) in [
        ("ttl=90s", Some("2026-01-01T00:01:30Z")),
        ("ttl=10m", Some("2026-01-01T00:10:00Z")),
        ("ttl=1.5s", Some("2026-01-01T00:00:01.500Z")),
        (
            "expire_time=2026-01-02T00:00:00%2B01:00",
            Some("2026-01-01T23:00:00Z"),
        ),
        ("keep_expiry=true", Some("2026-01-01T23:00:00Z")),
        ("never_expire=true", None),
    ] {
        let path = format!("/v1/entries/k?{query}");
        let stored = client.ask("PUT", &path, &[], b"1").await;
        assert_eq!(stored.status, 200, "{query}: {stored:?}");
        let told = stored.json();
        assert_eq!(told.get("expireTime").and_then(|it| it.as_str()), expected);
        let read = client.ask("GET", "/v1/entries/k", &[], b"").await;
        let header = read.headers.get("nanokv-expire-time");
        assert_eq!(header.map(|it| it.to_str().unwrap()), expected);
    }
    for (query, field) in [
        ("ttl=0s", "ttl"),
        ("ttl=soon", "ttl"),
        ("ttl=101y", "ttl"),
        ("ttl=1s&never_expire=true", "ttl"),
        ("expire_time=2020-01-01T00:00:00Z", "expire_time"),
        ("tll=1s", "tll"),
        ("never_expire=1", "never_expire"),
    ] {
        let path = format!("/v1/entries/k?{query}");
        let refused = client.ask("PUT", &path, &[], b"1").await;
        assert_eq!(refused.status, 400, "{query}");
        assert_eq!(refused.json()["metadata"]["field"], field, "{query}");
    }
}

#[tokio::test]
async fn numbers_are_added_to_and_deadlines_moved() {
    let (_server, mut client) = start().await;
    let path = "/v1/entries/n:increment";
    let first = client.ask("POST", path, &[], b"").await;
    assert_eq!(first.json()["number"], "1");
    let read = client.ask("GET", "/v1/entries/n", &[], b"").await;
    assert_eq!(first.header("etag"), read.header("etag"));
    let five = client.ask("POST", path, &[], br#"{"delta":"4"}"#).await;
    assert_eq!(five.json()["number"], "5");
    let bound = client.ask("POST", path, &[], br#"{"max":"5"}"#).await;
    is_problem(&bound, 409, "COUNTER_OUT_OF_BOUNDS");
    client.ask("PUT", "/v1/entries/t", &[], b"1").await;
    let wrong = client
        .ask("POST", "/v1/entries/t:increment", &[], b"{}")
        .await;
    is_problem(&wrong, 409, "WRONG_KIND");

    let path = "/v1/entries/t:touch";
    let touched = client.ask("POST", path, &[], br#"{"ttl":"60s"}"#).await;
    let touched = touched.json();
    assert_eq!(touched["applied"], true);
    assert_eq!(touched["entry"]["expireTime"], "2026-01-01T00:01:00Z");
    let absent = client.ask("POST", "/v1/entries/x:touch", &[], b"{}").await;
    assert_eq!(absent.json(), json!({ "applied": false }));
}

#[tokio::test]
async fn a_repeat_under_an_idempotency_key_is_given_the_first_reply() {
    let (_server, mut client) = start().await;
    let path = "/v1/entries/n:increment";
    let key = [("idempotency-key", "\"8e03978e\"")];
    let first = client.ask("POST", path, &key, b"").await.json();
    let bare = [("idempotency-key", "8e03978e")];
    assert_eq!(client.ask("POST", path, &bare, b"").await.json(), first);
    let reused = client.ask("DELETE", "/v1/entries/n", &key, b"").await;
    is_problem(&reused, 422, "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn every_change_of_keys_is_carried_out_once_under_an_idempotency_key() {
    let (_server, mut client) = start().await;
    for (method, path, body) in [
        ("PUT", "/v1/entries/k", &b"2"[..]),
        ("POST", "/v1/entries/k:increment", b""),
        ("POST", "/v1/entries/k:touch", br#"{"ttl":"60s"}"#),
        ("DELETE", "/v1/entries/k", b""),
        ("DELETE", "/v1/entries?prefix=k", b""),
    ] {
        let before = "/v1/entries/k?kind=number";
        client.ask("PUT", before, &[], b"1").await;
        let id = format!("{method}:{path}");
        let key = [("idempotency-key", id.as_str())];
        let first = client.ask(method, path, &key, body).await;
        assert_eq!(first.status, 200, "{id}");
        // So that another time would be told in other words.
        client.ask("DELETE", "/v1/entries/k", &[], b"").await;
        let again = client.ask(method, path, &key, body).await;
        assert_eq!(again.json(), first.json(), "{id}");
    }
}

#[tokio::test]
async fn the_entry_before_is_told_when_it_is_asked_for() {
    let (_server, mut client) = start().await;
    let text = [("content-type", "text/plain")];
    for (path, before) in [
        ("/v1/entries/k", None),
        ("/v1/entries/k?return_previous=true", Some("1")),
        ("/v1/entries/k", None),
    ] {
        let stored = client.ask("PUT", path, &text, b"1").await.json();
        let told = stored.pointer("/previous/value/text");
        assert_eq!(told.and_then(|it| it.as_str()), before, "{path}");
    }
}

#[tokio::test]
async fn what_is_said_twice_or_in_the_wrong_place_is_refused() {
    let (_server, mut client) = start().await;
    let json = ("content-type", "application/json");
    let present = ("if-match", "*");
    let value = r#"{"value":{"text":"1"}}"#;
    let named = r#"{"key":"other","value":{"text":"1"}}"#;
    let absent = r#"{"condition":{"absent":true},"value":{"text":"1"}}"#;
    for (method, path, headers, body, field) in [
        ("PUT", "/v1/entries/k", &[json][..], named, "key"),
        ("PUT", "/v1/entries/k?ttl=1s", &[json], value, "ttl"),
        (
            "PUT",
            "/v1/entries/k",
            &[json, present],
            absent,
            "condition",
        ),
        (
            "POST",
            "/v1/entries/k:increment?delta=4",
            &[json],
            "{}",
            "delta",
        ),
        ("POST", "/v1/entries/k:touch?ttl=1s", &[json], "{}", "ttl"),
    ] {
        let refused = client.ask(method, path, headers, body.as_bytes()).await;
        assert_eq!(refused.status, 400, "{path} {body}");
        assert_eq!(refused.json()["metadata"]["field"], field, "{path} {body}");
    }
    let text = [("content-type", "text/plain")];
    let path = "/v1/entries/k:increment";
    let refused = client.ask("POST", path, &text, b"{}").await;
    is_problem(&refused, 415, "MEDIA_TYPE_UNSUPPORTED");
    let read = client.ask("GET", "/v1/entries/k", &[], b"").await;
    is_problem(&read, 404, "KEY_NOT_FOUND");
}

#[tokio::test]
async fn what_cannot_be_told_or_taken_is_said_so() {
    let (server, mut client) = start().await;
    client.ask("PUT", "/v1/entries/k", &[], b"\xff").await;
    let text = [("accept", "text/plain")];
    let refused = client.ask("GET", "/v1/entries/k", &text, b"").await;
    is_problem(&refused, 406, "NOT_ACCEPTABLE");
    let html = [("content-type", "text/html")];
    let refused = client.ask("PUT", "/v1/entries/k", &html, b"x").await;
    is_problem(&refused, 415, "MEDIA_TYPE_UNSUPPORTED");
    // Its body was not read, so the connection may be over.
    client = Http1::connect(server.address()).await;
    let large = vec![0; (1 << 20) + 1];
    let refused = client.ask("PUT", "/v1/entries/k", &[], &large).await;
    is_problem(&refused, 413, "FIELD_TOO_LARGE");
    let json = [("content-type", "application/json")];
    let refused = client.ask("PUT", "/v1/entries/k", &json, b"{").await;
    is_problem(&refused, 400, "MESSAGE_MALFORMED");
    let read = client.ask("GET", "/v1/entries/k", &[], b"").await;
    assert_eq!(&read.body[..], b"\xff", "and nothing has changed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_key_and_any_value_come_back(
        key in "[^\\x00-\\x1f\\x7f]{1,40}",
        text in any::<String>(),
        data in any::<Vec<u8>>(),
        number in any::<i64>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_server, mut client) = start().await;
            let encoded = percent_encoding::percent_encode(
                key.as_bytes(),
                percent_encoding::NON_ALPHANUMERIC,
            );
            for (kind, sent) in [
                ("text", text.into_bytes()),
                ("data", data),
                ("number", number.to_string().into_bytes()),
            ] {
                let path = format!("/v1/entries/{encoded}");
                let put = format!("{path}?kind={kind}");
                assert_eq!(client.ask("PUT", &put, &[], &sent).await.status, 200);
                let read = client.ask("GET", &path, &[], b"").await;
                assert_eq!((&read.body[..], read.header("nanokv-kind")), (&sent[..], kind));
                // By way of JSON, and back again.
                let entry = client.ask("GET", &path, &[JSON], b"").await.json();
                assert_eq!(entry["key"], key.as_str());
                let again = json!({ "value": entry["value"] }).to_string();
                let headers = [("content-type", "application/json")];
                let stored = client.ask("PUT", &path, &headers, again.as_bytes()).await;
                assert_eq!(stored.status, 200);
                let read = client.ask("GET", &path, &[], b"").await;
                assert_eq!((&read.body[..], read.header("nanokv-kind")), (&sent[..], kind));
            }
        });
    }
}

#[tokio::test]
async fn what_would_not_be_done_as_it_is_asked_is_refused_and_changes_nothing() {
    let server = Server::start(|_| {});
    let mut client = Http1::connect(server.address()).await;
    client.ask("PUT", "/v1/entries/k", &[], b"0123456789").await;
    for (query, header, status, reason, field) in [
        (
            "",
            ("content-range", "bytes 0-1/10"),
            400,
            "FIELD_MALFORMED",
            "Content-Range",
        ),
        (
            "",
            ("content-encoding", "gzip"),
            415,
            "MEDIA_TYPE_UNSUPPORTED",
            "",
        ),
        ("", ("grpc-timeout", "0n"), 504, "DEADLINE_EXCEEDED", ""),
        (
            "?never_expire=false",
            ("a", "b"),
            400,
            "FIELD_MALFORMED",
            "never_expire",
        ),
        ("?limit=1", ("a", "b"), 400, "FIELD_MALFORMED", "limit"),
    ] {
        let path = format!("/v1/entries/k{query}");
        let refused = client.ask("PUT", &path, &[header], b"ab").await;
        assert_eq!(refused.status, status, "{header:?}");
        let told = refused.json();
        assert_eq!(told["reason"], reason, "{told}");
        assert_eq!(
            told["metadata"]["field"].as_str().unwrap_or_default(),
            field
        );
        if query == "?limit=1" {
            let known = "parameters here are kind, ttl, expire_time, never_expire, keep_expiry, return_previous";
            assert!(told["detail"].as_str().unwrap().ends_with(known), "{told}");
        }
    }
    let same = client.ask(
        "PUT",
        "/v1/entries/l",
        &[("content-encoding", "identity")],
        b"1",
    );
    assert_eq!(same.await.status, 200);
    let kept = client.ask("GET", "/v1/entries/k", &[], b"").await;
    assert_eq!(kept.text(), "0123456789");
}

#[tokio::test]
async fn a_plain_read_answers_as_one_that_says_what_it_accepts() {
    let server = Server::start(|_| {});
    let mut client = Http1::connect(server.address()).await;
    for (path, body) in [
        ("/v1/entries/k?kind=text", "grüße"),
        ("/v1/entries/k?kind=number&ttl=10m", "-42"),
        ("/v1/entries/k?kind=data&ttl=1h", "\0\u{1}"),
        ("/v1/entries/k?kind=text", ""),
    ] {
        client.ask("PUT", path, &[], body.as_bytes()).await;
        let plain = client.ask("GET", "/v1/entries/k", &[], b"").await;
        let any = [("accept", "*/*")];
        let said = [("accept", "text/plain, application/octet-stream;q=0.9")];
        for headers in [&any, &said] {
            let answer = client.ask("GET", "/v1/entries/k", headers, b"").await;
            assert_eq!(answer.status, plain.status);
            assert_eq!(answer.body, plain.body, "{path}");
            let mut compared = [answer.headers, plain.headers.clone()];
            for headers in &mut compared {
                headers.remove("date");
            }
            assert_eq!(compared[0], compared[1], "{path}");
        }
        assert_eq!(plain.body, body.as_bytes());
    }
    // With a percent sign, or where nothing is.
    let same = client.ask("GET", "/v1/entries/%6b", &[], b"").await;
    assert_eq!(same.status, 200);
    let plain = client.ask("GET", "/v1/entries/k", &[], b"").await;
    assert_eq!(same.header("content-type"), plain.header("content-type"));
    let missed = client.ask("GET", "/v1/entries/none", &[], b"").await;
    assert_eq!(missed.json()["reason"], "KEY_NOT_FOUND");
}
