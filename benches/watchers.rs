//! Holds many watches, so that others can measure what they cost.
//!
//! `watchers ADDRESS COUNT` watches as many prefixes that nobody writes;
//! `watchers ADDRESS all` watches everything. Prints `watching` when all have
//! begun, and goes on reading until it is killed.

use std::{error::Error, io::Write};

use nanokv::proto::{self as pb, kv_service_client::KvServiceClient};
use tokio::task::JoinSet;
use tonic::{Streaming, transport::Channel};

/// Below `streams_per_connection_max`.
const WATCHES_PER_CONNECTION: usize = 1000;

type Watches = Vec<Streaming<pb::WatchResponse>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(count)) = (arguments.next(), arguments.next()) else {
        return Err("usage: watchers ADDRESS COUNT|all".into());
    };
    let address = format!("http://{address}");
    let prefixes: Vec<String> = match count.as_str() {
        "all" => vec![String::new()],
        count => (0..count.parse()?)
            .map(|number: usize| format!("watched/{number}/"))
            .collect(),
    };
    let mut connections = JoinSet::new();
    for some in prefixes.chunks(WATCHES_PER_CONNECTION) {
        let (address, some) = (address.clone(), some.to_vec());
        connections.spawn(async move { begin(address, some).await.map_err(|e| e.to_string()) });
    }
    let mut readers = JoinSet::new();
    while let Some(watches) = connections.join_next().await {
        for watch in watches?? {
            readers.spawn(read(watch));
        }
    }
    println!("watching");
    std::io::stdout().flush()?;
    let ended = readers.join_next().await.transpose()?;
    Err(format!("a watch ended: {ended:?}").into())
}

async fn begin(address: String, prefixes: Vec<String>) -> Result<Watches, Box<dyn Error>> {
    let stub: KvServiceClient<Channel> = KvServiceClient::connect(address).await?;
    let mut watches = Watches::new();
    for prefix in prefixes {
        let range = pb::Range {
            prefix,
            ..pb::Range::default()
        };
        let request = pb::WatchRequest {
            ranges: vec![range],
            ..pb::WatchRequest::default()
        };
        let mut watch = stub.clone().watch(request).await?.into_inner();
        watch.message().await?;
        watches.push(watch);
    }
    Ok(watches)
}

async fn read(mut watch: Streaming<pb::WatchResponse>) -> Option<tonic::Status> {
    loop {
        match watch.message().await {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(status) => return Some(status),
        }
    }
}
