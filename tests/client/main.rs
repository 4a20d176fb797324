//! The Rust client, against a server that holds a store and against one that
//! does what it is told, which may be wrong.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod calls;
mod deadlines;
mod line;
mod pipelines;
mod retries;
mod scripted;
mod served;
mod told;
mod watches;
