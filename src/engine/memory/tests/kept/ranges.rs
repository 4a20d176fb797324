//! Keys of a range that are removed while the log takes few changes, or none.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use super::*;
use crate::{engine::RangeDeleted, model::range::Range};

const QUEUE_CHANGES_MAX: usize = 6;

/// A store of ten keys, whose log has room for a few changes that wait.
fn kept() -> Kept {
    let (dir, clock) = (
        TempDir::new().unwrap(),
        HeldClock::at(UnixMillis::new(START)),
    );
    let journal = journal::Config {
        queue_changes_max: QUEUE_CHANGES_MAX,
        ..journal(dir.path(), Durability::Always)
    };
    let memory = Memory::load(config(1 << 30, 2), journal, clock.clone(), &mut |_| {}).unwrap();
    for name in 0..10 {
        block(memory.mutate(number(&format!("key/{name}"), 1))).unwrap();
    }
    Kept { memory, clock, dir }
}

/// What comes of it when the log is written again after the first look.
fn after_a_while<T>(
    kept: &Kept,
    removal: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let held = kept.memory.journal.as_ref().unwrap().hold();
    let mut removal = pin!(removal);
    let mut context = Context::from_waker(Waker::noop());
    assert!(removal.as_mut().poll(&mut context).is_pending());
    drop(held);
    loop {
        if let Poll::Ready(removed) = removal.as_mut().poll(&mut context) {
            return removed;
        }
        kept.clock.advance(1);
        std::thread::yield_now();
    }
}

fn left(memory: &Memory<HeldClock>) -> usize {
    let names = (0..10).map(|name| format!("key/{name}"));
    names
        .filter(|name| block(memory.get(read(key(name)))).unwrap().is_some())
        .count()
}

#[test]
fn what_was_removed_before_the_log_was_full_is_told_and_the_rest_is_left() {
    let kept = kept();
    let all = Range::default();
    let deleted = after_a_while(&kept, kept.memory.delete_range(&all, 100)).unwrap();
    // One more than may wait, if it was taken before the log was held.
    assert!((QUEUE_CHANGES_MAX..10).contains(&deleted.count));
    assert!(deleted.more && deleted.version.is_some());
    assert_eq!(left(&kept.memory), 10 - deleted.count);
    let rest = block(kept.memory.delete_range(&all, 100)).unwrap();
    assert_eq!((rest.count, rest.more), (10 - deleted.count, false));
}

#[test]
fn a_request_with_an_id_whose_keys_are_removed_is_answered_and_remembered() {
    let kept = kept();
    let all = Range::default();
    let once = Once {
        id: RequestId::new("id").unwrap(),
        content: Content::of_mutation(&add("any")),
    };
    let removal = kept.memory.delete_range_once(once, &all, 100);
    let deleted: RangeDeleted = after_a_while(&kept, removal).unwrap();
    assert!((QUEUE_CHANGES_MAX..10).contains(&deleted.count) && deleted.more);
    let kept = kept.again(UnixMillis::new(START));
    assert_eq!(left(&kept.memory), 10 - deleted.count);
    let repeat = block(kept.memory.delete_range_once(once, &all, 100));
    assert_eq!(repeat, Ok(deleted));
    assert_eq!(left(&kept.memory), 10 - deleted.count);
}

#[test]
fn a_removal_that_the_log_takes_nothing_of_is_refused() {
    let kept = kept();
    let memory = &kept.memory;
    let held = memory.journal.as_ref().unwrap().hold();
    let mut context = Context::from_waker(Waker::noop());
    // The last ones are refused, which is told when what was taken is written.
    for _ in 0..QUEUE_CHANGES_MAX + 2 {
        let mut change = pin!(memory.mutate(number("other", 1)));
        assert!(change.as_mut().poll(&mut context).is_pending());
    }
    let all = Range::default();
    let mut removal = Box::pin(memory.delete_range(&all, 100));
    assert!(removal.as_mut().poll(&mut context).is_pending());
    drop(held);
    let refused = block(removal);
    assert!(
        matches!(refused, Err(Error::JournalFull { .. })),
        "{refused:?}"
    );
}
