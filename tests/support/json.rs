//! The calls on a single key in JSON: what the client says over plain HTTP.
//! Messages are written and read by protobuf's own mapping, and the rest as
//! HTTP has it: the key in the path, conditions as `If-Match`.

use std::{collections::HashMap, net::SocketAddr, sync::LazyLock};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use nanokv::proto::{self as pb, condition::Kind};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::support::http1::{Answer, Http1};

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET).unwrap());

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Where the calls go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Json(pub(crate) SocketAddr);

/// One request on its way.
struct Asked {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Json {
    pub(crate) async fn get(self, request: pb::GetRequest) -> Result<Option<pb::Entry>, Status> {
        let mut asked = Asked::of(Method::GET, request.key.as_bytes());
        asked.headers.insert(header::ACCEPT, JSON);
        if request.omit_value {
            asked.path += "?omit_value=true";
        }
        let answer = self.ask(asked).await;
        if answer.status == StatusCode::NOT_FOUND {
            assert_eq!(answer.json()["reason"], "KEY_NOT_FOUND");
            return Ok(None);
        }
        read("Entry", &answer).map(Some)
    }

    /// A Get whose key is any bytes.
    pub(crate) async fn get_bytes(self, key: &[u8]) -> Result<pb::GetResponse, Status> {
        let answer = self.ask(Asked::of(Method::GET, key)).await;
        read("Entry", &answer).map(|entry| pb::GetResponse { entry: Some(entry) })
    }

    pub(crate) async fn set(self, mut request: pb::SetRequest) -> Result<pb::SetResponse, Status> {
        let key = std::mem::take(&mut request.key);
        let mut asked = Asked::of(Method::PUT, key.as_bytes());
        asked.conditional(&mut request.condition);
        asked.holds("SetRequest", &request);
        read("SetResponse", &self.ask(asked).await)
    }

    /// A Set of a text that is any bytes.
    pub(crate) async fn set_text(self, key: &str, text: &[u8]) -> Result<pb::SetResponse, Status> {
        let mut asked = Asked::of(Method::PUT, key.as_bytes());
        let plain = HeaderValue::from_static("text/plain");
        asked.headers.insert(header::CONTENT_TYPE, plain);
        asked.body = text.to_vec();
        read("SetResponse", &self.ask(asked).await)
    }

    /// A Set whose body is this text.
    pub(crate) async fn set_as(self, key: &str, body: &str) -> Result<pb::SetResponse, Status> {
        let mut asked = Asked::of(Method::PUT, key.as_bytes());
        asked.headers.insert(header::CONTENT_TYPE, JSON);
        asked.body = body.into();
        read("SetResponse", &self.ask(asked).await)
    }

    pub(crate) async fn delete(
        self,
        mut request: pb::DeleteRequest,
    ) -> Result<pb::DeleteResponse, Status> {
        let mut asked = Asked::of(Method::DELETE, request.key.as_bytes());
        asked.conditional(&mut request.condition);
        assert_eq!(request.condition, None, "it has no body to say that in");
        if !request.request_id.is_empty() {
            let id = HeaderValue::from_str(&request.request_id).unwrap();
            asked.headers.insert(IDEMPOTENCY_KEY, id);
        }
        if request.return_previous {
            asked.path += "?return_previous=true";
        }
        read("DeleteResponse", &self.ask(asked).await)
    }

    pub(crate) async fn increment(
        self,
        mut request: pb::IncrementRequest,
    ) -> Result<pb::IncrementResponse, Status> {
        let key = std::mem::take(&mut request.key);
        let mut asked = Asked::of(Method::POST, key.as_bytes());
        asked.path += ":increment";
        asked.conditional(&mut request.condition);
        asked.holds("IncrementRequest", &request);
        read("IncrementResponse", &self.ask(asked).await)
    }

    pub(crate) async fn touch(
        self,
        mut request: pb::TouchRequest,
    ) -> Result<pb::TouchResponse, Status> {
        let key = std::mem::take(&mut request.key);
        let mut asked = Asked::of(Method::POST, key.as_bytes());
        asked.path += ":touch";
        asked.conditional(&mut request.condition);
        asked.holds("TouchRequest", &request);
        read("TouchResponse", &self.ask(asked).await)
    }

    async fn ask(self, asked: Asked) -> Answer {
        let Asked {
            method,
            path,
            headers,
            body,
        } = asked;
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        let mut client = Http1::connect(self.0).await;
        client.ask(method.as_str(), &path, &headers, &body).await
    }
}

impl Asked {
    fn of(method: Method, key: &[u8]) -> Self {
        Self {
            method,
            path: format!("/v1/entries/{}", percent_encode(key, NON_ALPHANUMERIC)),
            headers: HeaderMap::new(),
            body: Vec::new(),
        }
    }

    /// Says a condition in a header, where one can say it.
    fn conditional(&mut self, condition: &mut Option<pb::Condition>) {
        let (name, value) = match condition.and_then(|condition| condition.kind) {
            Some(Kind::Absent(true)) => (header::IF_NONE_MATCH, "*".to_owned()),
            Some(Kind::Present(true)) => (header::IF_MATCH, "*".to_owned()),
            Some(Kind::Version(version)) => (header::IF_MATCH, format!("\"{version}\"")),
            _ => return,
        };
        *condition = None;
        self.headers.insert(name, value.parse().unwrap());
    }

    fn holds(&mut self, name: &str, message: &impl Message) {
        let mut dynamic = DynamicMessage::new(descriptor(name));
        dynamic.transcode_from(message).unwrap();
        self.body = serde_json::to_vec(&dynamic).unwrap();
        self.headers.insert(header::CONTENT_TYPE, JSON);
    }
}

/// The message that an answer holds, or the problem that it tells as the status
/// that gRPC would have.
fn read<M: Message + Default>(name: &str, answer: &Answer) -> Result<M, Status> {
    if answer.status.is_success() {
        let mut text = serde_json::Deserializer::from_str(answer.text());
        let message = DynamicMessage::deserialize(descriptor(name), &mut text).unwrap();
        return Ok(message.transcode_to().unwrap());
    }
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status.as_u16());
    let metadata: HashMap<String, String> =
        serde_json::from_value(problem["metadata"].clone()).unwrap();
    let (reason, detail) = (problem["reason"].as_str(), problem["detail"].as_str());
    let mut details = ErrorDetails::new();
    if let Some(field) = metadata.get("field") {
        details.add_bad_request_violation(field, "");
    }
    details.set_error_info(reason.unwrap(), "nanokv", metadata);
    let code = i32::try_from(problem["code"].as_i64().unwrap()).unwrap();
    let message = detail.unwrap();
    Err(Status::with_error_details(
        Code::from(code),
        message,
        details,
    ))
}

fn descriptor(name: &str) -> MessageDescriptor {
    POOL.get_message_by_name(&format!("nanokv.v1.{name}"))
        .unwrap()
}
