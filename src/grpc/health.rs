//! `grpc.health.v1.Health`, driven by the phase that the server is in.
//!
//! tonic-health has the messages; its own service starts as SERVING and ends
//! the watch of an unknown name, which the protocol says must stay open.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio_stream::{Stream, wrappers::WatchStream};
use tonic::{Request, Response, Status, server::NamedService};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_server,
};

use crate::{
    calls::{failure::Failure, status},
    gate::{
        places::{Places, Taken},
        refusal::Refusal,
        state::{Phase, State},
    },
    grpc::kv::Kv,
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
    watches: Places,
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
            watches: Places::new(health_watches_max),
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
        let none =
            |health_watches_max| Failure::from(&Refusal::HealthWatches { health_watches_max });
        let place = self.watches.take(1, none)?;
        Ok(Response::new(Watch {
            name: Name::of(&request.get_ref().service),
            phases: WatchStream::new(self.state.subscribe()),
            told: None,
            end: End::NotYet,
            _place: place,
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
            (
                Self::Readiness,
                Phase::Opening | Phase::Failed | Phase::Draining | Phase::Stopping,
            ) => ServingStatus::NotServing,
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
    _place: Taken,
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

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt;
    use tonic::Code;
    use tonic_health::pb::health_server::Health as _;

    use super::*;

    fn asked(service: &str) -> Request<HealthCheckRequest> {
        Request::new(HealthCheckRequest {
            service: service.into(),
        })
    }

    async fn check(health: &Health, service: &str) -> Result<ServingStatus, Code> {
        let answer = health.check(asked(service)).await;
        answer
            .map(|response| response.into_inner().status())
            .map_err(|status| status.code())
    }

    async fn watch(health: &Health, service: &str) -> Result<Watch, Code> {
        let answer = health.watch(asked(service)).await;
        answer
            .map(Response::into_inner)
            .map_err(|status| status.code())
    }

    /// What the watch says without waiting: `None` when it has nothing to say.
    async fn said(watch: &mut Watch) -> Option<Result<ServingStatus, Code>> {
        let next = std::future::poll_fn(|context| {
            Poll::Ready(match Pin::new(&mut *watch).poll_next(context) {
                Poll::Ready(item) => Some(item.expect("not yet ended")),
                Poll::Pending => None,
            })
        });
        next.await.map(|item| {
            item.map(|response| response.status())
                .map_err(|status| status.code())
        })
    }

    #[tokio::test]
    async fn readiness_is_serving_only_when_ready_and_liveness_always() {
        let state = State::new();
        let health = Health::new(state.clone(), 8);
        for phase in [
            Phase::Opening,
            Phase::Ready,
            Phase::Failed,
            Phase::Draining,
            Phase::Stopping,
        ] {
            state.set(phase);
            let ready = if phase == Phase::Ready {
                ServingStatus::Serving
            } else {
                ServingStatus::NotServing
            };
            for name in ["", "nanokv.v1.KvService"] {
                assert_eq!(check(&health, name).await, Ok(ready), "{name} {phase:?}");
            }
            assert_eq!(
                check(&health, LIVENESS).await,
                Ok(ServingStatus::Serving),
                "{phase:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_check_of_an_unknown_name_is_not_found() {
        let health = Health::new(State::new(), 8);
        for name in ["nanokv.v1.AdminService", "Liveness", " "] {
            assert_eq!(check(&health, name).await, Err(Code::NotFound), "{name}");
        }
    }

    #[tokio::test]
    async fn a_watch_tells_the_present_at_once_and_then_changes_only() {
        let state = State::new();
        let health = Health::new(state.clone(), 8);
        let mut readiness = watch(&health, "").await.unwrap();
        assert_eq!(
            said(&mut readiness).await,
            Some(Ok(ServingStatus::NotServing))
        );
        assert_eq!(said(&mut readiness).await, None);
        state.set(Phase::Opening);
        assert_eq!(said(&mut readiness).await, None, "no change");
        state.set(Phase::Ready);
        assert_eq!(said(&mut readiness).await, Some(Ok(ServingStatus::Serving)));
        state.set(Phase::Draining);
        assert_eq!(
            said(&mut readiness).await,
            Some(Ok(ServingStatus::NotServing))
        );
    }

    #[tokio::test]
    async fn a_watch_ends_as_unavailable_after_it_said_not_serving() {
        let state = State::new();
        state.set(Phase::Ready);
        let health = Health::new(state.clone(), 8);
        let mut readiness = watch(&health, READINESS).await.unwrap();
        assert_eq!(said(&mut readiness).await, Some(Ok(ServingStatus::Serving)));
        state.set(Phase::Stopping);
        assert_eq!(
            said(&mut readiness).await,
            Some(Ok(ServingStatus::NotServing))
        );
        assert_eq!(said(&mut readiness).await, Some(Err(Code::Unavailable)));
        assert!(readiness.next().await.is_none());
    }

    #[tokio::test]
    async fn a_watch_of_liveness_never_says_not_serving() {
        let state = State::new();
        let health = Health::new(state.clone(), 8);
        let mut liveness = watch(&health, LIVENESS).await.unwrap();
        assert_eq!(said(&mut liveness).await, Some(Ok(ServingStatus::Serving)));
        state.set(Phase::Draining);
        assert_eq!(said(&mut liveness).await, None);
        state.set(Phase::Stopping);
        assert_eq!(said(&mut liveness).await, Some(Err(Code::Unavailable)));
    }

    #[tokio::test]
    async fn a_watch_of_an_unknown_name_says_so_and_stays_open() {
        let state = State::new();
        let health = Health::new(state.clone(), 8);
        let mut unknown = watch(&health, "who").await.unwrap();
        assert_eq!(
            said(&mut unknown).await,
            Some(Ok(ServingStatus::ServiceUnknown))
        );
        state.set(Phase::Ready);
        assert_eq!(said(&mut unknown).await, None, "open, and nothing changed");
    }

    #[tokio::test]
    async fn watches_are_counted_and_one_that_ends_makes_room() {
        let health = Health::new(State::new(), 1);
        let first = watch(&health, "").await.unwrap();
        assert_eq!(
            watch(&health, "").await.unwrap_err(),
            Code::ResourceExhausted
        );
        assert_eq!(
            check(&health, LIVENESS).await,
            Ok(ServingStatus::Serving),
            "a check needs no room"
        );
        drop(first);
        assert!(watch(&health, "").await.is_ok());
    }
}
