//! Requests with an id.

use nanokv::proto as pb;

use crate::support::call::Call;

/// A request with an id.
pub(crate) trait Identified: Sized {
    fn id(self, id: &str) -> Self;
}

macro_rules! identified {
    ($($request:ty),*) => {
        $(impl Identified for Call<'_, $request> {
            fn id(self, id: &str) -> Self {
                self.with(|request| request.request_id = id.to_owned())
            }
        })*
    };
}

identified!(
    pb::SetRequest,
    pb::DeleteRequest,
    pb::IncrementRequest,
    pb::TouchRequest,
    pb::TransactRequest,
    pb::DeleteRangeRequest
);
