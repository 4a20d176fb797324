//! The built program with a store on a file system that becomes full.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "../kill/asked.rs"]
mod asked;
mod full;
#[path = "../binary/program.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod program;
mod volume;
