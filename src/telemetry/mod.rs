//! What the server says of itself: events, on stderr.

pub mod config;
pub mod events;
pub mod levels;
