//! What is done about one list.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{
    engine::Engine,
    gate::{each::Each, load::Share, opening::Opening},
    grpc::{
        failure::Failure,
        kv::batch::Batch,
        pipeline::{answers::Answer, held},
    },
    model::limits::Limits,
    proto,
};

/// What the reply to a list has that the reply to a Batch has not: its id.
const ID_BYTES_MAX: usize = 11;

/// What lists are carried out with.
#[derive(Debug)]
pub(super) struct Work<E> {
    pub(super) opening: Opening<E>,
    pub(super) limits: Limits,
    pub(super) each: Each,
    /// The bytes that answers may hold while they wait to go out.
    pub(super) room: Arc<Semaphore>,
}

impl<E: Engine> Work<E> {
    /// Carries out a list, or refuses it as a whole, and waits until there is
    /// room for the answer.
    pub(super) async fn answer(&self, list: proto::PipelineRequest) -> Answer {
        let mut reply = proto::PipelineResponse {
            id: list.id,
            ..Default::default()
        };
        let mut share = None;
        match self.carry_out(&list).await {
            Ok((results, held)) => {
                reply.results = results;
                share = Some(held);
            }
            Err(failure) => reply.failure = Some(failure.into()),
        }
        drop(list);
        let bytes = held::by_reply(&reply);
        if let Some(share) = &mut share {
            // The list has been carried out, so its answer is held in any case:
            // it is others that are refused.
            let _ = share.hold(bytes);
        }
        let permits = u32::try_from(bytes.min(self.limits.reply_bytes_max)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(permits).await;
        Answer::List {
            reply,
            _share: share,
            _room: room.ok(),
        }
    }

    async fn carry_out(
        &self,
        list: &proto::PipelineRequest,
    ) -> Result<(Vec<proto::OperationResult>, Share), Failure> {
        let mut batch = Batch::decode(&list.operations, &self.limits)?;
        batch.entries_bytes_max = batch.entries_bytes_max.saturating_sub(ID_BYTES_MAX);
        // The largest list fits alone, as the largest message does.
        let bytes = held::by_list(list).min(self.limits.message_bytes_max);
        let share = self.each.enter(bytes)?;
        let answers = batch.run(self.opening.engine()?).await;
        Ok((batch.reply(answers), share))
    }
}
