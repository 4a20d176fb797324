//! Removing the keys of a range, in steps.
//!
//! Keys are found in their order, some at a time, and removed one by one: a
//! shard is locked no longer than for one removal, and what is removed first is
//! what comes first, so that a call that stops at its limit leaves the rest.

use crate::{
    engine::{
        ListQuery, RangeDeleted,
        memory::{Memory, list},
    },
    model::{
        clock::Clock,
        error::Error,
        key::Key,
        mutation::{Change, Mutation},
        range::Range,
    },
};

/// How many keys are looked for at a time.
const PAGE_ENTRIES: usize = 512;

/// After so many removals others on this thread get their turn.
const STEP_ENTRIES: usize = 32;

/// Removes them, as yet in memory. When the journal takes no more of them, that
/// is what is told: it is refused only when nothing was removed. See
/// [`crate::engine::Engine::delete_range`].
pub(super) async fn run<C: Clock>(
    memory: &Memory<C>,
    range: &Range,
    entries_max: usize,
) -> Result<RangeDeleted, Error> {
    let mut deleted = RangeDeleted {
        more: true,
        ..RangeDeleted::default()
    };
    let mut after = None::<String>;
    while deleted.more && deleted.count < entries_max {
        let query = ListQuery {
            range,
            after: after.as_deref(),
            entries_max: PAGE_ENTRIES.min(entries_max - deleted.count),
            reply_bytes_max: usize::MAX,
            omit_value: true,
        };
        let page = list::run(memory, query).await;
        for step in page.entries.chunks(STEP_ENTRIES) {
            for entry in step {
                let (removed, _) = memory.apply(removal(entry.key())?);
                let removed = match removed {
                    Err(Error::JournalFull { .. } | Error::DiskFull { .. })
                        if deleted.count > 0 =>
                    {
                        return Ok(deleted);
                    }
                    removed => removed?,
                };
                // It may have gone in between, and then it was not removed here.
                if let Some(version) = removed.version {
                    deleted.count += 1;
                    deleted.version = Some(version);
                }
            }
            tokio::task::yield_now().await;
        }
        deleted.more = page.more;
        after = page
            .entries
            .into_iter()
            .next_back()
            .map(|entry| entry.into_parts().0);
    }
    Ok(deleted)
}

/// # Errors
/// None: what is stored under is a key.
fn removal(key: &str) -> Result<Mutation<'_>, Error> {
    Ok(Mutation {
        key: Key::new(key, Key::BYTES_LIMIT)?,
        change: Change::Delete {
            return_previous: false,
        },
        condition: None,
    })
}
