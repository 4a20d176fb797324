//! The service through a generated client, on an engine that answers by heart.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use tonic::Code;
use tonic_types::StatusExt;
use tower::Service;

use super::*;
use crate::{
    engine::{Description, ListQuery, Page, RangeDeleted, WatchItem, WatchQuery},
    gate::{
        self,
        access::caller::Caller,
        load::Load,
        opening::Opening,
        request::{Arrival, RequestBody},
        state::State,
    },
    grpc::{
        Config, hot,
        services::{Answering, Services},
    },
    model::{
        entry::Entry,
        error::Error,
        mutation::Mutation,
        operation::{Applied, Outcome, Read},
        range::Range,
        time::UnixMillis,
        transaction::{Transacted, Transaction, TransactionError},
        version::Version,
    },
    proto::{
        admin_service_client::AdminServiceClient, kv_service_client::KvServiceClient,
        operation_result, value,
    },
};

/// Holds the keys that it is given, each at version 7, refuses every change
/// with the same error, and gains a version with each page.
struct Canned {
    store_id: &'static str,
    keys: Vec<&'static str>,
    version: std::sync::atomic::AtomicI64,
}

impl Canned {
    fn entry(key: &str) -> Entry {
        Entry::new(key.to_owned(), None, Version::new(7).unwrap(), None)
    }
}

impl Engine for Canned {
    type Watch = tokio_stream::Empty<Result<WatchItem, Error>>;

    async fn watch(&self, _: WatchQuery) -> Result<Self::Watch, Error> {
        Err(Error::Unsupported {
            capability: "Watch",
        })
    }

    fn describe(&self) -> Description {
        Description {
            engine: "canned",
            store_id: self.store_id.into(),
            version: Version::new(9).unwrap(),
            now: UnixMillis::new(1500),
            capabilities: &["Get", "List"],
            memory_max: Some(12),
            durability: "none",
            eviction: "none",
        }
    }

    async fn get(&self, read: Read<'_>) -> Result<Option<Entry>, Error> {
        let key = read.key.as_str();
        Ok(self.keys.contains(&key).then(|| Self::entry(key)))
    }

    async fn mutate(&self, _: Mutation<'_>) -> Result<Applied, Error> {
        Err(Error::KeyPresent {
            current: Version::new(7).unwrap(),
        })
    }

    async fn batch(
        &self,
        operations: &[crate::model::operation::Operation<'_>],
        reply_bytes_max: usize,
    ) -> Vec<Result<Outcome, Error>> {
        vec![Err(Error::ReplyTooLarge { reply_bytes_max }); operations.len()]
    }

    async fn transact(
        &self,
        transaction: Transaction<'_>,
        _: usize,
    ) -> Result<Transacted, TransactionError> {
        let error = Error::KeyAbsent;
        Err(match transaction.checks() {
            [] => TransactionError::Operation { index: 1, error },
            _ => TransactionError::Check { index: 0, error },
        })
    }

    async fn list(&self, query: ListQuery<'_>) -> Result<Page, Error> {
        let mut keys = self.keys.iter().filter(|key| {
            query.range.contains(key.as_bytes()) && query.after.is_none_or(|after| **key > after)
        });
        let entries = keys.by_ref().take(query.entries_max);
        let number = self
            .version
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(Page {
            entries: entries.map(|key| Self::entry(key)).collect(),
            more: keys.next().is_some(),
            version: Version::new(number).unwrap(),
        })
    }

    async fn delete_range(&self, range: &Range, entries_max: usize) -> Result<RangeDeleted, Error> {
        let keys = self.keys.iter();
        let count = keys.filter(|key| range.contains(key.as_bytes())).count();
        Ok(RangeDeleted {
            count: count.min(entries_max),
            version: Version::new(9),
            more: count > entries_max,
        })
    }

    async fn tend(&self) {}
}

fn routes_to(store_id: &'static str, keys: &[&'static str]) -> Services<Canned> {
    let opening = Opening::new();
    opening.fill(Canned {
        store_id,
        keys: keys.to_vec(),
        version: 100.into(),
    });
    crate::grpc::services(opening, State::new(), Config::default())
}

fn serve(keys: &[&'static str]) -> KvServiceClient<Direct> {
    KvServiceClient::new(Direct(routes_to("one", keys)))
}

/// Calls the services as the gate does.
#[derive(Clone)]
struct Direct(Services<Canned>);

impl Service<http::Request<tonic::body::Body>> for Direct {
    type Response = http::Response<hot::Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Answering {
        let share = Load::new(&gate::config::Config::default()).uncounted();
        let arrival = Arrival::Message {
            share,
            read_ms_max: 60_000,
        };
        self.0
            .call(request.map(|body| RequestBody::new(body, arrival, Caller::anyone(), false)))
    }
}

fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .unwrap()
        .reason
        .clone()
}

fn page(page_size: i32, page_token: &str) -> proto::ListRequest {
    proto::ListRequest {
        page_size,
        page_token: page_token.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_miss_is_ok_without_an_entry() {
    let mut client = serve(&["a"]);
    let get = |key: &str| proto::GetRequest {
        key: key.into(),
        omit_value: true,
    };
    let hit = client.get(get("a")).await.unwrap().into_inner();
    assert_eq!(hit.entry.unwrap().version, 7);
    let miss = client.get(get("b")).await.unwrap().into_inner();
    assert_eq!(miss.entry, None);
}

#[tokio::test]
async fn a_bad_field_is_invalid_argument_that_names_the_field() {
    let status = serve(&[]).get(proto::GetRequest::default()).await;
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason(&status), "FIELD_MISSING");
    let details = status.get_error_details();
    assert_eq!(
        details.bad_request().unwrap().field_violations[0].field,
        "key"
    );
}

#[tokio::test]
async fn a_refused_change_names_its_key() {
    let request = proto::SetRequest {
        key: "a".into(),
        value: Some(proto::Value {
            kind: Some(value::Kind::Number(1)),
        }),
        ..Default::default()
    };
    let status = serve(&[]).set(request).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);
    let details = status.get_error_details();
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(metadata["key"], "a");
    assert_eq!(metadata["current_version"], "7");
}

#[tokio::test]
async fn what_is_not_built_is_unimplemented_by_name() {
    let mut client = serve(&[]);
    let refused = [client
        .watch(proto::WatchRequest {
            ranges: vec![proto::Range::default()],
            ..proto::WatchRequest::default()
        })
        .await
        .unwrap_err()];
    let names = ["Watch"];
    for (status, name) in refused.iter().zip(names) {
        assert_eq!(status.code(), Code::Unimplemented);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().metadata["capability"], name);
    }
}

#[tokio::test]
async fn what_stops_a_transaction_is_told_with_its_place() {
    let check = proto::Check {
        key: "a".into(),
        condition: Some(proto::Condition {
            kind: Some(proto::condition::Kind::Present(true)),
        }),
    };
    let delete = |key: &str| proto::Operation {
        kind: Some(proto::operation::Kind::Delete(proto::DeleteRequest {
            key: key.into(),
            ..Default::default()
        })),
    };
    let refused = async |checks, operations| {
        let request = proto::TransactRequest {
            checks,
            operations,
            ..Default::default()
        };
        let status = serve(&[]).transact(request).await.unwrap_err();
        let info = status.get_details_error_info().unwrap();
        (status.code(), info.reason, info.metadata)
    };
    let (code, reason, metadata) = refused(vec![check], vec![]).await;
    assert_eq!((code, &*reason), (Code::Aborted, "CHECK_FAILED"));
    assert_eq!(metadata["check_index"], "0");
    assert_eq!(metadata["key"], "a");
    assert_eq!(metadata["current_version"], "0");

    let (code, reason, metadata) = refused(vec![], vec![delete("b"), delete("c")]).await;
    assert_eq!((code, &*reason), (Code::NotFound, "KEY_NOT_FOUND"));
    assert_eq!(metadata["operation_index"], "1");
    assert_eq!(metadata["key"], "c");

    let (code, reason, metadata) = refused(vec![], vec![delete("b"), delete("b")]).await;
    assert_eq!((code, &*reason), (Code::InvalidArgument, "FIELD_CONFLICT"));
    assert_eq!(metadata["operation_index"], "1");
    assert_eq!(metadata["field"], "operations[1].delete.key");
}

#[tokio::test]
async fn an_engine_that_is_not_open_is_unavailable() {
    let routes = crate::grpc::services(Opening::<Canned>::new(), State::new(), Config::default());
    let request = proto::GetRequest {
        key: "a".into(),
        omit_value: false,
    };
    let status = KvServiceClient::new(Direct(routes.clone()))
        .get(request)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(reason(&status), "OPENING");
    let status = AdminServiceClient::new(Direct(routes))
        .describe(proto::DescribeRequest {})
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "OPENING");
}

#[tokio::test]
async fn a_listing_goes_on_where_it_ended_and_keeps_its_first_version() {
    let mut client = serve(&["a", "b", "c"]);
    let first = client.list(page(2, "")).await.unwrap().into_inner();
    let keys = |page: &proto::ListResponse| -> Vec<String> {
        page.entries.iter().map(|entry| entry.key.clone()).collect()
    };
    assert_eq!(keys(&first), ["a", "b"]);
    assert_eq!(first.version, 100);
    let second = client.list(page(1000, &first.next_page_token)).await;
    let second = second.unwrap().into_inner();
    assert_eq!(keys(&second), ["c"]);
    assert_eq!(second.version, 100, "that of the first page");
    assert_eq!(second.next_page_token, "");
}

#[tokio::test]
async fn the_token_of_another_store_or_listing_is_refused() {
    let first = serve(&["a", "b"]).list(page(1, "")).await.unwrap();
    let token = first.into_inner().next_page_token;
    let mut other_store = KvServiceClient::new(Direct(routes_to("two", &["a", "b"])));
    let other_range = proto::ListRequest {
        range: Some(proto::Range {
            prefix: "a".into(),
            ..Default::default()
        }),
        ..page(1, &token)
    };
    for status in [
        other_store.list(page(1, &token)).await.unwrap_err(),
        serve(&["a"]).list(other_range).await.unwrap_err(),
        serve(&["a"]).list(page(1, "garbage")).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "page_token");
    }
}

#[tokio::test]
async fn a_batch_that_is_too_long_fails_as_a_whole() {
    let get = proto::Operation {
        kind: Some(proto::operation::Kind::Get(proto::GetRequest {
            key: "a".into(),
            omit_value: false,
        })),
    };
    let of = |count| proto::BatchRequest {
        operations: vec![get.clone(); count],
    };
    let status = serve(&[]).batch(of(1025)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(metadata["field"], "operations");
    assert_eq!(metadata["batch_operations_max"], "1024");

    let whole = serve(&[]).batch(of(1024)).await.unwrap().into_inner();
    assert_eq!(whole.results.len(), 1024);
    assert!(whole.results.iter().all(|result| matches!(
        &result.kind,
        Some(operation_result::Kind::Failure(failure))
            if failure.reason == "REPLY_TOO_LARGE"
                && failure.metadata["reply_bytes_max"] == "3145728"
    )));
}

#[tokio::test]
async fn describe_tells_the_store_and_the_limits() {
    let config = Config {
        others: proto::Limits {
            connections_max: 5,
            ..Default::default()
        },
        ..Config::default()
    };
    let opening = Opening::new();
    opening.fill(Canned {
        store_id: "one",
        keys: Vec::new(),
        version: 1.into(),
    });
    let routes = crate::grpc::services(opening, State::new(), config);
    let told = AdminServiceClient::new(Direct(routes))
        .describe(proto::DescribeRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(told.server_version, env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (told.engine, told.store_id),
        ("canned".into(), "one".into())
    );
    assert_eq!(told.version, 9);
    assert_eq!(told.capabilities, ["Get", "List"]);
    assert_eq!(told.server_time.unwrap().nanos, 500_000_000);
    let limits = told.limits.unwrap();
    assert_eq!(limits.key_bytes_max, 1024);
    assert_eq!(limits.ttl_max.unwrap().seconds, 100 * 365 * 86_400);
    assert_eq!(limits.default_ttl.unwrap().seconds, 0);
    assert_eq!(limits.memory_max, 12);
    assert_eq!(limits.connections_max, 5);
}
