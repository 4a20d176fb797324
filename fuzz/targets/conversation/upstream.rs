//! What fails below nanokv, in builds with assertions alone.

use std::panic;

use tokio::task::JoinError;

/// h2 holds that a connection that is dropped has no stream left. Dropping one
/// with streams is no fault, and h2 frees them (hyperium/h2, issue 907); what is
/// released does not look.
const SPURIOUS: &str = "assertion failed: !self.has_streams()";

/// Lets it end its task, as any panic does, and not the run.
pub fn pass_over() {
    let fail = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        if panicked.payload_as_str() != Some(SPURIOUS) {
            fail(panicked);
        }
    }));
}

/// Whether a task has ended in order, or by that.
pub fn is_in_order(ended: Result<(), JoinError>) -> bool {
    let Err(error) = ended else {
        return true;
    };
    let panicked = error.try_into_panic().ok();
    let said = panicked.and_then(|panicked| panicked.downcast::<&str>().ok());
    said.is_some_and(|said| *said == SPURIOUS)
}
