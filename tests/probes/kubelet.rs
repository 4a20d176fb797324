//! A gRPC probe as the kubelet makes it: a new connection without TLS for each
//! Check, and one second for all of it.

use std::{fmt, net::SocketAddr, time::Duration};

use tokio::time::timeout;
use tonic::{Code, transport::Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// `timeoutSeconds` of the probes.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a probe learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Is(ServingStatus),
    Refused(Code),
    NoConnection,
    Late,
}

impl Answer {
    pub(crate) const NOT_SERVING: Self = Self::Is(ServingStatus::NotServing);
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Is(status) => status.as_str_name().to_owned(),
            Self::Refused(Code::NotFound) => "NOT_FOUND".to_owned(),
            Self::Refused(code) => format!("{code:?}"),
            Self::NoConnection => "no connection".to_owned(),
            Self::Late => "late".to_owned(),
        };
        formatter.pad(&text)
    }
}

/// Asks once.
pub(crate) async fn check(address: SocketAddr, service: &str) -> Answer {
    timeout(PATIENCE, ask(address, service))
        .await
        .unwrap_or(Answer::Late)
}

async fn ask(address: SocketAddr, service: &str) -> Answer {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let Ok(channel) = endpoint.connect().await else {
        return Answer::NoConnection;
    };
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    match HealthClient::new(channel).check(request).await {
        Ok(response) => Answer::Is(response.get_ref().status()),
        Err(status) => Answer::Refused(status.code()),
    }
}
