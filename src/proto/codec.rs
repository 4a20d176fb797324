//! How messages become bytes and back.

use std::{collections::HashMap, marker::PhantomData};

use bytes::Buf;
use prost::{
    Message, Name,
    encoding::{DecodeContext, decode_key, skip_field},
};
use tonic::{
    Code, Status,
    codec::{BufferSettings, DecodeBuf, Decoder},
};
use tonic_prost::ProstEncoder;
use tonic_types::{ErrorDetails, StatusExt};

/// The reason word of a message that cannot be decoded.
pub const MESSAGE_MALFORMED: &str = "MESSAGE_MALFORMED";

const DOMAIN: &str = "nanokv";

/// Fields that a request may have, and elements that a list in it may: a field
/// of two bytes becomes an operation of more than a hundred, so they are counted
/// before they are made. No limit of a list can be configured above it.
pub const FIELDS_MAX: usize = 1 << 16;

/// What a request has beside its one long list.
const FIELDS_BESIDE: usize = 64;

// A buffer is taken for each message, so it begins small; a stream gathers
// messages up to the threshold before it writes.
const YIELD_THRESHOLD_BYTES: usize = 32_768;
const ENCODE_BUFFER_BYTES: usize = 1024;
const DECODE_BUFFER_BYTES: usize = 256;

/// Protobuf as tonic-prost speaks it, with smaller buffers, and with an
/// undecodable message answered as the caller's fault: `INVALID_ARGUMENT`, which
/// names the field, where tonic-prost says `INTERNAL`. A client that cannot
/// decode an answer sees the same.
#[derive(Clone, Debug)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = MessageDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(encode_buffer())
    }

    fn decoder(&mut self) -> Self::Decoder {
        MessageDecoder(PhantomData)
    }
}

/// Decodes messages of one type.
#[derive(Clone, Debug)]
pub struct MessageDecoder<U>(PhantomData<U>);

impl<U: Message + Name + Default> Decoder for MessageDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        decode(buf).map(Some)
    }

    fn buffer_settings(&self) -> BufferSettings {
        decode_buffer()
    }
}

/// How messages that go out are gathered.
#[must_use]
pub fn encode_buffer() -> BufferSettings {
    BufferSettings::new(ENCODE_BUFFER_BYTES, YIELD_THRESHOLD_BYTES)
}

/// How messages that come in are gathered.
#[must_use]
pub fn decode_buffer() -> BufferSettings {
    BufferSettings::new(DECODE_BUFFER_BYTES, YIELD_THRESHOLD_BYTES)
}

/// The message that these bytes are.
///
/// # Errors
/// `INVALID_ARGUMENT`, which names the field.
pub fn decode<U: Message + Name + Default>(mut buf: impl Buf) -> Result<U, Status> {
    let bytes = buf.copy_to_bytes(buf.remaining());
    // A reply is as long as its server lets it be. The linter sees to the names.
    if U::NAME.ends_with("Request") && has_too_many_fields(&bytes) {
        let most = format!("a message has at most {FIELDS_MAX} fields and elements of lists");
        return Err(malformed(&most));
    }
    U::decode(bytes).map_err(|error| malformed(&error.to_string()))
}

/// Where that cannot be told, the bytes are no message, and decoding says why.
fn has_too_many_fields(mut bytes: &[u8]) -> bool {
    for _ in 0..FIELDS_MAX + FIELDS_BESIDE {
        if bytes.is_empty() {
            return false;
        }
        let skipped = decode_key(&mut bytes).and_then(|(field, wire_type)| {
            skip_field(wire_type, field, &mut bytes, DecodeContext::default())
        });
        if skipped.is_err() {
            return false;
        }
    }
    !bytes.is_empty()
}

/// The answer to a message that cannot be decoded. `field` is the path as prost
/// knows it: without indices, and with a oneof by its own name; empty when the
/// message as a whole is no protobuf.
pub(crate) fn malformed(description: &str) -> Status {
    let field = path(description);
    let metadata = HashMap::from([
        ("field".to_owned(), field.clone()),
        ("description".to_owned(), description.to_owned()),
    ]);
    let mut details = ErrorDetails::with_error_info(MESSAGE_MALFORMED, DOMAIN, metadata);
    details.add_bad_request_violation(field, description);
    Status::with_error_details(
        Code::InvalidArgument,
        format!("{MESSAGE_MALFORMED}: {description}"),
        details,
    )
}

/// prost gives no more than its text, innermost first: "failed to decode
/// Protobuf message: `Value.kind`: `SetRequest.value`: invalid wire type". The
/// path is each word between colons that is a message's name, a dot and a
/// field's name.
fn path(description: &str) -> String {
    let mut fields: Vec<&str> = description
        .split(": ")
        .filter_map(|part| part.split_once('.'))
        .filter(|(message, field)| {
            [message, field].iter().all(|name| {
                name.chars()
                    .all(|letter| letter == '_' || letter.is_ascii_alphanumeric())
            })
        })
        .map(|(_, field)| field)
        .collect();
    fields.reverse();
    fields.join(".")
}

#[cfg(test)]
mod tests {
    use tonic::codec::Codec as _;

    use super::*;
    use crate::proto::{BatchRequest, GetRequest, ListResponse, SetRequest};

    fn refused<U: Message + Name + Default>(bytes: &[u8]) -> (Status, ErrorDetails) {
        let status = decode::<U>(bytes).err().unwrap();
        let details = status.get_error_details();
        (status, details)
    }

    #[test]
    fn invalid_utf8_in_a_key_is_invalid_argument_that_names_the_key() {
        let (status, details) = refused::<SetRequest>(&[0x0a, 1, 0xff]);
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(
            status
                .message()
                .starts_with("MESSAGE_MALFORMED: failed to decode"),
            "{}",
            status.message()
        );
        assert!(status.message().contains("SetRequest.key"));
        let info = details.error_info().unwrap();
        assert_eq!(info.reason, MESSAGE_MALFORMED);
        assert_eq!(info.domain, "nanokv");
        assert_eq!(info.metadata["field"], "key");
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "key");
    }

    #[test]
    fn a_field_deep_in_a_batch_is_named_by_its_path() {
        // operations { get { key: 0xff } }
        let (_, details) = refused::<BatchRequest>(&[0x0a, 5, 0x0a, 3, 0x0a, 1, 0xff]);
        let field = &details.error_info().unwrap().metadata["field"];
        assert_eq!(field, "operations.kind.key");
    }

    #[test]
    fn fields_are_counted_before_they_are_made() {
        let empty = [0x0a, 0];
        let most = empty.repeat(FIELDS_MAX);
        let batch = decode::<BatchRequest>(&*most).unwrap();
        assert_eq!(batch.operations.len(), FIELDS_MAX);
        let (status, details) = refused::<BatchRequest>(&empty.repeat(FIELDS_MAX + 65));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("at most 65536"), "{status}");
        assert_eq!(details.error_info().unwrap().reason, MESSAGE_MALFORMED);
        let reply = decode::<ListResponse>(&*empty.repeat(FIELDS_MAX + 65)).unwrap();
        assert_eq!(reply.entries.len(), FIELDS_MAX + 65);
    }

    #[test]
    fn bytes_that_are_no_protobuf_are_invalid_argument_without_a_field() {
        let (status, details) = refused::<GetRequest>(&[0xff, 0xff, 0xff]);
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(details.error_info().unwrap().metadata["field"], "");
    }

    #[test]
    fn buffers_begin_small_and_yield_late() {
        use tonic::codec::Encoder as _;

        let mut codec = Codec::<GetRequest, GetRequest>::default();
        assert_eq!(
            format!("{:?}", codec.encoder().buffer_settings()),
            format!("{:?}", BufferSettings::new(1024, 32_768))
        );
        assert_eq!(
            format!("{:?}", codec.decoder().buffer_settings()),
            format!("{:?}", BufferSettings::new(256, 32_768))
        );
    }
}
