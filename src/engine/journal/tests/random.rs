//! Random histories with snapshots, against a plain model.

use super::*;
use crate::engine::journal::snapshot::write::take;

#[test]
fn a_snapshot_and_the_log_make_what_was_there() {
    for _ in 0..rounds(60) {
        let seed = seed();
        let mut random = fastrand::Rng::with_seed(seed);
        let config = Config {
            durability: [Durability::Always, Durability::Interval, Durability::Os]
                [random.usize(0..3)],
            ..config()
        };
        let mut rig = power::history(&config, &mut random, 120);
        let again = rig.reopened();
        assert_eq!(again.held(), rig.held(), "SEED={seed}");
        assert!(again.parts.version.get() >= rig.version, "SEED={seed}");
        // And on from there.
        let mut again = again;
        for _ in 0..10 {
            again.turn(&any_turn(&mut random));
        }
        again.commit().unwrap();
        again.snapshot().unwrap();
        assert_eq!(again.reopened().held(), again.held(), "SEED={seed}");
        rig.tender.step().unwrap();
    }
}

#[test]
fn segments_before_a_snapshot_are_used_again() {
    let mut rig = Rig::new(&config());
    rig.put("old", "entry");
    rig.fill_segments(4);
    assert_eq!(rig.journal.status().segments, 5);
    rig.snapshot().unwrap();
    assert_eq!(rig.journal.status().segments, 1);
    let again = rig.reopened();
    assert_eq!(again.held(), rig.held());
    let names = |rig: &Rig| -> Vec<String> { rig.disk.image().into_keys().collect() };
    let spares = names(&rig)
        .iter()
        .filter(|name| name.starts_with("spare"))
        .count();
    assert!((1..=4).contains(&spares), "{:?}", names(&rig));
    let made = |rig: &Rig| {
        let notes = rig.disk.notes();
        notes
            .iter()
            .filter(|(call, _)| {
                matches!(
                    call,
                    crate::engine::journal::disk::simulated::Call::Create { .. }
                )
            })
            .count()
    };
    let before = made(&rig);
    rig.tender.step().unwrap();
    rig.fill_segments(1);
    assert_eq!(made(&rig), before, "none was made anew");
    assert_eq!(rig.reopened().held(), rig.held());
}

#[test]
fn a_log_does_not_grow_for_ever() {
    let mut rig = Rig::new(&config());
    for _ in 0..6 {
        rig.fill_segments(3);
        rig.snapshot().unwrap();
        rig.tender.step().unwrap();
    }
    let bytes: usize = rig.disk.image().values().map(Vec::len).sum();
    assert!(bytes < 6 * (64 << 10), "{bytes}");
    assert_eq!(rig.reopened().held(), rig.held());
}

#[test]
fn a_snapshot_that_was_not_finished_is_removed() {
    let mut rig = Rig::new(&config());
    rig.put("a", "b");
    let mut writer = Writer::begin(&rig.parts.shared).unwrap();
    writer.step(&Steps(Arc::clone(&rig.model))).unwrap();
    assert!(rig.disk.image().contains_key("snapshot.new"));
    let again = rig.reopened();
    assert_eq!(again.held(), rig.held());
    assert!(!again.disk.image().contains_key("snapshot.new"));
}

/// A store whose last part was read when it was gone.
struct Gone;

impl Source for Gone {
    fn parts(&self) -> usize {
        2
    }

    fn is_there(&self) -> bool {
        false
    }

    fn read(&self, _: usize, _: Option<&[u8]>, _: &mut dyn FnMut(Record<'_>)) -> Option<Vec<u8>> {
        None
    }
}

#[test]
fn a_snapshot_of_a_store_that_is_gone_is_not_published() {
    let mut rig = Rig::new(&config());
    rig.put("a", "b");
    rig.snapshot().unwrap();
    rig.put("c", "d");
    take(&rig.parts.shared, &Gone).unwrap();
    assert_eq!(rig.journal.status().snapshots, 1);
    let again = rig.reopened();
    assert_eq!(again.held(), rig.held());
}
