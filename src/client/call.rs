//! A call or an operation that is being put together.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::{Duration, SystemTime},
};

use tonic::{Response, Status};

use crate::{
    client::{
        Client, Stubs,
        attempt::make,
        error::Error,
        wording::{Conditional, Deadline, Expiring, Identified, Keeping, Reading, Returning},
    },
    proto as pb,
};

/// A request that is being put together. On its way to a server
/// ([`Single`]) it is made by awaiting it; as one operation of several
/// ([`Listed`]) it goes into a batch, a transaction or a pipeline.
#[derive(Clone, Debug)]
#[must_use = "nothing is done before it is awaited, or sent among others"]
pub struct Call<M, T = Single> {
    pub(crate) message: M,
    pub(crate) target: T,
}

/// A call of its own.
#[derive(Clone, Debug)]
pub struct Single {
    pub(crate) client: Client,
    pub(crate) timeout: Option<Duration>,
    pub(crate) makes_id: bool,
}

/// One operation of several.
#[derive(Clone, Copy, Debug)]
pub struct Listed;

/// A request that has one answer. The requests of this crate are; others cannot
/// be.
pub trait Rpc: Clone + Send + Sync + 'static {
    /// What a call of it gives.
    type Answer: fmt::Debug + Send + 'static;

    #[doc(hidden)]
    type Response: Send;

    #[doc(hidden)]
    fn send(
        stubs: Stubs,
        request: tonic::Request<Self>,
    ) -> impl Future<Output = Result<Response<Self::Response>, Status>> + Send;

    #[doc(hidden)]
    fn answer(response: Self::Response) -> Result<Self::Answer, Error>;

    /// Shows each request id that it may carry.
    #[doc(hidden)]
    fn each_request_id(&mut self, _look: &mut dyn FnMut(&mut String)) {}
}

impl<M: Rpc> IntoFuture for Call<M> {
    type Output = Result<M::Answer, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { M::answer(make(self.target, self.message).await?) })
    }
}

impl<M> Call<M> {
    pub(crate) fn new(client: &Client, message: M) -> Self {
        let makes_id = client.config().request_ids;
        let target = Single {
            client: client.clone(),
            timeout: None,
            makes_id,
        };
        Self { message, target }
    }

    /// How long it may take, all attempts together, instead of
    /// [`call_timeout`](crate::client::config::Config::call_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.target.timeout = Some(timeout);
        self
    }
}

impl<M: Identified> Call<M> {
    /// Without a `request_id` of the client's making: it is then not made again
    /// when the connection is lost.
    pub fn without_request_id(mut self) -> Self {
        self.target.makes_id = false;
        self
    }
}

impl<M: Identified, T> Call<M, T> {
    /// With this `request_id`: a request with the same one that comes again is
    /// answered as the first one was, and not carried out. For a change that
    /// must survive a restart of the caller.
    pub fn request_id(mut self, request_id: impl Into<String>) -> Self {
        *self.message.request_id() = request_id.into();
        self
    }
}

impl<M> Call<M, Listed> {
    pub(crate) fn listed(message: M) -> Self {
        let target = Listed;
        Self { message, target }
    }
}

impl<M: Conditional, T> Call<M, T> {
    /// Only if the key is absent; else `KEY_EXISTS`.
    pub fn if_absent(self) -> Self {
        self.on(pb::condition::Kind::Absent(true))
    }

    /// Only if the key is present; else `KEY_NOT_FOUND`.
    pub fn if_present(self) -> Self {
        self.on(pb::condition::Kind::Present(true))
    }

    /// Only if the entry has this version; else `VERSION_MISMATCH`, which tells
    /// the version that it has.
    pub fn if_version(self, version: i64) -> Self {
        self.on(pb::condition::Kind::Version(version))
    }

    fn on(mut self, kind: pb::condition::Kind) -> Self {
        *self.message.condition() = Some(pb::Condition { kind: Some(kind) });
        self
    }
}

impl<M: Expiring, T> Call<M, T> {
    /// Expires so long from now.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.message.expires(Deadline::Ttl(ttl));
        self
    }

    /// Expires at this time.
    pub fn expire_time(mut self, time: SystemTime) -> Self {
        self.message.expires(Deadline::At(time));
        self
    }

    /// Never expires.
    pub fn never_expire(mut self) -> Self {
        self.message.expires(Deadline::Never);
        self
    }
}

impl<M: Keeping, T> Call<M, T> {
    /// Keeps the deadline of the entry that is there.
    pub fn keep_expiry(mut self) -> Self {
        self.message.keep_expiry();
        self
    }
}

impl<M: Returning, T> Call<M, T> {
    /// Answers with the entry that was there before.
    pub fn return_previous(mut self) -> Self {
        self.message.return_previous();
        self
    }
}

impl<M: Reading, T> Call<M, T> {
    /// Leaves the value out of the answer.
    pub fn omit_value(mut self) -> Self {
        self.message.omit_value();
        self
    }
}
