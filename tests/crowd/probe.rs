//! A probe that dials anew for each look, as the kubelet does.

use std::{fmt, net::SocketAddr, time::Duration};

use tokio::{sync::watch, task::JoinHandle, time::Instant};

use crate::serving::client::Client;

/// Probes until it is ended.
pub(crate) struct Probe {
    ending: watch::Sender<bool>,
    probing: JoinHandle<Probed>,
}

/// How long each answer took to come, from dialling on.
pub(crate) struct Probed(Vec<Duration>);

impl Probe {
    pub(crate) fn begin(address: SocketAddr) -> Self {
        let (ending, ended) = watch::channel(false);
        let probing = tokio::spawn(async move {
            let mut took = Vec::new();
            // At least once, however short the crowd stays.
            while took.is_empty() || !*ended.borrow() {
                let began = Instant::now();
                let client = Client::connect(address).await;
                // Waits so long and no longer.
                assert_eq!(client.health("").await.unwrap(), 1, "a probe failed");
                took.push(began.elapsed());
            }
            took.sort();
            Probed(took)
        });
        Self { ending, probing }
    }

    /// What it saw; none of its probes has failed.
    pub(crate) async fn end(self) -> Probed {
        self.ending.send_replace(true);
        self.probing.await.unwrap()
    }
}

impl fmt::Display for Probed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |per_cent: usize| self.0[(self.0.len() - 1) * per_cent / 100];
        let (middle, late, last) = (at(50), at(99), at(100));
        let count = self.0.len();
        write!(
            formatter,
            "{count} probes answered, half within {middle:.1?}, 99 % within {late:.1?}, all within {last:.1?}"
        )
    }
}
