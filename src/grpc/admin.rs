//! `AdminService`: what this server is, what it can do, and its limits.

use tokio_stream::{StreamExt, adapters::Map};
use tonic::{Request, Response, Status};

use crate::{
    calls::{backup::Backup, failure::Failure, store::Store, wire::time},
    engine::Engine,
    grpc::{Config, asked},
    proto::{self, admin_service_server::AdminService},
};

type Part = Result<proto::BackupResponse, Failure>;

/// The service on a store.
#[derive(Debug)]
pub struct Admin<E>(Store<E>);

impl<E: Engine> Admin<E> {
    /// The service on `store`.
    #[must_use]
    pub const fn new(store: Store<E>) -> Self {
        Self(store)
    }
}

#[tonic::async_trait]
impl<E: Engine> AdminService for Admin<E> {
    async fn describe(
        &self,
        request: Request<proto::DescribeRequest>,
    ) -> Result<Response<proto::DescribeResponse>, Status> {
        Ok(Response::new(asked(&self.0, &request).describe()?))
    }

    type BackupStream = Map<Backup, fn(Part) -> Result<proto::BackupResponse, Status>>;

    async fn backup(
        &self,
        request: Request<proto::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let backup = asked(&self.0, &request).backup().await?;
        Ok(Response::new(backup.map(|part| part.map_err(Into::into))))
    }
}

/// The limits that this part holds in force, with those of the others.
pub(super) fn limits(config: &Config) -> proto::Limits {
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
        watchers_max: told(config.watches.watchers_max),
        watch_ranges_bytes_max: told(config.watches.ranges_bytes_max),
        backups_max: told(config.backups.backups_max),
        backup_chunk_bytes_max: told(config.backups.chunk_bytes_max),
        health_watches_max: told(config.health_watches_max),
        ..config.others
    }
}

fn told(limit: impl TryInto<i64>) -> i64 {
    limit.try_into().unwrap_or(i64::MAX)
}
