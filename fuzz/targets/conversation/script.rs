//! What a client says, step by step.

use arbitrary::Arbitrary;

use crate::{
    bytes::{self, frame},
    requests::Request,
    streams::{Call, Part},
};

/// One connection of a client.
#[derive(Arbitrary, Debug)]
pub struct Script {
    pub wire: Wire,
    /// Whether it takes what it is told.
    pub reads: bool,
    pub end: End,
    /// How large its pipe is.
    pipe: u8,
    /// How many bytes it writes at a time, in turn; 0: all there are.
    pub cuts: [u8; 4],
    pub steps: Vec<Step>,
}

/// What it begins with.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Http2,
    Http1,
    /// With whatever the first step is.
    Plain,
}

/// How it ends.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum End {
    /// The client is gone, at once.
    Away,
    /// It has no more to say, and waits for the server to say so too.
    Finished,
    /// It says nothing any more, and stays.
    Silent,
}

/// What it does next.
#[derive(Arbitrary, Debug)]
pub enum Step {
    /// Lets time pass: so many times 20 ms.
    Wait(u8),
    Bytes(Vec<u8>),
    Frame {
        kind: u8,
        flags: u8,
        stream: u8,
        payload: Vec<u8>,
    },
    Call(Call),
    Request(Request),
    /// More of an earlier call, counted from the last.
    More {
        back: u8,
        part: Part,
    },
    Reset {
        back: u8,
        code: u8,
    },
    Window {
        back: u8,
        by: u32,
    },
    Settings {
        name: u8,
        value: u32,
    },
    Ping,
    Leave,
}

impl Script {
    /// The bytes themselves, after one that says how.
    pub fn plain(input: &[u8]) -> Option<Self> {
        let (how, said) = input.split_first()?;
        Some(Self {
            wire: Wire::Plain,
            reads: how & 1 == 0,
            end: match how >> 1 & 3 {
                0 | 3 => End::Finished,
                1 => End::Away,
                _ => End::Silent,
            },
            pipe: how >> 3,
            cuts: [how >> 3, 0, how >> 5, 0],
            steps: vec![Step::Bytes(said.to_vec())],
        })
    }

    pub fn pipe_bytes(&self) -> usize {
        [16, 256, 4 << 10, 64 << 10][usize::from(self.pipe) % 4]
    }

    /// What is said before the first step.
    pub fn beginning(&self) -> Vec<u8> {
        match self.wire {
            Wire::Http2 => [bytes::PREFACE, &frame(bytes::SETTINGS, 0, 0, &[])].concat(),
            Wire::Http1 | Wire::Plain => Vec::new(),
        }
    }
}

impl Step {
    /// What is said, after `streams` that were begun before.
    pub fn bytes(&self, wire: Wire, streams: &mut Vec<u32>) -> Vec<u8> {
        let earlier = |back: u8| {
            let at = streams.len().checked_sub(usize::from(back) % 4 + 1);
            at.and_then(|at| streams.get(at)).copied().unwrap_or(1)
        };
        match self {
            Self::Wait(_) => Vec::new(),
            Self::Bytes(bytes) => bytes.clone(),
            Self::Frame {
                kind,
                flags,
                stream,
                payload,
            } => frame(*kind, *flags, u32::from(*stream), payload),
            Self::Call(call) => {
                let stream = call.odd.map_or_else(|| next(streams), u32::from);
                streams.push(stream);
                call.bytes(stream)
            }
            Self::Request(request) if wire == Wire::Http2 => {
                let stream = next(streams);
                streams.push(stream);
                request.frames(stream)
            }
            Self::Request(request) => request.text(),
            Self::More { back, part } => part.bytes(earlier(*back)),
            Self::Reset { back, code } => {
                let code = u32::from(*code).to_be_bytes();
                frame(bytes::RST_STREAM, 0, earlier(*back), &code)
            }
            Self::Window { back, by } => {
                let stream = if *back == 0 { 0 } else { earlier(*back) };
                frame(bytes::WINDOW_UPDATE, 0, stream, &by.to_be_bytes())
            }
            Self::Settings { name, value } => {
                let mut setting = u16::from(*name).to_be_bytes().to_vec();
                setting.extend(value.to_be_bytes());
                frame(bytes::SETTINGS, 0, 0, &setting)
            }
            Self::Ping => frame(bytes::PING, 0, 0, b"whatever"),
            Self::Leave => frame(bytes::GOAWAY, 0, 0, &[0; 8]),
        }
    }
}

fn next(streams: &[u32]) -> u32 {
    streams.iter().max().map_or(1, |last| (last | 1) + 2)
}
