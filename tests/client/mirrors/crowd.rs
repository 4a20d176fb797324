//! A crowd of followers, each of something else.

use nanokv::{
    client::operation,
    engine::memory,
    proto::{self as pb, kv_service_client::KvServiceClient},
};
use tokio::task::JoinSet;
use tonic::Streaming;

use crate::{
    mirrors::variable,
    served::{Place, Served},
};

const CONNECTIONS: usize = 10;

/// Watches of each; with the variable `WATCHES`, as many as it says: 1000 make
/// as many as `watchers_max` allows.
const WATCHES: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_a_crowd_is_told_its_own_and_nothing_else() {
    crowd(Place::Memory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_a_crowd_is_told_its_own_by_a_store_that_is_kept_too() {
    crowd(Place::Kept).await;
}

async fn crowd(place: Place) {
    let served = Served::store_with(place, memory::Config::default());
    let each = variable("WATCHES").map_or(WATCHES, |count| usize::try_from(count).unwrap());
    let mut connections = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let address = format!("http://{}", served.address());
        connections.spawn(async move {
            let stub = KvServiceClient::connect(address).await.unwrap();
            let mut watches = Vec::new();
            for number in 0..each {
                watches.push(begin(stub.clone(), format!("{connection}/{number}/")).await);
            }
            watches
        });
    }
    let watches: Vec<_> = connections.join_all().await.into_iter().flatten().collect();
    assert_eq!(watches.len(), CONNECTIONS * each);

    // Each key twice, and what nobody follows.
    let store = served.client();
    for value in ["1", "2"] {
        for some in watches.chunks(100) {
            let keys = some.iter().map(|(prefix, _)| format!("{prefix}a"));
            let sets = keys.map(|key| operation::set(key, value));
            let results = store.batch().all(sets).await.unwrap();
            assert!(results.iter().all(Result::is_ok));
        }
        store.set("nobody", value).await.unwrap();
    }
    let mut readers = JoinSet::new();
    for (prefix, mut replies) in watches {
        readers.spawn(async move {
            let mut told = Vec::new();
            while told.len() < 2 {
                let reply = replies.message().await.unwrap().unwrap();
                told.extend(reply.events.into_iter().filter_map(|event| event.entry));
            }
            let key = format!("{prefix}a");
            assert!(told.len() == 2 && told.iter().all(|entry| entry.key == key));
            assert!(told.is_sorted_by(|one, next| one.version < next.version));
        });
    }
    let told = readers.join_all().await.len();
    println!("{told} watches, {} events, {place:?}", 2 * told);
}

async fn begin(
    mut stub: KvServiceClient<tonic::transport::Channel>,
    prefix: String,
) -> (String, Streaming<pb::WatchResponse>) {
    let request = pb::WatchRequest {
        ranges: vec![pb::Range {
            prefix: prefix.clone(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut replies = stub.watch(request).await.unwrap().into_inner();
    // The first reply says that it has begun.
    let began = replies.message().await.unwrap().unwrap();
    assert!(began.events.is_empty());
    (prefix, replies)
}
