//! The five calls on one key, and what they answer.

use std::time::SystemTime;

use tonic::{Response, Status};

use crate::{
    client::{
        Stubs,
        call::{Call, Rpc},
        entry::{Entry, entry, time},
        error::Error,
    },
    proto as pb,
};

/// What Set stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The version that the change took.
    pub version: i64,
    /// When the entry expires; none: never.
    pub expire_time: Option<SystemTime>,
    /// The entry that was replaced, if it was asked for and there was one.
    pub previous: Option<Entry>,
}

/// What Delete removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Whether there was an entry to remove.
    pub deleted: bool,
    /// The version that the removal took; 0 when there was nothing to remove.
    pub version: i64,
    /// The entry that was removed, if it was asked for and there was one.
    pub previous: Option<Entry>,
}

/// The counter after Increment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The number that is stored now.
    pub number: i64,
    /// The version that the change took.
    pub version: i64,
    /// When the counter expires; none: never.
    pub expire_time: Option<SystemTime>,
}

/// The entry after Touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// The entry with the deadline that it has now; none: the key is absent.
    pub entry: Option<Entry>,
    /// Whether the new deadline was taken.
    pub applied: bool,
}

impl<T> Call<pb::IncrementRequest, T> {
    /// Adds this instead of 1; may be negative.
    pub fn by(mut self, delta: i64) -> Self {
        self.message.delta = Some(delta);
        self
    }

    /// Where a counter that is created starts, instead of 0.
    pub fn initial(mut self, initial: i64) -> Self {
        self.message.initial = initial;
        self
    }

    /// The result may not be below this; else `COUNTER_OUT_OF_BOUNDS`.
    pub fn min(mut self, min: i64) -> Self {
        self.message.min = Some(min);
        self
    }

    /// The result may not be above this; else `COUNTER_OUT_OF_BOUNDS`.
    pub fn max(mut self, max: i64) -> Self {
        self.message.max = Some(max);
        self
    }
}

impl<T> Call<pb::TouchRequest, T> {
    /// Only if the new deadline is later than the present one.
    pub fn only_extend(mut self) -> Self {
        self.message.set_mode(pb::TouchMode::OnlyExtend);
        self
    }

    /// Only if the new deadline is earlier than the present one.
    pub fn only_shorten(mut self) -> Self {
        self.message.set_mode(pb::TouchMode::OnlyShorten);
        self
    }
}

impl Rpc for pb::GetRequest {
    type Answer = Option<Entry>;
    type Response = pb::GetResponse;

    async fn send(
        mut stubs: Stubs,
        request: tonic::Request<Self>,
    ) -> Result<Response<Self::Response>, Status> {
        stubs.kv.get(request).await
    }

    fn answer(response: Self::Response) -> Result<Self::Answer, Error> {
        entry(response.entry)
    }
}

impl Rpc for pb::SetRequest {
    type Answer = Stored;
    type Response = pb::SetResponse;

    async fn send(
        mut stubs: Stubs,
        request: tonic::Request<Self>,
    ) -> Result<Response<Self::Response>, Status> {
        stubs.kv.set(request).await
    }

    fn answer(response: Self::Response) -> Result<Self::Answer, Error> {
        Ok(Stored {
            version: response.version,
            expire_time: time(response.expire_time)?,
            previous: entry(response.previous)?,
        })
    }

    fn each_request_id(&mut self, look: &mut dyn FnMut(&mut String)) {
        look(&mut self.request_id);
    }
}

impl Rpc for pb::DeleteRequest {
    type Answer = Deleted;
    type Response = pb::DeleteResponse;

    async fn send(
        mut stubs: Stubs,
        request: tonic::Request<Self>,
    ) -> Result<Response<Self::Response>, Status> {
        stubs.kv.delete(request).await
    }

    fn answer(response: Self::Response) -> Result<Self::Answer, Error> {
        Ok(Deleted {
            deleted: response.deleted(),
            version: response.version,
            previous: entry(response.previous)?,
        })
    }

    fn each_request_id(&mut self, look: &mut dyn FnMut(&mut String)) {
        look(&mut self.request_id);
    }
}

impl Rpc for pb::IncrementRequest {
    type Answer = Counted;
    type Response = pb::IncrementResponse;

    async fn send(
        mut stubs: Stubs,
        request: tonic::Request<Self>,
    ) -> Result<Response<Self::Response>, Status> {
        stubs.kv.increment(request).await
    }

    fn answer(response: Self::Response) -> Result<Self::Answer, Error> {
        Ok(Counted {
            number: response.number(),
            version: response.version,
            expire_time: time(response.expire_time)?,
        })
    }

    fn each_request_id(&mut self, look: &mut dyn FnMut(&mut String)) {
        look(&mut self.request_id);
    }
}

impl Rpc for pb::TouchRequest {
    type Answer = Touched;
    type Response = pb::TouchResponse;

    async fn send(
        mut stubs: Stubs,
        request: tonic::Request<Self>,
    ) -> Result<Response<Self::Response>, Status> {
        stubs.kv.touch(request).await
    }

    fn answer(response: Self::Response) -> Result<Self::Answer, Error> {
        Ok(Touched {
            applied: response.applied(),
            entry: entry(response.entry)?,
        })
    }

    fn each_request_id(&mut self, look: &mut dyn FnMut(&mut String)) {
        look(&mut self.request_id);
    }
}
