//! What several requests can say, in one way.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;

use crate::proto as pb;

/// A deadline that is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Deadline {
    /// So long from now.
    Ttl(Duration),
    /// At this time.
    At(SystemTime),
    /// None.
    Never,
}

/// Can be made on a condition.
pub trait Conditional {
    fn condition(&mut self) -> &mut Option<pb::Condition>;
}

/// Can say when an entry expires.
pub trait Expiring {
    fn expires(&mut self, deadline: Deadline);
}

/// Can leave the deadline as it is.
pub trait Keeping {
    fn keep_expiry(&mut self);
}

/// Can answer with the entry before.
pub trait Returning {
    fn return_previous(&mut self);
}

/// Can leave the value out of the answer.
pub trait Reading {
    fn omit_value(&mut self);
}

/// Can be told from others like it.
pub trait Identified {
    fn request_id(&mut self) -> &mut String;
}

macro_rules! conditional {
    ($($message:ident),*) => {$(
        impl Conditional for pb::$message {
            fn condition(&mut self) -> &mut Option<pb::Condition> {
                &mut self.condition
            }
        }
    )*};
}
conditional!(SetRequest, DeleteRequest, IncrementRequest, TouchRequest);

macro_rules! identified {
    ($($message:ident),*) => {$(
        impl Identified for pb::$message {
            fn request_id(&mut self) -> &mut String {
                &mut self.request_id
            }
        }
    )*};
}
identified!(
    SetRequest,
    DeleteRequest,
    IncrementRequest,
    TouchRequest,
    TransactRequest,
    DeleteRangeRequest
);

macro_rules! expiring {
    ($($message:ident: $module:ident),*) => {$(
        impl Expiring for pb::$message {
            fn expires(&mut self, deadline: Deadline) {
                use pb::$module::Expiry;
                self.expiry = Some(match deadline {
                    Deadline::Ttl(ttl) => Expiry::Ttl(span(ttl)),
                    Deadline::At(time) => Expiry::ExpireTime(Timestamp::from(time)),
                    Deadline::Never => Expiry::NeverExpire(true),
                });
            }
        }
    )*};
}
expiring!(
    SetRequest: set_request,
    IncrementRequest: increment_request,
    TouchRequest: touch_request
);

impl Keeping for pb::SetRequest {
    fn keep_expiry(&mut self) {
        self.expiry = Some(pb::set_request::Expiry::KeepExpiry(true));
    }
}

impl Keeping for pb::IncrementRequest {
    fn keep_expiry(&mut self) {
        self.expiry = Some(pb::increment_request::Expiry::KeepExpiry(true));
    }
}

macro_rules! returning {
    ($($message:ident),*) => {$(
        impl Returning for pb::$message {
            fn return_previous(&mut self) {
                self.return_previous = true;
            }
        }
    )*};
}
returning!(SetRequest, DeleteRequest);

macro_rules! reading {
    ($($message:ident),*) => {$(
        impl Reading for pb::$message {
            fn omit_value(&mut self) {
                self.omit_value = true;
            }
        }
    )*};
}
reading!(GetRequest, TouchRequest, ListRequest);

/// One that is too long for the wire is too long for every server: the longest
/// is sent, and refused there.
fn span(span: Duration) -> prost_types::Duration {
    let longest = prost_types::Duration {
        seconds: i64::MAX,
        nanos: 0,
    };
    prost_types::Duration::try_from(span).unwrap_or(longest)
}
