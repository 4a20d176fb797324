//! Reads a store that is there: its snapshot, then its log. Changes nothing.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    engine::journal::{
        Progress,
        config::Config,
        disk::{Disk, DiskFile},
        error::{Fault, OpenError},
        files::Files,
        layout::{
            FORMAT, PAGE, narrow,
            record::Item,
            segment,
            snapshot::Last,
            store::{self, Store},
            wide,
        },
        names,
        record::{Origin, Record},
        scan::{self, End, Expected, Rules},
        shared::STORE,
        snapshot::read as snapshot,
    },
    model::time::UnixMillis,
};

/// How much is read at a time.
const STEP_BYTES: usize = 1 << 20;

/// A segment is never larger.
const SEGMENT_BYTES_LIMIT: u64 = 256 << 20;

/// What is given each record.
pub(super) type Load<'l> = &'l mut dyn FnMut(Origin, Record<'_>) -> Result<(), String>;

/// What was read.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) store: Store,
    pub(super) store_file: Arc<dyn DiskFile>,
    /// The segments, each with the sequence of its first record.
    pub(super) segments: VecDeque<(u64, u64)>,
    /// The last one, where it ended, and its bytes.
    pub(super) last_file: Arc<dyn DiskFile>,
    pub(super) end: End,
    pub(super) last_bytes: Vec<u8>,
    /// The last record that is not needed, since the snapshot holds it.
    pub(super) covered: u64,
    pub(super) snapshot_bytes: u64,
    /// Bytes of groups that the snapshot does not hold.
    pub(super) log_bytes: u64,
    pub(super) ceiling: i64,
    pub(super) wall: UnixMillis,
}

/// Reads all of a store.
///
/// # Errors
/// [`OpenError`], whatever it is that is not as it was written.
pub(super) fn load(
    disk: &dyn Disk,
    config: &Config,
    files: &Files,
    take: Load<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Loaded, OpenError> {
    let (store_file, store) = read_store(disk)?;
    let mut reader = Reader {
        disk,
        store,
        take,
        progress,
        done: Progress {
            bytes_done: 0,
            bytes_total: 0,
        },
        ceiling: 0,
        wall: UnixMillis::default(),
        log_bytes: 0,
        snapshot_end: 0,
    };
    reader.done.bytes_total = reader.total(files)?;
    let snapshot = match files.snapshots.last() {
        Some(number) => Some(reader.snapshot(*number)?),
        None => None,
    };
    let (begin, last, snapshot_bytes) = snapshot.unwrap_or((
        0,
        Last {
            count: 0,
            end: 0,
            wall: UnixMillis::default(),
        },
        0,
    ));
    reader.snapshot_end = last.end;
    let is_chained = !config.planted().no_chain;
    let (segments, last_file, last_bytes, end) = reader.log(files, begin, is_chained)?;
    let reached = end.expected.next.saturating_sub(1);
    let short = |what| {
        damaged(
            disk,
            &names::segment(end.place.segment),
            end.place.offset(),
            what,
        )
    };
    if reached < reader.store.mark.synced {
        let synced = reader.store.mark.synced;
        return Err(short(format!(
            "the log ends with record {reached}, and record {synced} was synced"
        )));
    }
    if reached < last.end {
        return Err(short(format!(
            "the log ends with record {reached}, and the snapshot reaches to record {}",
            last.end
        )));
    }
    Ok(Loaded {
        segments,
        last_file,
        end,
        last_bytes,
        covered: begin,
        snapshot_bytes,
        log_bytes: reader.log_bytes,
        ceiling: reader.ceiling,
        wall: reader.wall.max(last.wall).max(reader.store.mark.wall),
        store: reader.store,
        store_file,
    })
}

/// What is wrong with a file, and where.
pub(super) fn damaged(disk: &dyn Disk, name: &str, offset: u64, what: String) -> OpenError {
    OpenError::Damaged {
        file: disk.path(name),
        offset,
        what,
    }
}

fn read_store(disk: &dyn Disk) -> Result<(Arc<dyn DiskFile>, Store), OpenError> {
    let file = disk.open(STORE).map_err(Fault::of(disk, "open", STORE))?;
    let bytes = file.bytes().map_err(Fault::of(disk, "measure", STORE))?;
    // Longer ones are wrong; so much shows it.
    let mut content = vec![0; narrow(bytes).min(4 * PAGE)];
    file.read_at(&mut content, 0)
        .map_err(Fault::of(disk, "read", STORE))?;
    match Store::read(&content) {
        Ok(store) => Ok((file, store)),
        Err(store::Fault::Newer(found)) => Err(OpenError::Newer {
            file: disk.path(STORE),
            found,
            known: FORMAT,
        }),
        Err(store::Fault::Damaged(offset, what)) => {
            Err(damaged(disk, STORE, offset, what.to_owned()))
        }
    }
}

struct Reader<'a> {
    disk: &'a dyn Disk,
    store: Store,
    take: Load<'a>,
    progress: &'a mut dyn FnMut(Progress),
    done: Progress,
    ceiling: i64,
    wall: UnixMillis,
    log_bytes: u64,
    /// The last record that the snapshot may hold.
    snapshot_end: u64,
}

/// The segments, the last one's file and bytes, and how it ended.
type Log = (VecDeque<(u64, u64)>, Arc<dyn DiskFile>, Vec<u8>, End);

impl Reader<'_> {
    fn total(&self, files: &Files) -> Result<u64, OpenError> {
        let segments = files.segments.iter().map(|number| names::segment(*number));
        let snapshot = files
            .snapshots
            .last()
            .map(|number| names::snapshot(*number));
        let mut total = 0_u64;
        for name in segments.chain(snapshot) {
            let file = self.open(&name)?;
            let bytes = file.bytes();
            let bytes = bytes.map_err(Fault::of(self.disk, "measure", &name))?;
            total = total.saturating_add(bytes);
        }
        Ok(total)
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>, OpenError> {
        let file = self.disk.open(name);
        Ok(file.map_err(Fault::of(self.disk, "open", name))?)
    }

    /// Reads a snapshot: from where on the log is needed, up to where, and its
    /// bytes.
    fn snapshot(&mut self, number: u64) -> Result<(u64, Last, u64), OpenError> {
        let name = names::snapshot(number);
        let file = self.open(&name)?;
        let Self {
            disk,
            store,
            take,
            progress,
            done,
            ..
        } = self;
        snapshot::read(
            *disk,
            &name,
            &*file,
            (number, &store.store_id),
            &mut |record| take(Origin::Snapshot, record),
            &mut |bytes| {
                done.bytes_done += bytes;
                progress(*done);
            },
        )
    }

    /// Reads the segments; `begin` is the last record that is not needed.
    fn log(&mut self, files: &Files, begin: u64, is_chained: bool) -> Result<Log, OpenError> {
        let mut segments = VecDeque::new();
        let mut bytes = Vec::new();
        let mut before: Option<(End, u64)> = None;
        for (nth, number) in files.segments.iter().enumerate() {
            let name = names::segment(*number);
            let file = self.open(&name)?;
            self.fill(&name, &*file, &mut bytes)?;
            let header = self.header(&name, *number, &bytes)?;
            match before {
                None if header.first > begin.saturating_add(1) => {
                    let first = header.first;
                    let what = format!(
                        "the log begins with record {first}, and record {} is needed: \
                         a file before this one, or a snapshot, is missing",
                        begin + 1
                    );
                    return Err(damaged(self.disk, &name, 0, what));
                }
                None => {}
                Some((end, last)) => self.check_follows(&name, &header, end, last, is_chained)?,
            }
            let rules = Rules {
                is_sealed: nth + 1 < files.segments.len(),
                synced: self.store.mark.synced,
                is_chained,
            };
            let end = self.scan(&name, &bytes, &header, rules, begin)?;
            segments.push_back((*number, header.first));
            before = Some((end, *number));
            if !rules.is_sealed {
                return Ok((segments, file, bytes, end));
            }
        }
        let what = "there is no file of the log".to_owned();
        Err(damaged(self.disk, &names::segment(1), 0, what))
    }

    fn fill(
        &mut self,
        name: &str,
        file: &dyn DiskFile,
        into: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        let bytes = file.bytes();
        let bytes = bytes.map_err(Fault::of(self.disk, "measure", name))?;
        if bytes > SEGMENT_BYTES_LIMIT {
            let what = "it is longer than a segment can be".to_owned();
            return Err(damaged(self.disk, name, bytes, what));
        }
        if into.len() != narrow(bytes) {
            *into = vec![0; narrow(bytes)];
        }
        let mut offset = 0;
        for step in into.chunks_mut(STEP_BYTES) {
            let read = file.read_at(step, offset);
            read.map_err(Fault::of(self.disk, "read", name))?;
            offset += wide(step.len());
            self.done.bytes_done += wide(step.len());
            (self.progress)(self.done);
        }
        Ok(())
    }

    fn header(&self, name: &str, number: u64, bytes: &[u8]) -> Result<segment::Header, OpenError> {
        let wrong = |what: &str| damaged(self.disk, name, 0, what.to_owned());
        let header = segment::Header::read(number, bytes)
            .ok_or_else(|| wrong("its header does not have its checksum"))?;
        if header.store_id != self.store.store_id {
            return Err(wrong("it belongs to another store"));
        }
        if header.bytes != wide(bytes.len()) {
            let what = format!("it is to have {} bytes", header.bytes);
            return Err(damaged(self.disk, name, wide(bytes.len()), what));
        }
        Ok(header)
    }

    fn check_follows(
        &self,
        name: &str,
        header: &segment::Header,
        end: End,
        last: u64,
        is_chained: bool,
    ) -> Result<(), OpenError> {
        let Expected { next, chain } = end.expected;
        if header.number != last + 1 || header.first != next {
            let what = format!(
                "it begins with record {}, and record {next} was expected: \
                 a file before this one is missing, or ends too early",
                header.first
            );
            return Err(damaged(self.disk, name, 0, what));
        }
        if is_chained && header.chain != chain {
            let what = "it does not follow on the file before".to_owned();
            return Err(damaged(self.disk, name, 0, what));
        }
        Ok(())
    }

    fn scan(
        &mut self,
        name: &str,
        bytes: &[u8],
        header: &segment::Header,
        rules: Rules,
        begin: u64,
    ) -> Result<End, OpenError> {
        let take = &mut *self.take;
        let snapshot_end = self.snapshot_end;
        let mut needed = 0;
        let end = scan::scan(bytes, header, rules, &mut |sequence, item| match item {
            Item::Record(record) => {
                needed += u64::from(sequence > begin);
                let origin = if sequence > snapshot_end {
                    Origin::Log
                } else {
                    Origin::Overlap
                };
                take(origin, record)
            }
            Item::Reserve(_) => Ok(()),
        });
        let end = end.map_err(|fault| match fault {
            scan::Fault::Damaged(offset, what) => damaged(self.disk, name, offset, what),
            scan::Fault::Load(why) => OpenError::Load(why),
        })?;
        if needed > 0 {
            self.log_bytes += end.place.offset().saturating_sub(wide(PAGE));
        }
        self.ceiling = self.ceiling.max(end.ceiling).max(end.version);
        self.wall = self.wall.max(end.wall);
        Ok(end)
    }
}
