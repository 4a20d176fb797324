//! A backup that is whole is believed, and no other; and a directory is a store
//! when all of one is in it, and not before.

use std::{io::Cursor, sync::Arc};

use super::{restore::restore_on, *};
use crate::{
    engine::journal::{
        Config, Made, OpenError, Origin, Record,
        disk::{
            Disk,
            power::after_power_cut,
            simulated::{Failing, Image, SimulatedDisk},
        },
        open,
    },
    model::{key::Key, value::ValueRef},
};

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

fn version(number: i64) -> Version {
    Version::new(number).unwrap()
}

fn about() -> About {
    About {
        store_id: "first".to_owned(),
        version: version(77),
        time: NOW,
    }
}

fn key(text: &str) -> Key<'_> {
    Key::new(text, 64).unwrap()
}

fn records() -> Vec<Record<'static>> {
    let put = |name, value, number| Record::Put {
        key: key(name),
        value,
        version: version(number),
        deadline: (number % 2 == 0).then_some(NOW),
    };
    vec![
        Record::Remember {
            id: "id",
            content: [7; 16],
            at: NOW,
            reply: b"yes",
        },
        put("data", ValueRef::Data(b"\x00\xff"), 5),
        put("number", ValueRef::Number(-5), 6),
        put("text", ValueRef::Text("é"), 77),
    ]
}

fn written(about: &About, records: &[Record<'_>]) -> (Vec<u8>, Summary) {
    let mut out = Vec::new();
    let mut writer = Writer::begin(about, &mut out);
    for record in records {
        writer.push(*record);
        writer.flush(&mut out);
    }
    let summary = writer.finish(&mut out);
    (out, summary)
}

fn small() -> Vec<u8> {
    written(&about(), &records()).0
}

fn config() -> Config {
    Config {
        segment_bytes: 64 << 10,
        disk_free_bytes_min: 0,
        ..Config::default()
    }
}

/// Restores on a disk, as a process does that holds it.
fn restored(disk: &SimulatedDisk, backup: &[u8]) -> Result<Restored, Error> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    restore_on(&disk, &config(), ("second", NOW), backup, &mut |_| {})
}

/// What is found in a store on a disk: how many records there are, whether it
/// was made just now, and the version before its first.
fn opened(image: &Image) -> Result<(usize, bool, Version), OpenError> {
    let mut count = 0;
    let disk = Arc::new(SimulatedDisk::with(image.clone()));
    let parts = open::open(
        disk,
        config(),
        &Made {
            store_id: "empty".to_owned(),
            version: version(1),
            now: NOW,
        },
        &mut |origin, record| {
            assert_eq!(origin, Origin::Snapshot);
            count += usize::from(!matches!(record, Record::Remove { .. }));
            Ok(())
        },
        &mut |_| {},
    )?;
    Ok((count, parts.is_made, parts.version))
}

#[test]
fn a_backup_is_read_back_as_it_was_written() {
    let (bytes, summary) = written(&about(), &records());
    assert_eq!((summary.entries, summary.requests), (3, 1));
    let reader = Reader::begin(&*bytes).unwrap();
    assert_eq!(*reader.about(), about());
    let expected = records();
    let mut at = 0;
    let read = reader.each(
        &mut |record| {
            assert_eq!(record, expected[at]);
            at += 1;
            Ok(())
        },
        &mut |_| {},
    );
    assert_eq!((read.unwrap(), at), (summary, expected.len()));
    let (empty, summary) = written(&about(), &[]);
    assert_eq!(verify(&*empty, &mut |_| {}).unwrap(), (about(), summary));
}

#[test]
fn a_large_backup_has_many_blocks_of_a_bounded_size() {
    let value = vec![7; 40_000];
    let names: Vec<String> = (0..100).map(|number| format!("key/{number}")).collect();
    let records: Vec<_> = names
        .iter()
        .map(|name| Record::Put {
            key: key(name),
            value: ValueRef::Data(&value),
            version: version(3),
            deadline: None,
        })
        .collect();
    let (bytes, summary) = written(&about(), &records);
    let mut told = Vec::new();
    let (_, read) = verify(&*bytes, &mut |offset| told.push(offset)).unwrap();
    assert_eq!(read, summary);
    assert_eq!(told.last().copied(), u64::try_from(bytes.len()).ok());
    let largest = told.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(told.len() > 10 && largest < 400_000, "{largest}");
}

#[test]
fn a_backup_with_any_byte_changed_cut_off_or_added_is_refused() {
    let whole = small();
    assert!(verify(&*whole, &mut |_| {}).is_ok());
    let refused = |bytes: &[u8], what: &str| {
        assert!(verify(bytes, &mut |_| {}).is_err(), "{what}");
        let disk = SimulatedDisk::default();
        assert!(restored(&disk, bytes).is_err(), "{what}");
        // And nothing of it is left but the mark, so that another one can be
        // restored and no server begins an empty store there.
        let image = disk.image();
        let left: Vec<_> = image.keys().collect();
        assert_eq!(left, ["restoring"], "{what}");
        let opened = opened(&image);
        assert!(matches!(opened, Err(OpenError::Restoring { .. })), "{what}");
    };
    for at in 0..whole.len() {
        for bit in [1, 0x80] {
            let mut changed = whole.clone();
            changed[at] ^= bit;
            refused(&changed, &format!("byte {at}"));
        }
        refused(&whole[..at], &format!("the first {at}"));
    }
    refused(&[&*whole, b"\0"].concat(), "one more");
}

#[test]
fn what_is_no_record_of_a_backup_is_refused_though_every_checksum_is_right() {
    let put = |number| Record::Put {
        key: key("a"),
        value: ValueRef::Number(1),
        version: version(number),
        deadline: None,
    };
    let touch = Record::Touch {
        key: key("a"),
        version: version(1),
        deadline: None,
    };
    for (record, is_one) in [(put(77), true), (put(78), false), (touch, false)] {
        let (bytes, _) = written(&about(), &[record]);
        let read = verify(&*bytes, &mut |_| {});
        assert_eq!(read.is_ok(), is_one, "{record:?}: {read:?}");
    }
    // Blocks of two backups, each whole in itself, are none together.
    let (other, _) = written(&about(), &[put(1)]);
    let (whole, last_bytes) = (small(), 28 + 48);
    let mixed = [
        &whole[..whole.len() - last_bytes],
        &other[other.len() - last_bytes..],
    ];
    assert!(verify(&*mixed.concat(), &mut |_| {}).is_err());
}

#[test]
fn a_checksum_over_all_that_is_another_is_refused_though_each_block_is_right() {
    use crate::engine::journal::layout::{
        backup::Last,
        snapshot::{self, HEADER, Kind},
    };

    let mut bytes = small();
    let begin = bytes.len() - HEADER - 48;
    let end = bytes.split_off(begin);
    let header = snapshot::header(end.first_chunk().unwrap()).unwrap();
    let told = Last::read(&end[HEADER..]).unwrap();
    for digest in [told.digest, [0; 32]] {
        let last = Last { digest, ..told }.write();
        let mut again = bytes.clone();
        let (number, chain) = (header.number, header.chain);
        snapshot::write(Kind::BackupLast, number, 0, chain, &last, &mut again);
        let read = verify(&*again, &mut |_| {});
        assert_eq!(read.is_ok(), digest == told.digest, "{read:?}");
    }
}

#[test]
fn a_later_format_is_named() {
    use crate::engine::journal::layout::snapshot::{self, Kind};

    let mut content = small()[28..28 + 85].to_vec();
    content[0] = 9;
    let mut bytes = Vec::new();
    snapshot::write(Kind::BackupFirst, 0, 0, 0, &content, &mut bytes);
    let read = verify(Cursor::new(bytes), &mut |_| {});
    assert!(
        matches!(read, Err(Error::Newer { found: 9, known: 1 })),
        "{read:?}"
    );
}

#[test]
fn a_restored_store_is_whole_and_begins_above_all_versions() {
    let disk = SimulatedDisk::default();
    let restored = restored(&disk, &small()).unwrap();
    assert_eq!(
        (restored.store_id.as_str(), restored.summary.entries),
        ("second", 3)
    );
    assert!(restored.version >= Version::before_all(NOW));
    let (count, is_made, version) = opened(&disk.image()).unwrap();
    assert_eq!((count, is_made), (4, false));
    assert!(version >= restored.version);
}

#[test]
fn a_backup_is_restored_into_no_directory_that_holds_something() {
    for name in ["store", "log-0000000000000001", "snapshot.new", "notes.txt"] {
        let image = Image::from([(name.to_owned(), b"x".to_vec())]);
        let disk = SimulatedDisk::with(image.clone());
        let refused = restored(&disk, &small());
        assert!(
            matches!(&refused, Err(Error::NotEmpty { found, .. }) if found == name),
            "{refused:?}"
        );
        assert_eq!(disk.image(), image, "it stays as it is");
    }
    // What file systems put there, and a lock, are nothing.
    let beside = ["lock", "lost+found"].map(|name| (name.to_owned(), Vec::new()));
    assert!(restored(&SimulatedDisk::with(Image::from(beside)), &small()).is_ok());
}

/// What is on a disk when a restore did not come to its end: no store, or one
/// that is being made; or all of it. A restore that begins anew makes one.
fn is_nothing_or_all(image: &Image, what: &str) -> bool {
    let is_whole = match opened(image) {
        Err(OpenError::Restoring { .. }) => false,
        Ok((0, true, _)) => {
            // As it was before: nothing that was of the backup.
            let names: Vec<_> = image.keys().collect();
            assert!(names.is_empty(), "{what}: {names:?}");
            false
        }
        Ok((4, false, _)) => true,
        other => panic!("{what}: {other:?}"),
    };
    if !is_whole {
        let disk = SimulatedDisk::with(image.clone());
        restored(&disk, &small()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(opened(&disk.image()).unwrap().0, 4, "{what}");
    }
    is_whole
}

#[test]
fn a_restore_that_is_cut_off_leaves_no_half_store() {
    let disk = SimulatedDisk::default();
    restored(&disk, &small()).unwrap();
    let (notes, mut whole) = (disk.notes(), 0);
    for at in 0..=notes.len() {
        for round in 0..4 {
            let mut random = fastrand::Rng::with_seed(round);
            let image = after_power_cut(&Image::default(), &notes[..at], 512, &mut |below| {
                random.usize(..below)
            });
            whole += i32::from(is_nothing_or_all(&image, &format!("after call {at}")));
        }
    }
    assert!(whole > 0 && notes.len() > 10);
}

#[test]
fn a_restore_on_a_disk_that_fails_leaves_no_half_store() {
    let calls = {
        let disk = SimulatedDisk::default();
        restored(&disk, &small()).unwrap();
        disk.calls()
    };
    let kinds = [std::io::ErrorKind::StorageFull, std::io::ErrorKind::Other];
    for at in 0..calls {
        for failing in kinds.map(|kind| Failing::Once(at, kind)) {
            check_failing(failing, at);
        }
        check_failing(Failing::From(at, kinds[0]), at);
    }
}

fn check_failing(failing: Failing, at: u64) {
    let disk = SimulatedDisk::default();
    disk.fail(failing);
    let restored = restored(&disk, &small());
    disk.fail(Failing::Never);
    let is_whole = is_nothing_or_all(&disk.image(), &format!("call {at} fails: {restored:?}"));
    assert!(restored.is_err() || is_whole, "call {at}");
}
