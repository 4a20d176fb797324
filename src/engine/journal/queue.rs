//! What waits to be written: groups of changes, in their order.

use std::collections::VecDeque;

use crate::{
    engine::journal::{
        Demand,
        layout::record::{self, Item, OVERHEAD_MAX},
    },
    model::{time::UnixMillis, version::Version},
};

/// A group is closed when it has this many changes.
const GROUP_CHANGES_MAX: usize = 1024;

/// How many versions are reserved at a time, and how many of them may be left
/// when the next are.
const RESERVE: i64 = 1 << 20;
const RESERVE_LEFT_MIN: i64 = RESERVE / 2;

/// How many buffers are kept for later groups.
const BUFFERS_MAX: usize = 4;

/// Changes that are committed together.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Their records.
    pub(super) bytes: Vec<u8>,
    /// The sequence of the first.
    pub(super) first: u64,
    pub(super) count: u32,
    /// What a part of them was said to have in bytes.
    demanded: usize,
    /// The last version that was given out until then.
    pub(super) version: i64,
    /// What is reserved when they are synced.
    pub(super) ceiling: Option<i64>,
    pub(super) now: UnixMillis,
}

/// What waits, and where the order stands.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what others want, each alone"
)]
#[derive(Debug)]
pub(super) struct Queue {
    groups: VecDeque<Group>,
    buffers: Vec<Vec<u8>>,
    group_bytes_max: usize,
    /// Changes and bytes that wait.
    pub(super) changes: usize,
    pub(super) bytes: usize,
    /// The sequence of the next record.
    next: u64,
    /// The last version that was pushed.
    pub(super) version: i64,
    /// What was reserved, or will be with what waits.
    ceiling: i64,
    /// Whether the committer sleeps.
    pub(super) is_sleeping: bool,
    /// Whether somebody waits for a sync.
    pub(super) is_sync_wanted: bool,
    pub(super) is_closing: bool,
    /// Whether versions were pushed that do not ascend, or were not reserved:
    /// none of that may be written, since no such log is read.
    pub(super) is_out_of_order: bool,
}

impl Group {
    /// The sequence of the last.
    pub(super) fn last(&self) -> u64 {
        (self.first + u64::from(self.count)).saturating_sub(1)
    }
}

impl Queue {
    /// Nothing waits; the next record has the sequence `next`, and the last
    /// version was `version`.
    pub(super) fn new(next: u64, version: i64, group_bytes_max: usize) -> Self {
        Self {
            groups: VecDeque::new(),
            buffers: Vec::new(),
            group_bytes_max,
            changes: 0,
            bytes: 0,
            next,
            version,
            ceiling: version,
            is_sleeping: false,
            is_sync_wanted: false,
            is_closing: false,
            is_out_of_order: false,
        }
    }

    /// The sequence of the last record.
    pub(super) const fn last(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// Makes room in a group for what a turn brings.
    pub(super) fn begin(&mut self, now: UnixMillis, demand: Demand) {
        let bytes = demanded(demand);
        let has_room = self.groups.back().is_some_and(|group| {
            let changes = usize::try_from(group.count).unwrap_or(usize::MAX);
            changes.saturating_add(demand.changes) <= GROUP_CHANGES_MAX
                && group.bytes.len().max(group.demanded).saturating_add(bytes)
                    <= self.group_bytes_max
        });
        let is_empty = self.groups.back().is_some_and(|group| group.count == 0);
        if !has_room && !is_empty {
            self.groups.push_back(Group {
                bytes: self.buffers.pop().unwrap_or_default(),
                first: self.next,
                version: self.version,
                ..Group::default()
            });
        }
        if let Some(group) = self.groups.back_mut() {
            group.now = group.now.max(now);
        }
        if self.version.saturating_add(RESERVE_LEFT_MIN) > self.ceiling {
            self.reserve();
        }
        if let Some(group) = self.groups.back_mut() {
            group.demanded = group.bytes.len().saturating_add(bytes);
        }
    }

    fn reserve(&mut self) {
        let ceiling = self.version.saturating_add(RESERVE);
        let Some(version) = Version::new(ceiling) else {
            return;
        };
        self.ceiling = ceiling;
        self.push(&Item::Reserve(version));
        if let Some(group) = self.groups.back_mut() {
            group.ceiling = Some(ceiling);
        }
    }

    /// Adds an item to the group that has room, and gives its sequence.
    pub(super) fn push(&mut self, item: &Item<'_>) -> u64 {
        let sequence = self.next;
        if let Some(group) = self.groups.back_mut() {
            let before = group.bytes.len();
            record::write(item, &mut group.bytes);
            self.bytes += group.bytes.len() - before;
            self.changes += 1;
            group.count = group.count.saturating_add(1);
            self.next += 1;
            if let Some(version) = item.version() {
                self.is_out_of_order |=
                    version.get() <= self.version || version.get() > self.ceiling;
                self.version = version.get();
                group.version = version.get();
            }
        }
        sequence
    }

    /// The group that is to be written next.
    pub(super) fn take(&mut self) -> Option<Group> {
        if self.groups.front()?.count == 0 {
            return None;
        }
        let group = self.groups.pop_front()?;
        self.bytes -= group.bytes.len();
        self.changes -= usize::try_from(group.count).unwrap_or(0);
        Some(group)
    }

    /// Whether there is anything to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.front().is_none_or(|group| group.count == 0)
    }

    /// Takes back the buffer of a group that was written.
    pub(super) fn give_back(&mut self, mut buffer: Vec<u8>) {
        if self.buffers.len() < BUFFERS_MAX {
            buffer.clear();
            buffer.shrink_to(2 * self.group_bytes_max);
            self.buffers.push(buffer);
        }
    }
}

/// How many bytes the records of a turn have at most.
pub(super) const fn demanded(demand: Demand) -> usize {
    // One more, for a reservation.
    demand
        .changes
        .saturating_add(1)
        .saturating_mul(OVERHEAD_MAX)
        .saturating_add(demand.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::journal::record::Record;

    fn demand(changes: usize, bytes: usize) -> Demand {
        Demand {
            changes,
            bytes,
            grows: true,
        }
    }

    fn remember(reply: &[u8]) -> Item<'_> {
        Item::Record(Record::Remember {
            id: "id",
            content: [0; 16],
            at: UnixMillis::new(1),
            reply,
        })
    }

    #[test]
    fn a_group_ends_with_its_changes_or_bytes_and_never_in_a_turn() {
        let mut queue = Queue::new(1, 1, 10_000);
        for _ in 0..1030 {
            queue.begin(UnixMillis::new(1), demand(1, 5));
            queue.push(&remember(b"abc"));
        }
        let reserve = 1;
        let sizes =
            |queue: &Queue| -> Vec<u32> { queue.groups.iter().map(|group| group.count).collect() };
        assert_eq!(sizes(&queue).iter().sum::<u32>(), 1030 + reserve);
        assert!(sizes(&queue).iter().all(|count| *count < 300), "bytes");

        let mut queue = Queue::new(1, 1, 1 << 20);
        for _ in 0..1030 {
            queue.begin(UnixMillis::new(1), demand(1, 5));
            queue.push(&remember(b"abc"));
        }
        assert_eq!(sizes(&queue), [1024, 7]);
        queue.begin(UnixMillis::new(1), demand(2000, 10_000));
        for _ in 0..2000 {
            queue.push(&remember(b"abc"));
        }
        assert_eq!(sizes(&queue), [1024, 7, 2000]);
        let taken: Vec<Group> = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!(
            taken
                .iter()
                .map(|group| (group.first, group.last()))
                .collect::<Vec<_>>(),
            [(1, 1024), (1025, 1031), (1032, 3031)]
        );
        assert_eq!((queue.changes, queue.bytes), (0, 0));
    }

    #[test]
    fn versions_are_reserved_long_before_they_are_used_up() {
        let mut queue = Queue::new(1, 1000, 1 << 20);
        queue.begin(UnixMillis::new(1), demand(1, 5));
        let group = queue.take().unwrap();
        assert_eq!((group.count, group.ceiling), (1, Some(1000 + RESERVE)));
        queue.begin(UnixMillis::new(1), demand(1, 5));
        assert!(queue.take().is_none(), "there is enough");
        queue.version = 1000 + RESERVE_LEFT_MIN + 1;
        queue.begin(UnixMillis::new(1), demand(1, 5));
        let group = queue.take().unwrap();
        assert_eq!(group.ceiling, Some(queue.version + RESERVE));
    }

    #[test]
    fn a_turn_that_brings_nothing_leaves_nothing_to_write() {
        let mut queue = Queue::new(1, 1, 1 << 20);
        queue.begin(UnixMillis::new(1), demand(1, 5));
        queue.take().unwrap();
        for _ in 0..3 {
            queue.begin(UnixMillis::new(1), demand(9, 5000));
        }
        assert!(queue.is_empty() && queue.take().is_none());
        assert_eq!(queue.groups.len(), 1);
    }
}
