//! Replies of the hot calls, written straight from what is stored.

use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{encode_varint, encoded_len_varint};

use crate::{
    grpc::hot::decode::HEAD_BYTES,
    model::{
        entry::{EntryRef, ValueBytes},
        operation::Applied,
        time::UnixMillis,
        version::Version,
    },
};

/// The shapes of fields, in the lower bits of the byte before each: its number,
/// below 16 for all that are used here, stands in the others.
const VARINT: u8 = 0;
const NESTED: u8 = 2;

/// Room for the four heads that a key may stand behind, or for a version and a
/// deadline: a head has a byte and a length of at most ten.
const SHORT_BYTES_MAX: usize = 48;

/// A `GetResponse`, framed.
pub(super) fn get(entry: Option<EntryRef<'_>>) -> Bytes {
    let Some(entry) = entry else {
        return framed(0, |_| ());
    };
    let sizes = EntrySizes::of(&entry);
    framed(nested_len(sizes.entry), |buffer| {
        put_entry(&[(1, sizes.entry)], &entry, &sizes, buffer);
    })
}

/// A `SetResponse` without an entry, framed.
pub(super) fn set(applied: &Applied) -> Bytes {
    framed(set_len(applied), |buffer| put_set(applied, buffer))
}

/// The result of a get, as the field of this number.
pub(super) fn get_result(field: u8, entry: Option<&EntryRef<'_>>, buffer: &mut BytesMut) {
    let Some(entry) = entry else {
        return put_short(buffer, |short| {
            put_nested(field, nested_len(0), short);
            put_nested(1, 0, short);
        });
    };
    let sizes = EntrySizes::of(entry);
    let response = nested_len(sizes.entry);
    let around = [
        (field, nested_len(response)),
        (1, response),
        (1, sizes.entry),
    ];
    put_entry(&around, entry, &sizes, buffer);
}

/// The result of a set that does not answer an entry, as the field of this
/// number.
pub(super) fn set_result(field: u8, applied: &Applied, buffer: &mut BytesMut) {
    let response = set_len(applied);
    put_nested(field, nested_len(response), buffer);
    put_nested(2, response, buffer);
    put_set(applied, buffer);
}

/// A message that is written already, as the field of this number.
pub(super) fn nested(field: u8, message: &[u8], buffer: &mut BytesMut) {
    put_nested(field, message.len(), buffer);
    buffer.put_slice(message);
}

/// What a `PipelineResponse` begins with.
pub(super) fn id(id: i64, buffer: &mut BytesMut) {
    put_number(1, id, buffer);
}

/// A message of `bytes` bytes, which `put` writes, with its head.
fn framed(bytes: usize, put: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut buffer = BytesMut::with_capacity(HEAD_BYTES + bytes);
    buffer.put_u8(0);
    // A value is far below it.
    buffer.put_u32(u32::try_from(bytes).unwrap_or(u32::MAX));
    put(&mut buffer);
    buffer.freeze()
}

/// Room for the head of a message whose length is not known yet.
pub(super) fn head() -> BytesMut {
    BytesMut::zeroed(HEAD_BYTES)
}

/// A message that was written behind [`head`], framed.
pub(super) fn with_head(mut framed: BytesMut) -> Bytes {
    let bytes = framed.len() - HEAD_BYTES;
    if let Some(length) = framed.get_mut(1..HEAD_BYTES) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        length.copy_from_slice(&bytes.to_be_bytes());
    }
    framed.freeze()
}

struct EntrySizes {
    time: usize,
    value: usize,
    entry: usize,
}

impl EntrySizes {
    fn of(entry: &EntryRef<'_>) -> Self {
        let time = entry.deadline.map_or(0, time_len);
        let value = entry.value.map_or(0, |value| match value {
            ValueBytes::Data(bytes) | ValueBytes::Text(bytes) => nested_len(bytes.len()),
            ValueBytes::Number(number) => 1 + encoded_len_varint(number.cast_unsigned()),
        });
        let entry = nested_len(entry.key.len())
            + entry.value.map_or(0, |_| nested_len(value))
            + number_len(entry.version.get())
            + entry.deadline.map_or(0, |_| nested_len(time));
        Self { time, value, entry }
    }
}

/// An entry behind the heads of the messages `around` it, by number and length,
/// its own the last of them.
fn put_entry(
    around: &[(u8, usize)],
    entry: &EntryRef<'_>,
    sizes: &EntrySizes,
    buffer: &mut BytesMut,
) {
    put_short(buffer, |short| {
        for (number, bytes) in around {
            put_nested(*number, *bytes, short);
        }
        put_nested(1, entry.key.len(), short);
    });
    buffer.put_slice(entry.key);
    if let Some(value) = entry.value {
        put_short(buffer, |short| {
            put_nested(2, sizes.value, short);
            match value {
                ValueBytes::Data(bytes) => put_nested(1, bytes.len(), short),
                ValueBytes::Text(bytes) => put_nested(2, bytes.len(), short),
                ValueBytes::Number(number) => {
                    short.put_u8(3 << 3 | VARINT);
                    encode_varint(number.cast_unsigned(), short);
                }
            }
        });
        if let ValueBytes::Data(bytes) | ValueBytes::Text(bytes) = value {
            buffer.put_slice(bytes);
        }
    }
    put_short(buffer, |short| {
        put_number(3, entry.version.get(), short);
        if let Some(deadline) = entry.deadline {
            put_nested(4, sizes.time, short);
            put_time(deadline, short);
        }
    });
}

fn set_len(applied: &Applied) -> usize {
    number_len(applied.version.map_or(0, Version::get))
        + applied
            .deadline
            .map_or(0, |deadline| nested_len(time_len(deadline)))
}

fn put_set(applied: &Applied, buffer: &mut BytesMut) {
    put_number(1, applied.version.map_or(0, Version::get), buffer);
    if let Some(deadline) = applied.deadline {
        put_nested(2, time_len(deadline), buffer);
        put_time(deadline, buffer);
    }
}

fn time_len(time: UnixMillis) -> usize {
    let time = crate::calls::wire::time::timestamp(time);
    number_len(time.seconds) + number_len(time.nanos.into())
}

fn put_time(time: UnixMillis, buffer: &mut impl BufMut) {
    let time = crate::calls::wire::time::timestamp(time);
    put_number(1, time.seconds, buffer);
    put_number(2, time.nanos.into(), buffer);
}

/// Puts together what is short before it goes to the buffer, which has to look
/// each time whether it must grow.
#[expect(clippy::mut_mut, reason = "a slice that is written to grows shorter")]
fn put_short(buffer: &mut BytesMut, write: impl FnOnce(&mut &mut [u8])) {
    let mut bytes = [0; SHORT_BYTES_MAX];
    let mut rest = bytes.as_mut_slice();
    write(&mut rest);
    let written = SHORT_BYTES_MAX - rest.len();
    buffer.put_slice(bytes.get(..written).unwrap_or_default());
}

/// A field of the shapes used here has one byte for its number and shape.
fn nested_len(bytes: usize) -> usize {
    1 + prost::length_delimiter_len(bytes) + bytes
}

fn put_nested(number: u8, bytes: usize, buffer: &mut impl BufMut) {
    buffer.put_u8(number << 3 | NESTED);
    match u8::try_from(bytes) {
        // Most lengths are one byte, which is quicker without a loop.
        Ok(short) if short < 0x80 => buffer.put_u8(short),
        _ => encode_varint(u64::try_from(bytes).unwrap_or(u64::MAX), buffer),
    }
}

/// A number that is 0 is left out.
fn number_len(number: i64) -> usize {
    match number {
        0 => 0,
        number => 1 + encoded_len_varint(number.cast_unsigned()),
    }
}

fn put_number(field: u8, number: i64, buffer: &mut impl BufMut) {
    if number != 0 {
        buffer.put_u8(field << 3 | VARINT);
        encode_varint(number.cast_unsigned(), buffer);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::{
        calls::wire::response,
        model::{entry::Entry, value::Value},
    };

    fn value() -> impl Strategy<Value = Option<Value>> {
        prop::option::of(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300).prop_map(|data| Value::Data(data.into())),
            ".{0,200}".prop_map(|text| Value::Text(text.into())),
            any::<i64>().prop_map(Value::Number),
        ])
    }

    fn deadline() -> impl Strategy<Value = Option<UnixMillis>> {
        prop::option::of(prop_oneof![
            (1..1_u64 << 48).prop_map(UnixMillis::new),
            // Whole seconds, whose nanos are left out.
            (1..1_u64 << 38).prop_map(|seconds| UnixMillis::new(seconds * 1000)),
        ])
    }

    fn message(mut framed: Bytes) -> Bytes {
        assert_eq!(framed.get_u8(), 0, "not compressed");
        assert_eq!(usize::try_from(framed.get_u32()).unwrap(), framed.len());
        framed
    }

    proptest! {
        #[test]
        fn a_reply_is_what_the_generated_encoder_writes(
            key in ".{1,200}",
            value in value(),
            version in 1_i64..,
            deadline in deadline(),
        ) {
            let version = Version::new(version).unwrap();
            let entry = Entry::new(key, value, version, deadline);
            let hot = message(get(Some(EntryRef::from(&entry))));
            prop_assert_eq!(hot, response::get(Some(entry)).encode_to_vec());

            let applied = Applied { version: Some(version), deadline, ..Applied::default() };
            let hot = message(set(&applied));
            prop_assert_eq!(hot, response::set(applied).encode_to_vec());
        }
    }

    #[test]
    fn a_miss_is_an_empty_message() {
        assert!(message(get(None)).is_empty());
    }
}
