//! Several operations in one call: each for itself, or all or none.

use tonic::{Response, Status};

use crate::{
    client::{
        Stubs,
        call::{Call, Rpc},
        error::Error,
        operation::{Operation, Outcome, outcomes, request_id},
    },
    proto as pb,
};

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transacted {
    /// One for each operation, in the same order.
    pub outcomes: Vec<Outcome>,
    /// The last version that it took; 0 when it took none.
    pub version: i64,
}

impl Call<pb::BatchRequest> {
    /// One more operation, after those before it.
    pub fn then(mut self, operation: impl Into<Operation>) -> Self {
        self.message.operations.push(operation.into().into());
        self
    }

    /// More operations, in their order.
    pub fn all(mut self, operations: impl IntoIterator<Item = impl Into<Operation>>) -> Self {
        let operations = operations
            .into_iter()
            .map(|operation| operation.into().into());
        self.message.operations.extend(operations);
        self
    }

    /// Without request ids of the client's making: it is then not made again
    /// when the connection is lost, unless it only reads.
    pub fn without_request_ids(mut self) -> Self {
        self.target.makes_id = false;
        self
    }
}

impl Call<pb::TransactRequest> {
    /// One more operation. A key may be changed by one of them only.
    pub fn then(mut self, operation: impl Into<Operation>) -> Self {
        self.message.operations.push(operation.into().into());
        self
    }

    /// More operations.
    pub fn all(mut self, operations: impl IntoIterator<Item = impl Into<Operation>>) -> Self {
        let operations = operations
            .into_iter()
            .map(|operation| operation.into().into());
        self.message.operations.extend(operations);
        self
    }

    /// Only if this key is absent.
    pub fn check_absent(self, key: impl Into<String>) -> Self {
        self.check(key.into(), pb::condition::Kind::Absent(true))
    }

    /// Only if this key is present.
    pub fn check_present(self, key: impl Into<String>) -> Self {
        self.check(key.into(), pb::condition::Kind::Present(true))
    }

    /// Only if the entry under this key has this version.
    pub fn check_version(self, key: impl Into<String>, version: i64) -> Self {
        self.check(key.into(), pb::condition::Kind::Version(version))
    }

    fn check(mut self, key: String, kind: pb::condition::Kind) -> Self {
        let condition = Some(pb::Condition { kind: Some(kind) });
        self.message.checks.push(pb::Check { key, condition });
        self
    }
}

impl Rpc for pb::BatchRequest {
    type Answer = Vec<Result<Outcome, Error>>;
    type Response = pb::BatchResponse;

    async fn send(
        mut stubs: Stubs,
        request: tonic::Request<Self>,
    ) -> Result<Response<Self::Response>, Status> {
        let asked = request.get_ref().operations.len();
        let response = stubs.kv.batch(request).await?;
        if response.get_ref().results.len() == asked {
            Ok(response)
        } else {
            Err(Status::internal("not a result for each operation"))
        }
    }

    fn answer(response: Self::Response) -> Result<Self::Answer, Error> {
        outcomes(response.results)
    }

    fn each_request_id(&mut self, look: &mut dyn FnMut(&mut String)) {
        for operation in &mut self.operations {
            request_id(operation, look);
        }
    }
}

impl Rpc for pb::TransactRequest {
    type Answer = Transacted;
    type Response = pb::TransactResponse;

    async fn send(
        mut stubs: Stubs,
        request: tonic::Request<Self>,
    ) -> Result<Response<Self::Response>, Status> {
        stubs.kv.transact(request).await
    }

    fn answer(response: Self::Response) -> Result<Self::Answer, Error> {
        Ok(Transacted {
            outcomes: outcomes(response.results)?
                .into_iter()
                .collect::<Result<_, _>>()?,
            version: response.version,
        })
    }

    fn each_request_id(&mut self, look: &mut dyn FnMut(&mut String)) {
        look(&mut self.request_id);
    }
}
