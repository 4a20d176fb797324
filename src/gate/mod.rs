//! What every call passes on its way in: limits, identity, one span. The one
//! place that says no.

pub mod opening;
pub mod refusal;
pub mod state;
