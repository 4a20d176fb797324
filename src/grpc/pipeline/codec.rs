//! Lists and answers as bytes: a list is decoded where it is carried out, so
//! that a plain one can be read where it lies.

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use tonic::{
    Status,
    codec::{BufferSettings, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::proto::{self, codec};

/// A list as it came.
#[derive(Clone, Debug)]
pub enum List {
    /// As bytes.
    Encoded(Bytes),
    /// As a message.
    Decoded(proto::PipelineRequest),
}

/// The answer to a list as it goes.
#[derive(Clone, Debug)]
pub enum Reply {
    /// As bytes.
    Encoded(Bytes),
    /// As a message.
    Decoded(proto::PipelineResponse),
}

/// Takes lists and gives replies as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Codec;

impl List {
    /// How many bytes it came in.
    pub(super) fn encoded_len(&self) -> usize {
        match self {
            Self::Encoded(bytes) => bytes.len(),
            Self::Decoded(list) => list.encoded_len(),
        }
    }

    /// The message.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn decoded(self) -> Result<proto::PipelineRequest, Status> {
        match self {
            Self::Decoded(list) => Ok(list),
            Self::Encoded(bytes) => codec::decode(bytes),
        }
    }
}

impl Reply {
    /// The message.
    ///
    /// # Errors
    /// It is none.
    pub(in crate::grpc) fn decoded(self) -> Result<proto::PipelineResponse, Status> {
        match self {
            Self::Decoded(reply) => Ok(reply),
            Self::Encoded(bytes) => codec::decode(bytes),
        }
    }
}

impl tonic::codec::Codec for Codec {
    type Encode = Reply;
    type Decode = List;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Decoder for Codec {
    type Item = List;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<List>, Status> {
        Ok(Some(List::Encoded(buf.copy_to_bytes(buf.remaining()))))
    }

    fn buffer_settings(&self) -> BufferSettings {
        codec::decode_buffer()
    }
}

impl Encoder for Codec {
    type Item = Reply;
    type Error = Status;

    fn encode(&mut self, reply: Reply, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        match reply {
            Reply::Encoded(bytes) => buf.put(bytes),
            Reply::Decoded(reply) => {
                let encoded = reply.encode(buf);
                encoded.map_err(|error| Status::internal(error.to_string()))?;
            }
        }
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        codec::encode_buffer()
    }
}
