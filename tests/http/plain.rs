//! Plain reads over HTTP/1.1, which are answered before hyper sees them: in
//! every line as hyper would have, in order, and to the same end.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::TcpStream,
};

use crate::{
    http1::Http1,
    serving::{piped::Piped, server::Server, soon},
};

/// As a plain read of what is under `key`.
fn plain(key: &str) -> String {
    format!("GET /v1/entries/{key} HTTP/1.1\r\nhost: localhost\r\n\r\n")
}

/// The same as hyper is left with it.
fn other(key: &str) -> String {
    format!("GET /v1/entries/{key} HTTP/1.1\r\nhost: localhost\r\nother: 1\r\n\r\n")
}

/// The same, as the last request of a connection.
fn last(key: &str) -> String {
    other(key).replace("other: 1", "connection: close")
}

/// Stores something under `k`, and ends the connection.
fn put(value: &str) -> String {
    let bytes = value.len();
    format!(
        "PUT /v1/entries/k HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n{value}"
    )
}

/// A server with something under `k`.
async fn stored(value: &str) -> Piped {
    let server = Piped::open(|_| {});
    store(&server, value).await;
    server
}

/// Stores something under `k`.
async fn store(server: &Piped, value: &str) {
    let (near, mut far) = duplex(1 << 16);
    let serving = server.serve(near);
    far.write_all(put(value).as_bytes()).await.unwrap();
    soon(far.read_to_end(&mut Vec::new())).await.unwrap();
    drop(far);
    soon(serving).await.unwrap();
}

/// All that is answered to `requests`, of which the last ends the connection.
async fn answered(address: SocketAddr, requests: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let last = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let requests = format!("{requests}{last}");
    stream.write_all(requests.as_bytes()).await.unwrap();
    let mut answers = String::new();
    soon(stream.read_to_string(&mut answers)).await.unwrap();
    let (answers, end) = answers.rsplit_once("HTTP/1.1 200 OK").unwrap();
    assert!(end.ends_with("\r\n\r\nok\n"), "{end}");
    answers.to_owned()
}

/// Its lines without those that tell when it was answered.
fn dateless(answers: &str) -> Vec<&str> {
    let lines = answers.split("\r\n");
    let dates = lines.clone().filter(|line| line.starts_with("date: "));
    assert_eq!(dates.count(), answers.matches("HTTP/1.1").count());
    let mut dateless: Vec<_> = lines.filter(|line| !line.starts_with("date: ")).collect();
    // Which header comes first means nothing.
    dateless.sort_unstable();
    dateless
}

#[tokio::test]
async fn a_plain_read_is_answered_line_by_line_as_any_other() {
    let server = Server::start(|_| {});
    let mut client = Http1::connect(server.address()).await;
    let large = "x".repeat(4096);
    for (key, query, value) in [
        ("text", "?kind=text", "värde"),
        ("number", "?kind=number", "-17"),
        ("data", "?kind=data", "GET /v1/entries/x\r\n\r\n"),
        ("none", "?kind=data", ""),
        ("seconds", "?kind=text&ttl=10m", "1"),
        ("millis", "?kind=text&ttl=1.5s", "1"),
        ("below", "?kind=text", &large[1..]),
        ("large", "?kind=text", &large),
    ] {
        let path = format!("/v1/entries/{key}{query}");
        let stored = client.ask("PUT", &path, &[], value.as_bytes()).await;
        assert_eq!(stored.status, 200, "{key}: {}", stored.text());
        let answers = answered(server.address(), &plain(key)).await;
        assert!(answers.ends_with(&format!("\r\n\r\n{value}")), "{answers}");
        let others = answered(server.address(), &other(key)).await;
        assert_eq!(dateless(&answers), dateless(&others));
    }
    for key in ["absent", "", "a%20b", "%00", &large] {
        let answers = answered(server.address(), &plain(key)).await;
        let others = answered(server.address(), &other(key)).await;
        assert_eq!(dateless(&answers), dateless(&others), "{key}");
    }
}

#[tokio::test]
async fn reads_and_changes_on_one_connection_are_carried_out_in_their_order() {
    let server = Server::start(|_| {});
    let put = |value| put(value).replace("connection: close\r\n", "");
    answered(server.address(), &put("1")).await;
    let requests = [
        plain("k"),
        plain("k"),
        put("2"),
        plain("k"),
        put("3"),
        other("k"),
    ];
    let answers = answered(server.address(), &requests.concat()).await;
    let bodies = answers.split("HTTP/1.1 200 OK").skip(1).map(|answer| {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        if head.contains("application/json") {
            "changed"
        } else {
            body
        }
    });
    let expected = ["1", "1", "changed", "2", "changed", "3"];
    assert_eq!(bodies.collect::<Vec<_>>(), expected, "{answers}");
}

#[tokio::test]
async fn a_value_that_looks_like_a_read_is_a_value() {
    let server = stored("1").await;
    let (near, mut far) = duplex(1 << 16);
    let serving = server.serve(near);
    let put = put(&plain("k"));
    let (head, body) = put.split_at(put.len() - plain("k").len());
    // Each by itself, so that it could be taken for the beginning of something.
    for part in [&plain("k"), head, body] {
        far.write_all(part.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answers = String::new();
    soon(far.read_to_string(&mut answers)).await.unwrap();
    let statuses = answers
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| &answer[..3]);
    assert_eq!(statuses.collect::<Vec<_>>(), ["200", "200"], "{answers}");
    drop(far);
    soon(serving).await.unwrap();
}

#[tokio::test]
async fn a_read_that_comes_in_two_parts_is_a_read_wherever_it_is_cut() {
    let server = Piped::open(|_| {});
    let requests = format!("{}{}", plain("absent"), plain("absent"));
    for at in 1..requests.len() {
        let (near, mut far) = duplex(1 << 16);
        let serving = server.serve(near);
        let (first, second) = requests.split_at(at);
        for part in [first, second] {
            far.write_all(part.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
        far.shutdown().await.unwrap();
        let mut answers = String::new();
        soon(far.read_to_string(&mut answers)).await.unwrap();
        assert_eq!(
            answers.matches("HTTP/1.1 404").count(),
            2,
            "{at}: {answers}"
        );
        soon(serving).await.unwrap();
    }
}

#[tokio::test]
async fn who_asks_and_does_not_read_holds_up_only_itself_and_loses_nothing() {
    const READS: usize = 4000;
    let value = "x".repeat(1000);
    let server = stored(&value).await;
    // The pipe to the client is full long before all is answered.
    let (near, far) = duplex(1 << 12);
    let serving = server.serve(near);
    let (mut reading, mut writing) = tokio::io::split(far);
    let asked = tokio::spawn(async move {
        let requests = plain("k").repeat(READS - 1) + &last("k");
        writing.write_all(requests.as_bytes()).await.unwrap();
    });
    tokio::task::yield_now().await;
    let mut answers = String::new();
    soon(reading.read_to_string(&mut answers)).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), READS);
    assert_eq!(answers.matches(&value).count(), READS);
    asked.await.unwrap();
    drop(reading);
    soon(serving).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_has_only_read_ends_with_the_server() {
    let server = Server::start(|limits| limits.serve.drain_grace_ms = 0);
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let mut client = Http1::connect(server.address()).await;
    client.ask("PUT", "/v1/entries/k", &[], b"1").await;
    stream.write_all(plain("k").as_bytes()).await.unwrap();
    let mut some = [0; 15];
    soon(stream.read_exact(&mut some)).await.unwrap();
    assert_eq!(&some, b"HTTP/1.1 200 OK");
    server.stop().gracefully();
    let mut rest = String::new();
    soon(stream.read_to_string(&mut rest)).await.unwrap();
    assert!(rest.ends_with("\r\n\r\n1"), "{rest}");
    server.ended().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_only_read_is_idle_from_its_last_read_on() {
    let server = stored("1").await;
    let idle = Duration::from_millis(nanokv::serve::config::Config::default().http1_idle_ms_max);
    let (near, mut far) = duplex(1 << 16);
    let serving = server.serve(near);
    let began = tokio::time::Instant::now();
    for round in 0..5 {
        if round > 0 {
            tokio::time::sleep(idle * 3 / 4).await;
        }
        far.write_all(plain("k").as_bytes()).await.unwrap();
        let mut answer = [0; 15];
        far.read_exact(&mut answer).await.unwrap();
    }
    far.read_to_end(&mut Vec::new()).await.unwrap();
    assert_eq!(
        began.elapsed().as_millis(),
        (idle * 3 / 4 * 4 + idle).as_millis()
    );
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_takes_its_answers_late_gets_all_of_them_before_it_is_idle() {
    let server = Piped::open(|limits| limits.serve.http1_idle_ms_max = 1000);
    store(&server, &"x".repeat(1000)).await;
    let (near, mut far) = duplex(1 << 12);
    let serving = server.serve(near);
    let requests = plain("k").repeat(20);
    far.write_all(requests.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let taken = tokio::time::Instant::now();
    let mut answers = String::new();
    far.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 20);
    assert!(answers.ends_with('x'), "and the last one whole");
    assert_eq!(taken.elapsed().as_millis(), 1000);
    serving.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_lasts_as_long_whatever_it_asks() {
    let server = Piped::open(|limits| limits.serve.connection_age_ms_max = 10_000);
    store(&server, "1").await;
    for second in [plain("k"), other("k")] {
        let (near, mut far) = duplex(1 << 16);
        let serving = server.serve(near);
        let began = tokio::time::Instant::now();
        far.write_all(plain("k").as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(8)).await;
        far.write_all(second.as_bytes()).await.unwrap();
        let mut answers = String::new();
        far.read_to_string(&mut answers).await.unwrap();
        assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2);
        let lasted = began.elapsed().as_millis();
        assert!((9000..=11_000).contains(&lasted), "{lasted}");
        drop(far);
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn where_callers_are_looked_at_a_plain_read_is_too() {
    let server = Server::start(|limits| limits.gate.rates.calls_per_second_max = 1);
    let mut client = Http1::connect(server.address()).await;
    client.ask("PUT", "/v1/entries/k", &[], b"1").await;
    let answers = answered(server.address(), &plain("k").repeat(50)).await;
    assert!(answers.contains("RATE_LIMITED"), "{answers}");
    let server = Server::start(|limits| {
        let sha256 = "0".repeat(64);
        limits.identities =
            format!("[[identity]]\nname = \"a\"\n[[identity.token]]\nsha256 = \"{sha256}\"\n");
    });
    let answers = answered(server.address(), &plain("k")).await;
    assert!(answers.starts_with("HTTP/1.1 401"), "{answers}");
    let server = Server::start(|limits| {
        limits.http.cors_origins = "http://elsewhere.example".parse().unwrap();
    });
    let mut client = Http1::connect(server.address()).await;
    client.ask("PUT", "/v1/entries/k", &[], b"1").await;
    let answers = answered(server.address(), &plain("k")).await;
    assert!(answers.contains("vary: origin"), "{answers}");
}
