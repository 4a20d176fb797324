//! Makes one history of what the shards have noted, and wakes those whom it
//! concerns.

use std::future::pending;

use crate::{
    engine::memory::{
        Memory,
        history::{
            buffer::Buffer, chunk, disarm_if_over, index::Index, recorder::Taken, room, state::News,
        },
    },
    model::clock::Clock,
};

/// What the sequencer has for itself.
#[derive(Debug, Default)]
pub(super) struct Sequencer {
    index: Index,
    /// Empty buffers, to be given to the shards, for each the one that it had.
    spare: Vec<Buffer>,
}

impl Sequencer {
    /// Whether its index holds nobody.
    #[cfg(test)]
    pub(super) fn is_unwatched(&self) -> bool {
        self.index.is_empty()
    }

    fn learn(&mut self, news: Vec<News>) {
        for news in news {
            match news {
                News::Came(watcher, intervals) => self.index.insert(watcher, &intervals),
                News::Gone(watcher, intervals) => self.index.remove(watcher, &intervals),
            }
        }
    }
}

/// Gathers whenever there is something, and stops recording when nobody has
/// asked for it for long. Never returns.
pub(in crate::engine::memory) async fn run<C: Clock>(memory: &Memory<C>) {
    let history = &memory.history;
    loop {
        let lapses = history.state.lock().lapses();
        let over = async {
            match lapses {
                Some(until) => memory.clock.sleep_until(until).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = history.signal.raised() => {
                // What is not durable is not gathered. Where it never will be,
                // nothing more is.
                let settled = memory.settled(memory.barrier()).await;
                if step(memory) && settled.is_ok() {
                    history.signal.raise();
                }
                // What comes meanwhile is gathered together.
                memory.clock.pause().await;
            }
            () = over => disarm_if_over(memory),
        }
    }
}

/// Tells the index who has come and gone, where these are many: while nothing can be
/// gathered, since nothing is durable, nobody else does.
pub(super) fn learn_if_much<C: Clock>(memory: &Memory<C>) {
    let history = &memory.history;
    if history.state.lock().has_much_news() {
        let mut sequencer = history.sequencer.lock();
        let news = history.state.lock().take_news();
        sequencer.learn(news);
    }
}

/// Gathers what there is; whether something is left.
pub(in crate::engine::memory) fn step<C: Clock>(memory: &Memory<C>) -> bool {
    let history = &memory.history;
    let mut sequencer = history.sequencer.lock();
    let (news, is_armed, complete) = {
        let mut state = history.state.lock();
        (state.take_news(), state.is_armed(), state.complete())
    };
    sequencer.learn(news);
    // First the counter, then the shards.
    let version = memory.visible();
    if !is_armed || version <= complete {
        return false;
    }
    let (mut buffers, mut lost, mut left) = (Vec::new(), None, false);
    let mut spare = std::mem::take(&mut sequencer.spare).into_iter();
    for shard in &memory.shards {
        let fresh = spare.next().unwrap_or_default();
        let taken: Taken = shard.lock().recorder().take(version, fresh);
        buffers.push(taken.buffer);
        lost = lost.max(taken.lost);
        left |= taken.left;
    }
    if let Some(lost) = lost {
        tracing::warn!(
            version = lost.get(),
            "changes were not gathered in time for watches"
        );
        let wakers = history.state.lock().lose(lost);
        wakers.into_iter().for_each(std::task::Waker::wake);
    }
    for chunk in chunk::merge(&buffers, version) {
        let concerns = sequencer.index.concerned(&chunk);
        let room = room(memory);
        let wakers = history.state.lock().append(chunk, &concerns, room);
        wakers.into_iter().for_each(std::task::Waker::wake);
    }
    history.state.lock().advance(version);
    // A shard that was busy finds room for as much again.
    for buffer in &mut buffers {
        buffer.clear(buffer.bytes());
    }
    sequencer.spare = buffers;
    left
}
