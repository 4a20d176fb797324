//! Whether who reads a stream still may, and whether there are still streams.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Sleep, sleep};
use tokio_stream::{Stream, wrappers::WatchStream};

use crate::{
    calls::{failure::Failure, permit},
    gate::{
        access::{caller::Caller, identity::Right, roster::Roster},
        state::{Phase, State},
    },
    model::range::Range,
};

/// Whether the server ends its streams.
#[derive(Debug)]
pub struct Stopping(WatchStream<Phase>);

impl Stopping {
    /// While the server is in `state`.
    #[must_use]
    pub fn new(state: &State) -> Self {
        Self(WatchStream::new(state.subscribe()))
    }

    /// Whether it does; else the task is woken when that changes.
    pub fn is_so(&mut self, context: &mut Context<'_>) -> bool {
        while let Poll::Ready(phase) = Pin::new(&mut self.0).poll_next(context) {
            if phase.is_none_or(|phase| phase == Phase::Stopping) {
                return true;
            }
        }
        false
    }
}

/// A timer is set no further ahead, since clocks are set meanwhile.
const LOOK_WITHIN: Duration = Duration::from_hours(1);

/// Looks after a stream whenever it changes who may do what.
#[derive(Debug)]
pub struct Guard {
    caller: Caller,
    ranges: Vec<Range>,
    /// A right that it needs on whichever keys.
    right: Option<Right>,
    changes: WatchStream<Arc<Roster>>,
    expiry: Option<Pin<Box<Sleep>>>,
}

impl Guard {
    /// For a watch of `caller` on `ranges`; `None`, where nobody is asked who
    /// they are.
    #[must_use]
    pub fn new(caller: &Caller, ranges: &[Range]) -> Option<Box<Self>> {
        Self::of(caller, ranges, None)
    }

    /// For a stream that needs `right`, on whichever keys; `None` as there.
    #[must_use]
    pub fn of_right(caller: &Caller, right: Right) -> Option<Box<Self>> {
        Self::of(caller, &[], Some(right))
    }

    fn of(caller: &Caller, ranges: &[Range], right: Option<Right>) -> Option<Box<Self>> {
        let changes = caller.changes()?;
        Some(Box::new(Self {
            caller: caller.clone(),
            ranges: ranges.to_vec(),
            right,
            changes: WatchStream::new(changes),
            expiry: expiry(caller),
        }))
    }

    /// Why the stream has to end, if it has to; else `context` is woken when that
    /// may have changed.
    pub fn poll_end(&mut self, context: &mut Context<'_>) -> Option<Failure> {
        let mut look = false;
        while let Poll::Ready(Some(_)) = Pin::new(&mut self.changes).poll_next(context) {
            look = true;
        }
        look |= self.poll_expiry(context).is_ready();
        if !look {
            return None;
        }
        match self.caller.clone().renewed() {
            Ok(caller) => self.caller = caller,
            Err(refusal) => return Some(refusal.into()),
        }
        self.expiry = expiry(&self.caller);
        if self.poll_expiry(context).is_ready() {
            context.waker().wake_by_ref();
        }
        let denied = self.right.and_then(|right| self.caller.has(right).err());
        if let Some(denied) = denied {
            return Some(Failure::from(&denied));
        }
        let mut ranges = self.ranges.iter();
        ranges.find_map(|range| permit::range(&self.caller, Right::Read, range).err())
    }

    fn poll_expiry(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.expiry {
            Some(expiry) => expiry.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

/// When to look again whether `caller` is still known.
fn expiry(caller: &Caller) -> Option<Pin<Box<Sleep>>> {
    let left = caller.expires_in()?;
    Some(Box::pin(sleep(left.min(LOOK_WITHIN))))
}
