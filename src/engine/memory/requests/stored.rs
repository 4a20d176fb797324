//! How a reply is laid out where it is kept.
//!
//! Little-endian, fixed widths. A reply is a tag (1 applied, 2 transacted, 3
//! range deleted) and its fields; what may be missing has a bit in a byte of
//! flags before it, and is left out. Keys and values stand behind their length in
//! 4 bytes, a list behind its length in 4. Written down by a test: what was kept
//! is read by later versions.

use bytes::Bytes;

use crate::{
    engine::{RangeDeleted, memory::requests::reply::Reply},
    model::{
        entry::Entry,
        operation::{Applied, Outcome},
        time::UnixMillis,
        transaction::Transacted,
        value::{Text, Value},
        version::Version,
    },
};

/// What a reply takes up beside its outcomes.
pub(super) const HEAD_BYTES_MAX: usize = 64;

const APPLIED: u8 = 1;
const TRANSACTED: u8 = 2;
const RANGE_DELETED: u8 = 3;

const DATA: u8 = 1;
const TEXT: u8 = 2;
const NUMBER: u8 = 3;

/// What may be missing, read if it is there. It is `None` where it is there and
/// cannot be read.
macro_rules! if_there {
    ($is_there:expr, $read:expr) => {
        if $is_there { Some($read?) } else { None }
    };
}

/// Writes a reply.
pub(super) fn write(reply: &Reply, to: &mut Vec<u8>) {
    match reply {
        Reply::Applied(it) => {
            to.push(APPLIED);
            applied(it, to);
        }
        Reply::Transacted(it) => {
            to.push(TRANSACTED);
            to.push(flags([it.version.is_some(), false, false, false, false]));
            optional(it.version.map(|version| version.get().to_le_bytes()), to);
            to.extend_from_slice(&length(it.outcomes.len()));
            for outcome in &it.outcomes {
                match outcome {
                    Outcome::Read(read) => {
                        to.push(flags([read.is_some(), false, false, false, false]));
                        if let Some(read) = read {
                            entry(read, to);
                        }
                    }
                    Outcome::Applied(it) => {
                        to.push(flags([false, true, false, false, false]));
                        applied(it, to);
                    }
                }
            }
        }
        Reply::RangeDeleted(it) => {
            to.push(RANGE_DELETED);
            to.push(flags([it.version.is_some(), it.more, false, false, false]));
            optional(it.version.map(|version| version.get().to_le_bytes()), to);
            let count = u64::try_from(it.count).unwrap_or(u64::MAX);
            to.extend_from_slice(&count.to_le_bytes());
        }
    }
}

/// Reads a reply; `None`: these bytes are none.
pub(super) fn read(bytes: &[u8]) -> Option<Reply> {
    let mut reader = Reader(bytes);
    let reply = match reader.byte()? {
        APPLIED => Reply::Applied(reader.applied()?),
        TRANSACTED => {
            let [has_version, ..] = reader.flags()?;
            let version = if_there!(has_version, reader.version());
            let count = reader.length()?;
            let mut outcomes = Vec::new();
            for _ in 0..count {
                outcomes.push(reader.outcome()?);
            }
            Reply::Transacted(Transacted { outcomes, version })
        }
        RANGE_DELETED => {
            let [has_version, more, ..] = reader.flags()?;
            let version = if_there!(has_version, reader.version());
            let count = usize::try_from(u64::from_le_bytes(reader.array()?)).ok()?;
            Reply::RangeDeleted(RangeDeleted {
                count,
                version,
                more,
            })
        }
        _ => return None,
    };
    reader.0.is_empty().then_some(reply)
}

fn applied(it: &Applied, to: &mut Vec<u8>) {
    to.push(flags([
        it.version.is_some(),
        it.deadline.is_some(),
        it.number.is_some(),
        it.retimed,
        it.entry.is_some(),
    ]));
    optional(it.version.map(|version| version.get().to_le_bytes()), to);
    optional(it.deadline.map(|deadline| deadline.get().to_le_bytes()), to);
    optional(it.number.map(i64::to_le_bytes), to);
    if let Some(it) = &it.entry {
        entry(it, to);
    }
}

fn entry(it: &Entry, to: &mut Vec<u8>) {
    let (deadline, value) = (it.deadline(), it.value());
    to.push(flags([
        deadline.is_some(),
        value.is_some(),
        false,
        false,
        false,
    ]));
    to.extend_from_slice(&it.version().get().to_le_bytes());
    optional(deadline.map(|deadline| deadline.get().to_le_bytes()), to);
    bytes(it.key().as_bytes(), to);
    match value {
        None => {}
        Some(Value::Data(data)) => {
            to.push(DATA);
            bytes(data, to);
        }
        Some(Value::Text(text)) => {
            to.push(TEXT);
            bytes(text.as_bytes(), to);
        }
        Some(Value::Number(number)) => {
            to.push(NUMBER);
            to.extend_from_slice(&number.to_le_bytes());
        }
    }
}

fn optional(field: Option<[u8; 8]>, to: &mut Vec<u8>) {
    to.extend_from_slice(field.as_ref().map_or(&[][..], |field| field));
}

fn bytes(field: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(&length(field.len()));
    to.extend_from_slice(field);
}

/// What has a length here is bounded far below what 4 bytes hold.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

fn flags(flags: [bool; 5]) -> u8 {
    let bits = flags.iter().rev();
    bits.fold(0, |byte, flag| byte << 1 | u8::from(*flag))
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn flags(&mut self) -> Option<[bool; 5]> {
        let byte = self.byte()?;
        (byte < 1 << 5).then(|| [0, 1, 2, 3, 4].map(|bit| byte >> bit & 1 == 1))
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    fn version(&mut self) -> Option<Version> {
        Version::new(self.number()?)
    }

    fn deadline(&mut self) -> Option<UnixMillis> {
        self.array().map(u64::from_le_bytes).map(UnixMillis::new)
    }

    fn number(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn outcome(&mut self) -> Option<Outcome> {
        let [is_entry, is_applied, ..] = self.flags()?;
        Some(match (is_entry, is_applied) {
            (_, true) => Outcome::Applied(self.applied()?),
            (true, false) => Outcome::Read(Some(self.entry()?)),
            (false, false) => Outcome::Read(None),
        })
    }

    fn applied(&mut self) -> Option<Applied> {
        let [has_version, has_deadline, has_number, retimed, has_entry] = self.flags()?;
        Some(Applied {
            version: if_there!(has_version, self.version()),
            deadline: if_there!(has_deadline, self.deadline()),
            number: if_there!(has_number, self.number()),
            retimed,
            entry: if_there!(has_entry, self.entry()),
        })
    }

    fn entry(&mut self) -> Option<Entry> {
        let [has_deadline, has_value, ..] = self.flags()?;
        let version = self.version()?;
        let deadline = if_there!(has_deadline, self.deadline());
        let key = str::from_utf8(self.bytes()?).ok()?.to_owned();
        let value = if_there!(has_value, self.value());
        Some(Entry::new(key, value, version, deadline))
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.byte()? {
            DATA => Value::Data(Bytes::copy_from_slice(self.bytes()?)),
            TEXT => Value::Text(Text::from_utf8(Bytes::copy_from_slice(self.bytes()?)).ok()?),
            NUMBER => Value::Number(self.number()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;

    fn version() -> impl Strategy<Value = Version> {
        (1..=i64::MAX).prop_filter_map("above 0", Version::new)
    }

    fn deadline() -> impl Strategy<Value = UnixMillis> {
        any::<u64>().prop_map(UnixMillis::new)
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40)
                .prop_map(|data| Value::Data(Bytes::from(data))),
            ".{0,10}".prop_map(|text| Value::Text(Text::from(text))),
            any::<i64>().prop_map(Value::Number),
        ]
    }

    fn entry() -> impl Strategy<Value = Entry> {
        (
            ".{1,10}",
            option::of(value()),
            version(),
            option::of(deadline()),
        )
            .prop_map(|(key, value, version, deadline)| Entry::new(key, value, version, deadline))
    }

    fn applied() -> impl Strategy<Value = Applied> {
        let version = option::of(version());
        let deadline = option::of(deadline());
        let number = option::of(any::<i64>());
        (
            version,
            deadline,
            number,
            any::<bool>(),
            option::of(entry()),
        )
            .prop_map(|(version, deadline, number, retimed, entry)| Applied {
                version,
                deadline,
                number,
                retimed,
                entry,
            })
    }

    fn reply() -> impl Strategy<Value = Reply> {
        let outcome = prop_oneof![
            option::of(entry()).prop_map(Outcome::Read),
            applied().prop_map(Outcome::Applied),
        ];
        let transacted = (prop::collection::vec(outcome, 0..4), option::of(version()))
            .prop_map(|(outcomes, version)| Transacted { outcomes, version });
        let deleted = (any::<usize>(), option::of(version()), any::<bool>()).prop_map(
            |(count, version, more)| RangeDeleted {
                count,
                version,
                more,
            },
        );
        prop_oneof![
            applied().prop_map(Reply::Applied),
            transacted.prop_map(Reply::Transacted),
            deleted.prop_map(Reply::RangeDeleted),
        ]
    }

    fn written(reply: &Reply) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(reply, &mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_shorter_or_longer(reply in reply()) {
            let mut bytes = written(&reply);
            prop_assert_eq!(read(&bytes), Some(reply));
            for end in 0..bytes.len() {
                prop_assert_eq!(read(&bytes[..end]), None);
            }
            bytes.push(0);
            prop_assert_eq!(read(&bytes), None);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(reply) = read(&bytes) {
                // What is read says the same again.
                prop_assert_eq!(read(&written(&reply)), Some(reply));
            }
        }

        #[test]
        fn a_reply_takes_up_no_more_than_is_counted_for_it(applied in applied()) {
            let entries = applied.entry.as_ref().map_or(0, Entry::reply_bytes);
            let bytes = written(&Reply::Applied(applied)).len();
            prop_assert!(bytes <= HEAD_BYTES_MAX + entries);
        }
    }

    #[test]
    fn replies_are_laid_out_as_ever() {
        let entry = Entry::new(
            "k".into(),
            Some(Value::Text(Text::from("v".to_owned()))),
            Version::new(7).unwrap(),
            None,
        );
        let applied = Applied {
            version: Version::new(258),
            deadline: Some(UnixMillis::new(3)),
            number: Some(-1),
            retimed: true,
            entry: Some(entry.clone()),
        };
        let entry_bytes = [
            &[2, 7, 0, 0, 0, 0, 0, 0, 0][..],
            &[1, 0, 0, 0, b'k', 2, 1, 0, 0, 0, b'v'],
        ]
        .concat();
        let applied_bytes = [
            &[31, 2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0][..],
            &[0xff; 8],
            &entry_bytes,
        ]
        .concat();
        assert_eq!(
            written(&Reply::Applied(applied.clone())),
            [&[1][..], &applied_bytes].concat()
        );
        let transacted = Transacted {
            outcomes: vec![
                Outcome::Read(Some(entry)),
                Outcome::Read(None),
                Outcome::Applied(applied),
            ],
            version: Version::new(1),
        };
        let head = [2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0];
        assert_eq!(
            written(&Reply::Transacted(transacted)),
            [&head[..], &[1], &entry_bytes, &[0, 2], &applied_bytes].concat()
        );
        let deleted = RangeDeleted {
            count: 5,
            version: None,
            more: true,
        };
        assert_eq!(
            written(&Reply::RangeDeleted(deleted)),
            [3, 2, 5, 0, 0, 0, 0, 0, 0, 0]
        );
    }
}
