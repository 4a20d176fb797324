//! Clients that send much more than anybody needs.

use tokio::io::AsyncWriteExt;

use crate::serving::{
    client::GET,
    frames::{self, CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, Raw},
    server::Server,
};

/// What the server says when it has had enough; it must say so before `bytes`
/// have been sent.
async fn enough(raw: &mut Raw, flood: &[u8], bytes: usize) -> h2::Reason {
    let Raw { read, write } = raw;
    let send = async {
        let mut sent = 0;
        while sent < bytes {
            if write.write_all(flood).await.is_err() {
                return;
            }
            sent += flood.len();
        }
    };
    let ((), goaway) = tokio::join!(send, frames::next_of(read, GOAWAY));
    goaway.expect("closed with a GOAWAY").error()
}

#[tokio::test]
async fn streams_opened_and_reset_end_the_connection() {
    let server = Server::start(|_| {});
    let mut raw = Raw::http2(server.address()).await;
    let headers = frames::call(GET);
    let flood: Vec<u8> = (0..20_000)
        .flat_map(|number| {
            let stream = 2 * number + 1;
            let cancel = u32::from(h2::Reason::CANCEL).to_be_bytes();
            let mut frames = frames::frame(HEADERS, END_HEADERS, stream, &headers);
            frames.extend(frames::frame(RST_STREAM, 0, stream, &cancel));
            frames
        })
        .collect();
    let reason = enough(&mut raw, &flood, flood.len()).await;
    assert_eq!(reason, h2::Reason::ENHANCE_YOUR_CALM);
    server.is_alive().await;
}

#[tokio::test]
async fn headers_that_go_on_for_ever_end_the_connection() {
    let server = Server::start(|_| {});
    let mut raw = Raw::http2(server.address()).await;
    let begin = frames::frame(HEADERS, END_STREAM, 1, &frames::call(GET));
    raw.write.write_all(&begin).await.unwrap();
    let more = frames::headers(&[("flood", "x"); 100]);
    let more = frames::frame(CONTINUATION, 0, 1, &more);
    let reason = enough(&mut raw, &more, 64 << 20).await;
    assert_eq!(reason, h2::Reason::ENHANCE_YOUR_CALM);
    server.is_alive().await;
}

#[tokio::test]
async fn empty_continuations_end_the_connection() {
    let server = Server::start(|_| {});
    let mut raw = Raw::http2(server.address()).await;
    let begin = frames::frame(HEADERS, END_STREAM, 1, &frames::call(GET));
    raw.write.write_all(&begin).await.unwrap();
    let more = frames::frame(CONTINUATION, 0, 1, &[]).repeat(1000);
    let reason = enough(&mut raw, &more, 64 << 20).await;
    assert_eq!(reason, h2::Reason::ENHANCE_YOUR_CALM);
    server.is_alive().await;
}
