//! Requests of the hot calls, read where they lie.
//!
//! Only the plain form is: the fields below, in the order of their numbers, each
//! once, none unknown. For anything else these give `None`, and the generated
//! decoder reads it, or says what is wrong.

use prost::encoding::{WireType, decode_varint};

use crate::{
    calls::wire::time,
    model::{
        expiry::Expiry,
        key::Key,
        limits::Limits,
        mutation::{Change, Mutation},
        operation::{Operation, Read},
        value::ValueRef,
    },
};

/// Bytes before a message: whether it is compressed, and its length.
pub const HEAD_BYTES: usize = 5;

/// The one message of a request that is whole; `None`: it is compressed, cut
/// short, too large, or there are several.
#[must_use]
pub fn message<'a>(framed: &'a [u8], limits: &Limits) -> Option<&'a [u8]> {
    let (head, message) = framed.split_first_chunk::<HEAD_BYTES>()?;
    let [0, a, b, c, d] = *head else {
        return None;
    };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    (length == message.len() && length <= limits.message_bytes_max).then_some(message)
}

/// What a `GetRequest` asks for.
#[must_use]
pub fn get<'a>(message: &'a [u8], limits: &Limits) -> Option<Read<'a>> {
    let mut fields = Fields::new(message);
    let mut key = "";
    let mut omit_value = false;
    while !fields.at_end() {
        match fields.next()? {
            (1, Field::Bytes(bytes)) => key = text(bytes)?,
            (2, Field::Varint(number)) => omit_value = number != 0,
            _ => return None,
        }
    }
    Some(Read {
        key: Key::new(key, limits.key_bytes_max).ok()?,
        omit_value,
    })
}

/// What a `SetRequest` asks for that has a key, a value and at most a ttl.
#[must_use]
pub fn set<'a>(message: &'a [u8], limits: &Limits) -> Option<Mutation<'a>> {
    let mut fields = Fields::new(message);
    let mut key = "";
    let mut stored = None;
    let mut expiry = Expiry::Default;
    while !fields.at_end() {
        match fields.next()? {
            (1, Field::Bytes(bytes)) => key = text(bytes)?,
            (2, Field::Bytes(bytes)) => stored = Some(value(bytes)?),
            (3, Field::Bytes(bytes)) => expiry = Expiry::After(ttl(bytes)?),
            _ => return None,
        }
    }
    Some(Mutation {
        key: Key::new(key, limits.key_bytes_max).ok()?,
        change: Change::Set {
            value: stored.filter(|value| value.len() <= limits.value_bytes_max)?,
            expiry,
            return_previous: false,
        },
        condition: None,
    })
}

/// What a `BatchRequest` asks for, when each of its operations is plain.
#[must_use]
pub fn batch<'a>(message: &'a [u8], limits: &Limits) -> Option<Vec<Operation<'a>>> {
    operations(1, message, limits)
}

/// What a `PipelineRequest` asks for, when each of its operations is plain, and
/// its id.
#[must_use]
pub fn pipeline<'a>(message: &'a [u8], limits: &Limits) -> Option<(i64, Vec<Operation<'a>>)> {
    let mut rest = message;
    let mut id = 0;
    if let Some((1, Field::Varint(given))) = field(&mut rest) {
        id = given.cast_signed();
    } else {
        // One that is 0 is left out.
        rest = message;
    }
    Some((id, operations(2, rest, limits)?))
}

fn operations<'a>(number: u32, message: &'a [u8], limits: &Limits) -> Option<Vec<Operation<'a>>> {
    let mut rest = message;
    let mut operations = Vec::new();
    while !rest.is_empty() {
        match field(&mut rest)? {
            (given, Field::Bytes(bytes))
                if given == number && operations.len() < limits.batch_operations_max =>
            {
                if operations.is_empty() {
                    // Most are as long as the first.
                    let more = rest.len() / (message.len() - rest.len());
                    operations.reserve(1 + more.min(limits.batch_operations_max));
                }
                operations.push(operation(bytes, limits)?);
            }
            _ => return None,
        }
    }
    Some(operations)
}

fn operation<'a>(message: &'a [u8], limits: &Limits) -> Option<Operation<'a>> {
    let mut rest = message;
    let operation = match field(&mut rest)? {
        (1, Field::Bytes(bytes)) => Operation::Read(get(bytes, limits)?),
        (2, Field::Bytes(bytes)) => Operation::Mutate(set(bytes, limits)?),
        _ => return None,
    };
    rest.is_empty().then_some(operation)
}

fn value(message: &[u8]) -> Option<ValueRef<'_>> {
    let mut rest = message;
    let value = match field(&mut rest)? {
        (1, Field::Bytes(bytes)) => ValueRef::Data(bytes),
        (2, Field::Bytes(bytes)) => ValueRef::Text(text(bytes)?),
        (3, Field::Varint(number)) => ValueRef::Number(number.cast_signed()),
        _ => return None,
    };
    rest.is_empty().then_some(value)
}

fn ttl(message: &[u8]) -> Option<u64> {
    let mut fields = Fields::new(message);
    let mut ttl = prost_types::Duration::default();
    while !fields.at_end() {
        match fields.next()? {
            (1, Field::Varint(seconds)) => ttl.seconds = seconds.cast_signed(),
            // More bits than it has are for the generated decoder to cut.
            (2, Field::Varint(nanos)) => ttl.nanos = i32::try_from(nanos).ok()?,
            _ => return None,
        }
    }
    time::ttl(&ttl).ok()
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// A field of one of the two shapes that are read here.
enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, each with a larger number than the one before.
struct Fields<'a> {
    rest: &'a [u8],
    last: u32,
}

impl<'a> Fields<'a> {
    const fn new(message: &'a [u8]) -> Self {
        Self {
            rest: message,
            last: 0,
        }
    }

    const fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next one; `None`: it is not plain.
    fn next(&mut self) -> Option<(u32, Field<'a>)> {
        let field = field(&mut self.rest)?;
        let follows = field.0 > self.last;
        self.last = field.0;
        follows.then_some(field)
    }
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<(u32, Field<'a>)> {
    let (number, wire_type) = key(rest)?;
    let field = match wire_type {
        WireType::Varint => Field::Varint(varint(rest)?),
        WireType::LengthDelimited => {
            let length = usize::try_from(varint(rest)?).ok()?;
            let (bytes, behind) = rest.split_at_checked(length)?;
            *rest = behind;
            Field::Bytes(bytes)
        }
        WireType::SixtyFourBit
        | WireType::StartGroup
        | WireType::EndGroup
        | WireType::ThirtyTwoBit => return None,
    };
    Some((number, field))
}

/// What stands before a field: its number, from 1 on, and its shape.
fn key(rest: &mut &[u8]) -> Option<(u32, WireType)> {
    let key = u32::try_from(varint(rest)?).ok()?;
    let wire_type = WireType::try_from(u64::from(key & 7)).ok()?;
    (key >= 8).then_some((key >> 3, wire_type))
}

/// A number. Most have one byte.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    match rest.split_first()? {
        (&byte @ ..0x80, behind) => {
            *rest = behind;
            Some(u64::from(byte))
        }
        _ => decode_varint(rest).ok(),
    }
}

#[cfg(test)]
mod tests;
