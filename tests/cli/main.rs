//! The commands that ask a server: what they write, and what they end with.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod asked;
mod backup;
mod bench;
mod completions;
mod ending;
mod following;
mod moved;
#[path = "../binary/program.rs"]
#[expect(dead_code, reason = "the tests of the program use the rest")]
mod program;
mod range;
mod single;
mod terminal;
mod transaction;
