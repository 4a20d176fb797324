//! What is declared and not built is refused by name, never half done.

use tonic::Code;

use crate::support::{server::Server, words::number};

contract![
    what_is_unimplemented_is_not_a_capability,
    a_request_id_is_unimplemented,
    a_request_id_in_a_batch_fails_its_slot,
];

async fn what_is_unimplemented_is_not_a_capability(server: Server) {
    let kv = server.start().await;
    let capabilities = kv.describe().await.capabilities;
    assert!(!capabilities.iter().any(|name| name == "Unheard"));
}

async fn a_request_id_is_unimplemented(server: Server) {
    let kv = server.start().await;
    kv.set("a", 1).await;
    let before = kv.get("a").await;
    let id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    let code = Code::Unimplemented;
    let set = kv.set("a", 2).with(|it| it.request_id = id.to_owned());
    set.refused(code).await;
    let delete = kv.delete("a").with(|it| it.request_id = id.to_owned());
    delete.refused(code).await;
    let increment = kv.increment("a").with(|it| it.request_id = id.to_owned());
    increment.refused(code).await;
    let touch = kv.touch("a").with(|it| it.request_id = id.to_owned());
    touch.refused(code).await;
    let transact = kv.transact().then(kv.set("a", 2));
    let transact = transact.with(|it| it.request_id = id.to_owned());
    transact.refused(code).await;
    let delete_range = kv.delete_range().prefix("a");
    let delete_range = delete_range.with(|it| it.request_id = id.to_owned());
    delete_range.refused(code).await;
    assert_eq!(kv.get("a").await, before);
}

async fn a_request_id_in_a_batch_fails_its_slot(server: Server) {
    let kv = server.start().await;
    let set = kv.set("a", 1).with(|it| it.request_id = "x".to_owned());
    let batch = kv.batch().then(kv.set("b", 1)).then(set).then(kv.get("b"));
    let slots = batch.await;
    slots[1].refused(Code::Unimplemented);
    assert_eq!(slots[2].value(), Some(&number(1)));
    assert_eq!(kv.list().keys().await, ["b"]);
}
