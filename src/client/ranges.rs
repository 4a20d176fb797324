//! Calls on ranges of keys: a listing, page by page or all of it, and the
//! removal of a range.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use futures_util::stream::{BoxStream, unfold};
use tokio_stream::{Stream, StreamExt};
use tonic::{Response, Status};

use crate::{
    client::{
        Stubs,
        call::{Call, Rpc},
        entry::Entry,
        error::Error,
    },
    proto as pb,
};

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Entries, in the byte order of their keys.
    pub entries: Vec<Entry>,
    /// Where the next page begins; none: this was the last.
    pub next_page_token: Option<String>,
    /// The store's version from before the first page: a watch after it misses
    /// nothing that the listing did not show.
    pub version: i64,
}

/// The entries of a listing over all its pages, each asked for when it is come
/// to. A key that is there the whole time comes exactly once. Ends after an
/// error.
#[must_use = "nothing is asked for before it is read"]
pub struct Entries {
    pages: BoxStream<'static, Result<Page, Error>>,
    page: vec::IntoIter<Entry>,
    version: Option<i64>,
}

/// What was removed from a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many entries.
    pub deleted: i64,
    /// The last version that a removal took; 0 when nothing was removed.
    pub version: i64,
    /// Whether keys may be left.
    pub more: bool,
}

impl Call<pb::ListRequest> {
    /// How many entries a page has at most; the server may give fewer. 0, the
    /// default: as many as the server gives.
    pub fn page_size(mut self, page_size: i32) -> Self {
        self.message.page_size = page_size;
        self
    }

    /// Where to begin: [`Page::next_page_token`] of the same listing.
    pub fn page_token(mut self, page_token: impl Into<String>) -> Self {
        self.message.page_token = page_token.into();
        self
    }

    /// Every entry from here on. The timeout is that of each page.
    pub fn entries(self) -> Entries {
        let pages = unfold(Some(self), async |call| {
            let call = call?;
            let page = call.clone().await;
            let token = page
                .as_ref()
                .ok()
                .and_then(|page| page.next_page_token.clone());
            Some((page, token.map(|token| call.page_token(token))))
        });
        Entries {
            pages: Box::pin(pages),
            page: Vec::new().into_iter(),
            version: None,
        }
    }
}

impl Entries {
    /// The next entry, or nothing at the end.
    ///
    /// # Errors
    /// What a page was refused with.
    pub async fn next(&mut self) -> Option<Result<Entry, Error>> {
        StreamExt::next(self).await
    }

    /// The store's version from before the listing; known from the first entry
    /// or the end on.
    #[must_use]
    pub fn version(&self) -> Option<i64> {
        self.version
    }
}

impl Stream for Entries {
    type Item = Result<Entry, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(entry) = self.page.next() {
                return Poll::Ready(Some(Ok(entry)));
            }
            match self.pages.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(page))) => {
                    self.version = Some(page.version);
                    self.page = page.entries.into_iter();
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Entries")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Call<pb::DeleteRangeRequest> {
    /// Goes on until nothing is left of the range, and counts all that was
    /// removed. The timeout is that of each step.
    ///
    /// # Errors
    /// What a step was refused with; the steps before it stay done.
    pub async fn to_the_end(mut self) -> Result<Removed, Error> {
        let mut total = Removed::default();
        loop {
            let step = self.clone().await?;
            // Each step is a request of its own: under the same id the first
            // one would be answered again.
            self.message.request_id.clear();
            total.deleted = total.deleted.saturating_add(step.deleted);
            total.version = total.version.max(step.version);
            if !step.more {
                return Ok(total);
            }
        }
    }
}

impl Rpc for pb::ListRequest {
    type Answer = Page;
    type Response = pb::ListResponse;

    async fn send(
        mut stubs: Stubs,
        request: tonic::Request<Self>,
    ) -> Result<Response<Self::Response>, Status> {
        stubs.kv.list(request).await
    }

    fn answer(response: Self::Response) -> Result<Self::Answer, Error> {
        let entries = response.entries.into_iter().map(Entry::try_from);
        Ok(Page {
            entries: entries.collect::<Result<_, _>>()?,
            next_page_token: Some(response.next_page_token).filter(|token| !token.is_empty()),
            version: response.version,
        })
    }
}

impl Rpc for pb::DeleteRangeRequest {
    type Answer = Removed;
    type Response = pb::DeleteRangeResponse;

    async fn send(
        mut stubs: Stubs,
        request: tonic::Request<Self>,
    ) -> Result<Response<Self::Response>, Status> {
        stubs.kv.delete_range(request).await
    }

    fn answer(response: Self::Response) -> Result<Self::Answer, Error> {
        Ok(Removed {
            deleted: response.deleted_count(),
            version: response.version,
            more: response.more(),
        })
    }

    fn each_request_id(&mut self, look: &mut dyn FnMut(&mut String)) {
        look(&mut self.request_id);
    }
}
