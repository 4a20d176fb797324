//! Who waits until a number has been reached.
//!
//! To wake a task from another thread costs a system call. Those who wait for a
//! group are many and sit on few threads, so each thread has a lane: the
//! committer wakes the relay of a lane, a task of that thread, and the relay
//! wakes all others there.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::engine::journal::{error::Failed, shared::Shared};

/// Threads beyond so many share lanes, which is slower and nothing else.
const LANES: usize = 64;

/// Those who wait.
#[derive(Debug)]
pub(super) struct Waiters(Box<[Arc<Lane>]>);

/// Those who wait on one thread.
#[derive(Debug, Default)]
struct Lane(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// By the number that they wait for.
    wakers: BTreeMap<Place, Waker>,
    places: u64,
    /// Up to where the relay is to wake them.
    reached: u64,
    has_relay: bool,
    /// There from its first turn on.
    relay: Option<Waker>,
    is_over: bool,
}

/// A number, and what tells those apart who wait for the same.
type Place = (u64, u64);

/// The task that wakes those of a lane.
#[derive(Debug)]
struct Relay(Arc<Lane>);

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// That everything up to this sequence is durable.
    Sequence(u64),
    /// That it has failed.
    Failure,
    /// That it is closed.
    Closed,
}

/// Resolves when the goal is reached, or never will be.
#[derive(Debug)]
pub(super) struct Until {
    shared: Arc<Shared>,
    goal: Goal,
    place: Option<(Arc<Lane>, Place)>,
}

impl Default for Waiters {
    fn default() -> Self {
        Self((0..LANES).map(|_| Arc::default()).collect())
    }
}

impl Waiters {
    /// Wakes all who wait for at most `reached`.
    pub(super) fn reach(&self, reached: u64) {
        for lane in &self.0 {
            lane.reach(reached);
        }
    }

    /// That of this thread.
    fn lane(&self) -> Arc<Lane> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed) % LANES;
        }
        self.0
            .get(OWN.with(|own| *own))
            .map_or_else(Arc::default, Arc::clone)
    }
}

impl Drop for Waiters {
    fn drop(&mut self) {
        for lane in &self.0 {
            let mut waiting = lane.0.lock();
            waiting.is_over = true;
            let relay = waiting.relay.take();
            drop(waiting);
            relay.into_iter().for_each(Waker::wake);
        }
    }
}

impl Lane {
    fn reach(&self, reached: u64) {
        let mut waiting = self.0.lock();
        let first = waiting.wakers.first_key_value();
        if first.is_none_or(|((number, _), _)| *number > reached) {
            return;
        }
        if let Some(relay) = waiting.relay.clone() {
            waiting.reached = waiting.reached.max(reached);
            drop(waiting);
            relay.wake();
        } else {
            let woken = waiting.take(reached);
            drop(waiting);
            woken.for_each(Waker::wake);
        }
    }
}

impl Waiting {
    fn take(&mut self, reached: u64) -> impl Iterator<Item = Waker> + use<> {
        let later = match reached.checked_add(1) {
            Some(later) => self.wakers.split_off(&(later, 0)),
            None => BTreeMap::new(),
        };
        std::mem::replace(&mut self.wakers, later).into_values()
    }

    /// Whether a relay is worth its while, and there is none yet.
    fn wants_relay(&self) -> bool {
        self.wakers.len() > 1 && !self.has_relay
    }
}

impl Future for Relay {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.0.0.lock();
        if waiting.is_over {
            return Poll::Ready(());
        }
        let relay = &mut waiting.relay;
        if !relay
            .as_ref()
            .is_some_and(|own| own.will_wake(context.waker()))
        {
            *relay = Some(context.waker().clone());
        }
        let reached = waiting.reached;
        let woken = waiting.take(reached);
        drop(waiting);
        woken.for_each(Waker::wake);
        Poll::Pending
    }
}

impl Drop for Relay {
    /// With its runtime. Those who wait elsewhere look for themselves.
    fn drop(&mut self) {
        let mut waiting = self.0.0.lock();
        (waiting.has_relay, waiting.relay) = (false, None);
        let woken = waiting.take(u64::MAX);
        drop(waiting);
        woken.for_each(Waker::wake);
    }
}

impl Until {
    pub(super) fn new(shared: Arc<Shared>, goal: Goal) -> Self {
        Self {
            shared,
            goal,
            place: None,
        }
    }

    fn number(&self) -> u64 {
        match self.goal {
            Goal::Sequence(number) => number,
            Goal::Failure | Goal::Closed => u64::MAX,
        }
    }
}

impl Future for Until {
    type Output = Result<(), Failed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(outcome) = this.shared.outcome(this.goal) {
            return Poll::Ready(outcome);
        }
        let number = this.number();
        let (lane, place) = this
            .place
            .get_or_insert_with(|| (this.shared.waiters(this.goal).lane(), (number, 0)));
        let mut waiting = lane.0.lock();
        // Whoever reaches it says so first, and then comes here.
        if let Some(outcome) = this.shared.outcome(this.goal) {
            return Poll::Ready(outcome);
        }
        if place.1 == 0 {
            waiting.places += 1;
            place.1 = waiting.places;
        }
        waiting.wakers.insert(*place, context.waker().clone());
        if waiting.wants_relay()
            && let Ok(runtime) = Handle::try_current()
        {
            waiting.has_relay = true;
            drop(waiting);
            runtime.spawn(Relay(Arc::clone(lane)));
        }
        Poll::Pending
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        if let Some((lane, place)) = &self.place {
            lane.0.lock().wakers.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Wake};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Count {
        fn get(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    /// Ten who wait in a lane, each for another number from 1 on.
    fn ten() -> (Arc<Lane>, Arc<Count>) {
        let (lane, woken) = (Arc::<Lane>::default(), Arc::<Count>::default());
        for number in 1..=10 {
            let waker = Arc::clone(&woken).into();
            lane.0.lock().wakers.insert((number, 1), waker);
        }
        (lane, woken)
    }

    #[test]
    fn the_relay_is_woken_once_and_wakes_those_who_are_reached() {
        let (lane, woken) = ten();
        let called = Arc::<Count>::default();
        let waker = Arc::clone(&called).into();
        let mut context = Context::from_waker(&waker);
        let mut relay = pin!(Relay(Arc::clone(&lane)));
        assert!(relay.as_mut().poll(&mut context).is_pending());
        lane.reach(0);
        assert_eq!((called.get(), woken.get()), (0, 0));
        lane.reach(6);
        assert_eq!((called.get(), woken.get()), (1, 0));
        assert!(relay.as_mut().poll(&mut context).is_pending());
        assert_eq!(woken.get(), 6);
        lane.reach(u64::MAX);
        assert!(relay.as_mut().poll(&mut context).is_pending());
        assert_eq!((called.get(), woken.get()), (2, 10));
    }

    #[test]
    fn without_a_relay_each_is_woken_and_nobody_waits_for_one_that_is_gone() {
        let (lane, woken) = ten();
        lane.reach(4);
        assert_eq!(woken.get(), 4);
        let mut relay = Box::pin(Relay(Arc::clone(&lane)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(relay.as_mut().poll(&mut context).is_pending());
        lane.reach(5);
        drop(relay);
        assert_eq!(woken.get(), 10, "they look for themselves");
        lane.0
            .lock()
            .wakers
            .insert((11, 1), Arc::clone(&woken).into());
        lane.reach(11);
        assert_eq!(woken.get(), 11);
    }

    #[test]
    fn a_relay_ends_with_those_who_wait() {
        let waiters = Waiters::default();
        let mut relay = pin!(Relay(waiters.lane()));
        let called = Arc::<Count>::default();
        let waker = Arc::clone(&called).into();
        let mut context = Context::from_waker(&waker);
        assert!(relay.as_mut().poll(&mut context).is_pending());
        drop(waiters);
        assert_eq!(called.get(), 1);
        assert!(relay.poll(&mut context).is_ready());
    }
}
