//! How a server is asked to stop.

use tokio::sync::watch;

/// How urgently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Not at all.
    #[default]
    Stay,
    /// After a grace in which everything is still served.
    Gracefully,
    /// Without the grace; calls under way are finished.
    Now,
    /// At once; calls under way are cut off.
    Abort,
}

/// Asks a server to stop.
#[derive(Clone, Debug)]
pub struct StopHandle(watch::Sender<Urgency>);

/// What the server is asked.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Urgency>);

impl Stop {
    /// A server that is not asked to stop yet, and the one who may ask.
    #[must_use]
    pub fn new() -> (StopHandle, Self) {
        let (sender, receiver) = watch::channel(Urgency::Stay);
        (StopHandle(sender), Self(receiver))
    }

    /// Returns as soon as the server is asked at least so urgently. Never, when
    /// nobody is left to ask.
    pub async fn asked(&mut self, urgency: Urgency) -> Urgency {
        let asked = self
            .0
            .wait_for(|asked| *asked >= urgency)
            .await
            .map(|asked| *asked);
        match asked {
            Ok(asked) => asked,
            Err(_) => std::future::pending().await,
        }
    }
}

impl StopHandle {
    /// Asks to stop after the grace; when asked before, at once.
    pub fn gracefully(&self) {
        self.ask(Urgency::Gracefully);
    }

    /// Asks to stop without the grace; when asked before, at once.
    pub fn now(&self) {
        self.ask(Urgency::Now);
    }

    fn ask(&self, urgency: Urgency) {
        self.0.send_modify(|asked| {
            *asked = if *asked == Urgency::Stay {
                urgency
            } else {
                Urgency::Abort
            };
        });
    }
}

/// Asks as the signals of this process say: SIGTERM gracefully, Ctrl-C now, and
/// any second one at once. Never returns.
///
/// # Errors
/// When the system does not let signals be listened to.
#[cfg(unix)]
pub async fn signals(handle: StopHandle) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => handle.gracefully(),
            _ = interrupt.recv() => handle.now(),
        }
    }
}
