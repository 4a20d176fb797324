//! What the journal is told of a request that is carried out only once.

use crate::{
    engine::{
        journal::{Record, Turn},
        memory::requests::{reply::Reply, stored},
    },
    model::{once::Once, time::UnixMillis},
};

/// A request, and when it is answered.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine::memory) struct Note<'a> {
    pub(in crate::engine::memory) once: Once<'a>,
    pub(in crate::engine::memory) at: UnixMillis,
}

impl Note<'_> {
    /// What the journal is told at most, where the entries in the reply have so
    /// many bytes, by [`crate::model::entry::reply_bytes`].
    pub(in crate::engine::memory) const fn bytes_max(&self, entries_bytes: usize) -> usize {
        self.once.id.as_str().len() + stored::HEAD_BYTES_MAX + entries_bytes
    }

    /// Tells the journal what the request is answered.
    pub(in crate::engine::memory) fn enter(self, turn: &mut Turn<'_>, reply: &Reply) {
        let mut bytes = Vec::new();
        stored::write(reply, &mut bytes);
        turn.push(Record::Remember {
            id: self.once.id.as_str(),
            content: *self.once.content.as_bytes(),
            at: self.at,
            reply: &bytes,
        });
    }
}
