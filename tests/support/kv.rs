//! The client: one method a call, named as in the contract.

use std::{sync::Arc, time::Duration};

use nanokv::{
    model::clock::held::HeldClock,
    proto::{
        self as pb, admin_service_client::AdminServiceClient, kv_service_client::KvServiceClient,
    },
};
use tonic::transport::{Channel, Endpoint};

use crate::support::{
    call::{Call, message},
    json::Json,
    server::Running,
    words::IntoValue,
};

/// A server of its own, the clock that it goes by, and a connection to it. A
/// clone is the same.
#[derive(Clone)]
pub(crate) struct Kv {
    channel: Channel,
    clock: HeldClock,
    server: Arc<Running>,
}

impl Kv {
    /// Connects to a server that goes by `clock`.
    pub(crate) async fn connect(server: Arc<Running>, clock: HeldClock) -> Self {
        let channel = Endpoint::from_shared(format!("http://{}", server.address()))
            .unwrap()
            .connect()
            .await
            .unwrap();
        Self {
            channel,
            clock,
            server,
        }
    }

    /// The same server over another connection.
    pub(crate) async fn reconnected(&self) -> Self {
        Self::connect(Arc::clone(&self.server), self.clock.clone()).await
    }

    /// Lets the server's time pass.
    pub(crate) fn advance(&self, span: Duration) {
        self.clock.advance(u64::try_from(span.as_millis()).unwrap());
    }

    pub(crate) fn client(&self) -> KvServiceClient<Channel> {
        KvServiceClient::new(self.channel.clone())
    }

    /// Where calls on a single key go that are made in JSON; `None`: they go
    /// over gRPC, as all others do.
    pub(crate) fn json(&self) -> Option<Json> {
        self.server.is_json().then(|| Json(self.server.address()))
    }

    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) fn get(&self, key: &str) -> Call<'_, pb::GetRequest> {
        let key = key.to_owned();
        Call::new(
            self,
            pb::GetRequest {
                key,
                ..Default::default()
            },
        )
    }

    /// What Get gives out, without all around it.
    pub(crate) async fn value(&self, key: &str) -> Option<pb::Value> {
        self.get(key).await.and_then(|entry| entry.value)
    }

    pub(crate) fn set(&self, key: &str, value: impl IntoValue) -> Call<'_, pb::SetRequest> {
        let request = pb::SetRequest {
            key: key.to_owned(),
            value: Some(value.into_value()),
            ..Default::default()
        };
        Call::new(self, request)
    }

    pub(crate) fn delete(&self, key: &str) -> Call<'_, pb::DeleteRequest> {
        let key = key.to_owned();
        Call::new(
            self,
            pb::DeleteRequest {
                key,
                ..Default::default()
            },
        )
    }

    pub(crate) fn increment(&self, key: &str) -> Call<'_, pb::IncrementRequest> {
        let key = key.to_owned();
        Call::new(
            self,
            pb::IncrementRequest {
                key,
                ..Default::default()
            },
        )
    }

    pub(crate) fn touch(&self, key: &str) -> Call<'_, pb::TouchRequest> {
        let key = key.to_owned();
        Call::new(
            self,
            pb::TouchRequest {
                key,
                ..Default::default()
            },
        )
    }

    pub(crate) fn batch(&self) -> Call<'_, pb::BatchRequest> {
        Call::new(self, pb::BatchRequest::default())
    }

    pub(crate) fn transact(&self) -> Call<'_, pb::TransactRequest> {
        Call::new(self, pb::TransactRequest::default())
    }

    pub(crate) fn delete_range(&self) -> Call<'_, pb::DeleteRangeRequest> {
        Call::new(self, pb::DeleteRangeRequest::default())
    }

    pub(crate) fn list(&self) -> Call<'_, pb::ListRequest> {
        Call::new(self, pb::ListRequest::default())
    }

    /// A Watch of every key.
    pub(crate) fn watch(&self) -> Call<'_, pb::WatchRequest> {
        Call::new(self, pb::WatchRequest::default()).prefix("")
    }

    /// How long a state is waited for that must come.
    pub(crate) fn patience(&self) -> Duration {
        self.server.patience()
    }

    pub(crate) async fn describe(&self) -> pb::DescribeResponse {
        let mut admin = AdminServiceClient::new(self.channel.clone());
        let answer = admin.describe(pb::DescribeRequest {}).await;
        message(answer).expect("Describe always answers")
    }

    /// The last version that the store gave out.
    pub(crate) async fn version(&self) -> i64 {
        self.describe().await.version
    }

    /// Asks until the store's version is at least this.
    pub(crate) async fn until_version(&self, version: i64) {
        let reached = async {
            while self.version().await < version {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(self.server.patience(), reached)
            .await
            .unwrap_or_else(|_| panic!("version {version} was never reached"));
    }
}
