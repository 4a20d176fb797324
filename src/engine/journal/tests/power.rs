//! The power is cut after any call to the disk, and what was not synced is
//! there in part.

use super::*;
use crate::engine::journal::disk::{power::after_power_cut, simulated::Call};

/// What a random history does to a store, and everything the disk was asked.
pub(super) fn history(config: &Config, random: &mut fastrand::Rng, turns: u64) -> Rig {
    let mut rig = Rig::new(config);
    let mut writer: Option<Writer> = None;
    for _ in 0..turns {
        for _ in 0..random.u8(1..4) {
            let turn = any_turn(random);
            rig.turn(&turn);
        }
        if random.u8(0..4) == 0 {
            rig.disk.pass(700);
        }
        rig.commit().unwrap();
        if random.u8(0..3) == 0 {
            rig.tender.step().unwrap();
        }
        match &mut writer {
            None if random.u8(0..8) == 0 => {
                writer = Some(Writer::begin(&rig.parts.shared).unwrap());
            }
            None => {}
            Some(open) => {
                let steps = Steps(Arc::clone(&rig.model));
                if open.step(&steps).unwrap().is_none() {
                    let mut finished = writer.take().unwrap();
                    let end = finished.finish().unwrap();
                    let shared = Arc::clone(&rig.parts.shared);
                    if !config.planted.published_early {
                        shared.queue.lock().is_sync_wanted = true;
                        rig.commit().unwrap();
                        assert!(shared.synced.load(Ordering::SeqCst) >= end);
                    }
                    finished.publish().unwrap();
                }
            }
        }
    }
    rig
}

/// Cuts the power after every call of a history, and opens what is left.
/// Gives the first thing that is wrong.
pub(super) fn cut_everywhere(
    rig: &Rig,
    random: &mut fastrand::Rng,
    tries: u64,
) -> Result<u64, String> {
    let notes = rig.disk.notes();
    let (began, mut cuts) = (rig.disk.began(), 0);
    for at in 0..=notes.len() {
        let acknowledged = match notes.get(at) {
            Some((_, said)) => *said,
            None => rig.promised().load(Ordering::SeqCst),
        };
        // At boundaries always, else now and then: most calls are writes.
        let is_boundary = at == notes.len() || !matches!(notes[at].0, Call::Write { .. });
        if !is_boundary && random.u8(0..4) > 0 {
            continue;
        }
        let version = rig
            .versions
            .iter()
            .take_while(|(calls, _)| *calls <= at)
            .last()
            .map_or(0, |(_, version)| *version);
        for _ in 0..tries {
            for sector_bytes in [512, 4096] {
                let seed = random.u64(..);
                let mut choices = fastrand::Rng::with_seed(seed);
                let image = after_power_cut(&began, &notes[..at], sector_bytes, &mut |below| {
                    choices.usize(..below)
                });
                cuts += 1;
                check(&image, &rig.config, rig, acknowledged, version).map_err(|what| {
                    format!("after call {at} with sectors of {sector_bytes}: {what}")
                })?;
            }
        }
    }
    Ok(cuts)
}

#[test]
fn nothing_acknowledged_is_lost_with_the_power() {
    let mut cuts = 0;
    for _ in 0..rounds(2) {
        for durability in [Durability::Always, Durability::Interval, Durability::Os] {
            let seed = seed();
            let mut random = fastrand::Rng::with_seed(seed);
            let config = Config {
                durability,
                ..config()
            };
            let rig = history(&config, &mut random, 60);
            let outcome = cut_everywhere(&rig, &mut random, 1);
            cuts += outcome.unwrap_or_else(|what| panic!("SEED={seed} {durability:?}: {what}"));
        }
    }
    println!("{cuts} power cuts");
}

#[test]
fn what_a_power_cut_has_left_is_set_aside_and_told() {
    let config = config();
    let mut rig = Rig::new(&config);
    rig.put("a", "b");
    let before = rig.disk.notes().len();
    rig.turn(&[put("long", &"x".repeat(3000))]);
    rig.commit().unwrap();
    let notes = rig.disk.notes();
    let write = before + 1;
    assert!(matches!(notes[before].0, Call::Write { .. }));
    // Every other sector of the last group.
    let mut odd = 0;
    let image = after_power_cut(&rig.disk.began(), &notes[..write], 512, &mut |below| {
        odd += 1;
        if below == 2 { odd % 2 } else { below - 1 }
    });
    let disk = SimulatedDisk::with(image);
    let opened = Rig::open(&disk, &config).unwrap();
    assert_eq!(opened.held().entries.len(), 1);
    let cut = opened.parts.cut.clone().unwrap();
    assert!(cut.file.ends_with("log-0000000000000001") && cut.bytes >= 1024);
    let saved = &disk.image()["cut-0000000000000001"];
    assert_eq!(u64::try_from(saved.len()).unwrap(), cut.bytes);
    assert!(saved.windows(400).any(|some| some == [b'x'; 400]));
    assert_eq!(opened.reopened().parts.cut, None, "it is told once");
}

#[test]
fn only_some_of_what_was_set_aside_is_kept() {
    let config = config();
    let mut rig = Rig::new(&config);
    for nth in 0..6 {
        rig.put("a", "b");
        let before = rig.disk.notes().len();
        rig.turn(&[put("long", &format!("{nth}{}", "x".repeat(3000)))]);
        rig.commit().unwrap();
        let notes = rig.disk.notes();
        let mut odd = 0;
        let image = after_power_cut(&rig.disk.began(), &notes[..=before], 512, &mut |below| {
            odd += 1;
            if below == 2 { odd % 2 } else { below - 1 }
        });
        let disk = SimulatedDisk::with(image);
        rig = Rig::open(&disk, &config).unwrap();
        assert!(rig.parts.cut.is_some());
    }
    let image = rig.disk.image();
    let cuts: Vec<&String> = image
        .keys()
        .filter(|name| name.starts_with("cut"))
        .collect();
    assert_eq!(cuts.len(), 4);
    assert_eq!(cuts[3], "cut-0000000000000006");
}
