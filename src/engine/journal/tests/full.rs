//! A disk that becomes full, and has room again.

use std::io::ErrorKind;

use super::*;
use crate::engine::journal::{
    disk::{
        Disk, is_full,
        simulated::{Call, Failing},
    },
    names::SNAPSHOT_UNFINISHED,
    snapshot::write::{is_due, take},
};

const DEMAND: Demand = Demand {
    changes: 1,
    bytes: 100,
    grows: true,
};

fn refusal(rig: &Rig, grows: bool) -> Option<Refusal> {
    rig.journal.turn(NOW, Demand { grows, ..DEMAND }).err()
}

#[test]
fn growth_is_refused_before_the_disk_is_full_and_comes_back_by_itself() {
    let config = Config {
        disk_free_bytes_min: 1 << 20,
        ..config()
    };
    let mut rig = Rig::new(&config);
    rig.tender.step().unwrap();
    rig.put("a", "b");
    rig.disk.set_free_bytes(Some((1 << 20) - 1));
    rig.tender.step().unwrap();
    let disk_free_bytes_min = 1 << 20;
    assert_eq!(
        refusal(&rig, true),
        Some(Refusal::DiskFull {
            disk_free_bytes_min
        })
    );
    assert_eq!(refusal(&rig, false), None, "it may shrink");
    assert!(rig.journal.status().disk_full);
    rig.disk.set_free_bytes(Some(2 << 20));
    rig.tender.step().unwrap();
    assert_eq!(refusal(&rig, true), None);
    assert_eq!(rig.journal.status().disk_free_bytes, 2 << 20);
}

#[test]
fn a_disk_that_is_full_holds_what_was_accepted_and_refuses_the_rest() {
    let mut rig = Rig::new(&config());
    rig.tender.step().unwrap();
    rig.disk.set_free_bytes(Some(0));
    // Two segments are there: this one, and the one that was made ready.
    let shrink = Demand {
        changes: 1,
        bytes: 3100,
        grows: false,
    };
    let mut accepted = 0;
    loop {
        rig.tender.step().unwrap();
        match rig.journal.turn(NOW, shrink) {
            Ok(turn) => drop(turn),
            Err(Refusal::DiskFull { .. }) => break,
            Err(refusal) => panic!("{refusal:?}"),
        }
        // As what shrinks, so that it is let in.
        let mut turn = rig.journal.turn(NOW, shrink).unwrap();
        let reply = vec![7; 3000];
        let record = remember("request", &reply);
        rig.model.lock().unwrap().apply(record);
        turn.push(record);
        drop(turn);
        rig.commit().unwrap();
        accepted += 1;
        assert_eq!(
            rig.journal.durable(),
            rig.journal.last(),
            "all have a place"
        );
    }
    assert!(accepted > 20, "{accepted}");
    assert_eq!(rig.reopened().held(), rig.held());
    rig.disk.set_free_bytes(Some(1 << 20));
    rig.tender.step().unwrap();
    rig.put("goes", "on");
    assert_eq!(rig.reopened().held(), rig.held());
}

#[test]
fn a_group_without_room_waits_and_is_written_when_there_is_some() {
    let mut rig = Rig::new(&config());
    rig.disk.set_free_bytes(Some(0));
    // Not looked at yet, so that growth is accepted.
    for nth in 0..20 {
        rig.turn(&[put(&format!("key-{nth}"), &"x".repeat(4000))]);
    }
    while rig.parts.committer.step().unwrap() == Step::Done {}
    assert_eq!(rig.parts.committer.step().unwrap(), Step::Full);
    assert!(rig.journal.durable() < rig.journal.last());
    for grows in [true, false] {
        assert!(matches!(
            refusal(&rig, grows),
            Some(Refusal::DiskFull { .. })
        ));
    }
    rig.disk.set_free_bytes(Some(1 << 20));
    rig.tender.step().unwrap();
    rig.commit().unwrap();
    assert_eq!(rig.journal.durable(), rig.journal.last());
    assert_eq!(refusal(&rig, false), None);
    assert_eq!(rig.reopened().held(), rig.held());
}

#[test]
fn what_is_small_is_not_accepted_behind_something_large_that_waits_for_room() {
    let mut rig = Rig::new(&config());
    rig.put("small", "x");
    rig.disk.set_free_bytes(Some(0));
    // As large as what is left of the segment, so that there is room for little
    // and not for this.
    let left = rig.parts.shared.room_bytes.load(Ordering::SeqCst);
    let large = "x".repeat(usize::try_from(left).unwrap());
    rig.turn(&[put("large", &large)]);
    while rig.parts.committer.step().unwrap() == Step::Done {}
    assert!(rig.journal.durable() < rig.journal.last());
    assert!(matches!(
        refusal(&rig, false),
        Some(Refusal::DiskFull { .. })
    ));
}

#[test]
fn a_disk_without_room_for_a_spare_is_not_filled_by_trying() {
    let mut rig = Rig::new(&config());
    rig.tender.step().unwrap();
    // Until none is ready.
    rig.fill_segments(1);
    let free = rig.parts.shared.config.segment_bytes - 4096;
    rig.disk.set_free_bytes(Some(free));
    let calls = rig.disk.notes().len();
    for _ in 0..10 {
        rig.tender.step().unwrap();
    }
    let written = rig.disk.notes()[calls..]
        .iter()
        .any(|(call, _)| matches!(call, Call::Write { .. } | Call::Create { .. }));
    assert!(!written);
    assert_eq!(rig.disk.free_bytes().unwrap(), free);
    assert!(rig.journal.status().disk_full);
}

#[test]
fn a_full_disk_gives_up_spares() {
    let config = Config {
        disk_free_bytes_min: 1 << 20,
        ..config()
    };
    let mut rig = Rig::new(&config);
    rig.fill_segments(3);
    rig.snapshot().unwrap();
    rig.tender.step().unwrap();
    let bytes = |rig: &Rig| rig.disk.image().values().map(Vec::len).sum::<usize>();
    let before = bytes(&rig);
    rig.disk.set_free_bytes(Some((1 << 20) - (96 << 10)));
    for _ in 0..4 {
        rig.tender.step().unwrap();
    }
    assert!(bytes(&rig) < before);
    assert_eq!(refusal(&rig, true), None, "there is room again");
}

/// A store with more than two blocks of a snapshot in it, beside a reserve of
/// 1 MiB.
fn large() -> Rig {
    let config = Config {
        disk_free_bytes_min: 1 << 20,
        snapshot_log_bytes_min: 1 << 30,
        snapshot_bytes_per_second: u64::MAX,
        ..config()
    };
    let mut rig = Rig::new(&config);
    for nth in 0..20 {
        rig.put(&format!("key-{nth:02}"), &"x".repeat(30_000));
    }
    rig.tender.step().unwrap();
    rig
}

#[test]
fn a_snapshot_stops_before_the_reserve_and_leaves_nothing_behind() {
    let rig = large();
    let steps = Steps(Arc::clone(&rig.model));
    // Enough for a block and the next segment, not for two.
    let free = (1 << 20) + (64 << 10) + (300 << 10);
    rig.disk.set_free_bytes(Some(free));
    let fault = take(&rig.parts.shared, &steps).unwrap_err();
    assert!(is_full(&fault.error), "{fault}");
    assert!(!rig.disk.image().contains_key(SNAPSHOT_UNFINISHED));
    assert_eq!(rig.disk.free_bytes().unwrap(), free);
    rig.disk.set_free_bytes(Some(free + (700 << 10)));
    take(&rig.parts.shared, &steps).unwrap();
    assert_eq!(rig.journal.status().snapshots, 1);
}

#[test]
fn on_a_full_disk_a_snapshot_takes_the_reserve_and_leaves_a_segment() {
    let mut rig = large();
    let steps = Steps(Arc::clone(&rig.model));
    let reserve = (1 << 20) - 1;
    rig.disk.set_free_bytes(Some(reserve));
    rig.tender.step().unwrap();
    assert!(matches!(
        refusal(&rig, true),
        Some(Refusal::DiskFull { .. })
    ));
    take(&rig.parts.shared, &steps).unwrap();
    rig.disk.set_free_bytes(Some((64 << 10) + (300 << 10)));
    let fault = take(&rig.parts.shared, &steps).unwrap_err();
    assert!(is_full(&fault.error), "{fault}");
    assert!(rig.disk.free_bytes().unwrap() >= 64 << 10);
}

#[test]
fn on_a_full_disk_a_snapshot_is_due_as_soon_as_a_segment_could_go() {
    let mut rig = large();
    take(&rig.parts.shared, &Steps(Arc::clone(&rig.model))).unwrap();
    // Far less than the last snapshot has.
    rig.fill_segments(2);
    rig.commit().unwrap();
    assert!(!is_due(&rig.parts.shared));
    rig.disk.set_free_bytes(Some(0));
    rig.tender.step().unwrap();
    assert!(is_due(&rig.parts.shared));
}

#[test]
fn what_could_not_be_let_go_of_on_a_full_disk_is_once_there_is_room() {
    // Which call of letting go it is.
    let mut put_off = 0;
    for at in 0..40 {
        let mut rig = Rig::new(&config());
        rig.fill_segments(3);
        rig.snapshot().unwrap();
        rig.fill_segments(3);
        rig.tender.step().unwrap();
        rig.disk.fail(Failing::Once(at, ErrorKind::StorageFull));
        let failed = rig.snapshot().is_err();
        let is_published = rig.journal.status().snapshots == 2;
        if failed && is_published && rig.journal.status().segments > 1 {
            put_off += 1;
            let names = rig.disk.image().into_keys();
            let snapshots = names.filter(|name| name.starts_with("snapshot-")).count();
            assert_eq!(snapshots, 1, "call {at}");
            rig.disk.set_free_bytes(Some(0));
            // None is left for the log to go on in.
            let mut spares = rig.parts.shared.spares.lock();
            spares.clean.clear();
            spares.dirty.clear();
            drop(spares);
            rig.tender.step().unwrap();
            assert_eq!(rig.journal.status().segments, 1, "call {at}");
        }
    }
    assert!(put_off > 0);
}
