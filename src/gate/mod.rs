//! What every call passes on its way in: limits, deadlines, one span. The one
//! place that says no for a reason that has nothing to do with what is stored.

pub mod access;
pub mod answer;
pub mod call;
pub mod config;
mod counting;
pub mod each;
pub mod foreign;
pub mod framing;
pub mod kind;
pub mod load;
pub mod opening;
pub mod outgoing;
pub mod places;
pub mod rate;
pub mod refusal;
pub mod reply;
pub mod request;
pub mod room;
mod said;
pub mod state;
pub mod tally;
pub mod timeout;
pub mod times;
pub mod trace;
