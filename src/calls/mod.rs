//! What each call of the contract means, whatever wire it comes over: its
//! messages decoded to what the model knows, carried out, and answered; and the
//! one table of what can go wrong.

pub mod audit;
pub mod backup;
pub mod batch;
pub mod failure;
pub mod guard;
pub mod list;
pub mod permit;
pub mod status;
pub mod store;
pub mod transact;
pub mod watch;
pub mod wire;
