//! Every call to the disk fails once, or from then on: nothing acknowledged is
//! lost, and what opens afterwards is whole.

use std::io::ErrorKind;

use super::*;
use crate::engine::journal::disk::{
    power::after_power_cut,
    simulated::{Call, Failing},
};

/// Everything a store does: it is made, filled, read, and a snapshot is taken.
/// Ends with the first thing that fails for good.
fn life(disk: &SimulatedDisk, config: &Config) -> Option<Rig> {
    let mut rig = Rig::open(disk, config).ok()?;
    let mut work = || -> Result<(), Fault> {
        for nth in 0..20 {
            let change = put(&format!("key-{}", nth % 5), &"x".repeat(3000));
            let is_refused = rig.try_turn(&[change]).is_err();
            rig.commit()?;
            // A full disk is no failure, and refuses only what comes next.
            rig.disk.pass(if is_refused { 1000 } else { 500 });
            rig.tender.step()?;
        }
        // One that fails is tried again, and stops nothing.
        for _ in 0..2 {
            if snapshot(&mut rig)? {
                break;
            }
        }
        for nth in 0..20 {
            let change = put(&format!("key-{}", nth % 5), &"y".repeat(3000));
            let _refused = rig.try_turn(&[change]);
            rig.commit()?;
        }
        rig.parts.committer.finish()
    };
    // As the threads do.
    if let Err(fault) = work() {
        rig.parts.shared.fail(fault.into());
    }
    Some(rig)
}

/// Whether there is a snapshot; an error only of the log.
fn snapshot(rig: &mut Rig) -> Result<bool, Fault> {
    let Ok(mut writer) = Writer::begin(&rig.parts.shared) else {
        return Ok(false);
    };
    let steps = Steps(Arc::clone(&rig.model));
    loop {
        match writer.step(&steps) {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(_) => return Ok(false),
        }
    }
    if writer.finish().is_err() {
        return Ok(false);
    }
    rig.commit()?;
    Ok(writer.publish().is_ok())
}

fn check_after(disk: &SimulatedDisk, rig: Option<&Rig>, config: &Config, what: &str) {
    disk.fail(Failing::Never);
    let nothing;
    let (rig, acknowledged) = if let Some(rig) = rig {
        (rig, rig.journal.durable().get())
    } else {
        nothing = Rig::new(config);
        (&nothing, 0)
    };
    let version = if acknowledged == 0 { 0 } else { rig.version };
    check(&disk.image(), config, rig, acknowledged, version)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    // And when the power is cut as well.
    for sector_bytes in [512, 4096] {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut choose = |below| random.usize(..below);
        let image = after_power_cut(&disk.began(), &disk.notes(), sector_bytes, &mut choose);
        check(&image, config, rig, acknowledged, version)
            .unwrap_or_else(|error| panic!("{what}, power cut with SEED={seed}: {error}"));
    }
}

#[test]
fn an_error_at_any_call_loses_nothing() {
    let config = config();
    let whole = SimulatedDisk::default();
    life(&whole, &config).unwrap();
    let calls = whole.calls();
    assert!(calls > 150, "{calls}");
    let (mut failed, quick) = (0, (7 / rounds(1)).max(1));
    // All of those that make a store, and some of the others.
    for at in (0..calls).filter(|at| *at < 40 || (at + calls).is_multiple_of(quick)) {
        for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
            for failing in [Failing::Once(at, kind), Failing::From(at, kind)] {
                let disk = SimulatedDisk::default();
                disk.fail(failing);
                let rig = life(&disk, &config);
                failed += 1;
                check_after(&disk, rig.as_ref(), &config, &format!("{failing:?}"));
            }
        }
    }
    println!("{failed} failures at {calls} calls");
}

#[test]
fn an_error_while_it_is_opened_again_loses_nothing() {
    let config = config();
    let mut rig = Rig::new(&config);
    rig.fill_segments(2);
    rig.snapshot().unwrap();
    rig.put("after", "the snapshot");
    // With something half written at its end.
    let before = rig.disk.notes().len();
    rig.turn(&[put("half", &"x".repeat(3000))]);
    rig.commit().unwrap();
    let mut odd = 0;
    let notes = rig.disk.notes();
    let image = after_power_cut(&rig.disk.began(), &notes[..=before], 512, &mut |below| {
        odd += 1;
        if below == 2 { odd % 2 } else { below - 1 }
    });
    let whole = SimulatedDisk::with(image.clone());
    let opened = Rig::open(&whole, &config).unwrap();
    assert!(opened.parts.cut.is_some());
    let calls = whole.calls();
    for at in 0..calls {
        for failing in [
            Failing::Once(at, ErrorKind::Other),
            Failing::From(at, ErrorKind::Other),
        ] {
            let disk = SimulatedDisk::with(image.clone());
            disk.fail(failing);
            let refused = Rig::open(&disk, &config);
            assert!(
                matches!(&refused, Err(OpenError::Io { .. })),
                "{failing:?}: an error that nobody heard of"
            );
            disk.fail(Failing::Never);
            for sector_bytes in [0, 512, 4096] {
                let image = match sector_bytes {
                    0 => disk.image(),
                    some => after_power_cut(&image, &disk.notes(), some, &mut |below| {
                        fastrand::usize(..below)
                    }),
                };
                let again = Rig::open(&SimulatedDisk::with(image), &config);
                let again = again.unwrap_or_else(|what| panic!("{failing:?}: {what}"));
                assert_eq!(again.held(), opened.held(), "{failing:?}");
            }
        }
    }
}

#[test]
fn after_the_first_error_nothing_is_written_any_more() {
    let mut rig = Rig::new(&config());
    rig.put("a", "b");
    rig.disk.fail(Failing::Once(1, ErrorKind::Other));
    rig.turn(&[put("a", "not synced")]);
    let fault = rig.commit().unwrap_err();
    assert!(fault.to_string().contains("sync"), "{fault}");
    rig.parts.shared.fail(fault.into());
    let demand = Demand {
        changes: 1,
        bytes: 10,
        grows: false,
    };
    let refused = rig.journal.turn(NOW, demand);
    assert!(matches!(
        refused,
        Err(crate::engine::journal::Refusal::Failed(_))
    ));
    assert!(rig.journal.durable() < rig.journal.last());
}

/// Calls `work` on a store, with which of the calls from there on is to fail, one
/// after another; how often the last that was done then was to rename a file to
/// a name that begins so.
fn after_each_rename(
    to: &str,
    work: impl Fn(&mut Rig, Failing) -> bool,
    check: impl Fn(Rig),
) -> usize {
    let is_rename =
        |call: &Call| matches!(call, Call::Rename { to: name, .. } if name.starts_with(to));
    let mut met = 0;
    for at in 0..200 {
        let disk = SimulatedDisk::default();
        let mut rig = Rig::open(&disk, &config()).unwrap();
        let has_failed = work(&mut rig, Failing::Once(at, ErrorKind::Other));
        disk.fail(Failing::Never);
        let notes = disk.notes();
        if has_failed && notes.last().is_some_and(|(call, _)| is_rename(call)) {
            met += 1;
            check(rig);
        }
    }
    met
}

#[test]
fn what_is_acknowledged_after_a_rename_that_was_not_synced_outlasts_a_power_cut() {
    let fill = |rig: &mut Rig, failing| {
        rig.disk.fail(failing);
        (0..60).any(|nth| {
            rig.turn(&[put(&format!("key-{nth}"), &"x".repeat(4000))]);
            rig.commit().is_err()
        })
    };
    let met = after_each_rename("log-", fill, |rig| {
        // The process was ended there, and another one finds the names.
        let mut again = Rig::open(&rig.disk, &config()).unwrap();
        again.put("acknowledged", "value");
        let cut = after_power_cut(&rig.disk.began(), &rig.disk.notes(), 512, &mut |_| 0);
        let last = Rig::open(&SimulatedDisk::with(cut), &config()).unwrap();
        assert_eq!(last.held(), again.held());
    });
    assert!(met > 0);
}

#[test]
fn segments_go_on_being_used_again_after_names_could_not_be_synced() {
    let snapshot = |rig: &mut Rig, failing| {
        rig.fill_segments(6);
        rig.disk.fail(failing);
        rig.snapshot().is_err()
    };
    let met = after_each_rename("spare-", snapshot, |mut rig| {
        let before = rig.journal.status().segments;
        rig.fill_segments(1);
        rig.snapshot().unwrap();
        assert!(rig.journal.status().segments <= before, "{before}");
    });
    assert!(met > 0);
}
