//! What nanokv talks about: keys, values, entries, versions, deadlines, and
//! what a change means. No wire, no engine, no I/O.

pub mod clock;
pub mod entry;
pub mod error;
pub mod event;
pub mod expiry;
pub mod figure;
pub mod key;
pub mod limits;
pub mod mutation;
pub mod once;
pub mod operation;
pub mod range;
pub mod time;
pub mod transaction;
pub mod value;
pub mod version;
