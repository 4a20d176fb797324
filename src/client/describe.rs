//! What a server is.

use std::time::SystemTime;

use tonic::{Response, Status};

use crate::{
    client::{Stubs, call::Rpc, entry::time, error::Error},
    proto as pb,
};

/// What a server is, and can do.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The version of its program.
    pub server_version: String,
    /// Which engine holds the entries.
    pub engine: String,
    /// Which store this is: versions of different stores cannot be compared.
    pub store_id: String,
    /// The last version that it gave out.
    pub version: i64,
    /// The store's clock, by which keys expire.
    pub server_time: Option<SystemTime>,
    /// What it carries out, by name.
    pub capabilities: Vec<String>,
    /// What an acknowledged change has survived: none, os, interval or always.
    pub durability: String,
    /// Which entries make room when it is full: none, or the name of the policy.
    pub eviction: String,
    /// Its limits, named as in errors.
    pub limits: pb::Limits,
}

impl Rpc for pb::DescribeRequest {
    type Answer = Description;
    type Response = pb::DescribeResponse;

    async fn send(
        mut stubs: Stubs,
        request: tonic::Request<Self>,
    ) -> Result<Response<Self::Response>, Status> {
        stubs.admin.describe(request).await
    }

    fn answer(response: Self::Response) -> Result<Self::Answer, Error> {
        Ok(Description {
            server_version: response.server_version,
            engine: response.engine,
            store_id: response.store_id,
            version: response.version,
            server_time: time(response.server_time)?,
            capabilities: response.capabilities,
            durability: response.durability,
            eviction: response.eviction,
            limits: response.limits.unwrap_or_default(),
        })
    }
}
