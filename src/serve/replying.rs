//! A call on its way to its reply, by one wire or the other.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::Response;

use crate::{gate::outgoing::answered, serve::counted::Counted};

/// The reply to one call. A type of its own: an `async` block would hold the
/// call twice, and be moved with both.
pub(in crate::serve) struct Replying<G, H> {
    call: Call<G, H>,
    /// Until there is a reply to count.
    counted: Option<Arc<()>>,
    /// Whether the reply ends by itself.
    ends: bool,
}

/// What is called.
pub(in crate::serve) enum Call<G, H> {
    Grpc(G),
    // So that the future of every call is no larger than that of gRPC.
    Other(Box<H>),
}

impl<G, H> Replying<G, H> {
    /// What `call` is answered, which counts as `counted`, and ends by itself or
    /// may go on.
    pub(in crate::serve) const fn new(call: Call<G, H>, counted: Arc<()>, ends: bool) -> Self {
        Self {
            call,
            counted: Some(counted),
            ends,
        }
    }
}

impl<G, H, B> Future for Replying<G, H>
where
    G: Future<Output = Result<Response<B>, Infallible>> + Unpin,
    H: Future<Output = Result<Response<B>, Infallible>> + Unpin,
{
    type Output = Result<Response<Counted<B>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = ready!(match &mut self.call {
            Call::Grpc(call) => Pin::new(call).poll(context),
            Call::Other(call) => Pin::new(call).poll(context),
        })?;
        if self.ends {
            answered();
        }
        // None only after it was ready, when nobody asks.
        let counted = self.counted.take().unwrap_or_default();
        Poll::Ready(Ok(reply.map(|body| Counted::new(body, counted))))
    }
}
