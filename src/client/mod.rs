//! The Rust client: typed calls, with deadlines and retries.
