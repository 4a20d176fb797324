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
