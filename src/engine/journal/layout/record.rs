//! Records as bytes.
//!
//! | operation | then |
//! |---|---|
//! | 1 data, 2 text, 3 number | key length u16, value length u32, version i64, deadline u64, key, value |
//! | 4 delete, 5 expire, 6 evict | key length u16, version i64, key |
//! | 7 touch | key length u16, version i64, deadline u64, key |
//! | 8 remember | id length u16, reply length u32, at u64, content of 16 bytes, id, reply |
//! | 9 reserve | version i64 |
//!
//! A deadline of 2^64 - 1 is never. A number is an i64 of 8 bytes.

use crate::{
    engine::journal::{layout::Bytes, record::Record},
    model::{event::EventKind, key::Key, time::UnixMillis, value::ValueRef, version::Version},
};

/// Bytes of a record beside its key, value, id and reply, at most.
pub(in crate::engine::journal) const OVERHEAD_MAX: usize = 31;

/// What a deadline of never is.
const NEVER: u64 = u64::MAX;

const DATA: u8 = 1;
const TEXT: u8 = 2;
const NUMBER: u8 = 3;
const DELETE: u8 = 4;
const EXPIRE: u8 = 5;
const EVICT: u8 = 6;
const TOUCH: u8 = 7;
const REMEMBER: u8 = 8;
const RESERVE: u8 = 9;

/// What a group is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::journal) enum Item<'a> {
    /// What a store has done.
    Record(Record<'a>),
    /// No version above this one is given out before a later reservation is on
    /// the disk.
    Reserve(Version),
}

impl Item<'_> {
    /// The version that it took, if it took one.
    pub(in crate::engine::journal) const fn version(&self) -> Option<Version> {
        match self {
            Self::Record(Record::Put { version, .. } | Record::Remove { version, .. }) => {
                Some(*version)
            }
            Self::Record(Record::Touch { .. } | Record::Remember { .. }) | Self::Reserve(_) => None,
        }
    }
}

/// Adds the bytes of an item. Lengths that do not fit are cut, and then the
/// record cannot be read: the model's limits lie far below.
pub(in crate::engine::journal) fn write(item: &Item<'_>, out: &mut Vec<u8>) {
    match *item {
        Item::Record(Record::Put {
            key,
            value,
            version,
            deadline,
        }) => {
            let number;
            let (operation, value) = match value {
                ValueRef::Data(data) => (DATA, data),
                ValueRef::Text(text) => (TEXT, text.as_bytes()),
                ValueRef::Number(whole) => {
                    number = whole.to_le_bytes();
                    (NUMBER, number.as_slice())
                }
            };
            out.push(operation);
            put_u16(key.as_bytes().len(), out);
            put_u32(value.len(), out);
            out.extend_from_slice(&version.get().to_le_bytes());
            put_deadline(deadline, out);
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(value);
        }
        Item::Record(Record::Remove { kind, key, version }) => {
            out.push(match kind {
                // A put removes nothing; read back as a delete.
                EventKind::Delete | EventKind::Put => DELETE,
                EventKind::Expire => EXPIRE,
                EventKind::Evict => EVICT,
            });
            put_u16(key.as_bytes().len(), out);
            out.extend_from_slice(&version.get().to_le_bytes());
            out.extend_from_slice(key.as_bytes());
        }
        Item::Record(Record::Touch {
            key,
            version,
            deadline,
        }) => {
            out.push(TOUCH);
            put_u16(key.as_bytes().len(), out);
            out.extend_from_slice(&version.get().to_le_bytes());
            put_deadline(deadline, out);
            out.extend_from_slice(key.as_bytes());
        }
        Item::Record(Record::Remember {
            id,
            content,
            at,
            reply,
        }) => {
            out.push(REMEMBER);
            put_u16(id.len(), out);
            put_u32(reply.len(), out);
            out.extend_from_slice(&at.get().to_le_bytes());
            out.extend_from_slice(&content);
            out.extend_from_slice(id.as_bytes());
            out.extend_from_slice(reply);
        }
        Item::Reserve(version) => {
            out.push(RESERVE);
            out.extend_from_slice(&version.get().to_le_bytes());
        }
    }
}

/// The next item; `None` where the bytes are not one.
pub(in crate::engine::journal) fn read<'a>(bytes: &mut Bytes<'a>) -> Option<Item<'a>> {
    let operation = bytes.u8()?;
    let record = match operation {
        DATA | TEXT | NUMBER => {
            let (key_len, value_len) = (bytes.u16()?, bytes.u32()?);
            let version = take_version(bytes)?;
            let deadline = take_deadline(bytes)?;
            let key = take_key(bytes, key_len)?;
            let value = bytes.take(usize::try_from(value_len).ok()?)?;
            let value = match operation {
                DATA => ValueRef::Data(value),
                TEXT => ValueRef::Text(std::str::from_utf8(value).ok()?),
                _ => ValueRef::Number(i64::from_le_bytes(value.try_into().ok()?)),
            };
            Record::Put {
                key,
                value,
                version,
                deadline,
            }
        }
        DELETE | EXPIRE | EVICT => {
            let key_len = bytes.u16()?;
            let version = take_version(bytes)?;
            let key = take_key(bytes, key_len)?;
            let kind = match operation {
                DELETE => EventKind::Delete,
                EXPIRE => EventKind::Expire,
                _ => EventKind::Evict,
            };
            Record::Remove { kind, key, version }
        }
        TOUCH => {
            let key_len = bytes.u16()?;
            let version = take_version(bytes)?;
            let deadline = take_deadline(bytes)?;
            let key = take_key(bytes, key_len)?;
            Record::Touch {
                key,
                version,
                deadline,
            }
        }
        REMEMBER => {
            let (id_len, reply_len) = (bytes.u16()?, bytes.u32()?);
            let at = time(bytes.u64()?)?;
            let content = bytes.array()?;
            let id = std::str::from_utf8(bytes.take(usize::from(id_len))?).ok()?;
            let reply = bytes.take(usize::try_from(reply_len).ok()?)?;
            Record::Remember {
                id,
                content,
                at,
                reply,
            }
        }
        RESERVE => return Some(Item::Reserve(take_version(bytes)?)),
        _ => return None,
    };
    Some(Item::Record(record))
}

fn put_u16(len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_le_bytes());
}

fn put_u32(len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_deadline(deadline: Option<UnixMillis>, out: &mut Vec<u8>) {
    let millis = deadline.map_or(NEVER, UnixMillis::get);
    out.extend_from_slice(&millis.to_le_bytes());
}

fn take_version(bytes: &mut Bytes<'_>) -> Option<Version> {
    Version::new(bytes.i64()?)
}

/// The outer `None` is for bytes that are no deadline.
#[expect(clippy::option_option, reason = "read, or not; and never, or when")]
fn take_deadline(bytes: &mut Bytes<'_>) -> Option<Option<UnixMillis>> {
    Some(match bytes.u64()? {
        NEVER => None,
        millis => Some(time(millis)?),
    })
}

/// `None` for what no clock tells.
fn time(millis: u64) -> Option<UnixMillis> {
    (millis <= UnixMillis::MAX.get()).then(|| UnixMillis::new(millis))
}

fn take_key<'a>(bytes: &mut Bytes<'a>, len: u16) -> Option<Key<'a>> {
    let text = std::str::from_utf8(bytes.take(usize::from(len))?).ok()?;
    Key::new(text, Key::BYTES_LIMIT).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key<'_> {
        Key::new(text, Key::BYTES_LIMIT).unwrap()
    }

    fn version(number: i64) -> Version {
        Version::new(number).unwrap()
    }

    /// One of each, and what it is on the disk. What is here may never change:
    /// stores that were written so are out there.
    fn golden() -> Vec<(Item<'static>, &'static [u8])> {
        let put = |value, deadline| {
            Item::Record(Record::Put {
                key: key("k\u{e9}y"),
                value,
                version: version(0x0102),
                deadline,
            })
        };
        let remove = |kind| {
            Item::Record(Record::Remove {
                kind,
                key: key("gone"),
                version: version(259),
            })
        };
        vec![
            (
                put(ValueRef::Data(b"\x00\xff"), Some(UnixMillis::new(0x0a0b))),
                b"\x01\x04\x00\x02\x00\x00\x00\x02\x01\0\0\0\0\0\0\x0b\x0a\0\0\0\0\0\0k\xc3\xa9y\x00\xff",
            ),
            (
                put(ValueRef::Text("abc"), None),
                b"\x02\x04\x00\x03\x00\x00\x00\x02\x01\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xffk\xc3\xa9yabc",
            ),
            (
                put(ValueRef::Number(-2), None),
                b"\x03\x04\x00\x08\x00\x00\x00\x02\x01\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xffk\xc3\xa9y\xfe\xff\xff\xff\xff\xff\xff\xff",
            ),
            (
                remove(EventKind::Delete),
                b"\x04\x04\x00\x03\x01\0\0\0\0\0\0gone",
            ),
            (
                remove(EventKind::Expire),
                b"\x05\x04\x00\x03\x01\0\0\0\0\0\0gone",
            ),
            (
                remove(EventKind::Evict),
                b"\x06\x04\x00\x03\x01\0\0\0\0\0\0gone",
            ),
            (
                Item::Record(Record::Touch {
                    key: key("t"),
                    version: version(7),
                    deadline: Some(UnixMillis::new(1)),
                }),
                b"\x07\x01\x00\x07\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0t",
            ),
            (
                Item::Record(Record::Remember {
                    id: "req-1",
                    content: *b"0123456789abcdef",
                    at: UnixMillis::new(0x11_22_33),
                    reply: b"yes",
                }),
                b"\x08\x05\x00\x03\x00\x00\x00\x33\x22\x11\0\0\0\0\x000123456789abcdefreq-1yes",
            ),
            (
                Item::Reserve(version(1 << 20)),
                b"\x09\x00\x00\x10\0\0\0\0\0",
            ),
        ]
    }

    #[test]
    fn each_record_has_the_bytes_that_it_always_had() {
        for (item, bytes) in golden() {
            let mut written = Vec::new();
            write(&item, &mut written);
            assert_eq!(written, bytes, "{item:?}");
            let mut left = Bytes(bytes);
            assert_eq!(read(&mut left), Some(item));
            assert!(left.0.is_empty(), "{item:?}");
        }
    }

    #[test]
    fn a_record_that_ends_too_early_is_none() {
        for (item, bytes) in golden() {
            for len in 0..bytes.len() {
                assert_ne!(read(&mut Bytes(&bytes[..len])), Some(item), "{len}");
            }
        }
        assert_eq!(read(&mut Bytes(&[0; 64])), None, "zeros");
        assert_eq!(read(&mut Bytes(&[10; 64])), None, "an unknown operation");
    }

    #[test]
    fn a_time_that_no_clock_tells_is_no_record() {
        // Where the last byte of the deadline stands, or of when it was.
        for (start, at) in [(b"\x03", 22), (b"\x07", 18), (b"\x08", 14)] {
            let mut found = golden().into_iter();
            let (item, bytes) = found.find(|(_, it)| it.starts_with(start)).unwrap();
            let mut bytes = bytes.to_vec();
            assert_eq!(read(&mut Bytes(&bytes)), Some(item));
            bytes[at] = 0x7f;
            assert_eq!(read(&mut Bytes(&bytes)), None, "{item:?}");
        }
    }

    #[test]
    fn no_record_has_more_overhead_than_is_counted() {
        for (item, bytes) in golden() {
            let content = match item {
                Item::Record(Record::Put { key, value, .. }) => key.as_str().len() + value.len(),
                Item::Record(Record::Remove { key, .. } | Record::Touch { key, .. }) => {
                    key.as_str().len()
                }
                Item::Record(Record::Remember { id, reply, .. }) => id.len() + reply.len(),
                Item::Reserve(_) => 0,
            };
            assert!(bytes.len() - content <= OVERHEAD_MAX, "{item:?}");
        }
    }
}
