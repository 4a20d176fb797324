//! `grpc.health.v1.Health`, driven by the phase that the server is in.
//!
//! tonic-health has the messages; its own service starts as SERVING and ends
//! the watch of an unknown name, which the protocol says must stay open.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::{Stream, wrappers::WatchStream};
use tonic::{Request, Response, Status, server::NamedService};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_server,
};

use crate::{
    gate::{
        refusal::Refusal,
        state::{Phase, State},
    },
    grpc::{failure::Failure, kv::Kv, status},
    proto::kv_service_server::KvServiceServer,
};

/// The name that is SERVING for as long as the process lives: what a liveness
/// probe asks for.
pub const LIVENESS: &str = "liveness";

/// The name of the store's readiness.
pub const READINESS: &str = <KvServiceServer<Kv<()>> as NamedService>::NAME;

/// The service.
#[derive(Clone, Debug)]
pub struct Health {
    state: State,
    watches: Arc<Semaphore>,
    health_watches_max: usize,
}

/// A name that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Readiness,
    Liveness,
    Unknown,
}

impl Health {
    /// Health as `state` says, with at most `health_watches_max` watches at
    /// once.
    #[must_use]
    pub fn new(state: State, health_watches_max: usize) -> Self {
        Self {
            state,
            watches: Arc::new(Semaphore::new(
                health_watches_max.min(Semaphore::MAX_PERMITS),
            )),
            health_watches_max,
        }
    }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        let name = Name::of(&service);
        if name == Name::Unknown {
            return Err(status::service_unknown(&service).into());
        }
        Ok(Response::new(response(name.status(self.state.get()))))
    }

    type WatchStream = Watch;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Watch>, Status> {
        let permit = Arc::clone(&self.watches).try_acquire_owned().map_err(|_| {
            let health_watches_max = u64::try_from(self.health_watches_max).unwrap_or(u64::MAX);
            Failure::from(&Refusal::HealthWatches { health_watches_max })
        })?;
        Ok(Response::new(Watch {
            name: Name::of(&request.get_ref().service),
            phases: WatchStream::new(self.state.subscribe()),
            told: None,
            end: End::NotYet,
            _permit: permit,
        }))
    }
}

impl Name {
    fn of(service: &str) -> Self {
        match service {
            "" | READINESS => Self::Readiness,
            LIVENESS => Self::Liveness,
            _ => Self::Unknown,
        }
    }

    const fn status(self, phase: Phase) -> ServingStatus {
        match (self, phase) {
            (Self::Unknown, _) => ServingStatus::ServiceUnknown,
            (Self::Liveness, _) | (Self::Readiness, Phase::Ready) => ServingStatus::Serving,
            (Self::Readiness, Phase::Opening | Phase::Draining | Phase::Stopping) => {
                ServingStatus::NotServing
            }
        }
    }
}

/// The changes of one name's health. Ends with `UNAVAILABLE` when the server
/// stops.
#[derive(Debug)]
pub struct Watch {
    name: Name,
    phases: WatchStream<Phase>,
    told: Option<ServingStatus>,
    end: End,
    _permit: OwnedSemaphorePermit,
}

/// How far a watch is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    NotYet,
    Next,
    Reached,
}

impl Stream for Watch {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.end {
                End::Reached => return Poll::Ready(None),
                End::Next => {
                    self.end = End::Reached;
                    let stopping = Failure::from(&Refusal::Draining);
                    return Poll::Ready(Some(Err(stopping.into())));
                }
                End::NotYet => {}
            }
            let Some(phase) = std::task::ready!(Pin::new(&mut self.phases).poll_next(context))
            else {
                self.end = End::Next;
                continue;
            };
            if phase == Phase::Stopping {
                self.end = End::Next;
            }
            let now = self.name.status(phase);
            if self.told.replace(now) != Some(now) {
                return Poll::Ready(Some(Ok(response(now))));
            }
        }
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}
