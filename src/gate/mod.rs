//! What every call passes on its way in: limits, deadlines, one span. The one
//! place that says no for a reason that has nothing to do with what is stored.

pub mod call;
pub mod config;
pub mod each;
pub mod foreign;
pub mod framing;
pub mod load;
pub mod opening;
pub mod refusal;
pub mod reply;
pub mod request;
pub mod state;
pub mod timeout;
pub mod trace;
