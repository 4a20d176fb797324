//! What the server says of itself: events, on stderr, and figures.

pub mod config;
pub mod events;
pub mod levels;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod page;
pub mod parent;
pub mod process;
