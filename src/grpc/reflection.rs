//! Server reflection, by which grpcurl and its like need no file: v1, and
//! v1alpha for those who ask for that only.

use tonic::service::Routes;
use tonic_reflection::{
    pb,
    server::{Builder, Error},
};

use crate::proto;

/// Adds both services to `routes`, with messages of at most
/// `message_bytes_max` bytes. Each shows every service of this server, and the
/// details of errors, so that clients can decode them.
///
/// # Errors
/// None, as long as the descriptor sets that are compiled in are valid.
pub fn add(routes: Routes, message_bytes_max: usize) -> Result<Routes, Error> {
    let v1 = builder().build_v1()?;
    let v1alpha = builder().build_v1alpha()?;
    Ok(routes
        .add_service(v1.max_decoding_message_size(message_bytes_max))
        .add_service(v1alpha.max_decoding_message_size(message_bytes_max)))
}

/// Whether `service` is one of the two.
#[must_use]
pub fn is_reflection(service: &str) -> bool {
    use pb::{v1, v1alpha};
    service == v1::server_reflection_server::SERVICE_NAME
        || service == v1alpha::server_reflection_server::SERVICE_NAME
}

fn builder() -> Builder<'static> {
    [
        proto::FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_types::pb::FILE_DESCRIPTOR_SET,
        pb::v1::FILE_DESCRIPTOR_SET,
        pb::v1alpha::FILE_DESCRIPTOR_SET,
    ]
    .into_iter()
    .fold(
        Builder::configure(),
        Builder::register_encoded_file_descriptor_set,
    )
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt;
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };

    use super::*;

    async fn ask(routes: Routes, question: MessageRequest) -> MessageResponse {
        let question = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        };
        let answers = ServerReflectionClient::new(routes)
            .server_reflection_info(tokio_stream::once(question))
            .await;
        let answer = answers.unwrap().into_inner().next().await;
        answer.unwrap().unwrap().message_response.unwrap()
    }

    #[tokio::test]
    async fn every_service_is_listed_once() {
        let routes = add(Routes::default(), 1024).unwrap();
        let answer = ask(routes, MessageRequest::ListServices(String::new())).await;
        let MessageResponse::ListServicesResponse(list) = answer else {
            panic!("{answer:?}")
        };
        let mut names: Vec<String> = list
            .service
            .into_iter()
            .map(|service| service.name)
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection",
                "nanokv.v1.AdminService",
                "nanokv.v1.KvService",
            ]
        );
    }

    #[tokio::test]
    async fn the_details_of_errors_can_be_looked_up() {
        let routes = add(Routes::default(), 1024).unwrap();
        for symbol in [
            "google.rpc.ErrorInfo",
            "google.rpc.BadRequest",
            "google.rpc.RetryInfo",
        ] {
            let question = MessageRequest::FileContainingSymbol(symbol.into());
            let answer = ask(routes.clone(), question).await;
            assert!(
                matches!(answer, MessageResponse::FileDescriptorResponse(_)),
                "{symbol}"
            );
        }
    }
}
