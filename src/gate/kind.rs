//! What sort of call it is, by which it is let in.

/// How calls of a method are let in and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One message, and a reply that ends by itself.
    Ordinary,
    /// The same, and the answer is for anybody: nobody is asked who they are.
    Public,
    /// About health: always let in.
    Health,
    /// About health, and its reply may go on for ever.
    HealthWatch,
    /// The request is a stream, which may take its time, but not for ever: it
    /// ends when for `stream_unread_ms_max` nothing more is asked.
    Stream,
    /// The reply is a stream that may go on for long. It has limits of its own,
    /// and is no call in flight any more when it begins.
    Watch,
    /// A stream whose messages are calls in flight, each for itself; it is
    /// none. It finds an [`Each`](crate::gate::each::Each) in the extensions of its request.
    Pipeline,
}

impl Kind {
    /// Whether it is about health.
    #[must_use]
    pub const fn is_health(self) -> bool {
        matches!(self, Self::Health | Self::HealthWatch)
    }

    /// Whether its reply may go on for ever.
    #[must_use]
    pub const fn may_go_on(self) -> bool {
        matches!(self, Self::Watch | Self::HealthWatch | Self::Pipeline)
    }

    /// Whether it is not waited for when the server stops.
    #[must_use]
    pub const fn is_lasting(self) -> bool {
        matches!(self, Self::Watch | Self::HealthWatch | Self::Stream)
    }
}
