//! The locks of this engine, in one place, so that a model checker can put its
//! own here.

pub(super) use parking_lot::{Mutex, MutexGuard};
