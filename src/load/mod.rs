//! Load for a server: who calls, how often, with what, and what came of it.
//!
//! A run is threads with a runtime each; a thread has connections, and a
//! connection has streams. A stream makes one call at a time, or keeps some
//! lists of a pipeline under way. When a call is to begin is said by the
//! [`plan`], and what came of it goes into a [`tally`].

pub mod config;
mod connection;
pub mod keys;
pub mod mix;
mod pipeline;
pub mod plan;
mod prefill;
pub mod report;
pub mod run;
mod source;
pub mod tally;
mod tls;
mod unary;
