//! Whether the indexes of a shard and its accounting agree: for tests.

use std::collections::BTreeSet;

use crate::{
    engine::memory::{
        account::MemoryUsage,
        record::{self, Payload},
        shard::{Shard, hash},
    },
    model::entry::Entry,
};

impl Shard {
    /// All entries in key order, the expired ones among them, after checking
    /// that each index knows exactly these and everything is counted.
    pub(in crate::engine::memory) fn check(&self) -> Vec<Entry> {
        let live: BTreeSet<_> = self.slab.check().into_iter().collect();
        let found = self
            .table
            .check(|handle| hash(&self.hasher, self.slab.key(handle)));
        let ordered = self.order.check(&self.slab);
        assert_eq!((found.len(), ordered.len()), (live.len(), live.len()));
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), live, "table");
        assert_eq!(
            ordered.iter().copied().collect::<BTreeSet<_>>(),
            live,
            "order"
        );
        self.wheel.check(&self.slab);
        let records = || ordered.iter().map(|handle| self.record(*handle).unwrap());
        let external: BTreeSet<_> = records()
            .filter_map(|record| match record.payload {
                Payload::External(number) => Some(number),
                Payload::Inline(_) => None,
            })
            .collect();
        assert_eq!(external.len(), self.externals.check(), "external values");
        assert!(
            external
                .iter()
                .all(|number| self.externals.get(*number).is_some())
        );
        assert!(self.gone.is_empty(), "what is gone was taken");
        for handle in ordered.iter().copied() {
            let key = record::key(self.slab.slot(handle));
            let there = self
                .table
                .find(hash(&self.hasher, key), |other| self.slab.key(other) == key);
            assert_eq!(there, Some(handle));
        }
        self.check_marks(ordered.iter().copied());
        let usage = self.usage();
        let MemoryUsage {
            slab,
            table,
            order,
            wheel,
            external,
            ..
        } = usage;
        assert_eq!(usage.total, slab + table + order + wheel + external);
        assert_eq!(self.settled, usage.total, "settled with the account");
        records().map(|record| self.entry(&record, false)).collect()
    }
}
