//! The Rust client, against a server that holds a store and against one that
//! does what it is told, which may be wrong.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "../../examples/cache_aside.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod cache_aside;
mod calls;
mod deadlines;
mod line;
#[path = "../../examples/lock.rs"]
#[expect(dead_code, reason = "an example has a main of its own")]
mod lock;
mod mirrors;
mod pipelines;
mod recipes;
mod retries;
mod scripted;
mod served;
mod streams;
mod told;
mod watches;
