//! All threads, on a real disk.

use std::{sync::Barrier, thread};

use super::*;
use crate::engine::journal::{Opened, Sequence};

const DEMAND: Demand = Demand {
    changes: 1,
    bytes: 200,
    grows: true,
};

fn open(config: &Config, model: &mut Model) -> Result<Opened, OpenError> {
    Journal::open(
        config.clone(),
        &made(),
        &mut |_, record| {
            model.apply(record);
            Ok(())
        },
        &mut |_| {},
    )
}

/// Pushes one change and applies it, as a store with one shard does.
fn change(journal: &Journal, model: &Mutex<Model>, version: &Mutex<i64>, name: &str) -> u64 {
    let mut model = model.lock().unwrap();
    let mut turn = journal.turn(NOW, DEMAND).unwrap();
    let mut version = version.lock().unwrap();
    put(name, "value").with(&model.clone(), &mut version, |record| {
        turn.push(record);
        model.apply(record);
    });
    turn.sequence().get()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_settled_is_there_under_any_durability() {
    for durability in [Durability::Always, Durability::Interval, Durability::Os] {
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            dir: dir.path().join("store"),
            durability,
            ..config()
        };
        let opened = open(&config, &mut Model::default()).unwrap();
        let (model, version) = (
            Mutex::new(Model::default()),
            Mutex::new(opened.version.get()),
        );
        for nth in 0..300 {
            let sequence = change(&opened.journal, &model, &version, &format!("key-{nth}"));
            let version = Version::new(*version.lock().unwrap()).unwrap();
            opened
                .journal
                .settled(Sequence::new(sequence))
                .await
                .unwrap();
            assert!(opened.journal.durable_version() >= version);
            assert!(opened.journal.durable().get() >= sequence);
        }
        opened.journal.close().await.unwrap();
        assert!(matches!(
            opened.journal.turn(NOW, DEMAND),
            Err(Refusal::Failed(_))
        ));
        let mut again = Model::default();
        let reopened = open(&config, &mut again).unwrap();
        assert!(!reopened.created && reopened.cut.is_none());
        assert_eq!(again, *model.lock().unwrap());
    }
}

#[test]
fn writers_of_many_threads_settle_and_snapshots_are_taken_beside_them() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        dir: dir.path().to_owned(),
        snapshot_bytes_per_second: 1 << 30,
        ..config()
    };
    let opened = open(&config, &mut Model::default()).unwrap();
    let model = Arc::new(Mutex::new(Model::default()));
    let version = Arc::new(Mutex::new(opened.version.get()));
    let steps = Steps(Arc::clone(&model));
    opened.journal.keep_snapshots(Arc::new(steps)).unwrap();
    let barrier = Arc::new(Barrier::new(4));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (journal, barrier) = (opened.journal.clone(), Arc::clone(&barrier));
            let (model, version) = (Arc::clone(&model), Arc::clone(&version));
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                barrier.wait();
                // Until some segments are full and a snapshot has let them go.
                for nth in 0_u64.. {
                    let name = format!("{writer}-{}", nth % 50);
                    let sequence = change(&journal, &model, &version, &name);
                    runtime
                        .block_on(journal.settled(Sequence::new(sequence)))
                        .unwrap();
                    let status = journal.status();
                    if nth > 200 && status.snapshots > 1 {
                        break;
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    drop(opened);
    let mut again = Model::default();
    // The last threads may still hold the directory for a moment.
    let reopened = loop {
        match open(&config, &mut again) {
            Err(OpenError::Locked { .. }) => thread::yield_now(),
            opened => break opened.unwrap(),
        }
    };
    assert_eq!(again, *model.lock().unwrap());
    assert!(reopened.journal.status().segments < 8, "some were let go");
}

#[test]
fn two_never_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        dir: dir.path().to_owned(),
        ..config()
    };
    let first = open(&config, &mut Model::default()).unwrap();
    let second = open(&config, &mut Model::default());
    assert!(matches!(second, Err(OpenError::Locked { .. })));
    drop(first);
}

#[tokio::test]
async fn a_failed_journal_tells_all_who_wait() {
    let rig = Rig::new(&config());
    let journal = rig.journal.clone();
    let settled = tokio::spawn(journal.settled(Sequence::new(1_000_000)));
    let failed = tokio::spawn(journal.failed());
    tokio::task::yield_now().await;
    let why = "a disk is broken";
    rig.parts
        .shared
        .fail(crate::engine::journal::Failed { why: why.into() });
    assert_eq!(&*settled.await.unwrap().unwrap_err().why, why);
    assert_eq!(&*failed.await.unwrap().why, why);
    assert_eq!(rig.journal.status().failed.unwrap().why.as_ref(), why);
}
