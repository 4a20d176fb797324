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

/// An rpc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rpc {
    /// Get.
    Get,
    /// Set.
    Set,
    /// Delete.
    Delete,
    /// Increment.
    Increment,
    /// Touch.
    Touch,
    /// Batch.
    Batch,
    /// Transact.
    Transact,
    /// List.
    List,
    /// `DeleteRange`.
    DeleteRange,
    /// Watch.
    Watch,
    /// Pipeline.
    Pipeline,
    /// Describe.
    Describe,
    /// Backup.
    Backup,
    /// Anything of reflection.
    Reflection,
}

/// What an rpc needs before its request is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Rights on the keys that the request names: decided where it is decoded.
    Keys,
    /// To be anybody who is known.
    Identity,
    /// This right, on whichever keys.
    Right(Right),
}

impl Rpc {
    /// The rpc of this path.
    #[must_use]
    pub fn of(service: &str, method: &str) -> Option<Self> {
        match (service, method) {
            (kv_service_server::SERVICE_NAME, "Get") => Some(Self::Get),
            (kv_service_server::SERVICE_NAME, "Set") => Some(Self::Set),
            (kv_service_server::SERVICE_NAME, "Delete") => Some(Self::Delete),
            (kv_service_server::SERVICE_NAME, "Increment") => Some(Self::Increment),
            (kv_service_server::SERVICE_NAME, "Touch") => Some(Self::Touch),
            (kv_service_server::SERVICE_NAME, "Batch") => Some(Self::Batch),
            (kv_service_server::SERVICE_NAME, "Transact") => Some(Self::Transact),
            (kv_service_server::SERVICE_NAME, "List") => Some(Self::List),
            (kv_service_server::SERVICE_NAME, "DeleteRange") => Some(Self::DeleteRange),
            (kv_service_server::SERVICE_NAME, "Watch") => Some(Self::Watch),
            (kv_service_server::SERVICE_NAME, "Pipeline") => Some(Self::Pipeline),
            (admin_service_server::SERVICE_NAME, "Describe") => Some(Self::Describe),
            (admin_service_server::SERVICE_NAME, "Backup") => Some(Self::Backup),
            (service, _) if reflection::is_reflection(service) => Some(Self::Reflection),
            _ => None,
        }
    }

    /// What it needs.
    #[must_use]
    pub const fn needs(self) -> Needs {
        match self {
            Self::Get
            | Self::Set
            | Self::Delete
            | Self::Increment
            | Self::Touch
            | Self::Batch
            | Self::Transact
            | Self::List
            | Self::DeleteRange
            | Self::Watch
            | Self::Pipeline => Needs::Keys,
            // A client has to know what the server can do, and what the contract
            // says is no secret.
            Self::Describe | Self::Reflection => Needs::Identity,
            // All there is, whatever the keys.
            Self::Backup => Needs::Right(Right::Admin),
        }
    }
}

/// Whether `caller`, who has to say who they are, may call this path.
///
/// # Errors
/// `PERMISSION_DENIED`, before the request is looked at.
pub fn permit(caller: &Caller, service: &str, method: &str) -> Result<(), Failure> {
    let Some(rpc) = Rpc::of(service, method) else {
        return Err(Failure::from(&Refusal::MethodNotGranted));
    };
    match rpc.needs() {
        Needs::Keys | Needs::Identity => Ok(()),
        Needs::Right(right) => caller.has(right).map_err(|denied| Failure::from(&denied)),
    }
}
