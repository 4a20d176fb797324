//! The built program, as whoever starts it sees it: its lines, its exit codes,
//! its signals, and that it serves what it was told.

mod configured;
mod drained;
mod health;
mod program;
mod quiet;
mod wrong;
