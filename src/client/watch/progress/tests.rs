//! What a watch makes of replies and breaks.

use proptest::prelude::*;

use super::*;

fn put(version: i64) -> pb::Event {
    pb::Event {
        r#type: pb::EventType::Put.into(),
        entry: Some(pb::Entry {
            key: "key".to_owned(),
            version,
            ..pb::Entry::default()
        }),
        previous: None,
    }
}

fn events(versions: &[i64], resume_version: i64) -> pb::WatchResponse {
    pb::WatchResponse {
        events: versions.iter().copied().map(put).collect(),
        resume_version,
        ..pb::WatchResponse::default()
    }
}

fn versions(told: &Told) -> Vec<i64> {
    let event = |update: &Update| match update {
        Update::Event(event) => Some(event.entry.version),
        _ => None,
    };
    told.updates.iter().filter_map(event).collect()
}

#[test]
fn a_watch_from_now_goes_on_from_its_first_reply() {
    let mut progress = Progress::new(None);
    progress.broken();
    assert_eq!(progress.start(), None, "nothing was promised yet");
    progress.take(events(&[], 7)).unwrap();
    progress.broken();
    assert_eq!(progress.start(), Some(Start::AfterVersion(7)));
}

#[test]
fn a_broken_snapshot_begins_again_and_says_so() {
    let mut progress = Progress::new(Some(Start::Snapshot(true)));
    let part = pb::WatchResponse {
        snapshot_entries: vec![pb::Entry::default()],
        ..pb::WatchResponse::default()
    };
    for _ in 0..2 {
        let told = progress.take(part.clone()).unwrap();
        assert_eq!(told.updates[0], Update::SnapshotBegins);
        assert!(matches!(told.updates[1], Update::Snapshot(_)));
        assert_eq!(told.resume_version, 0);
        let more = progress.take(part.clone()).unwrap();
        assert_eq!(more.updates.len(), 1, "begins once: {more:?}");
        progress.broken();
        assert_eq!(progress.start(), Some(Start::Snapshot(true)));
    }
}

#[test]
fn a_complete_snapshot_is_resumed_and_not_begun_again() {
    let mut progress = Progress::new(Some(Start::Snapshot(true)));
    let whole = pb::WatchResponse {
        snapshot_complete: true,
        ..events(&[9], 8)
    };
    let told = progress.take(whole).unwrap();
    assert_eq!(told.updates[1], Update::SnapshotComplete { version: 8 });
    assert_eq!(versions(&told), [9]);
    progress.broken();
    assert_eq!(progress.start(), Some(Start::AfterVersion(8)));
    let again = progress.take(events(&[9, 10], 10)).unwrap();
    assert_eq!(versions(&again), [10], "9 was told");
    assert!(!again.updates.contains(&Update::SnapshotBegins));
}

#[test]
fn what_begins_again_takes_events_of_any_version() {
    let mut progress = Progress::new(None);
    progress.take(events(&[50], 50)).unwrap();
    progress.begin_again();
    assert_eq!(progress.start(), Some(Start::Snapshot(true)));
    let whole = pb::WatchResponse {
        snapshot_complete: true,
        ..events(&[3], 2)
    };
    let told = progress.take(whole).unwrap();
    assert_eq!(told.updates[0], Update::SnapshotBegins);
    assert_eq!(versions(&told), [3]);
}

#[test]
fn an_event_that_cannot_be_understood_ends_the_watch() {
    let mut progress = Progress::new(None);
    let mut of_later = put(1);
    of_later.r#type = 99;
    let reply = pb::WatchResponse {
        events: vec![of_later],
        ..pb::WatchResponse::default()
    };
    assert!(progress.take(reply).is_err());
}

proptest! {
    /// However a history is cut into replies, whose version to resume from may
    /// lag behind their events, and wherever the stream breaks: every event is
    /// told once and in order.
    #[test]
    fn breaks_lose_nothing_and_repeat_nothing(
        history in prop::collection::btree_set(1..1000_i64, 1..60),
        cuts in prop::collection::vec((1..8_usize, any::<bool>(), any::<bool>()), 1..60),
    ) {
        let history: Vec<_> = history.into_iter().collect();
        let mut progress = Progress::new(Some(Start::AfterVersion(0)));
        let mut told = Vec::new();
        let (mut sent, mut resume) = (0, 0);
        for (take, lags, breaks) in cuts.into_iter().chain([(history.len(), false, false); 2]) {
            let until = history.len().min(sent + take);
            let part = &history[sent..until];
            if let (false, Some(last)) = (lags, part.last()) {
                resume = *last;
            }
            told.extend(versions(&progress.take(events(part, resume)).unwrap()));
            sent = until;
            if breaks {
                progress.broken();
                let Some(Start::AfterVersion(after)) = progress.start() else {
                    panic!("{progress:?}");
                };
                sent = history.partition_point(|version| *version <= after);
                resume = after;
            }
        }
        prop_assert_eq!(told, history);
    }
}
