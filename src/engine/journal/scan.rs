//! Reads one segment: what it holds, and how it ends. Knows bytes only.

use crate::{
    engine::journal::layout::{
        Bytes,
        frame::{self, Found, Header},
        record::{self, Item},
        sector::{Place, SECTOR, Sector},
        segment::{self, FIRST_SECTOR},
        wide,
    },
    model::time::UnixMillis,
};

/// What a segment has to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// The sequence of the next record.
    pub(super) next: u64,
    /// The checksum of the last header.
    pub(super) chain: u32,
}

/// How a segment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// What the next segment goes on from.
    pub(super) expected: Expected,
    /// Where the next group would be written.
    pub(super) place: Place,
    /// Where the first group is that began after the mark.
    pub(super) unsynced: Place,
    /// Up to which byte something is left that is no group.
    pub(super) left: Option<u64>,
    pub(super) ceiling: i64,
    pub(super) version: i64,
    pub(super) wall: UnixMillis,
}

/// Why a segment cannot be what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// From this byte on.
    Damaged(u64, String),
    /// Whoever was given the items could not take them.
    Load(String),
}

/// How to read a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Whether another segment follows, so that all of this one was synced.
    pub(super) is_sealed: bool,
    /// Up to where everything was synced, by the mark.
    pub(super) synced: u64,
    /// Whether chains are looked at.
    pub(super) is_chained: bool,
}

/// What is done with each item, and its sequence.
pub(super) type Take<'t> = &'t mut dyn FnMut(u64, Item<'_>) -> Result<(), String>;

/// Reads the segment `header` is of, the whole of which is `bytes`.
pub(super) fn scan(
    bytes: &[u8],
    header: &segment::Header,
    rules: Rules,
    take: Take<'_>,
) -> Result<End, Fault> {
    let place = Place {
        segment: header.number,
        sector: FIRST_SECTOR,
    };
    let mut scan = Scan {
        bytes,
        rules,
        take,
        end: End {
            expected: Expected {
                next: header.first,
                chain: header.chain,
            },
            place,
            unsynced: place,
            left: None,
            ceiling: header.ceiling,
            version: 0,
            wall: UnixMillis::default(),
        },
    };
    let mut payload = Vec::new();
    loop {
        let at = scan.end.place;
        match frame::read(at, bytes, &mut payload) {
            Found::Frame(header) => scan.group(&header, &payload)?,
            found => {
                scan.tail(found)?;
                return Ok(scan.end);
            }
        }
    }
}

struct Scan<'a, 't> {
    bytes: &'a [u8],
    rules: Rules,
    take: Take<'t>,
    end: End,
}

impl Scan<'_, '_> {
    fn group(&mut self, header: &Header, payload: &[u8]) -> Result<(), Fault> {
        let End {
            expected, place, ..
        } = self.end;
        let damaged = |what: String| Fault::Damaged(place.offset(), what);
        if header.first != expected.next || header.count == 0 {
            return Err(damaged(format!(
                "a group begins with record {}, and record {} was expected",
                header.first, expected.next
            )));
        }
        if self.rules.is_chained && header.chain != expected.chain {
            return Err(damaged("a group does not follow on the one before".into()));
        }
        let mut records = Bytes(payload);
        for nth in 0..header.count {
            let item = record::read(&mut records);
            let item = item.ok_or_else(|| damaged(format!("record {nth} of a group is none")))?;
            if let Item::Reserve(version) = item {
                self.end.ceiling = self.end.ceiling.max(version.get());
            }
            if let Some(version) = item.version() {
                self.end.version = self.end.version.max(version.get());
            }
            let sequence = header.first.saturating_add(u64::from(nth));
            (self.take)(sequence, item).map_err(Fault::Load)?;
        }
        if !records.0.is_empty() {
            return Err(damaged("a group has more bytes than records".into()));
        }
        self.end.expected = Expected {
            next: header.next(),
            chain: header.checksum,
        };
        self.end.wall = self.end.wall.max(header.wall);
        self.end.place.sector += header.sectors();
        if header.next() <= self.rules.synced.saturating_add(1) {
            self.end.unsynced = self.end.place;
        }
        Ok(())
    }

    /// Looks at what comes after the last group. It may be something that was
    /// never synced; then some of its sectors may be missing, and none is
    /// changed, and nothing that came after it knows it as synced.
    fn tail(&mut self, found: Found) -> Result<(), Fault> {
        let End {
            expected, place, ..
        } = self.end;
        let damaged = |at: Place, what: &str| Err(Fault::Damaged(at.offset(), what.to_owned()));
        if let Found::Wrong(what) = found {
            return damaged(place, what);
        }
        let mut left = None;
        for sector in place.sector..self.bytes.len() / SECTOR {
            let at = Place { sector, ..place };
            match at.look(self.bytes) {
                Sector::Zero => continue,
                Sector::Bad => return damaged(at, "a sector does not have its checksum"),
                Sector::Body(_) => {}
                Sector::Head(head) => {
                    if frame::header(head).is_none_or(|later| later.synced >= expected.next) {
                        return damaged(
                            place,
                            "a group is missing that was synced before a later one was written",
                        );
                    }
                }
            }
            left = Some((sector + 1) * SECTOR);
        }
        if left.is_some() && self.rules.is_sealed {
            return damaged(place, "a group is only half there");
        }
        self.end.left = left.map(wide);
        Ok(())
    }
}
