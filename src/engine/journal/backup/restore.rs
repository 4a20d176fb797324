//! Makes a store of a backup, in a directory of its own.
//!
//! A mark, the file `restoring`, is there from before the first other file
//! until all of it is on the disk and was read back. While it is there the
//! directory opens as no store, whatever else is in it.

use std::{fs, io, io::Read, path::Path, sync::Arc};

use crate::{
    engine::journal::{
        Config, Made,
        backup::{About, Error, Reader, Summary},
        disk::{Disk, RealDisk},
        error::{Fault, OpenError},
        files::Files,
        layout::{NAME_BYTES_MAX, snapshot::First},
        load, names,
        open::make,
        record::Record,
        snapshot::blocks::Blocks,
        spares::Spares,
    },
    model::{event::EventKind, key::Key, time::UnixMillis, version::Version},
};

/// What else may be in a directory that counts as empty: the lock of whoever
/// tried before, and what file systems put at their root.
const NOT_COUNTED: [&str; 2] = ["lock", "lost+found"];

/// A store that was made of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the backup was of.
    pub about: About,
    /// What it held.
    pub summary: Summary,
    /// Which store it is now.
    pub store_id: String,
    /// Its versions begin after this one.
    pub version: Version,
}

/// Makes the store `store_id` of a backup, in the directory of `config`, which
/// must be empty or not there, or be left over from a restore that did not come
/// to its end. `progress` is told of the bytes of the backup that were read
/// until now.
///
/// No version up to that of the backup is given out again, nor one that the
/// other store has given out by `now`, unless that makes more than a million
/// changes a second: see [`Version::before_all`].
///
/// # Errors
/// [`Error`]: the directory opens as no store until a restore into it has come to
/// its end, or it is removed.
pub fn restore(
    config: &Config,
    (store_id, now): (&str, UnixMillis),
    input: impl Read,
    progress: &mut dyn FnMut(u64),
) -> Result<Restored, Error> {
    config.check()?;
    // Before the lock is made: a directory of others is left as it is.
    let listed = names_in(&config.dir).map_err(|error| OpenError::Io {
        doing: "list",
        file: config.dir.clone(),
        error,
    })?;
    check_is_empty(&config.dir, &listed)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(&config.dir)?);
    let restored = restore_on(&disk, config, (store_id, now), input, progress);
    disk.release();
    restored
}

/// The same on a disk that is held.
pub(super) fn restore_on(
    disk: &Arc<dyn Disk>,
    config: &Config,
    (store_id, now): (&str, UnixMillis),
    input: impl Read,
    progress: &mut dyn FnMut(u64),
) -> Result<Restored, Error> {
    let listed = disk.list().map_err(Fault::of(&**disk, "list", ""))?;
    check_is_empty(&config.dir, &listed)?;
    // From here on no server begins a store there, whatever the backup is.
    mark(&**disk)?;
    clear(&**disk)?;
    let reader = Reader::begin(input)?;
    let made = made(reader.about(), store_id, now);
    let restored = write(disk, config, &made, reader, progress);
    if restored.is_err() {
        // Its files; the mark stays, or the directory would be one in which a
        // server begins an empty store.
        drop(clear(&**disk));
        return restored;
    }
    unmark(&**disk)?;
    restored
}

/// What the store begins with.
fn made(about: &About, store_id: &str, now: UnixMillis) -> Made {
    let now = now.max(about.time);
    Made {
        store_id: store_id.to_owned(),
        version: Version::before_all(now).max(about.version),
        now,
    }
}

fn names_in(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let name = |entry: io::Result<fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
    };
    entries.map(name).collect()
}

fn check_is_empty(dir: &Path, listed: &[String]) -> Result<(), Error> {
    let is_left_over = listed.iter().any(|name| name == names::RESTORING);
    let counts = |name: &&String| {
        let is_ours = is_left_over && names::read(name).is_some();
        !is_ours && !NOT_COUNTED.contains(&name.as_str())
    };
    match listed.iter().find(counts) {
        None => Ok(()),
        Some(found) => Err(Error::NotEmpty {
            dir: dir.to_owned(),
            found: found.clone(),
        }),
    }
}

fn mark(disk: &dyn Disk) -> Result<(), Error> {
    let failed = |doing| Fault::of(disk, doing, names::RESTORING);
    let file = disk.create(names::RESTORING).map_err(failed("make"))?;
    file.sync().map_err(failed("sync"))?;
    disk.sync_names().map_err(failed("sync the name of"))?;
    Ok(())
}

fn unmark(disk: &dyn Disk) -> Result<(), Error> {
    let failed = |doing| Fault::of(disk, doing, names::RESTORING);
    disk.remove(names::RESTORING).map_err(failed("remove"))?;
    disk.sync_names().map_err(failed("sync the name of"))?;
    Ok(())
}

/// Removes all that a restore makes, but for its mark.
fn clear(disk: &dyn Disk) -> Result<(), Error> {
    for name in disk.list().map_err(Fault::of(disk, "list", ""))? {
        if names::read(&name).is_some_and(|it| it != names::Name::Restoring) {
            disk.remove(&name)
                .map_err(Fault::of(disk, "remove", &name))?;
        }
    }
    disk.sync_names()
        .map_err(Fault::of(disk, "sync the names of", ""))?;
    Ok(())
}

fn write(
    disk: &Arc<dyn Disk>,
    config: &Config,
    made: &Made,
    reader: Reader<impl Read>,
    progress: &mut dyn FnMut(u64),
) -> Result<Restored, Error> {
    let about = reader.about().clone();
    let first = First {
        number: 1,
        begin: 0,
        store_id: made.store_id.clone(),
    };
    let mut blocks = Blocks::begin(Arc::clone(disk), &first)?;
    blocks.push(begins_after(made)?);
    let summary = reader.each(
        &mut |record| {
            blocks.push(record);
            Ok(blocks.flush()?)
        },
        progress,
    )?;
    blocks.finish(0, made.now)?;
    let name = names::snapshot(first.number);
    disk.rename(names::SNAPSHOT_UNFINISHED, &name)
        .map_err(Fault::of(&**disk, "rename to", &name))?;
    make(disk, config, &mut Spares::default(), made)?;
    read_back(&**disk, config, summary)?;
    Ok(Restored {
        about,
        summary,
        store_id: made.store_id.clone(),
        version: made.version,
    })
}

/// A removal of what was never there, at the version before the first: with it
/// a load knows that nothing is known of changes up to there, and a watch that
/// would resume from one is refused. Nobody's key is that of the store, which
/// was drawn by lot just now.
fn begins_after(made: &Made) -> Result<Record<'_>, OpenError> {
    let key = Key::new(&made.store_id, NAME_BYTES_MAX);
    let key = key.map_err(|_| OpenError::Config("a store_id is a key of 1 to 64 bytes"))?;
    Ok(Record::Remove {
        kind: EventKind::Delete,
        key,
        version: made.version,
    })
}

/// Reads the store as whoever opens it will.
fn read_back(disk: &dyn Disk, config: &Config, summary: Summary) -> Result<(), Error> {
    let (mut entries, mut requests) = (0, 0);
    let files = Files::list(disk)?;
    load::load(
        disk,
        config,
        &files,
        &mut |_, record| {
            match record {
                Record::Put { .. } => entries += 1,
                Record::Remember { .. } => requests += 1,
                Record::Remove { .. } | Record::Touch { .. } => {}
            }
            Ok(())
        },
        &mut |_| {},
    )?;
    if (entries, requests) != (summary.entries, summary.requests) {
        let why = "what was written is not what is read back".to_owned();
        return Err(OpenError::Load(why).into());
    }
    Ok(())
}
