//! Each mechanism is left out once, and its absence is noticed.

use super::{
    damage::{Outcome, outcome},
    power::{cut_everywhere, history},
    *,
};
use crate::engine::journal::{names, planted::Planted};

fn with(planted: Planted) -> Config {
    Config {
        planted,
        ..config()
    }
}

/// A store the last group of which has become zeros.
fn without_last(config: &Config) -> Outcome {
    let mut rig = Rig::new(config);
    rig.put("a", "b");
    let before = rig.disk.image();
    rig.put("a", "acknowledged");
    let mut image = rig.disk.image();
    let log = names::segment(1);
    image.insert(log.clone(), before[&log].clone());
    outcome(image, &rig)
}

#[test]
fn without_a_mark_an_acknowledged_end_is_lost_silently() {
    assert_eq!(without_last(&config()), Outcome::Refused);
    let no_mark = with(Planted {
        no_mark: true,
        ..Planted::default()
    });
    assert_eq!(without_last(&no_mark), Outcome::Less);
}

/// A store with a segment of another one that has gone on from the same copy.
fn of_two_lines(config: &Config) -> Outcome {
    let mut rig = Rig::new(config);
    rig.put("a", "b");
    let disk = SimulatedDisk::with(rig.disk.image());
    let mut other = Rig::open(&disk, config).unwrap();
    // Opening has written one record there.
    rig.turn(&[Change::Remember("request".into(), b"reply".to_vec())]);
    rig.commit().unwrap();
    for (rig, value) in [(&mut rig, "this"), (&mut other, "that")] {
        for nth in 0..60 {
            rig.put(&format!("key-{}", nth % 3), &value.repeat(500));
        }
        assert!(rig.journal.status().segments > 2);
    }
    let mut image = rig.disk.image();
    image.insert(
        names::segment(1),
        other.disk.image()[&names::segment(1)].clone(),
    );
    // What it has overwritten differs, and is not held by what came later.
    let differs = {
        let mut before = None;
        let disk = SimulatedDisk::with(image.clone());
        let opened = open::open(
            Arc::new(disk),
            config.clone(),
            &made(),
            &mut |_, record| {
                if let Record::Put {
                    value: ValueRef::Text(text),
                    ..
                } = record
                {
                    before = before.take().or(text.starts_with("that").then_some(()));
                }
                Ok(())
            },
            &mut |_| {},
        );
        opened.is_ok() && before.is_some()
    };
    if differs {
        Outcome::Less
    } else {
        outcome(image, &rig)
    }
}

#[test]
fn without_a_chain_files_of_two_lines_are_taken_for_one() {
    assert_eq!(of_two_lines(&config()), Outcome::Refused);
    let no_chain = with(Planted {
        no_chain: true,
        ..Planted::default()
    });
    assert_eq!(of_two_lines(&no_chain), Outcome::Less);
}

#[test]
fn an_answer_before_the_sync_is_lost_with_the_power() {
    let early = with(Planted {
        answered_early: true,
        ..Planted::default()
    });
    let mut random = fastrand::Rng::with_seed(1);
    let rig = history(&early, &mut random, 40);
    let lost = cut_everywhere(&rig, &mut random, 1).unwrap_err();
    assert!(lost.contains("acknowledged"), "{lost}");
}

#[test]
fn a_snapshot_that_is_published_early_makes_a_store_that_does_not_open() {
    for (published_early, is_caught) in [(false, false), (true, true)] {
        let config = Config {
            durability: Durability::Os,
            ..with(Planted {
                published_early,
                ..Planted::default()
            })
        };
        let mut random = fastrand::Rng::with_seed(7);
        let rig = history(&config, &mut random, 60);
        let outcome = cut_everywhere(&rig, &mut random, 2);
        assert_eq!(outcome.is_err(), is_caught, "{outcome:?}");
        if let Err(what) = outcome {
            assert!(what.contains("the snapshot reaches"), "{what}");
        }
    }
}
