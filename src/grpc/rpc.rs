//! Every rpc of this server, and what it needs. One that is not here, and no
//! part of reflection, is refused to all who have to say who they are.

use crate::{
    calls::failure::Failure,
    gate::{
        access::{caller::Caller, identity::Right},
        refusal::Refusal,
    },
    grpc::reflection,
    proto::{admin_service_server, kv_service_server},
};

/// Whether `caller`, who has to say who they are, may call this path.
///
/// # Errors
/// `PERMISSION_DENIED`, before the request is looked at.
pub fn permit(caller: &Caller, service: &str, method: &str) -> Result<(), Failure> {
    match (service, method) {
        // Rights on the keys that a request names are looked at where it is
        // decoded. What the server can do, and what the contract says, every
        // client has to know.
        (
            kv_service_server::SERVICE_NAME,
            "Get" | "Set" | "Delete" | "Increment" | "Touch" | "Batch" | "Transact" | "List"
            | "DeleteRange" | "Watch" | "Pipeline",
        )
        | (admin_service_server::SERVICE_NAME, "Describe") => Ok(()),
        _ if reflection::is_reflection(service) => Ok(()),
        // All there is, whatever the keys.
        (admin_service_server::SERVICE_NAME, "Backup") => caller
            .has(Right::Admin)
            .map_err(|denied| Failure::from(&denied)),
        _ => Err(Failure::from(&Refusal::MethodNotGranted)),
    }
}
