//! The commands that ask a server: what they write, and what they end with.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod asked;
mod completions;
mod ending;
mod following;
#[path = "../binary/program.rs"]
#[expect(dead_code, reason = "the tests of the program use the rest")]
mod program;
mod range;
mod single;
mod terminal;
mod transaction;
