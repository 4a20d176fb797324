//! A store in which something has changed: it is refused, or is exactly what it
//! was.

use super::*;
use crate::engine::journal::names;

/// What becomes of a store with a fault.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// It is refused, with the file named.
    Refused,
    /// It opens, and all is there.
    Exact,
    /// It opens with something else.
    Less,
}

/// Two segments, a snapshot, and a log that goes on after it.
fn small() -> Rig {
    let mut rig = Rig::new(&config());
    rig.put("in the snapshot", "alone");
    rig.turn(&[Change::Remember("request".into(), b"reply".to_vec())]);
    rig.fill_segments(1);
    rig.snapshot().unwrap();
    rig.turn(&[
        put("zeros", &"\0".repeat(1500)),
        Change::Touch("in the snapshot".into(), Some(NOW.plus(5))),
    ]);
    rig.commit().unwrap();
    rig.fill_segments(1);
    rig.put("last", "acknowledged");
    rig
}

pub(super) fn outcome(image: Image, rig: &Rig) -> Outcome {
    let disk = SimulatedDisk::with(image);
    let held = rig.held();
    match Rig::open(&disk, &rig.config) {
        Ok(opened) if opened.held() == held => Outcome::Exact,
        Ok(_) => Outcome::Less,
        Err(OpenError::Damaged { file, .. }) => {
            assert!(!file.as_os_str().is_empty());
            Outcome::Refused
        }
        Err(error) => panic!("{error}"),
    }
}

/// Every so many: more of them when looked at for longer.
fn step(quick: usize) -> usize {
    let times = usize::try_from(rounds(1)).unwrap();
    (quick / times).max(1)
}

#[test]
fn a_bit_that_changes_is_found_or_harmless() {
    let rig = small();
    let image = rig.disk.image();
    let random = fastrand::usize(..);
    let (mut refused, mut exact) = (0, 0);
    for (name, content) in &image {
        if name.starts_with("spare") {
            continue;
        }
        // Zeros beyond what was written are many, and all alike.
        let used = content.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1024;
        let used = used.min(content.len());
        let quick = step(197);
        for bit in (random % quick..used * 8).step_by(quick) {
            let mut image = image.clone();
            image.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
            match outcome(image, &rig) {
                Outcome::Refused => refused += 1,
                Outcome::Exact => exact += 1,
                Outcome::Less => panic!("bit {bit} of {name} is not found"),
            }
        }
    }
    println!("{refused} bits refused, {exact} harmless");
    assert!(refused > 5 * exact, "{refused} {exact}");
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    let rig = small();
    let image = rig.disk.image();
    let random = fastrand::usize(..);
    let mut cuts = 0;
    for (name, content) in &image {
        if name.starts_with("spare") {
            continue;
        }
        let quick = step(193);
        let lens = (random % quick..content.len()).step_by(quick);
        for len in lens.chain([0, 1, content.len() - 1]) {
            let mut image = image.clone();
            image.get_mut(name).unwrap().truncate(len);
            assert_eq!(outcome(image, &rig), Outcome::Refused, "{name} at {len}");
            cuts += 1;
        }
    }
    println!("{cuts} cuts refused");
}

#[test]
fn an_end_that_was_acknowledged_and_is_zero_is_refused() {
    let rig = small();
    let image = rig.disk.image();
    for (name, content) in &image {
        if !name.starts_with("log") {
            continue;
        }
        let used = content.iter().rposition(|byte| *byte != 0).unwrap();
        for from in (0..used / 512).map(|sector| sector * 512) {
            let mut image = image.clone();
            image.get_mut(name).unwrap()[from..].fill(0);
            assert_eq!(outcome(image, &rig), Outcome::Refused, "{name} from {from}");
        }
    }
}

#[test]
fn sectors_that_are_zero_or_elsewhere_are_refused() {
    let rig = small();
    let image = rig.disk.image();
    for (name, content) in &image {
        if !name.starts_with("log") {
            continue;
        }
        let used = content.iter().rposition(|byte| *byte != 0).unwrap() / 512;
        for sector in (0..=used).filter(|sector| !(1..8).contains(sector)) {
            let (from, to) = (sector * 512, (sector + 1) * 512);
            let mut zeroed = image.clone();
            zeroed.get_mut(name).unwrap()[from..to].fill(0);
            assert_eq!(outcome(zeroed, &rig), Outcome::Refused, "{name} {sector}");
            let mut swapped = image.clone();
            let other = if sector == used { 8 } else { used };
            let content = swapped.get_mut(name).unwrap();
            let moved = content[from..to].to_vec();
            content[other * 512..(other + 1) * 512].copy_from_slice(&moved);
            assert_eq!(outcome(swapped, &rig), Outcome::Refused, "{name} {sector}");
        }
    }
}

#[test]
fn files_of_another_time_or_store_are_refused() {
    let rig = small();
    let later = {
        let disk = SimulatedDisk::with(rig.disk.image());
        let mut later = Rig::open(&disk, &rig.config).unwrap();
        later.fill_segments(1);
        later.put("later", "still");
        later
    };
    let other = {
        let made = Made {
            store_id: "another".into(),
            ..made()
        };
        let disk = SimulatedDisk::default();
        let config = config();
        let load = &mut |_, _: Record<'_>| Ok(());
        open::open(Arc::new(disk.clone()), config, &made, load, &mut |_| {}).unwrap();
        disk.image()
    };
    let image = later.disk.image();
    for (name, old) in rig.disk.image() {
        if image[&name] == old || name.starts_with("spare") {
            continue;
        }
        let mut mixed = image.clone();
        mixed.insert(name.clone(), old);
        let expected = if name == "store" {
            // An older mark is a lower bound, and no more.
            Outcome::Exact
        } else {
            Outcome::Refused
        };
        assert_eq!(outcome(mixed, &later), expected, "{name}");
    }
    for (name, foreign) in other {
        let mut mixed = image.clone();
        mixed.insert(name.clone(), foreign);
        assert_eq!(outcome(mixed, &later), Outcome::Refused, "{name}");
    }
}

#[test]
fn a_refused_store_is_left_as_it_is() {
    let rig = small();
    let mut image = rig.disk.image();
    let last = image
        .keys()
        .rfind(|name| name.starts_with("log"))
        .unwrap()
        .clone();
    image.get_mut(&last).unwrap()[4096 + 700] ^= 1;
    let disk = SimulatedDisk::with(image.clone());
    let Err(OpenError::Damaged { file, offset, .. }) = Rig::open(&disk, &rig.config) else {
        panic!("opened");
    };
    assert!(file.ends_with(&last) && (4096..4096 + 1024).contains(&offset));
    assert!(disk.image() == image && disk.notes().is_empty());
}

#[test]
fn what_is_no_store_of_ours_is_left_alone() {
    let mut image = Image::new();
    image.insert("lost+found".into(), Vec::new());
    image.insert("notes.txt".into(), b"mine".to_vec());
    let disk = SimulatedDisk::with(image.clone());
    Rig::open(&disk, &config()).unwrap();
    assert_eq!(disk.image()["notes.txt"], b"mine");
    let mut log_alone = small().disk.image();
    log_alone.remove("store");
    assert!(log_alone.contains_key(&names::snapshot(1)));
    let refused = Rig::open(&SimulatedDisk::with(log_alone), &config());
    assert!(matches!(refused, Err(OpenError::Damaged { file, .. }) if file.ends_with("store")));
}
