//! A watch as Server-Sent Events.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value as Json;

use crate::{
    http1::Http1,
    serving::{server::Server, soon},
};

/// What a watch tells, block by block.
struct Told {
    body: Incoming,
    text: String,
}

impl Told {
    async fn begin(server: &Server, query: &str, headers: &[(&str, &str)]) -> Self {
        let mut client = Http1::connect(server.address()).await;
        let path = format!("/v1/watch?{query}");
        let answer = client.begin("GET", &path, headers, b"").await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Self {
            body: answer.into_body(),
            text: String::new(),
        }
    }

    /// The next block; `None`: the stream has ended.
    async fn block(&mut self) -> Option<String> {
        soon(async {
            loop {
                if let Some((block, rest)) = self.text.split_once("\n\n") {
                    let block = block.to_owned();
                    self.text = rest.to_owned();
                    return Some(block);
                }
                let bytes = self.body.frame().await?.unwrap().into_data().unwrap();
                self.text.push_str(std::str::from_utf8(&bytes).unwrap());
            }
        })
        .await
    }

    /// The next event that has data, and its id.
    async fn event(&mut self) -> (String, Json) {
        loop {
            let block = self.block().await.expect("the watch goes on");
            let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            if let Some(data) = line("data: ") {
                let id = line("id: ").unwrap_or_default().to_owned();
                return (id, serde_json::from_str(data).unwrap());
            }
        }
    }
}

#[tokio::test]
async fn changes_are_told_and_a_watch_goes_on_where_another_ended() {
    let server = Server::start(|_| {});
    let mut client = Http1::connect(server.address()).await;
    let mut told = Told::begin(&server, "prefix=a", &[]).await;
    assert!(told.block().await.unwrap().contains("retry: 1000"));
    for key in ["a1", "b", "a2"] {
        let path = format!("/v1/entries/{key}");
        client.ask("PUT", &path, &[], b"1").await;
    }
    let (id, first) = told.event().await;
    assert_eq!(first["events"][0]["type"], "EVENT_TYPE_PUT");
    assert_eq!(first["events"][0]["entry"]["key"], "a1");
    assert_eq!(first["resumeVersion"], id.as_str());
    drop(told);
    let version = &first["events"][0]["entry"]["version"];
    let last = [("last-event-id", version.as_str().unwrap())];
    // What the header says counts before what the address does.
    let mut told = Told::begin(&server, "prefix=a&snapshot=true", &last).await;
    let (_, next) = told.event().await;
    assert_eq!(next["events"][0]["entry"]["key"], "a2");
    assert_eq!(next.get("snapshotEntries"), None);
}

#[tokio::test]
async fn a_snapshot_comes_first() {
    let server = Server::start(|_| {});
    let mut client = Http1::connect(server.address()).await;
    client.ask("PUT", "/v1/entries/a", &[], b"1").await;
    let mut told = Told::begin(&server, "snapshot=true", &[]).await;
    let (id, snapshot) = told.event().await;
    assert_eq!(snapshot["snapshotEntries"][0]["key"], "a");
    assert_eq!(snapshot["snapshotComplete"], true);
    assert_eq!(snapshot["resumeVersion"], id.as_str());
    client.ask("DELETE", "/v1/entries/a", &[], b"").await;
    let (_, event) = told.event().await;
    assert_eq!(event["events"][0]["type"], "EVENT_TYPE_DELETE");
}

#[tokio::test]
async fn a_watch_tells_what_it_is_asked_for_of_each_change() {
    let server = Server::start(|_| {});
    let mut client = Http1::connect(server.address()).await;
    let query = "with_previous=true&omit_value=true&event_types=PUT";
    let mut told = Told::begin(&server, query, &[]).await;
    let mut stored = Vec::new();
    for _ in 0..2 {
        let answer = client.ask("PUT", "/v1/entries/a", &[], b"1").await;
        stored.push(answer.json()["version"].clone());
        client.ask("DELETE", "/v1/entries/b", &[], b"").await;
        client.ask("PUT", "/v1/entries/b", &[], b"1").await;
    }
    let mut events = Vec::new();
    while events.len() < 4 {
        let (_, mut some) = told.event().await;
        events.append(some["events"].as_array_mut().unwrap());
    }
    let keys: Vec<_> = events.iter().map(|it| &it["entry"]["key"]).collect();
    assert_eq!(keys, ["a", "b", "a", "b"], "no removal is told");
    assert!(events.iter().all(|it| it["entry"].get("value").is_none()));
    assert_eq!(events[0].get("previous"), None);
    assert_eq!(events[2]["previous"]["version"], stored[0]);
    assert_eq!(events[3].get("previous"), None, "it was removed before");
}

#[tokio::test]
async fn a_server_that_stops_says_where_to_go_on() {
    let server = Server::start(|limits| limits.serve.drain_grace_ms = 0);
    let mut told = Told::begin(&server, "", &[]).await;
    told.block().await.unwrap();
    server.stop().gracefully();
    let failure = loop {
        let block = told.block().await.expect("a failure comes first");
        if block.starts_with("event: failure") {
            break block;
        }
    };
    assert!(failure.contains("\"reason\":\"DRAINING\""), "{failure}");
    assert!(failure.contains("\"resume_version\":"), "{failure}");
    assert_eq!(told.block().await, None);
    server.ended().await.unwrap();
}

#[tokio::test]
async fn a_watch_whose_deadline_passes_says_so_last() {
    let server = Server::start(|_| {});
    let mut told = Told::begin(&server, "", &[("grpc-timeout", "50m")]).await;
    let mut last = String::new();
    while let Some(block) = told.block().await {
        last = block;
    }
    assert!(last.starts_with("event: failure\ndata: {"), "{last}");
    assert!(last.contains("DEADLINE_EXCEEDED"), "{last}");
}

#[tokio::test]
async fn a_watch_that_cannot_begin_is_told_why() {
    let server = Server::start(|limits| limits.grpc.watches.watchers_max = 1);
    let mut client = Http1::connect(server.address()).await;
    for (query, status, reason) in [
        ("after_version=1", 410, "VERSION_COMPACTED"),
        ("after_version=9223372036854775807", 400, "VERSION_AHEAD"),
        ("after_version=x", 400, "FIELD_MALFORMED"),
        ("event_types=MOVE", 400, "FIELD_OUT_OF_RANGE"),
    ] {
        let path = format!("/v1/watch?{query}");
        let refused = soon(client.ask("GET", &path, &[], b"")).await;
        assert_eq!(refused.status, status, "{query}");
        assert_eq!(refused.json()["reason"], reason);
    }
    let _told = Told::begin(&server, "", &[]).await;
    let refused = client.ask("GET", "/v1/watch", &[], b"").await;
    assert_eq!(refused.status, 429);
}
