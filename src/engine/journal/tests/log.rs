//! The log: what is written is read back, in any number of segments.

use super::*;
use crate::engine::journal::{layout::store::Store, names};

#[test]
fn a_new_store_is_empty_and_stays_the_same_store() {
    let rig = Rig::new(&config());
    assert!(rig.parts.is_made && rig.parts.version.get() == 1000);
    let again = rig.reopened();
    assert!(!again.parts.is_made);
    assert_eq!(again.parts.shared.store_id, "a store");
    assert_eq!(again.held(), Model::default());
}

#[test]
fn every_kind_of_change_is_there_again() {
    let mut rig = Rig::new(&config());
    let deadline = Some(NOW.plus(5000));
    rig.turn(&[
        put("text", "some"),
        Change::Put("data".into(), Value::Data(vec![0; 5000].into()), deadline),
        Change::Put("number".into(), Value::Number(-7), None),
        put("gone", "x"),
        Change::Remove("gone".into(), EventKind::Expire),
    ]);
    rig.turn(&[
        Change::Touch("text".into(), deadline),
        Change::Touch("data".into(), None),
        Change::Remember("request".into(), b"reply".to_vec()),
    ]);
    rig.commit().unwrap();
    let again = rig.reopened();
    assert_eq!(again.held(), rig.held());
    assert_eq!(again.held().entries.len(), 3);
    assert_eq!(again.held().entries["text"].2, deadline);
}

#[test]
fn a_touch_of_an_older_version_changes_nothing() {
    let mut model = Model::default();
    model.apply(Record::Put {
        key: key("a"),
        value: ValueRef::Number(1),
        version: Version::new(5).unwrap(),
        deadline: None,
    });
    let before = model.clone();
    model.apply(Record::Touch {
        key: key("a"),
        version: Version::new(4).unwrap(),
        deadline: Some(NOW),
    });
    assert_eq!(model, before);
}

#[test]
fn a_log_of_many_segments_is_read_in_order_and_goes_on() {
    let mut rig = Rig::new(&config());
    for round in 1..4 {
        rig.fill_segments(2);
        let mut again = rig.reopened();
        assert_eq!(again.held(), rig.held());
        assert_eq!(again.journal.status().segments, 1 + 2 * round);
        again.history.truncate(1);
        let (loaded, held) = (again.loaded, again.held());
        again.history.push((loaded, held));
        rig = again;
    }
}

#[test]
fn versions_go_on_above_every_one_that_was_given_out() {
    for durability in [Durability::Always, Durability::Interval, Durability::Os] {
        let config = Config {
            durability,
            ..config()
        };
        let mut rig = Rig::new(&config);
        let mut last = 1000;
        for _ in 0..5 {
            rig.turn(&[put("a", "b")]);
            assert!(rig.version > last);
            // Given out, and not written at all.
            last = rig.version;
            rig = rig.reopened();
        }
    }
}

#[test]
fn no_version_is_given_out_that_is_not_reserved() {
    let mut rig = Rig::new(&config());
    let demand = Demand {
        changes: 1 << 20,
        bytes: 0,
        grows: true,
    };
    rig.parts.shared.queue.lock().version += (1 << 20) - 5;
    let full = |demand| {
        matches!(
            rig.journal.turn(NOW, demand),
            Err(Refusal::QueueChanges { .. })
        )
    };
    assert!(full(Demand {
        changes: 6,
        ..demand
    }));
    assert!(!full(Demand {
        changes: 5,
        ..demand
    }));
    rig.commit().unwrap();
    let mut queue = rig.parts.shared.queue.lock();
    assert_eq!(
        rig.parts.shared.ceiling.load(Ordering::SeqCst),
        queue.version + (1 << 20)
    );
    queue.version += 1;
}

#[test]
fn versions_that_do_not_ascend_stop_the_journal_before_they_are_written() {
    let mut rig = Rig::new(&config());
    rig.put("a", "b");
    let before = rig.held();
    rig.version -= 1;
    rig.turn(&[put("a", "c")]);
    rig.commit().unwrap();
    assert!(matches!(
        rig.journal.turn(NOW, DEMAND),
        Err(Refusal::Failed(_))
    ));
    assert_eq!(rig.reopened().held(), before);
}

const DEMAND: Demand = Demand {
    changes: 1,
    bytes: 100,
    grows: true,
};

#[test]
fn what_waits_is_bounded_in_changes_and_bytes() {
    let config = Config {
        queue_changes_max: 10,
        queue_bytes_max: 2000,
        ..config()
    };
    let mut rig = Rig::new(&config);
    let refused = |rig: &Rig, bytes| {
        let demand = Demand { bytes, ..DEMAND };
        rig.journal.turn(NOW, demand).err()
    };
    assert_eq!(
        refused(&rig, 5000),
        None,
        "what is larger has its turn alone"
    );
    for _ in 0..10 {
        rig.turn(&[put("a", "b")]);
    }
    let queue_changes_max = 10;
    assert_eq!(
        refused(&rig, 1),
        Some(Refusal::QueueChanges { queue_changes_max })
    );
    rig.commit().unwrap();
    rig.turn(&[put("a", &"x".repeat(1500))]);
    let queue_bytes_max = 2000;
    assert_eq!(
        refused(&rig, 800),
        Some(Refusal::QueueBytes { queue_bytes_max })
    );
    rig.commit().unwrap();
    assert_eq!(refused(&rig, 800), None);
    let status = rig.journal.status();
    assert_eq!((status.queue_changes, status.queue_bytes), (0, 0));
    let bytes_max = config.turn_bytes_max();
    assert_eq!(
        refused(&rig, 100_000),
        Some(Refusal::TurnTooLarge { bytes_max })
    );
}

#[test]
fn the_time_goes_on_where_the_store_has_noted_it() {
    let mut rig = Rig::new(&config());
    let later = NOW.plus(100_000);
    drop(rig.journal.turn(later, DEMAND));
    rig.turn(&[put("a", "b")]);
    rig.commit().unwrap();
    assert_eq!(rig.reopened().parts.wall, later);
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let rig = Rig::new(&config());
    let mut image = rig.disk.image();
    let store = image.get_mut("store").unwrap();
    store[8] = 9;
    let checksum = crc32c::crc32c(&store[..77]);
    store[77..81].copy_from_slice(&checksum.to_le_bytes());
    let refused = Rig::open(&SimulatedDisk::with(image.clone()), &config());
    let Err(OpenError::Newer {
        found: 9,
        known: 1,
        file,
    }) = refused
    else {
        panic!("opened");
    };
    assert!(file.ends_with("store"));
    image.get_mut("store").unwrap()[8] = 1;
    assert!(Store::read(&image["store"]).is_err());
}

#[test]
fn a_file_that_is_missing_is_named() {
    let mut rig = Rig::new(&config());
    rig.fill_segments(3);
    for missing in [
        "store",
        &names::segment(1),
        &names::segment(2),
        &names::segment(4),
    ] {
        let mut image = rig.disk.image();
        image.remove(missing).unwrap();
        let refused = Rig::open(&SimulatedDisk::with(image), &config());
        assert!(
            matches!(refused, Err(OpenError::Damaged { .. })),
            "{missing}"
        );
    }
}

#[test]
fn segments_of_another_size_can_follow() {
    let mut rig = Rig::new(&config());
    rig.fill_segments(1);
    for segment_bytes in [256 << 10, 64 << 10, 128 << 10] {
        let config = Config {
            segment_bytes,
            ..config()
        };
        rig.tender.step().unwrap();
        let disk = SimulatedDisk::with(rig.disk.image());
        let held = rig.held();
        rig = Rig::open(&disk, &config).unwrap();
        assert_eq!(rig.held(), held);
        rig.fill_segments(2);
    }
    assert_eq!(rig.reopened().held(), rig.held());
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    for (name, wrong) in [
        (
            "segment_bytes",
            Config {
                segment_bytes: 5000,
                ..config()
            },
        ),
        (
            "segment_bytes",
            Config {
                segment_bytes: 1 << 40,
                ..config()
            },
        ),
        (
            "queue_changes_max",
            Config {
                queue_changes_max: 0,
                ..config()
            },
        ),
        (
            "queue_changes_max",
            Config {
                queue_changes_max: 1 << 20,
                ..config()
            },
        ),
        (
            "interval_ms",
            Config {
                interval_ms: 0,
                durability: Durability::Interval,
                ..config()
            },
        ),
    ] {
        let disk = SimulatedDisk::default();
        let refused = Rig::open(&disk, &wrong).map(|_| ());
        assert!(matches!(refused, Err(OpenError::Config(why)) if why.contains(name)));
        assert!(disk.image().is_empty());
    }
}

#[test]
fn interval_syncs_when_the_time_has_come_and_os_never() {
    for (durability, syncs) in [(Durability::Interval, 1), (Durability::Os, 0)] {
        let config = Config {
            durability,
            ..config()
        };
        let mut rig = Rig::new(&config);
        let begin = rig.journal.status().syncs;
        rig.put("a", "b");
        rig.put("a", "c");
        assert_eq!(rig.journal.durable(), rig.journal.last(), "nobody waits");
        assert_eq!(rig.journal.status().syncs, begin);
        rig.disk.pass(1000);
        rig.commit().unwrap();
        assert_eq!(rig.journal.status().syncs - begin, syncs);
        rig.commit().unwrap();
        assert_eq!(rig.journal.status().syncs - begin, syncs, "nothing is new");
    }
}
