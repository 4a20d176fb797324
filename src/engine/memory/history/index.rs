//! Whom a change concerns: watchers by the intervals that they follow.
//!
//! Intervals stand sorted by where they begin, and each tells how far those of
//! its half reach: so the ones that hold a key are found in logarithmic time,
//! whatever others there are. What has come since is looked through one by one,
//! until that has cost as much as sorting it in.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    engine::memory::history::{
        chunk::Chunk,
        interval::{End, Interval, Intervals},
    },
    model::{
        event::{EventKind, EventKinds},
        version::Version,
    },
};

/// So many that have come or gone are not worth sorting.
const UNSORTED_MIN: usize = 16;

/// Stands for a watcher.
pub(super) type WatcherId = u64;

/// Watchers by what they follow.
#[derive(Debug, Default)]
pub(super) struct Index {
    groups: BTreeMap<Arc<Interval>, Group>,
    sorted: Vec<Node>,
    unsorted: Vec<Arc<Interval>>,
    /// How many of `sorted` and `unsorted` have no group any more, at most.
    gone: usize,
    /// How many of `unsorted` were looked through since they were sorted.
    looked: usize,
    chunks: u64,
}

/// The watchers that follow one interval.
#[derive(Debug, Default)]
struct Group {
    members: BTreeSet<WatcherId>,
    /// The last chunk that concerned it, by number, and the kinds of events that
    /// it was told of.
    chunk: u64,
    kinds: EventKinds,
}

/// The heads stand beside the intervals, so that most looks follow no pointer.
#[derive(Debug)]
struct Node {
    from: Head,
    /// `None`: it ends after every key.
    to: Option<Head>,
    interval: Arc<Interval>,
    /// Of all below this node, itself included, the one that ends last.
    reach: Arc<Interval>,
}

/// The first eight bytes of a key, as a number. Where those of two keys differ,
/// they are in the order of the keys.
type Head = u64;

/// A watcher, and the first event of one kind that concerns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Concern {
    pub(super) watcher: WatcherId,
    pub(super) kind: EventKind,
    pub(super) version: Version,
}

impl Index {
    pub(super) fn insert(&mut self, watcher: WatcherId, intervals: &Intervals) {
        for interval in intervals.as_slice() {
            if let Some(group) = self.groups.get_mut(interval) {
                group.members.insert(watcher);
                continue;
            }
            let interval = Arc::new(interval.clone());
            let group = Group {
                members: BTreeSet::from([watcher]),
                ..Group::default()
            };
            self.groups.insert(Arc::clone(&interval), group);
            self.unsorted.push(interval);
        }
    }

    pub(super) fn remove(&mut self, watcher: WatcherId, intervals: &Intervals) {
        for interval in intervals.as_slice() {
            let Some(group) = self.groups.get_mut(interval) else {
                continue;
            };
            group.members.remove(&watcher);
            if group.members.is_empty() {
                self.groups.remove(interval);
                self.gone += 1;
            }
        }
        self.sort_if_worth();
    }

    /// Whom the events of `chunk` concern: of each kind the first event, for
    /// each watcher once an interval.
    pub(super) fn concerned(&mut self, chunk: &Chunk) -> Vec<Concern> {
        let mut concerns = Vec::new();
        if self.groups.is_empty() {
            return concerns;
        }
        self.chunks += 1;
        let mut found = Vec::new();
        for event in chunk.iter() {
            self.sort_if_worth();
            let key = event.key();
            stab(&self.sorted, key, head(key), &mut found);
            self.looked += self.unsorted.len();
            let holds = |it: &&Arc<Interval>| it.from() <= key && !it.ends_by(key);
            found.extend(self.unsorted.iter().filter(holds).cloned());
            for interval in found.drain(..) {
                let Some(group) = self.groups.get_mut(&interval) else {
                    continue;
                };
                if group.is_new(self.chunks, event.kind) {
                    concerns.extend(group.members.iter().map(|watcher| Concern {
                        watcher: *watcher,
                        kind: event.kind,
                        version: event.version,
                    }));
                }
            }
        }
        concerns
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let all = self.sorted.len() + self.unsorted.len();
        self.groups.is_empty() && all <= 3 * UNSORTED_MIN
    }

    fn sort_if_worth(&mut self) {
        let unsorted = self.unsorted.len() > UNSORTED_MIN && self.looked > self.groups.len();
        let all = self.sorted.len() + self.unsorted.len();
        if unsorted || self.gone > UNSORTED_MIN + all / 2 {
            let node = |interval: &Arc<Interval>| Node {
                from: head(interval.from()),
                to: None,
                interval: Arc::clone(interval),
                reach: Arc::clone(interval),
            };
            self.sorted = self.groups.keys().map(node).collect();
            settle(&mut self.sorted);
            self.unsorted = Vec::new();
            (self.gone, self.looked) = (0, 0);
        }
    }
}

impl Group {
    /// Whether it was not told of this kind of event in this chunk yet.
    fn is_new(&mut self, chunk: u64, kind: EventKind) -> bool {
        if self.chunk != chunk {
            (self.chunk, self.kinds) = (chunk, EventKinds::NONE);
        }
        let is_new = !self.kinds.contains(kind);
        self.kinds = self.kinds.with(kind);
        is_new
    }
}

/// Works out how far each node reaches; tells how far they all do.
fn settle(nodes: &mut [Node]) -> Option<Arc<Interval>> {
    let (left, rest) = nodes.split_at_mut(nodes.len() / 2);
    let (node, right) = rest.split_first_mut()?;
    let own = Some(Arc::clone(&node.interval));
    let reach = [own, settle(left), settle(right)].into_iter().flatten();
    node.reach = reach.max_by(|a, b| a.to().cmp(b.to()))?;
    node.to = match node.reach.to() {
        End::Before(end) => Some(head(end)),
        End::Never => None,
    };
    Some(Arc::clone(&node.reach))
}

/// Finds the intervals that hold `key`, whose head is given.
fn stab(nodes: &[Node], key: &[u8], key_head: Head, found: &mut Vec<Arc<Interval>>) {
    let (left, rest) = nodes.split_at(nodes.len() / 2);
    let Some((node, right)) = rest.split_first() else {
        return;
    };
    if node.ends_by(key, key_head) {
        return;
    }
    stab(left, key, key_head, found);
    if node.begins_by(key, key_head) {
        if !node.interval.ends_by(key) {
            found.push(Arc::clone(&node.interval));
        }
        stab(right, key, key_head, found);
    }
}

impl Node {
    /// Whether nothing below it reaches to `key`.
    fn ends_by(&self, key: &[u8], key_head: Head) -> bool {
        match self.to.map(|to| to.cmp(&key_head)) {
            None | Some(Ordering::Greater) => false,
            Some(Ordering::Less) => true,
            Some(Ordering::Equal) => self.reach.ends_by(key),
        }
    }

    fn begins_by(&self, key: &[u8], key_head: Head) -> bool {
        match self.from.cmp(&key_head) {
            Ordering::Less => true,
            Ordering::Equal => self.interval.from() <= key,
            Ordering::Greater => false,
        }
    }
}

fn head(key: &[u8]) -> Head {
    let mut bytes = [0; size_of::<Head>()];
    bytes.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    Head::from_be_bytes(bytes)
}
