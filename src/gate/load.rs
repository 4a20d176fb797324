//! How many calls and bytes are under way on the whole server.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;

use crate::gate::{
    config::Config,
    rate::{meter::Meter, pace::Pace},
    refusal::Refusal,
};

/// A frame of a reply at least this large is counted until it has left. Smaller
/// ones are counted while the call lasts, so many bytes of them at most: a
/// stream of them may go on for ever.
pub const FRAME_BYTES_FOLLOWED: usize = 4096;

/// The load of the server. A clone is the same load.
#[derive(Clone, Debug)]
pub struct Load(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    calls: AtomicUsize,
    bytes: AtomicUsize,
    calls_max: usize,
    bytes_max: usize,
}

impl Load {
    /// No load yet, and the limits of `config`.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self(Arc::new(Shared {
            calls: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            calls_max: config.calls_in_flight_max,
            bytes_max: config.bytes_in_flight_max,
        }))
    }

    /// Lets a call in, and counts it until the answer is dropped.
    ///
    /// # Errors
    /// [`Refusal::CallsInFlight`] or [`Refusal::BytesInFlight`] at the limit.
    pub fn enter(&self) -> Result<Share, Refusal> {
        if self.0.bytes.load(Ordering::Relaxed) >= self.0.bytes_max {
            return Err(self.bytes_in_flight());
        }
        if self.0.calls.fetch_add(1, Ordering::Relaxed) >= self.0.calls_max {
            self.0.calls.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::CallsInFlight {
                calls_in_flight_max: wide(self.0.calls_max),
            });
        }
        let mut share = self.uncounted();
        share.counted = true;
        Ok(share)
    }

    /// Lets a health call in: it is counted by its bytes alone.
    #[must_use]
    pub fn uncounted(&self) -> Share {
        Share {
            load: self.clone(),
            counted: false,
            bytes: 0,
            meter: None,
        }
    }

    /// Calls under way.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Bytes under way.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
    }

    fn bytes_in_flight(&self) -> Refusal {
        Refusal::BytesInFlight {
            bytes_in_flight_max: wide(self.0.bytes_max),
        }
    }
}

/// What one call adds to the load, until it is dropped.
#[derive(Debug)]
pub struct Share {
    load: Load,
    counted: bool,
    bytes: usize,
    /// Where all that it counts is paid for.
    meter: Option<Arc<Meter>>,
}

impl Share {
    /// The same, whose bytes are paid for by whoever has `meter`.
    #[must_use]
    pub fn paid_by(mut self, meter: Option<&Arc<Meter>>) -> Self {
        self.meter = meter.cloned();
        self
    }

    /// Has bytes paid for, however long they are held.
    pub fn charge(&self, bytes: usize) {
        if let Some(meter) = &self.meter {
            meter.charge(bytes);
        }
    }

    /// Waits until what was charged is paid for; `None`: nobody counts it.
    #[must_use]
    pub fn pace(&self) -> Option<Pace> {
        self.meter.clone().map(Pace::new)
    }

    /// Counts bytes of a request that have arrived.
    ///
    /// # Errors
    /// [`Refusal::BytesInFlight`] at the limit.
    pub fn receive(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.hold(self.bytes.saturating_add(bytes))
    }

    /// Counts `bytes`, in place of what it counted before.
    ///
    /// # Errors
    /// [`Refusal::BytesInFlight`] at the limit.
    pub fn hold(&mut self, bytes: usize) -> Result<(), Refusal> {
        if self.bytes > 0 {
            self.load.0.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
            self.bytes = 0;
        }
        self.add(bytes);
        if self.load.bytes() > self.load.0.bytes_max {
            return Err(self.load.bytes_in_flight());
        }
        Ok(())
    }

    /// Counts the call no more; what it sends is counted as before.
    #[must_use]
    pub fn settled(self) -> Self {
        self.load.uncounted().paid_by(self.meter.as_ref())
    }

    /// Counts `bytes` apart from the rest of the call.
    #[must_use]
    pub fn apart(&self, bytes: usize) -> Self {
        let mut share = self.load.uncounted();
        share.add(bytes);
        share
    }

    /// Counts a frame of a reply: a large one until it has left, since it may
    /// wait in the connection's buffer long after the call is over.
    #[must_use]
    pub fn send(&mut self, frame: Bytes) -> Bytes {
        if frame.len() < FRAME_BYTES_FOLLOWED {
            let room = FRAME_BYTES_FOLLOWED.saturating_sub(self.bytes);
            self.add(frame.len().min(room));
            return frame;
        }
        let counted = self.apart(frame.len());
        leaving(frame, counted)
    }

    fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.load.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.load.0.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if self.counted {
            self.load.0.calls.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A frame with what counts it, until it has left.
#[must_use]
pub fn leaving<C: Send + 'static>(frame: Bytes, counted: C) -> Bytes {
    Bytes::from_owner(Leaving {
        frame,
        _counted: counted,
    })
}

struct Leaving<C> {
    frame: Bytes,
    _counted: C,
}

impl<C> AsRef<[u8]> for Leaving<C> {
    fn as_ref(&self) -> &[u8] {
        &self.frame
    }
}

/// A limit as it is told.
#[must_use]
pub fn wide(limit: usize) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> Load {
        Load::new(&Config {
            calls_in_flight_max: 2,
            bytes_in_flight_max: 10_000,
            ..Config::default()
        })
    }

    #[test]
    fn a_call_above_the_limit_is_refused_until_one_ends() {
        let load = load();
        let first = load.enter().unwrap();
        let _second = load.enter().unwrap();
        assert_eq!(
            load.enter().unwrap_err(),
            Refusal::CallsInFlight {
                calls_in_flight_max: 2
            }
        );
        drop(first);
        assert!(load.enter().is_ok());
        assert_eq!(load.calls(), 1);
    }

    #[test]
    fn bytes_that_arrive_above_the_limit_are_refused_and_given_back() {
        let load = load();
        let mut share = load.enter().unwrap();
        assert!(share.receive(10_000).is_ok());
        assert!(share.receive(1).is_err());
        assert!(load.enter().is_err(), "nobody else comes in meanwhile");
        drop(share);
        assert_eq!((load.calls(), load.bytes()), (0, 0));
    }

    #[test]
    fn a_stream_counts_for_what_it_holds_at_once() {
        let load = load();
        let mut request = load.uncounted();
        let mut reply = load.enter().unwrap();
        for _ in 0..100 {
            request.hold(1000).unwrap();
            drop(reply.send(Bytes::from(vec![0; 1000])));
        }
        assert_eq!(load.bytes(), 1000 + FRAME_BYTES_FOLLOWED);
        drop((request, reply));
        assert_eq!(load.bytes(), 0);
    }

    #[test]
    fn a_large_frame_counts_until_it_has_left() {
        let load = load();
        let mut share = load.enter().unwrap();
        let small = share.send(Bytes::from(vec![0; FRAME_BYTES_FOLLOWED - 1]));
        let large = share.send(Bytes::from(vec![0; FRAME_BYTES_FOLLOWED]));
        drop((share, small));
        assert_eq!(load.bytes(), FRAME_BYTES_FOLLOWED);
        drop(large);
        assert_eq!(load.bytes(), 0);
    }
}
