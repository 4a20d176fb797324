//! What is done about one list.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tonic::Status;

use crate::{
    calls::{audit, batch::Batch, failure::Failure},
    engine::Engine,
    gate::{access::caller::Caller, each::Each, load::Share, opening::Opening},
    grpc::{
        hot::{self, decode},
        pipeline::{
            ID_BYTES_MAX,
            answers::Answer,
            codec::{List, Reply},
            held,
        },
    },
    model::{limits::Limits, operation::Operation},
    proto,
};

/// What lists are carried out with.
#[derive(Debug)]
pub(super) struct Work<E> {
    pub(super) opening: Opening<E>,
    pub(super) limits: Limits,
    /// Who asks, as it was when the stream began.
    pub(super) caller: Caller,
    pub(super) each: Each,
    /// The bytes that answers may hold while they wait to go out.
    pub(super) room: Arc<Semaphore>,
}

impl<E: Engine> Work<E> {
    /// Carries out a list, or refuses it as a whole, and waits until there is
    /// room for the answer. With it comes how many operations there were.
    ///
    /// # Errors
    /// The list is no message, or the caller is not known any more.
    pub(super) async fn answer(&self, list: List) -> Result<(Answer, usize), Status> {
        let caller = self.caller.clone().renewed().map_err(Failure::from)?;
        let sent = list.encoded_len();
        if let List::Encoded(bytes) = &list
            && caller.audited().is_none()
            && let Some((id, operations)) = decode::pipeline(bytes, &self.limits)
            && hot::permitted(&caller, &operations).is_some()
        {
            let done = self.carry_out_plain(&caller, id, &operations, sent).await;
            return Ok((self.held(id, done).await, operations.len()));
        }
        let list = list.decoded()?;
        let (id, count) = (list.id, list.operations.len());
        let done = self.carry_out(&caller, &list, sent).await;
        match &done {
            Ok((Reply::Decoded(reply), _)) => {
                audit::list(&caller, "Pipeline", &list.operations, &reply.results);
            }
            Ok((Reply::Encoded(_), _)) => {}
            Err(failure) => audit::whole(&caller, "Pipeline", &list.operations, failure),
        }
        drop(list);
        Ok((self.held(id, done).await, count))
    }

    /// An answer, and what it is counted on.
    async fn held(&self, id: i64, done: Result<(Reply, Share), Failure>) -> Answer {
        let (reply, mut share) = match done {
            Ok((reply, share)) => (reply, Some(share)),
            Err(failure) => {
                let failed = proto::PipelineResponse {
                    id,
                    failure: Some(failure.into()),
                    ..Default::default()
                };
                (Reply::Decoded(failed), None)
            }
        };
        let bytes = match &reply {
            Reply::Encoded(bytes) => bytes.len(),
            Reply::Decoded(reply) => held::by_reply(reply),
        };
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
        caller: &Caller,
        list: &proto::PipelineRequest,
        sent: usize,
    ) -> Result<(Reply, Share), Failure> {
        // The largest list fits alone, as the largest message does.
        let bytes = held::by_list(list).min(self.limits.message_bytes_max);
        // First, so that one that breaks a rule is paid for too.
        let share = self.each.enter(caller, bytes, sent)?;
        let mut batch = Batch::decode(&list.operations, &self.limits, caller)?;
        batch.entries_bytes_max = batch.entries_bytes_max.saturating_sub(ID_BYTES_MAX);
        let answers = batch.run(self.opening.engine()?).await;
        let reply = proto::PipelineResponse {
            id: list.id,
            results: batch.reply(answers),
            failure: None,
        };
        Ok((Reply::Decoded(reply), share))
    }

    async fn carry_out_plain(
        &self,
        caller: &Caller,
        id: i64,
        operations: &[Operation<'_>],
        sent: usize,
    ) -> Result<(Reply, Share), Failure> {
        let bytes = sent + size_of_val(operations);
        let bytes = bytes.min(self.limits.message_bytes_max);
        let share = self.each.enter(caller, bytes, sent)?;
        let engine = self.opening.engine()?;
        let reply = hot::pipelined(engine, id, operations, &self.limits).await;
        Ok((Reply::Encoded(reply), share))
    }
}
