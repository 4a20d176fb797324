//! Clients of which nothing is heard any more, and such as are only quiet.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, copy, duplex, sink},
    time::{Instant, timeout},
};

use crate::serving::{
    frames::{ACK, PING, PREFACE, SETTINGS, frame, read_frame},
    piped::Piped,
};

const INTERVAL: Duration = Duration::from_mins(1);
const ANSWER: Duration = Duration::from_secs(20);
const INTERVALS: u32 = 10;

fn open() -> Piped {
    Piped::open(|config| {
        config.serve.keepalive_interval_ms = 60_000;
        config.serve.keepalive_timeout_ms = 20_000;
    })
}

/// The other end of a connection to `server`, of which all was said that begins
/// one.
async fn begun(mut client: DuplexStream) -> DuplexStream {
    client.write_all(PREFACE).await.unwrap();
    client.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    client
}

#[tokio::test(start_paused = true)]
async fn one_who_answers_no_ping_is_given_up() {
    let server = open();
    let (client, stream) = duplex(1 << 16);
    let (began, serving) = (Instant::now(), server.serve(stream));
    let mut client = begun(client).await;
    tokio::spawn(async move { copy(&mut client, &mut sink()).await });
    let ended = timeout(INTERVAL * INTERVALS, serving).await;
    ended.expect("it is kept for ever").unwrap();
    assert!(
        began.elapsed() >= INTERVAL + ANSWER,
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn one_who_answers_is_asked_once_an_interval_and_stays() {
    let server = open();
    let (client, stream) = duplex(1 << 16);
    let serving = server.serve(stream);
    let client = begun(client).await;
    let (mut read, mut write) = tokio::io::split(client);
    let answering = tokio::spawn(async move {
        let mut pings = 0;
        while let Ok(came) = read_frame(&mut read).await {
            if came.kind == PING {
                pings += 1;
                let answer = frame(PING, ACK, 0, &came.payload);
                write.write_all(&answer).await.unwrap();
            }
            if pings == INTERVALS {
                break;
            }
        }
        // It is still there: what it reads from it does not end.
        (pings, Instant::now(), read, write)
    });
    let began = Instant::now();
    let answered = timeout(INTERVAL * (INTERVALS + 1), answering).await;
    let (pings, last, mut read, _write) = answered.expect("it is not asked").unwrap();
    assert_eq!(pings, INTERVALS);
    assert!(
        last - began >= INTERVAL * (INTERVALS - 1),
        "{:?}",
        last - began
    );
    let more = timeout(Duration::from_secs(1), read.read_u8()).await;
    assert!(more.is_err(), "{more:?}");
    drop(serving);
}
