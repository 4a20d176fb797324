//! A store that is asked, by a client that asks once.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use nanokv::client::{Client, config::Config, entry::Entry, range::Range, retry::Policy};
use tokio_stream::StreamExt;

/// All that a store has.
pub(crate) struct Listing {
    pub(crate) entries: BTreeMap<String, Entry>,
    pub(crate) version: i64,
}

/// A client that makes no call again.
pub(crate) fn client(address: SocketAddr) -> Client {
    let config = Config {
        retry: Policy {
            attempts_max: 1,
            ..Policy::default()
        },
        call_timeout: Duration::from_mins(1),
        ..Config::default()
    };
    Client::with_config(address.to_string(), config).unwrap()
}

/// What the store has, while nobody changes it.
pub(crate) async fn listed(client: &Client) -> Listing {
    let entries = client.list(Range::all()).entries();
    let entries: BTreeMap<_, _> = entries
        .map(|entry| entry.map(|entry| (entry.key.clone(), entry)))
        .collect::<Result<_, _>>()
        .await
        .unwrap();
    let version = client.describe().await.unwrap().version;
    Listing { entries, version }
}
