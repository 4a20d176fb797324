//! Calls of gRPC, or something like it, as frames of HTTP/2.

use arbitrary::Arbitrary;

use crate::{
    bytes::{self, frame},
    calls::{Operation, Rpc},
    requests::others,
};

/// A call of gRPC, or something like one.
#[derive(Arbitrary, Debug)]
pub struct Call {
    /// Of another stream than the next.
    pub odd: Option<u8>,
    rpc: Rpc,
    content_type: ContentType,
    timeout: Option<[u8; 3]>,
    compressed: bool,
    others: Vec<(u8, Vec<u8>)>,
    /// Its headers come in two frames.
    split: bool,
    part: Part,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum ContentType {
    Grpc,
    Web,
    WebText,
    Other,
}

/// Some of the messages of a call, and whether they are the last.
#[derive(Arbitrary, Debug)]
pub struct Part {
    rpc: Rpc,
    messages: Vec<Message>,
    /// How many bytes of all that are sent.
    cut: Option<u8>,
    padded: bool,
    end: bool,
}

#[derive(Arbitrary, Debug)]
enum Message {
    Right(Vec<Operation>),
    Any(Vec<u8>),
    Lying {
        flag: u8,
        length: u32,
        bytes: Vec<u8>,
    },
}

impl Call {
    pub fn bytes(&self, stream: u32) -> Vec<u8> {
        let content_type: &[u8] = match self.content_type {
            ContentType::Grpc => b"application/grpc",
            ContentType::Web => b"application/grpc-web+proto",
            ContentType::WebText => b"application/grpc-web-text",
            ContentType::Other => b"application/json",
        };
        let mut fields: Vec<(&str, &[u8])> = vec![
            (":method", b"POST"),
            (":scheme", b"http"),
            (":path", self.rpc.path().as_bytes()),
            (":authority", b"localhost"),
            ("content-type", content_type),
            ("te", b"trailers"),
        ];
        if let Some(timeout) = &self.timeout {
            fields.push(("grpc-timeout", timeout));
        }
        if self.compressed {
            fields.push(("grpc-encoding", b"gzip"));
        }
        fields.extend(others(&self.others));
        let block = bytes::block(fields);
        let mut said = if self.split {
            let (first, rest) = block.split_at(block.len() / 2);
            let mut said = frame(bytes::HEADERS, 0, stream, first);
            said.extend(frame(bytes::CONTINUATION, bytes::END_HEADERS, stream, rest));
            said
        } else {
            frame(bytes::HEADERS, bytes::END_HEADERS, stream, &block)
        };
        said.extend(self.part.of(self.rpc, stream));
        said
    }
}

impl Part {
    pub fn bytes(&self, stream: u32) -> Vec<u8> {
        self.of(self.rpc, stream)
    }

    fn of(&self, rpc: Rpc, stream: u32) -> Vec<u8> {
        let mut messages = Vec::new();
        for message in &self.messages {
            match message {
                Message::Right(operations) => messages.extend(whole(&rpc.message(operations))),
                Message::Any(bytes) => messages.extend(whole(bytes)),
                Message::Lying {
                    flag,
                    length,
                    bytes,
                } => {
                    messages.extend(bytes::message(*flag, *length, bytes));
                }
            }
        }
        let sent = self.cut.map_or(messages.len(), usize::from);
        messages.truncate(sent);
        let padding = usize::from(self.padded);
        let mut said = Vec::new();
        // As many frames as their size allows, and one for nothing at all.
        let mut chunks: Vec<_> = messages.chunks(16_000).collect();
        if chunks.is_empty() && self.end {
            chunks.push(&[]);
        }
        for (at, chunk) in chunks.iter().enumerate() {
            let is_last = at + 1 == chunks.len() && self.end;
            let flags = if is_last { bytes::END_STREAM } else { 0 };
            if padding == 0 {
                said.extend(frame(bytes::DATA, flags, stream, chunk));
            } else {
                let padded = [&[3][..], chunk, &[0; 3]].concat();
                said.extend(frame(bytes::DATA, flags | 8, stream, &padded));
            }
        }
        said
    }
}

fn whole(bytes: &[u8]) -> Vec<u8> {
    bytes::message(0, bytes.len() as u32, bytes)
}
