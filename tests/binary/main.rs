//! The built program, as whoever starts it sees it: its lines, its exit codes,
//! its signals, and that it serves what it was told.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod configured;
mod drained;
#[cfg(target_os = "linux")]
mod files;
mod health;
mod metrics;
mod program;
mod quiet;
mod wrong;
