//! What can be chosen about the memory engine.

use sysinfo::System;

use crate::{
    engine::memory::{history, requests},
    model::expiry::ExpiryRules,
};

/// The share of the machine's memory that a store may take up by default.
const MEMORY_PERCENT: u64 = 60;

/// What is assumed of a system that does not say how much memory it has.
const MEMORY_BYTES_UNKNOWN: u64 = 1 << 30;

/// Which entries make room when a store holds as much as it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Eviction {
    /// None do: what would grow the store is refused.
    #[default]
    None,
    /// Those that nobody has asked for in a while, by SIEVE (Zhang et al., NSDI
    /// 2024).
    Sieve,
}

impl Eviction {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sieve => "sieve",
        }
    }
}

/// What can be chosen about the memory engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many bytes entries and their indexes may take up.
    pub memory_max: u64,
    /// Which entries make room when these are taken.
    pub eviction: Eviction,
    /// How many entries one change may have make room for it at most.
    pub eviction_entries_max: usize,
    /// Into how many parts the keys are split, each with a lock of its own:
    /// rounded up to a power of two, at most 4096.
    pub shards: usize,
    /// How many requests are remembered, to be carried out only once.
    pub requests: requests::Config,
    /// What holds for deadlines.
    pub expiry: ExpiryRules,
    /// How much of the past is kept for watches.
    pub history: history::Config,
    /// Bytes that each backup keeps of what is changed before it was read, beside
    /// `memory_max`.
    pub backup_held_bytes_max: usize,
}

impl Default for Config {
    /// 60 % of the memory of the container or machine, and 64 shards.
    fn default() -> Self {
        Self {
            memory_max: memory_bytes() / 100 * MEMORY_PERCENT,
            eviction: Eviction::default(),
            eviction_entries_max: 100_000,
            shards: 64,
            requests: requests::Config::default(),
            expiry: ExpiryRules::default(),
            history: history::Config::default(),
            backup_held_bytes_max: 64 << 20,
        }
    }
}

/// The memory of the container, or of the machine when that is less.
fn memory_bytes() -> u64 {
    let Ok(mut system) = System::new() else {
        return MEMORY_BYTES_UNKNOWN;
    };
    system.refresh_memory();
    let machine = system.total_memory();
    match system.cgroup_limits() {
        Some(limits) if limits.total_memory > 0 => limits.total_memory.min(machine),
        _ => machine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_part_of_the_memory_that_is_there() {
        let memory_max = Config::default().memory_max;
        assert!(memory_max > 0 && memory_max < memory_bytes());
    }
}
