//! How many calls and bytes a second each caller may have.

pub mod meter;
pub mod meters;
pub mod pace;

/// What one caller may have in a second; 0: as much as they like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Calls and lists of pipelines; at most [`CALLS_LIMIT`].
    pub calls_per_second_max: u64,
    /// Bytes of requests and replies; at most [`BYTES_LIMIT`].
    pub bytes_per_second_max: u64,
}

/// More calls a second cannot be told from no limit, and could not be counted
/// to the nanosecond.
pub const CALLS_LIMIT: u64 = 1 << 20;

/// The same for bytes.
pub const BYTES_LIMIT: u64 = 1 << 32;

impl Rates {
    /// Whether there is no limit at all.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.calls_per_second_max == 0 && self.bytes_per_second_max == 0
    }
}
