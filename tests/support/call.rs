//! A call that is being put together, and is made by awaiting it.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use nanokv::proto as pb;
use prost_types::Timestamp;
use tonic::{Code, Response, Status};

use crate::support::{kv::Kv, refusal::Refusal};

/// A request on its way to a server. Awaited, it must succeed and gives the
/// answer; [`Call::refused`] is for those that must not.
#[must_use = "a call is made by awaiting it"]
pub(crate) struct Call<'a, R> {
    kv: &'a Kv,
    request: R,
}

/// A request and how it is sent.
pub(crate) trait Rpc: Send + Sized + 'static {
    type Answer: fmt::Debug + Send;

    fn send(self, kv: &Kv) -> impl Future<Output = Result<Self::Answer, Status>> + Send;
}

impl<'a, R: Rpc> Call<'a, R> {
    pub(crate) fn new(kv: &'a Kv, request: R) -> Self {
        Self { kv, request }
    }

    /// Changes the request in a way that has no word of its own.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut R)) -> Self {
        change(&mut self.request);
        self
    }

    /// Takes it apart: where it goes, and what it says.
    pub(crate) fn into_parts(self) -> (&'a Kv, R) {
        (self.kv, self.request)
    }

    /// The answer, or the bare status.
    pub(crate) async fn answer(self) -> Result<R::Answer, Status> {
        self.request.send(self.kv).await
    }

    /// Must fail with this code.
    pub(crate) async fn refused(self, code: Code) -> Refusal {
        match self.answer().await {
            Ok(answer) => panic!("{code:?} expected, got the answer {answer:?}"),
            Err(status) => {
                assert_eq!(status.code(), code, "{status:?}");
                Refusal::from(status)
            }
        }
    }

    /// Must fail because its `request_id` is that of something else.
    pub(crate) async fn reused(self) {
        let refusal = self.refused(Code::AlreadyExists).await;
        assert_eq!(refusal.reason, "REQUEST_ID_REUSED");
    }

    /// Must fail with `INVALID_ARGUMENT` for this field.
    pub(crate) async fn invalid(self, field: &str) -> Refusal {
        let refusal = self.refused(Code::InvalidArgument).await;
        assert_eq!(refusal.fields, [field], "{refusal:?}");
        refusal
    }
}

impl<'a, R: Rpc> IntoFuture for Call<'a, R> {
    type Output = R::Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = R::Answer> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let answer = self.answer().await;
            answer.unwrap_or_else(|status| panic!("refused: {status:?}"))
        })
    }
}

/// A request with a condition.
pub(crate) trait Conditional: Rpc {
    fn condition(&mut self) -> &mut Option<pb::Condition>;
}

impl<R: Conditional> Call<'_, R> {
    pub(crate) fn if_absent(self) -> Self {
        self.on_condition(pb::condition::Kind::Absent(true))
    }

    pub(crate) fn if_present(self) -> Self {
        self.on_condition(pb::condition::Kind::Present(true))
    }

    pub(crate) fn if_version(self, version: i64) -> Self {
        self.on_condition(pb::condition::Kind::Version(version))
    }

    pub(crate) fn on_condition(self, kind: impl Into<Option<pb::condition::Kind>>) -> Self {
        let condition = pb::Condition { kind: kind.into() };
        self.with(|request| *request.condition() = Some(condition))
    }
}

/// The forms of an expiry, whatever message they stand in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expiry {
    Ttl(prost_types::Duration),
    ExpireTime(Timestamp),
    Never(bool),
    Keep(bool),
}

/// A request with an expiry.
pub(crate) trait Expiring: Rpc {
    fn expires(&mut self, expiry: Expiry);
}

impl<R: Expiring> Call<'_, R> {
    pub(crate) fn ttl(self, ttl: Duration) -> Self {
        self.expiry(Expiry::Ttl(prost_types::Duration {
            seconds: i64::try_from(ttl.as_secs()).unwrap(),
            nanos: i32::try_from(ttl.subsec_nanos()).unwrap(),
        }))
    }

    pub(crate) fn expire_time(self, time: Timestamp) -> Self {
        self.expiry(Expiry::ExpireTime(time))
    }

    pub(crate) fn never_expire(self) -> Self {
        self.expiry(Expiry::Never(true))
    }

    pub(crate) fn keep_expiry(self) -> Self {
        self.expiry(Expiry::Keep(true))
    }

    pub(crate) fn expiry(self, expiry: Expiry) -> Self {
        self.with(|request| request.expires(expiry))
    }
}

/// A request that can answer with the entry before.
pub(crate) trait Replacing: Rpc {
    fn return_previous(&mut self);
}

impl<R: Replacing> Call<'_, R> {
    pub(crate) fn return_previous(self) -> Self {
        self.with(Replacing::return_previous)
    }
}

/// A request that can leave the value out.
pub(crate) trait Reading: Rpc {
    fn omit_value(&mut self);
}

impl<R: Reading> Call<'_, R> {
    pub(crate) fn omit_value(self) -> Self {
        self.with(Reading::omit_value)
    }
}

/// A request that is about a range of keys.
pub(crate) trait Ranged: Rpc {
    fn range(&mut self) -> &mut Option<pb::Range>;
}

impl<R: Ranged> Call<'_, R> {
    pub(crate) fn prefix(self, prefix: &str) -> Self {
        self.with(|request| request.range().get_or_insert_default().prefix = prefix.to_owned())
    }

    pub(crate) fn start(self, start: &str) -> Self {
        self.with(|request| request.range().get_or_insert_default().start = start.to_owned())
    }

    pub(crate) fn end(self, end: &str) -> Self {
        self.with(|request| request.range().get_or_insert_default().end = end.to_owned())
    }
}

/// A request that is also an operation of a list.
pub(crate) trait Listed: Rpc {
    fn operation(self) -> pb::operation::Kind;
}

impl<R: Listed> From<Call<'_, R>> for pb::Operation {
    fn from(call: Call<'_, R>) -> Self {
        Self {
            kind: Some(call.request.operation()),
        }
    }
}

/// The part of an rpc that is the same for all: send, and take the message.
pub(crate) fn message<T>(response: Result<Response<T>, Status>) -> Result<T, Status> {
    response.map(Response::into_inner)
}
