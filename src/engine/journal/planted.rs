//! Faults that tests plant, to see that others notice.

/// Which mechanisms are left out. In a program none is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    not(test),
    expect(unreachable_pub, reason = "only a Config of tests has it")
)]
#[expect(clippy::struct_excessive_bools, reason = "each is planted alone")]
pub struct Planted {
    /// The mark is never written.
    pub no_mark: bool,
    /// Groups are not chained, and the chain is not looked at.
    pub no_chain: bool,
    /// What is written counts as durable before it is synced.
    pub answered_early: bool,
    /// A snapshot is published before the log is synced as far as it reaches.
    pub published_early: bool,
}
