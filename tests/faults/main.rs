//! The built program on a real disk, one of whose calls fails, each in turn:
//! strace sees to that. Nothing acknowledged is lost, nobody is told what is
//! not so, and the log says what has failed.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

#[path = "../kill/asked.rs"]
mod asked;
#[path = "../kill/book.rs"]
mod book;
mod calls;
mod faulty;
#[path = "../binary/program.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod program;
mod run;
#[path = "../kill/writer.rs"]
#[expect(dead_code, reason = "the kills let it run to the end")]
mod writer;
