//! How an entry is laid out in its slot.
//!
//! Fixed widths, little-endian: version 8 bytes, deadline 6 (0: never), the
//! slot's registration in the wheel 4, meta 2, value 3, then the key and, if
//! it is inline, the value. Meta holds the length of the key in 11 bits (0:
//! the slot is free), the kind in 2, its marks for eviction in 2, and in 1
//! whether the value is external; then "value" is its number there, and not
//! its length.

use bytes::Bytes;

use crate::model::{
    entry::{Entry, ValueBytes},
    key::Key,
    time::UnixMillis,
    value::{Kind, Text, Value, ValueRef},
    version::Version,
};

/// Bytes before the key.
pub(super) const HEADER_BYTES: usize = 23;

/// A value of more bytes than this stands outside its slot, so that a read
/// clones a handle under the lock and copies nothing.
pub(super) const INLINE_BYTES_MAX: usize = 8 << 10;

/// The longest entry that a slot must hold.
pub(super) const RECORD_BYTES_MAX: usize = HEADER_BYTES + Key::BYTES_LIMIT + INLINE_BYTES_MAX;

const VERSION_AT: usize = 0;
const DEADLINE_AT: usize = 8;
const REGISTRATION_AT: usize = 14;
const META_AT: usize = 18;
const VALUE_AT: usize = 20;
const KEY_BITS: u16 = 0x07ff;
const KIND_SHIFT: u32 = 11;
const VISITED_BIT: u16 = 1 << 13;
const FRESH_BIT: u16 = 1 << 14;
const EXTERNAL_BIT: u16 = 1 << 15;

/// An entry, read from its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) version: Version,
    pub(super) deadline: Option<UnixMillis>,
    pub(super) kind: Kind,
    pub(super) key: &'a [u8],
    pub(super) payload: Payload<'a>,
}

/// A value as its slot holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload<'a> {
    /// In the slot itself; a number as its 8 bytes.
    Inline(&'a [u8]),
    /// Outside, under this number.
    External(u32),
}

/// What eviction knows of an entry. None of it is set where nothing is evicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// It was asked for since it was last looked at.
    pub(super) visited: bool,
    /// It was stored and not looked at since.
    pub(super) fresh: bool,
}

impl Record<'_> {
    /// Whether it counts as absent at `now`.
    pub(super) fn is_expired(&self, now: UnixMillis) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// The number, if the value is one.
    pub(super) fn number(&self) -> Option<i64> {
        match (self.kind, self.payload) {
            (Kind::Number, Payload::Inline(bytes)) => {
                bytes.first_chunk().copied().map(i64::from_le_bytes)
            }
            _ => None,
        }
    }

    /// The value, of which these are the inline bytes.
    pub(super) fn value(&self, inline: &[u8]) -> Option<Value> {
        match self.kind {
            Kind::Number => self.number().map(Value::Number),
            Kind::Data => Some(Value::Data(Bytes::copy_from_slice(inline))),
            // Never `Err`: it went in as text.
            Kind::Text => Some(
                Text::from_utf8(Bytes::copy_from_slice(inline))
                    .map_or_else(Value::Data, Value::Text),
            ),
        }
    }

    /// The value where it lies, of which these are the inline bytes.
    pub(super) fn value_bytes<'a>(&self, inline: &'a [u8]) -> Option<ValueBytes<'a>> {
        match self.kind {
            Kind::Number => self.number().map(ValueBytes::Number),
            Kind::Data => Some(ValueBytes::Data(inline)),
            Kind::Text => Some(ValueBytes::Text(inline)),
        }
    }

    /// As it is given out.
    pub(super) fn entry(&self, value: Option<Value>) -> Entry {
        Entry::new(text(self.key), value, self.version, self.deadline)
    }
}

/// A key as text: only keys come in, and they are UTF-8.
pub(super) fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

/// The entry in `slot`; `None`: the slot is free, or there is none.
pub(super) fn read(slot: &[u8]) -> Option<Record<'_>> {
    let (header, body) = slot.split_first_chunk::<HEADER_BYTES>()?;
    let header = header.as_slice();
    let meta = u16::from_le_bytes(field(header, META_AT));
    let (key, rest) = body.split_at_checked(key_bytes(meta))?;
    if key.is_empty() {
        return None;
    }
    let [b0, b1, b2] = field(header, VALUE_AT);
    let value = u32::from_le_bytes([b0, b1, b2, 0]);
    let payload = if meta & EXTERNAL_BIT == 0 {
        Payload::Inline(rest.get(..usize::try_from(value).ok()?)?)
    } else {
        Payload::External(value)
    };
    let deadline = UnixMillis::new(read_u48(field(header, DEADLINE_AT)));
    Some(Record {
        version: Version::new(i64::from_le_bytes(field(header, VERSION_AT)))?,
        deadline: (deadline.get() > 0).then_some(deadline),
        kind: kind(meta),
        key,
        payload,
    })
}

/// The key in `slot`; empty when the slot is free, or there is none.
pub(super) fn key(slot: &[u8]) -> &[u8] {
    let meta = u16::from_le_bytes(field(slot, META_AT));
    slot.get(HEADER_BYTES..HEADER_BYTES + key_bytes(meta))
        .unwrap_or_default()
}

/// The bytes of the entry in `slot`, without what is left of the slot after it;
/// [`read`] reads these too. Empty when the slot is free, or there is none.
pub(super) fn whole(slot: &[u8]) -> &[u8] {
    let inline = match read(slot) {
        Some(Record {
            payload: Payload::Inline(bytes),
            key,
            ..
        }) => key.len() + bytes.len(),
        Some(Record {
            payload: Payload::External(_),
            key,
            ..
        }) => key.len(),
        None => return &[],
    };
    slot.get(..HEADER_BYTES + inline).unwrap_or_default()
}

/// Whether an entry stands in `slot`.
pub(super) fn is_live(slot: &[u8]) -> bool {
    key_bytes(u16::from_le_bytes(field(slot, META_AT))) > 0
}

/// Writes an entry, without marks. The registration belongs to the slot and stays.
pub(super) fn write(
    slot: &mut [u8],
    key: &[u8],
    kind: Kind,
    payload: Payload<'_>,
    version: Version,
    deadline: Option<UnixMillis>,
) {
    let value = match payload {
        Payload::Inline(bytes) => u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        Payload::External(number) => number,
    };
    let [b0, b1, b2, _] = value.to_le_bytes();
    put(slot, VERSION_AT, &version.get().to_le_bytes());
    write_deadline(slot, deadline);
    put(slot, META_AT, &meta(key, kind, payload).to_le_bytes());
    put(slot, VALUE_AT, &[b0, b1, b2]);
    put(slot, HEADER_BYTES, key);
    if let Payload::Inline(bytes) = payload {
        put(slot, HEADER_BYTES + key.len(), bytes);
    }
}

/// Writes the entry of another slot, marks and all, but for the registration.
pub(super) fn copy(from: &[u8], slot: &mut [u8]) {
    let from = whole(from);
    for (at, end) in [(VERSION_AT, REGISTRATION_AT), (META_AT, from.len())] {
        put(slot, at, from.get(at..end).unwrap_or_default());
    }
}

/// The marks of the entry in `slot`.
pub(super) fn marks(slot: &[u8]) -> Marks {
    let meta = u16::from_le_bytes(field(slot, META_AT));
    Marks {
        visited: meta & VISITED_BIT != 0,
        fresh: meta & FRESH_BIT != 0,
    }
}

/// Marks the entry in `slot` anew.
pub(super) fn mark(slot: &mut [u8], marks: Marks) {
    let mut meta = u16::from_le_bytes(field(slot, META_AT)) & !(VISITED_BIT | FRESH_BIT);
    if marks.visited {
        meta |= VISITED_BIT;
    }
    if marks.fresh {
        meta |= FRESH_BIT;
    }
    put(slot, META_AT, &meta.to_le_bytes());
}

/// Notes that the entry in `slot` was asked for.
pub(super) fn visit(slot: &mut [u8]) {
    let meta = u16::from_le_bytes(field(slot, META_AT));
    if meta & VISITED_BIT == 0 {
        put(slot, META_AT, &(meta | VISITED_BIT).to_le_bytes());
    }
}

/// Moves the deadline.
pub(super) fn write_deadline(slot: &mut [u8], deadline: Option<UnixMillis>) {
    let millis = deadline.map_or(0, UnixMillis::get);
    let [b0, b1, b2, b3, b4, b5, ..] = millis.to_le_bytes();
    put(slot, DEADLINE_AT, &[b0, b1, b2, b3, b4, b5]);
}

/// Marks the slot as free; the registration stays. `next` is kept in it.
pub(super) fn write_free(slot: &mut [u8], next: u16) {
    put(slot, VERSION_AT, &next.to_le_bytes());
    put(slot, META_AT, &[0, 0]);
}

/// What [`write_free`] kept.
pub(super) fn next_free(slot: &[u8]) -> u16 {
    u16::from_le_bytes(field(slot, VERSION_AT))
}

/// The slot's registration in the wheel; 0: none.
pub(super) fn registration(slot: &[u8]) -> u32 {
    u32::from_le_bytes(field(slot, REGISTRATION_AT))
}

/// Notes the slot's registration in the wheel.
pub(super) fn register(slot: &mut [u8], registration: u32) {
    put(slot, REGISTRATION_AT, &registration.to_le_bytes());
}

/// The bytes of a value, with room for those of a number.
pub(super) fn value_bytes<'a>(value: ValueRef<'a>, number: &'a mut [u8; 8]) -> &'a [u8] {
    match value {
        ValueRef::Data(data) => data,
        ValueRef::Text(text) => text.as_bytes(),
        ValueRef::Number(value) => {
            *number = value.to_le_bytes();
            number
        }
    }
}

fn key_bytes(meta: u16) -> usize {
    usize::from(meta & KEY_BITS)
}

fn kind(meta: u16) -> Kind {
    match (meta >> KIND_SHIFT) & 3 {
        0 => Kind::Data,
        1 => Kind::Text,
        _ => Kind::Number,
    }
}

fn meta(key: &[u8], kind: Kind, payload: Payload<'_>) -> u16 {
    let kind = match kind {
        Kind::Data => 0,
        Kind::Text => 1,
        Kind::Number => 2,
    };
    let external = match payload {
        Payload::Inline(_) => 0,
        Payload::External(_) => EXTERNAL_BIT,
    };
    // A `Key` has at most as many bytes as the bits can say.
    let key_bytes = u16::try_from(key.len()).unwrap_or(KEY_BITS) & KEY_BITS;
    key_bytes | kind << KIND_SHIFT | external
}

fn read_u48([b0, b1, b2, b3, b4, b5]: [u8; 6]) -> u64 {
    u64::from_le_bytes([b0, b1, b2, b3, b4, b5, 0, 0])
}

/// The `N` bytes at `at`; zeros where the slot is shorter.
fn field<const N: usize>(slot: &[u8], at: usize) -> [u8; N] {
    slot.get(at..)
        .and_then(|tail| tail.first_chunk())
        .copied()
        .unwrap_or([0; N])
}

/// Slots are chosen by [`bytes`], so that what is put always fits.
fn put(slot: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = slot.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(
            key in prop::collection::vec(1_u8.., 1..2048),
            value in prop::collection::vec(any::<u8>(), 0..300),
            external in prop::option::of(0..1_u32 << 24),
            kind in prop::sample::select(vec![Kind::Data, Kind::Text, Kind::Number]),
            version in 1_i64..,
            deadline in prop::option::of((1..1_u64 << 48).prop_map(UnixMillis::new)),
            registration in any::<u32>(),
        ) {
            let version = Version::new(version).unwrap();
            let payload = external.map_or(Payload::Inline(&value), Payload::External);
            let mut slot = vec![0xff; HEADER_BYTES + key.len() + value.len()];
            register(&mut slot, registration);
            write(&mut slot, &key, kind, payload, version, deadline);
            let record = Record { version, deadline, kind, key: &key, payload };
            prop_assert_eq!(read(&slot), Some(record));
            prop_assert_eq!(super::key(&slot), &key[..]);
            prop_assert_eq!(super::registration(&slot), registration);
            prop_assert_eq!(marks(&slot), Marks::default());
            for marked in [(true, false), (true, true), (false, true)] {
                let (visited, fresh) = marked;
                mark(&mut slot, Marks { visited, fresh });
                prop_assert_eq!((read(&slot), marks(&slot)), (Some(record), Marks { visited, fresh }));
            }
            visit(&mut slot);
            let mut other = vec![0xff; slot.len() + 3];
            register(&mut other, 5);
            copy(&slot, &mut other);
            prop_assert_eq!((read(&other), marks(&other)), (Some(record), Marks { visited: true, fresh: true }));
            prop_assert_eq!(super::registration(&other), 5);
            write_free(&mut slot, 7);
            prop_assert!(!is_live(&slot) && read(&slot).is_none());
            prop_assert_eq!((next_free(&slot), super::registration(&slot)), (7, registration));
        }
    }

    #[test]
    fn a_slot_that_is_not_there_holds_nothing() {
        assert_eq!(read(&[]), None);
        assert!(key(&[]).is_empty() && !is_live(&[]));
        assert_eq!(registration(&[]), 0);
    }
}
