//! The answer to one call, under way: with what it is refused, or what it comes
//! to.

use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use tonic::body::Body;

use crate::gate::{
    kind::Kind,
    load::Share,
    refusal::Refusal,
    reply::{Ending, ReplyBody},
    trace::Trace,
};

/// What is sent back.
pub type Reply<R> = Response<ReplyBody<R>>;

/// What an answer from behind the gate consists of.
pub trait AnswerBody: From<Body> + Unpin {
    /// Whether all of it is there and ends well: then nothing about it has to be
    /// looked at on its way out.
    fn is_well(&self) -> bool {
        false
    }
}

impl AnswerBody for Body {}

/// The answer to a call. It is small, since it is moved on its way to where it
/// is polled: the request is not in it.
#[derive(Debug)]
pub struct Answer<F, R> {
    way: Option<Way<F, R>>,
    trace: Trace,
}

/// How far an answer is.
#[derive(Debug)]
pub(super) enum Way<F, R> {
    /// It is there.
    Answered(Reply<R>),
    /// It is waited for. In a box: fewer are, and it is larger than the other.
    Passing(Box<Passing<F>>),
}

/// A call that was let through.
#[derive(Debug)]
pub(super) struct Passing<F> {
    pub(super) call: F,
    pub(super) share: Share,
    pub(super) ending: Ending,
    pub(super) kind: Kind,
}

impl<F, R> Answer<F, R> {
    /// The answer to a call that came so far.
    pub(super) const fn new(way: Way<F, R>, trace: Trace) -> Self {
        Self {
            way: Some(way),
            trace,
        }
    }
}

impl<F, R> Future for Answer<F, R>
where
    F: Future<Output = Result<Response<R>, Infallible>> + Unpin,
    R: AnswerBody,
{
    type Output = Result<Reply<R>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { way, trace } = self.get_mut();
        let reply = match way.take() {
            Some(Way::Answered(reply)) => reply,
            Some(Way::Passing(mut passing)) => {
                let polled = trace.span().in_scope(|| passing.poll(context));
                let Poll::Ready(passed) = polled else {
                    *way = Some(Way::Passing(passing));
                    return Poll::Pending;
                };
                passing.reply(passed)
            }
            // Only after it was ready, when nobody asks.
            None => return Poll::Pending,
        };
        trace.end(&reply);
        Poll::Ready(Ok(reply))
    }
}

impl<F> Passing<F> {
    /// A fault in one call is not to take the others of its connection with
    /// it: panics end here.
    fn poll<R>(&mut self, context: &mut Context<'_>) -> Poll<Result<Response<R>, Refusal>>
    where
        F: Future<Output = Result<Response<R>, Infallible>> + Unpin,
    {
        let call = AssertUnwindSafe(|| Pin::new(&mut self.call).poll(context));
        match catch_unwind(call) {
            Ok(Poll::Ready(answered)) => Poll::Ready(self.passed(answered)),
            Ok(Poll::Pending) if self.ending.deadline.has_passed(context) => {
                Poll::Ready(Err(Refusal::Deadline))
            }
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(Err(Refusal::Panicked)),
        }
    }

    /// It, after it was polled once.
    pub(super) fn begun<R: AnswerBody>(
        self,
        polled: Poll<Result<Response<R>, Infallible>>,
    ) -> Way<F, R> {
        match polled {
            Poll::Ready(answered) => {
                let passed = self.passed(answered);
                Way::Answered(self.reply(passed))
            }
            Poll::Pending => Way::Passing(Box::new(self)),
        }
    }

    /// The answer, unless it is an error that is not ours.
    fn passed<R>(&self, answered: Result<Response<R>, Infallible>) -> Result<Response<R>, Refusal> {
        let response = match answered {
            Ok(response) => response,
            Err(never) => match never {},
        };
        match self.ending.refusal(response.headers()) {
            Some(refusal) => Err(refusal),
            None => Ok(response),
        }
    }

    fn reply<R: AnswerBody>(mut self, passed: Result<Response<R>, Refusal>) -> Reply<R> {
        if let Ok(response) = &passed {
            self.ending.begin(response.headers());
        }
        match passed {
            Ok(response) if self.kind.may_go_on() && response.status().is_success() => {
                let room = &self.ending.gate.inner.room;
                let place = (self.kind == Kind::Watch).then(|| room.place());
                let held_up = place.as_ref().and_then(|_| self.share.pace());
                let share = self.share.settled();
                response.map(|body| ReplyBody::lasting(body, share, self.ending, place, held_up))
            }
            // It stays a call in flight, and tells as much as it is asked.
            Ok(response) if self.kind == Kind::Stream => {
                let held_up = self.share.pace();
                let (share, ending) = (self.share, self.ending);
                response.map(|body| ReplyBody::lasting(body, share, ending, None, held_up))
            }
            Ok(response) => {
                response.map(|body| ReplyBody::new(body, self.share, Some(self.ending)))
            }
            Err(refusal) => {
                let counted = self.ending.counted.take();
                self.ending.gate.refuse(&refusal, counted)
            }
        }
    }
}
