//! Opens a store: makes it, or loads it.

use std::{collections::VecDeque, io, path::PathBuf, sync::Arc};

use crate::{
    engine::journal::{
        Cut, Demand, Made, Progress,
        committer::{Committer, Step},
        config::Config,
        disk::{Disk, DiskFile},
        error::{Fault, OpenError},
        files::Files,
        layout::{
            NAME_BYTES_MAX, PAGE, narrow,
            sector::Place,
            segment,
            store::{Mark, Store},
            wide,
        },
        load::{self, Load, Loaded, damaged},
        log::Log,
        names::{self, STORE_UNFINISHED},
        shared::{MarkFile, STORE, Shared, Start},
        spares::{self, Spares},
    },
    model::{time::UnixMillis, version::Version},
};

/// How many ends of logs that were set aside are kept.
const CUTS_MAX: usize = 4;

/// A store that is open, with nothing running yet.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) shared: Arc<Shared>,
    pub(super) committer: Committer,
    pub(super) version: Version,
    pub(super) wall: UnixMillis,
    pub(super) is_made: bool,
    pub(super) cut: Option<Cut>,
}

/// Opens the store on `disk`.
pub(super) fn open(
    disk: Arc<dyn Disk>,
    config: Config,
    made: &Made,
    load: Load<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Parts, OpenError> {
    config.check()?;
    let files = Files::list(&*disk)?;
    if files.is_restoring {
        let dir = disk.path("");
        return Err(OpenError::Restoring { dir });
    }
    if !files.has_store {
        return create(disk, config, files, made);
    }
    let loaded = load::load(&*disk, &config, &files, load, progress)?;
    // Whoever was here before may have ended between a change of names and its
    // sync: what follows rests on the names that were found.
    disk.sync_names()
        .map_err(Fault::of(&*disk, "sync the names of", ""))?;
    // From here on something is changed.
    let cut = mend(&*disk, &loaded, &files)?;
    remove_superfluous(&*disk, &files)?;
    let Loaded {
        store, end, wall, ..
    } = loaded;
    let last = end.expected.next.saturating_sub(1);
    let bytes = wide(loaded.last_bytes.len());
    let log = Log::new(
        Arc::clone(&disk),
        loaded.last_file,
        end.place,
        bytes,
        end.expected.chain,
    );
    let start = Start {
        last,
        version: loaded.ceiling.max(1),
        mark: MarkFile {
            file: loaded.store_file,
            mark: Mark { wall, ..store.mark },
            is_open: false,
        },
        segments: loaded.segments,
        spares: Spares::found(files.spares),
        log_bytes: loaded.log_bytes,
        snapshot: files.snapshots.last().copied().unwrap_or(0),
        covered: loaded.covered,
        snapshot_bytes: loaded.snapshot_bytes,
    };
    let shared = Shared::new(config, disk, store.store_id, start);
    begin(shared, log, made.now, false, cut)
}

/// Makes a store. The file `store` comes last: without it there is none.
fn create(
    disk: Arc<dyn Disk>,
    config: Config,
    files: Files,
    made: &Made,
) -> Result<Parts, OpenError> {
    if made.store_id.len() > NAME_BYTES_MAX {
        return Err(OpenError::Config("a store_id has at most 64 bytes"));
    }
    check_is_new(&*disk, &files)?;
    let leftover = files.segments.iter().map(|number| names::segment(*number));
    for name in leftover.chain(files.unfinished) {
        disk.remove(&name)
            .map_err(Fault::of(&*disk, "remove", &name))?;
    }
    let mut spares = Spares::found(files.spares);
    let (log, file, store) = make(&disk, &config, &mut spares, made)?;
    let mark = store.mark;
    let start = Start {
        last: 0,
        version: made.version.get(),
        mark: MarkFile {
            file,
            mark,
            is_open: false,
        },
        segments: VecDeque::from([(1, 1)]),
        spares,
        log_bytes: 0,
        snapshot: 0,
        covered: 0,
        snapshot_bytes: 0,
    };
    let shared = Shared::new(config, disk, store.store_id, start);
    begin(shared, log, made.now, true, None)
}

/// Makes the log and then the file `store`, with which there is a store: the
/// log has no record yet, and no version up to that of `made` is given out.
pub(super) fn make(
    disk: &Arc<dyn Disk>,
    config: &Config,
    spares: &mut Spares,
    made: &Made,
) -> Result<(Log, Arc<dyn DiskFile>, Store), OpenError> {
    let (name, is_there) = spares.next();
    let spare = spares::prepare(&**disk, name, is_there, config.segment_bytes)?;
    let header = segment::Header {
        number: 1,
        bytes: config.segment_bytes,
        first: 1,
        chain: 0,
        ceiling: made.version.get(),
        store_id: made.store_id.clone(),
    };
    let log = Log::begin(Arc::clone(disk), &spare, &header)?;
    let store = Store {
        store_id: made.store_id.clone(),
        mark: Mark {
            generation: 1,
            synced: 0,
            wall: made.now,
        },
    };
    let failed = |doing| Fault::of(&**disk, doing, STORE_UNFINISHED);
    let file = disk.create(STORE_UNFINISHED).map_err(failed("make"))?;
    file.write_at(&store.write(), 0)
        .map_err(failed("write to"))?;
    file.sync().map_err(failed("sync"))?;
    disk.rename(STORE_UNFINISHED, STORE)
        .map_err(failed("rename"))?;
    disk.sync_names().map_err(failed("sync the name of"))?;
    Ok((log, file, store))
}

/// Reserves the first versions: before that none may be given out.
fn begin(
    shared: Arc<Shared>,
    log: Log,
    now: UnixMillis,
    is_made: bool,
    cut: Option<Cut>,
) -> Result<Parts, OpenError> {
    let mut committer = Committer::new(Arc::clone(&shared), log);
    let wall = shared.mark.lock().mark.wall;
    let version = {
        let mut queue = shared.queue.lock();
        queue.begin(
            now.max(wall),
            Demand {
                changes: 0,
                bytes: 0,
                grows: false,
            },
        );
        Version::new(queue.version).unwrap_or(Version::FIRST)
    };
    if committer.step()? == Step::Full {
        let error = io::ErrorKind::StorageFull.into();
        return Err(Fault::of(&*shared.disk, "make room for the log in", "")(error).into());
    }
    Ok(Parts {
        shared,
        committer,
        version,
        wall,
        is_made,
        cut,
    })
}

/// Without the file `store` there may only be what an attempt to make one has
/// left.
fn check_is_new(disk: &dyn Disk, files: &Files) -> Result<(), OpenError> {
    let missing = |name: &str| {
        let what = format!("it is missing, and there is {name}");
        damaged(disk, STORE, 0, what)
    };
    if let Some(number) = files.snapshots.first() {
        return Err(missing(&names::snapshot(*number)));
    }
    for number in &files.segments {
        let name = names::segment(*number);
        if *number > 1 || !is_without_groups(disk, &name)? {
            return Err(missing(&name));
        }
    }
    Ok(())
}

fn is_without_groups(disk: &dyn Disk, name: &str) -> Result<bool, OpenError> {
    let file = disk.open(name).map_err(Fault::of(disk, "open", name))?;
    let bytes = file.bytes().map_err(Fault::of(disk, "measure", name))?;
    let (mut offset, mut step) = (wide(PAGE), vec![0; 1 << 20]);
    while offset < bytes {
        step.truncate(narrow(bytes - offset));
        file.read_at(&mut step, offset)
            .map_err(Fault::of(disk, "read", name))?;
        if step.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        offset += wide(step.len());
    }
    Ok(true)
}

/// Sets aside what is left after the last group, and brings to the disk what
/// may not be there: a system that failed to write it may show it all the same.
fn mend(disk: &dyn Disk, loaded: &Loaded, files: &Files) -> Result<Option<Cut>, OpenError> {
    let Loaded {
        end,
        last_bytes,
        last_file,
        ..
    } = loaded;
    let name = names::segment(end.place.segment);
    let cut = match end.left {
        Some(left) => Some(set_aside(disk, last_bytes, end.place, left, files)?),
        None => None,
    };
    let (from, to) = (end.unsynced.offset(), end.place.offset());
    let unsynced = last_bytes.get(narrow(from)..narrow(to)).unwrap_or_default();
    if !unsynced.is_empty() {
        last_file
            .write_at(unsynced, from)
            .map_err(Fault::of(disk, "write again to", &name))?;
    }
    if let Some(cut) = &cut {
        last_file
            .write_at(&vec![0; narrow(cut.bytes)], cut.offset)
            .map_err(Fault::of(disk, "write zeros to", &name))?;
    }
    if cut.is_some() || !unsynced.is_empty() {
        last_file.sync().map_err(Fault::of(disk, "sync", &name))?;
    }
    Ok(cut)
}

/// Keeps what is left in a file of its own.
fn set_aside(
    disk: &dyn Disk,
    segment: &[u8],
    place: Place,
    left: u64,
    files: &Files,
) -> Result<Cut, OpenError> {
    let offset = place.offset();
    let number = files.cuts.last().map_or(1, |last| last + 1);
    let name = names::cut(number);
    let failed = |doing| Fault::of(disk, doing, &name);
    let file = disk.create(&name).map_err(failed("make"))?;
    let content = segment
        .get(narrow(offset)..narrow(left))
        .unwrap_or_default();
    file.write_at(content, 0).map_err(failed("write to"))?;
    file.sync().map_err(failed("sync"))?;
    disk.sync_names().map_err(failed("sync the name of"))?;
    let too_many = (files.cuts.len() + 1).saturating_sub(CUTS_MAX);
    for old in files.cuts.iter().take(too_many) {
        let old = names::cut(*old);
        disk.remove(&old).map_err(Fault::of(disk, "remove", &old))?;
    }
    let of: PathBuf = disk.path(&names::segment(place.segment));
    Ok(Cut {
        file: of,
        offset,
        bytes: wide(content.len()),
        saved: disk.path(&name),
    })
}

/// Removes snapshots before the last, and what was never finished.
fn remove_superfluous(disk: &dyn Disk, files: &Files) -> Result<(), OpenError> {
    let before_last = files.snapshots.len().saturating_sub(1);
    let old = files.snapshots.iter().take(before_last);
    let old = old.map(|number| names::snapshot(*number));
    for name in old.chain(files.unfinished.iter().cloned()) {
        disk.remove(&name)
            .map_err(Fault::of(disk, "remove", &name))?;
    }
    Ok(())
}
