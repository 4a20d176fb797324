//! The store as gRPC: the services, and what each thing is called on this wire.

pub mod admin;
pub mod health;
pub mod hot;
pub mod kv;
pub mod pipeline;
pub mod reflection;
pub mod rpc;
pub mod services;
pub mod web;

use std::{borrow::Cow, sync::Arc};

use tonic::{Request, service::Routes};
use tonic_health::pb::health_server::{self, HealthServer};

use crate::{
    calls::{
        backup::{self, Backups},
        status,
        store::Store,
        watch::{self, Watches},
    },
    engine::Engine,
    gate::{
        access::caller::Caller, call::Wire, kind::Kind, opening::Opening, state::State, tally::Rpc,
    },
    grpc::{
        admin::Admin,
        health::Health,
        kv::Kv,
        pipeline::Pipelines,
        services::{Each, Services},
    },
    model::{expiry::ExpiryRules, limits::Limits},
    proto::{
        self,
        admin_service_server::{self, AdminServiceServer},
        kv_service_server::{self, KvServiceServer},
    },
};

/// What the services need to know.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// What one call may carry.
    pub limits: Limits,
    /// What the store says about deadlines; told by Describe, held by the
    /// engine.
    pub expiry: ExpiryRules,
    /// Pipelines at once.
    pub pipelines_max: usize,
    /// How many watches there may be.
    pub watches: watch::Limits,
    /// How much may be backed up at once.
    pub backups: backup::Limits,
    /// Health watches at once.
    pub health_watches_max: usize,
    /// Whether callers say who they are: who does not may then do nothing.
    pub guarded: bool,
    /// The limits that other parts hold in force, for Describe to tell. Those
    /// above and `memory_max` are filled in.
    pub others: proto::Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            expiry: ExpiryRules::default(),
            pipelines_max: 1024,
            watches: watch::Limits::default(),
            backups: backup::Limits::default(),
            health_watches_max: 1024,
            guarded: false,
            others: proto::Limits::default(),
        }
    }
}

/// Every service of this server on the engine that `opening` holds as soon as
/// it is open, with the health that `state` says.
#[must_use]
pub fn services<E: Engine>(opening: Opening<E>, state: State, config: Config) -> Services<E> {
    let message_bytes_max = config.limits.message_bytes_max;
    let pipelines = Pipelines::new(state.clone(), config.pipelines_max);
    let watches = Watches::new(state.clone(), config.watches);
    let backups = Backups::new(state.clone(), config.backups);
    let told = admin::limits(&config);
    let store = Store::new(opening, watches, backups, config.limits, told);
    let store = if config.guarded {
        store.of(Caller::nobody())
    } else {
        store
    };
    let kv = Arc::new(Kv::new(store.clone(), pipelines));
    let generated = KvServiceServer::from_arc(Arc::clone(&kv));
    let admin = AdminServiceServer::new(Admin::new(store));
    let health = HealthServer::new(Health::new(state, config.health_watches_max));
    let routes = Routes::default()
        .add_service(admin.max_decoding_message_size(message_bytes_max))
        .add_service(health.max_decoding_message_size(message_bytes_max));
    // The descriptor sets are compiled in and a test builds from them; were
    // they ever invalid, the store would be of more use than reflection.
    let routes = reflection::add(routes.clone(), message_bytes_max).unwrap_or(routes);
    Services::new(Each {
        kv,
        generated: generated.max_decoding_message_size(message_bytes_max),
        others: routes.prepare(),
        hot: true,
    })
}

/// The store as the caller of `request` asks it.
fn asked<'a, E: Engine, T>(store: &'a Store<E>, request: &Request<T>) -> Cow<'a, Store<E>> {
    match request.extensions().get::<Caller>() {
        Some(caller) => Cow::Owned(store.of(caller.clone())),
        None => Cow::Borrowed(store),
    }
}

/// What the gate has to know of this wire.
#[must_use]
pub fn wire() -> Wire {
    Wire {
        last: |_| None,
        refuse: status::refuse,
        name: |path| path,
        kind: |service, method| match (service, method) {
            (kv_service_server::SERVICE_NAME, "Watch")
            | (admin_service_server::SERVICE_NAME, "Backup") => Kind::Watch,
            (kv_service_server::SERVICE_NAME, "Pipeline") => Kind::Pipeline,
            (kv_service_server::SERVICE_NAME, _) => Kind::Ordinary,
            (health_server::SERVICE_NAME, "Watch") => Kind::HealthWatch,
            (health_server::SERVICE_NAME, _) => Kind::Health,
            _ if reflection::is_reflection(service) => Kind::Stream,
            _ => Kind::Ordinary,
        },
        rpcs: RPCS,
    }
}

/// Those that are called most come first.
const RPCS: &[Rpc] = &[
    (kv_service_server::SERVICE_NAME, "Get"),
    (kv_service_server::SERVICE_NAME, "Set"),
    (kv_service_server::SERVICE_NAME, "Batch"),
    (kv_service_server::SERVICE_NAME, "Delete"),
    (kv_service_server::SERVICE_NAME, "Increment"),
    (kv_service_server::SERVICE_NAME, "Touch"),
    (kv_service_server::SERVICE_NAME, "Transact"),
    (kv_service_server::SERVICE_NAME, "List"),
    (kv_service_server::SERVICE_NAME, "DeleteRange"),
    (kv_service_server::SERVICE_NAME, "Watch"),
    (kv_service_server::SERVICE_NAME, "Pipeline"),
    (admin_service_server::SERVICE_NAME, "Describe"),
    (admin_service_server::SERVICE_NAME, "Backup"),
    (health_server::SERVICE_NAME, "Check"),
    (health_server::SERVICE_NAME, "Watch"),
];
