//! `AdminService`: what this server is, what it can do, and its limits.

use tonic::{Request, Response, Status};

use crate::{
    engine::{Description, Engine},
    gate::opening::Opening,
    grpc::{Config, failure::Failure, wire::time},
    proto::{self, admin_service_server::AdminService},
};

/// The service on an engine.
#[derive(Debug)]
pub struct Admin<E> {
    opening: Opening<E>,
    limits: proto::Limits,
}

impl<E: Engine> Admin<E> {
    /// The service on the engine that `opening` holds as soon as it is open.
    #[must_use]
    pub fn new(opening: Opening<E>, config: &Config) -> Self {
        Self {
            opening,
            limits: limits(config),
        }
    }
}

#[tonic::async_trait]
impl<E: Engine> AdminService for Admin<E> {
    async fn describe(
        &self,
        _: Request<proto::DescribeRequest>,
    ) -> Result<Response<proto::DescribeResponse>, Status> {
        let engine = self
            .opening
            .engine()
            .map_err(|refusal| Failure::from(&refusal))?;
        Ok(Response::new(described(engine.describe(), &self.limits)))
    }
}

fn described(store: Description, limits: &proto::Limits) -> proto::DescribeResponse {
    let mut limits = *limits;
    limits.memory_max = store.memory_max.map_or(0, told);
    proto::DescribeResponse {
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        engine: store.engine.to_owned(),
        store_id: store.store_id,
        version: store.version.get(),
        server_time: Some(time::timestamp(store.now)),
        capabilities: store.capabilities.iter().map(ToString::to_string).collect(),
        limits: Some(limits),
    }
}

/// The limits that this part holds in force, with those of the others.
fn limits(config: &Config) -> proto::Limits {
    let calls = config.limits;
    proto::Limits {
        key_bytes_max: told(calls.key_bytes_max),
        value_bytes_max: told(calls.value_bytes_max),
        message_bytes_max: told(calls.message_bytes_max),
        reply_bytes_max: told(calls.reply_bytes_max),
        batch_operations_max: told(calls.batch_operations_max),
        page_entries_max: told(calls.page_entries_max),
        delete_range_entries_max: told(calls.delete_range_entries_max),
        pipelines_max: told(config.pipelines_max),
        pipeline_lists_in_flight_max: told(calls.pipeline_lists_in_flight_max),
        ttl_max: Some(time::duration(config.expiry.ttl_ms_max)),
        default_ttl: Some(time::duration(config.expiry.default_ttl_ms)),
        watch_ranges_max: told(calls.watch_ranges_max),
        watchers_max: told(config.watchers_max),
        health_watches_max: told(config.health_watches_max),
        ..config.others
    }
}

fn told(limit: impl TryInto<i64>) -> i64 {
    limit.try_into().unwrap_or(i64::MAX)
}
