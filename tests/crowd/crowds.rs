//! The kinds of clients that mean harm.

use std::{any::Any, env, net::SocketAddr, pin::Pin};

use bytes::Bytes;
use h2::Reason;
use nanokv::proto;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::serving::{
    client::{Client, GET, SET, WATCH_KEYS, frame, get, post, set},
    frames::{self, Raw},
    soon,
};

/// Bytes of a value that is asked for and not read.
const LARGE: usize = 1_000_000;

/// One kind: what comes stays until what it gives is dropped.
pub(crate) struct Crowd {
    pub(crate) name: &'static str,
    pub(crate) come: fn(SocketAddr) -> Coming,
}

type Here = Box<dyn Any>;
type Coming = Pin<Box<dyn Future<Output = Here>>>;

macro_rules! crowd {
    ($name:literal, $come:path) => {
        Crowd {
            name: $name,
            come: |address| {
                Box::pin(async move {
                    let here: Here = Box::new($come(address).await);
                    here
                })
            },
        }
    };
}

pub(crate) fn all() -> Vec<Crowd> {
    vec![
        crowd!("slow readers", slow_readers),
        crowd!("slow writers", slow_writers),
        crowd!("rapid resets", rapid_resets),
        crowd!("watches that are never read", unread_watches),
        crowd!("connections", connections),
    ]
}

/// `CROWD` in the environment: so many come of each kind.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests says how many, not the program's settings"
)]
fn many() -> usize {
    env::var("CROWD").map_or(300, |crowd| crowd.parse().unwrap())
}

/// Ask for large values and read nothing of them.
async fn slow_readers(address: SocketAddr) -> Vec<impl Any> {
    let filling = Client::connect(address).await;
    assert_eq!(filling.set("large", LARGE).await.code(), Some(0));
    let mut here = vec![];
    for _ in 0..many() / 10 {
        let client = Client::connect(address).await;
        for _ in 0..10 {
            let mut open = client.open(post(GET)).await.unwrap();
            // It may have been refused by now, and takes no more.
            let _ = open.body.send_data(frame(&get("large")), true);
            here.push(open.response);
        }
    }
    // Each has at least been begun to be answered, or refused.
    let mut begun = vec![];
    for response in here {
        begun.push(soon(response).await.unwrap());
    }
    begun
}

/// Begin large requests and never send the rest.
async fn slow_writers(address: SocketAddr) -> Vec<impl Any> {
    let whole = frame(&set("never", LARGE));
    let part = whole.slice(..60_000);
    let mut here = vec![];
    for _ in 0..many() / 10 {
        let client = Client::connect(address).await;
        let mut calls = vec![];
        for _ in 0..10 {
            let mut open = client.open(post(SET)).await.unwrap();
            let _ = open.body.send_data(part.clone(), false);
            calls.push(open);
        }
        assert_eq!(
            client.health("").await.unwrap(),
            1,
            "what was sent is there"
        );
        here.push((client, calls));
    }
    here
}

/// Open streams and reset them at once, until the server has had enough; then
/// come again.
async fn rapid_resets(address: SocketAddr) -> usize {
    let mut ended = 0;
    for _ in 0..many() / 50 {
        let mut raw = Raw::http2(address).await;
        let headers = frames::call(GET);
        let cancel = Reason::CANCEL;
        let mut flood = vec![];
        for stream in (1..4000).step_by(2) {
            let flags = frames::END_HEADERS;
            flood.extend(frames::frame(frames::HEADERS, flags, stream, &headers));
            let code = u32::from(cancel).to_be_bytes();
            flood.extend(frames::frame(frames::RST_STREAM, 0, stream, &code));
        }
        let _ = raw.write.write_all(&flood).await;
        raw.rest().await;
        ended += 1;
    }
    ended
}

/// Watch everything, from the beginning on, and read nothing of it.
async fn unread_watches(address: SocketAddr) -> Vec<impl Any> {
    let mut here = vec![];
    for _ in 0..many() / 10 {
        let client = Client::connect(address).await;
        for _ in 0..10 {
            let mut open = client.open(post(WATCH_KEYS)).await.unwrap();
            let request = proto::WatchRequest {
                ranges: vec![proto::Range::default()],
                ..Default::default()
            };
            open.body.send_data(frame(&request), true).unwrap();
            here.push(soon(open.response).await.unwrap());
        }
    }
    let writer = Client::connect(address).await;
    for number in 0..50 {
        let written = writer.set(&format!("watched/{number}"), 100_000).await;
        assert_eq!(written.code(), Some(0), "a writer waits for no watch");
    }
    here
}

/// Connect, say that they speak HTTP/2, and stay.
async fn connections(address: SocketAddr) -> Vec<TcpStream> {
    let hello =
        Bytes::from([frames::PREFACE, &frames::frame(frames::SETTINGS, 0, 0, &[])].concat());
    let mut here = vec![];
    for _ in 0..many() {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&hello).await.unwrap();
        here.push(stream);
    }
    here
}
