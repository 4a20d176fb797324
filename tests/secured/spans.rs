//! One span a call in the log of the built program, whose it is, and nothing of
//! what is stored.

use std::collections::BTreeSet;

use nanokv::client::operation;
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    authority::Folder,
    http1::Http1,
    matrix::{of, rpcs},
    people::{Person, Stubs, client, file, serve},
};

const KEY: &str = "a/k3y-of-secrets";
const VALUE: &str = "s3cr3t-value";
const PEOPLE: [Person<'static>; 2] = [
    Person("t0ken-of-both", &[("a/", "read write")]),
    Person("t0ken-of-reader", &[("a/", "read")]),
];

#[tokio::test]
async fn every_call_has_a_span_that_says_whose_it_is_and_nothing_that_is_stored() {
    let folder = Folder::new();
    // A name is told, and a token is not.
    let people = file(&PEOPLE).replace("name = \"t0ken-of-", "name = \"");
    let arguments = ["--log-level", "debug", "--drain-grace-ms", "0"];
    let server = serve(&folder, &people, &arguments).await;
    let channel = server.channel().await;
    for Person(token, _) in PEOPLE {
        for rpc in rpcs() {
            for asked in of(&rpc) {
                (asked.ask)(Stubs::new(&channel, Some(token)), KEY.to_owned()).await;
            }
        }
    }
    let kv = client(&server, "t0ken-of-both");
    for value in [VALUE.to_owned(), VALUE.repeat(200_000)] {
        let _ = kv.set(KEY, value).await;
    }
    kv.set(format!("{KEY}\n"), VALUE).await.unwrap_err();
    kv.increment(KEY).await.unwrap_err();
    kv.batch().then(operation::get(KEY)).await.unwrap();
    let http = &mut Http1::connect(server.address()).await;
    let headers = [
        ("authorization", "Bearer t0ken-of-both"),
        ("content-type", "text/plain"),
    ];
    let path = format!("/v1/entries/{}", KEY.replace('/', "%2F"));
    for (method, path) in [
        ("PUT", path.as_str()),
        ("GET", &path),
        ("GET", "/v1/entries?prefix=a%2Fk3y"),
        ("DELETE", &path),
    ] {
        assert_eq!(
            http.ask(method, path, &headers, VALUE.as_bytes())
                .await
                .status,
            200
        );
    }
    server.signal(Signal::TERM);
    let (_, log) = server.ended().await;

    let mut told = BTreeSet::new();
    for line in log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
    {
        if line["message"] != "answered" {
            continue;
        }
        let span = &line["span"];
        assert!(span["us"].is_u64() && !span["code"].is_null(), "{line}");
        assert!(
            span["peer"].as_str().unwrap().starts_with("127.0.0.1:"),
            "{line}"
        );
        told.insert(
            [&span["method"], &span["identity"]].map(|it| it.as_str().unwrap_or("-").to_owned()),
        );
    }
    for rpc in rpcs() {
        for identity in ["both", "reader"] {
            let expected = [format!("/nanokv.v1.{rpc}"), identity.to_owned()];
            assert!(told.contains(&expected), "{expected:?} in {told:?}");
        }
    }
    for secret in ["k3y", VALUE, "t0ken"] {
        let bytes = format!("{:?}", secret.as_bytes());
        for form in [secret, bytes.trim_matches(['[', ']'])] {
            let line = log.lines().find(|line| line.contains(form));
            assert_eq!(line, None, "{form}");
        }
    }
}
