//! What is declared and not built is refused by name, never half done.

use nanokv::proto as pb;
use tonic::{Code, Status};

use crate::support::{refusal::Refusal, server::Server};

contract![
    watch_is_unimplemented,
    what_is_unimplemented_is_not_a_capability,
];

async fn watch_is_unimplemented(server: Server) {
    let kv = server.start().await;
    let request = pb::WatchRequest {
        ranges: vec![pb::Range::default()],
        ..Default::default()
    };
    match kv.client().watch(request).await {
        Err(status) => unimplemented::<()>(Err(status)),
        Ok(stream) => unimplemented(stream.into_inner().message().await),
    }
}

async fn what_is_unimplemented_is_not_a_capability(server: Server) {
    let kv = server.start().await;
    let capabilities = kv.describe().await.capabilities;
    for unbuilt in ["Watch", "Unheard"] {
        assert!(!capabilities.iter().any(|name| name == unbuilt));
    }
}

/// Must be refused as not built, with `ErrorInfo` like every error.
fn unimplemented<T>(answer: Result<T, Status>) {
    let status = answer.err().expect("UNIMPLEMENTED, not an answer");
    assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
    let _checked = Refusal::from(status);
}
