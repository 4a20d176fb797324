//! AdminService.Describe: what a server is.

use crate::support::{
    server::Server,
    words::{Span, start_plus},
};

contract![
    describe_names_the_server_and_the_engine,
    a_store_has_an_id_of_its_own,
    describe_tells_the_current_version,
    describe_tells_the_time_by_which_keys_expire,
    capabilities_are_the_rpcs_that_are_built,
    describe_tells_the_limits_by_default,
    describe_tells_the_limits_that_were_set,
];

async fn describe_names_the_server_and_the_engine(server: Server) {
    let kv = server.start().await;
    let description = kv.describe().await;
    assert_eq!(description.server_version, env!("CARGO_PKG_VERSION"));
    assert_ne!(description.engine, "");
}

async fn a_store_has_an_id_of_its_own(server: Server) {
    let (kv, other) = (server.start().await, server.start().await);
    let store_id = kv.describe().await.store_id;
    assert_ne!(store_id, "");
    assert_eq!(kv.describe().await.store_id, store_id);
    assert_ne!(other.describe().await.store_id, store_id);
}

async fn describe_tells_the_current_version(server: Server) {
    let kv = server.start().await;
    let version = kv.set("a", "1").await.version;
    assert_eq!(kv.describe().await.version, version);
}

async fn describe_tells_the_time_by_which_keys_expire(server: Server) {
    let kv = server.start().await;
    kv.advance(1500.millis());
    let description = kv.describe().await;
    assert_eq!(description.server_time, Some(start_plus(1500.millis())));
}

async fn capabilities_are_the_rpcs_that_are_built(server: Server) {
    let kv = server.start().await;
    let built = [
        "Batch",
        "Delete",
        "DeleteRange",
        "Get",
        "Increment",
        "List",
        "Pipeline",
        "Set",
        "Touch",
        "Transact",
        "Watch",
        "request_id",
    ];
    assert_eq!(kv.describe().await.capabilities, built);
}

async fn describe_tells_the_limits_by_default(server: Server) {
    let kv = server.start().await;
    let limits = kv.describe().await.limits.unwrap();
    assert_eq!(limits.key_bytes_max, 1024);
    assert_eq!(limits.value_bytes_max, 1 << 20);
    assert_eq!(limits.message_bytes_max, 4 << 20);
    assert_eq!(limits.reply_bytes_max, 3 << 20);
    assert_eq!(limits.batch_operations_max, 1024);
    assert_eq!(limits.page_entries_max, 1000);
    assert_eq!(limits.delete_range_entries_max, 100_000);
    assert_eq!(limits.pipeline_lists_in_flight_max, 16);
    assert_eq!(limits.pipelines_max, 1024);
    assert_eq!(limits.watchers_max, 10_000);
    assert_eq!(limits.watch_ranges_max, 64);
    assert_eq!(limits.ttl_max.unwrap().seconds, 100 * 365 * 86_400);
    assert_eq!(limits.default_ttl.unwrap().seconds, 0);
}

async fn describe_tells_the_limits_that_were_set(server: Server) {
    let server = server.default_ttl(10.seconds()).memory_max(64 << 20);
    let kv = server
        .limits(|limits| limits.page_entries_max = 7)
        .start()
        .await;
    let limits = kv.describe().await.limits.unwrap();
    assert_eq!(limits.page_entries_max, 7);
    assert_eq!(limits.default_ttl.unwrap().seconds, 10);
    assert_eq!(limits.memory_max, 64 << 20);
}
