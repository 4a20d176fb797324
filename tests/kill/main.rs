//! The built program with a store in a directory, killed at random moments under
//! full load: what it has acknowledged is there again, and nothing by half.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

mod asked;
mod book;
mod mirror;
#[path = "../binary/program.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod program;
mod rounds;
mod store;
mod writer;
