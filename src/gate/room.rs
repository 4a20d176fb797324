//! Room for the replies of watches: so many bytes for all of them. One that
//! finds none waits for its turn, and holds nothing meanwhile.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::sync::{Notify, futures::OwnedNotified};

/// The room of all watches. A clone is the same room.
#[derive(Clone, Debug)]
pub struct Room(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bytes: AtomicUsize,
    bytes_max: usize,
    freed: Arc<Notify>,
}

/// A watch among the others.
#[derive(Debug)]
pub struct Place {
    room: Room,
    turn: Option<Pin<Box<OwnedNotified>>>,
    /// Whether it had to wait, so that others may be waiting behind it.
    waited: bool,
}

/// Bytes that take up room, until they are dropped.
#[derive(Debug)]
pub struct Held {
    room: Room,
    bytes: usize,
}

impl Room {
    /// Room for `bytes_max`. The last reply that is let in may pass it.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Shared {
            bytes: AtomicUsize::new(0),
            bytes_max,
            freed: Arc::default(),
        }))
    }

    /// One more watch.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            room: self.clone(),
            turn: None,
            waited: false,
        }
    }

    /// Takes up room, whether there is any or not.
    #[must_use]
    pub fn hold(&self, bytes: usize) -> Held {
        self.0.bytes.fetch_add(bytes, Ordering::SeqCst);
        Held {
            room: self.clone(),
            bytes,
        }
    }

    /// Bytes that are taken up.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.bytes.load(Ordering::SeqCst)
    }

    fn is_free(&self) -> bool {
        self.bytes() < self.0.bytes_max
    }
}

impl Place {
    /// Waits until there is room and it is this one's turn.
    pub fn poll_free(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.turn.is_none() && self.room.is_free() {
                return Poll::Ready(());
            }
            let freed = &self.room.0.freed;
            let turn = self
                .turn
                .get_or_insert_with(|| Box::pin(Arc::clone(freed).notified_owned()));
            self.waited = true;
            // Room that came before it was in the queue was told to nobody.
            if turn.as_mut().poll(context).is_pending() && !self.room.is_free() {
                return Poll::Pending;
            }
            self.turn = None;
        }
    }

    /// Takes up room for what is handed over.
    #[must_use]
    pub fn hold(&self, bytes: usize) -> Held {
        self.room.hold(bytes)
    }

    /// Lets the next one have its turn, after this one had its own.
    pub fn pass_on(&mut self) {
        if std::mem::take(&mut self.waited) && self.room.is_free() {
            self.room.0.freed.notify_one();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.turn = None;
        self.pass_on();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Shared {
            bytes,
            bytes_max,
            freed,
        } = &*self.room.0;
        let before = bytes.fetch_sub(self.bytes, Ordering::SeqCst);
        if before >= *bytes_max && before - self.bytes < *bytes_max {
            freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// A watch that counts how often it is woken.
    struct Watch {
        place: Place,
        woken: Arc<Woken>,
    }

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Watch {
        fn new(room: &Room) -> Self {
            Self {
                place: room.place(),
                woken: Arc::default(),
            }
        }

        fn is_free(&mut self) -> bool {
            let waker = Arc::clone(&self.woken).into();
            let mut context = Context::from_waker(&waker);
            self.place.poll_free(&mut context).is_ready()
        }

        fn is_woken(&self) -> bool {
            self.woken.0.swap(0, Ordering::SeqCst) > 0
        }
    }

    #[test]
    fn one_that_finds_no_room_is_woken_when_there_is_some() {
        let room = Room::new(100);
        let (mut first, mut second) = (Watch::new(&room), Watch::new(&room));
        assert!(first.is_free());
        let large = first.place.hold(150);
        let small = first.place.hold(10);
        assert!(!second.is_free());
        drop(small);
        assert!(!second.is_woken(), "it is still full");
        drop(large);
        assert!(second.is_woken() && second.is_free());
    }

    #[test]
    fn turns_are_taken_in_order_while_there_is_room() {
        let room = Room::new(100);
        let mut watches: Vec<_> = (0..3).map(|_| Watch::new(&room)).collect();
        let full = room.hold(100);
        assert!(watches.iter_mut().all(|watch| !watch.is_free()));
        drop(full);
        assert!(watches[0].is_woken() && !watches[1].is_woken());
        assert!(watches[0].is_free());
        let half = watches[0].place.hold(50);
        watches[0].place.pass_on();
        assert!(watches[1].is_woken() && watches[1].is_free());
        let rest = watches[1].place.hold(50);
        watches[1].place.pass_on();
        assert!(!watches[2].is_woken(), "it is full again");
        drop(half);
        assert!(watches[2].is_woken());
        drop(rest);
    }

    #[test]
    fn one_that_goes_away_gives_its_turn_to_the_next() {
        let room = Room::new(100);
        let (mut first, mut second) = (Watch::new(&room), Watch::new(&room));
        let full = room.hold(100);
        assert!(!first.is_free() && !second.is_free());
        drop(full);
        assert!(first.is_woken());
        drop(first);
        assert!(second.is_woken() && second.is_free());
    }
}
