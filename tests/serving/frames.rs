//! HTTP/2 frame by frame, over a bare socket.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::serving::soon;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame that the server sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// The two ways of a bare connection.
pub(crate) struct Raw {
    pub(crate) read: OwnedReadHalf,
    pub(crate) write: OwnedWriteHalf,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(address)).await.unwrap();
        let (read, write) = stream.into_split();
        Self { read, write }
    }

    /// With the preface and the settings said.
    pub(crate) async fn http2(address: SocketAddr) -> Self {
        let mut raw = Self::connect(address).await;
        raw.write.write_all(PREFACE).await.unwrap();
        raw.write
            .write_all(&frame(SETTINGS, 0, 0, &[]))
            .await
            .unwrap();
        raw
    }

    /// The next frame; `None` when the server has closed.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        next(&mut self.read).await
    }

    /// The next frame of one kind; `None` when the server closes before.
    pub(crate) async fn next_of(&mut self, kind: u8) -> Option<Frame> {
        next_of(&mut self.read, kind).await
    }

    /// All that the server still says; it must close.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = soon(self.read.read_to_end(&mut rest)).await;
        rest
    }
}

impl Frame {
    /// The error of a GOAWAY or a `RST_STREAM`.
    pub(crate) fn error(&self) -> h2::Reason {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        let code = self.payload[at..at + 4].try_into().unwrap();
        u32::from_be_bytes(code).into()
    }
}

/// A frame as it is sent.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Headers as literals that are never indexed, each at most 126 bytes.
pub(crate) fn headers(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x10);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.bytes());
        }
    }
    block
}

/// The headers of a call.
pub(crate) fn call(path: &str) -> Vec<u8> {
    headers(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "server"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ])
}

/// The next frame of one kind; `None` when the server closes before.
pub(crate) async fn next_of(read: &mut OwnedReadHalf, kind: u8) -> Option<Frame> {
    loop {
        let frame = next(read).await?;
        if frame.kind == kind {
            return Some(frame);
        }
    }
}

async fn next(read: &mut OwnedReadHalf) -> Option<Frame> {
    soon(read_frame(read)).await.ok()
}

/// The next frame, however long it takes.
pub(crate) async fn read_frame(read: &mut (impl AsyncRead + Unpin)) -> io::Result<Frame> {
    let mut head = [0; 9];
    read.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    read.read_exact(&mut payload).await?;
    Ok(Frame {
        kind: head[3],
        stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
        payload,
    })
}
