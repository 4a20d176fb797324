//! Messages of the contract in JSON, by protobuf's own mapping: numbers of 64
//! bits and times are strings, bytes are base64, and `kebab`, `snake` and
//! unknown names are not guessed at.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use tonic::Code;

use crate::{
    calls::failure::Failure,
    proto::{
        self,
        codec::{FIELDS_MAX, MESSAGE_MALFORMED},
    },
};

static POOL: LazyLock<DescriptorPool> =
    // The set is compiled in and a test reads it; an empty pool knows no message.
    LazyLock::new(|| DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET).unwrap_or_default());

/// A message that has a form in JSON.
pub trait Told: Message + Default {
    /// Its name in the contract, without the package.
    const NAME: &'static str;
}

macro_rules! told {
    ($($message:ident),* $(,)?) => {
        $(impl Told for proto::$message {
            const NAME: &'static str = stringify!($message);
        })*
    };
}

told![
    Entry,
    SetRequest,
    SetResponse,
    DeleteResponse,
    IncrementRequest,
    IncrementResponse,
    TouchRequest,
    TouchResponse,
    BatchRequest,
    BatchResponse,
    TransactRequest,
    TransactResponse,
    ListResponse,
    DeleteRangeResponse,
    WatchResponse,
    DescribeResponse,
];

/// The message that `text` is; nothing at all is an empty one.
///
/// # Errors
/// `MESSAGE_MALFORMED` with what is wrong and where.
pub fn read<M: Told>(text: &[u8]) -> Result<M, Failure> {
    if text.is_empty() {
        return Ok(M::default());
    }
    if elements(text) > FIELDS_MAX {
        let most = format!("a list has at most {FIELDS_MAX} elements");
        return Err(malformed(&most));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let message = DynamicMessage::deserialize(descriptor::<M>()?, &mut reader)
        .and_then(|message| reader.end().map(|()| message));
    let message = message.map_err(|error| malformed(&error.to_string()))?;
    message.transcode_to().map_err(|error| fault(&error))
}

/// How many objects the lists of an object have, counted before they are made:
/// each takes up far more than its text.
fn elements(text: &[u8]) -> usize {
    let (mut count, mut depth, mut is_string, mut is_escaped) = (0, 0_usize, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_string,
            b'"' => is_string = !is_string,
            _ if is_string => {}
            b'{' | b'[' => {
                count += usize::from(*byte == b'{' && depth == 2);
                depth += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    count
}

/// `message` as JSON.
///
/// # Errors
/// None that a caller could bring about.
pub fn write<M: Told>(message: &M) -> Result<String, Failure> {
    let mut dynamic = DynamicMessage::new(descriptor::<M>()?);
    dynamic
        .transcode_from(message)
        .map_err(|error| fault(&error))?;
    let mut text = Vec::new();
    let mut writer = serde_json::Serializer::new(&mut text);
    dynamic
        .serialize_with_options(&mut writer, &SerializeOptions::new())
        .map_err(|error| fault(&error))?;
    String::from_utf8(text).map_err(|error| fault(&error))
}

fn descriptor<M: Told>() -> Result<MessageDescriptor, Failure> {
    POOL.get_message_by_name(&format!("nanokv.v1.{}", M::NAME))
        .ok_or_else(|| fault(&"a message that is not in the contract"))
}

fn malformed(description: &str) -> Failure {
    let text = format!("the body is not the JSON that it should be: {description}");
    let failure = Failure::new(Code::InvalidArgument, MESSAGE_MALFORMED, text);
    failure.with_violation("body", description)
}

fn fault(error: &impl ToString) -> Failure {
    Failure::new(Code::Internal, "INTERNAL", error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost_types::Timestamp;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::proto::{set_request::Expiry, value::Kind};

    fn written<M: Told>(message: &M) -> Json {
        serde_json::from_str(&write(message).unwrap()).unwrap()
    }

    #[test]
    fn elements_of_lists_are_counted_before_they_are_made() {
        let text = br#"{"operations": [{"get": {"key": "a{\"{"}}, {}], "checks": [{}]}"#;
        assert_eq!(elements(text), 3);
        assert_eq!(elements(b"]]{[{"), 1);
        let many = format!("{{\"operations\":[{}{{}}]}}", "{},".repeat(FIELDS_MAX));
        let refused = read::<proto::BatchRequest>(many.as_bytes()).unwrap_err();
        assert_eq!(refused.reason(), MESSAGE_MALFORMED);
    }

    #[test]
    fn an_entry_is_told_by_protobufs_own_mapping() {
        let entry = proto::Entry {
            key: "a/é".into(),
            value: Some(proto::Value {
                kind: Some(Kind::Data(vec![0, 255].into())),
            }),
            version: i64::MAX,
            expire_time: Some(Timestamp {
                seconds: 1_767_225_600,
                nanos: 40_000_000,
            }),
        };
        let expected = json!({
            "key": "a/é",
            "value": { "data": "AP8=" },
            "version": "9223372036854775807",
            "expireTime": "2026-01-01T00:00:00.040Z",
        });
        assert_eq!(written(&entry), expected);
        let again: proto::Entry = read(expected.to_string().as_bytes()).unwrap();
        assert_eq!(again, entry);
    }

    #[test]
    fn a_request_is_read_in_either_spelling() {
        let text =
            r#"{"value":{"number":"-9223372036854775808"},"ttl":"1.5s","return_previous":true}"#;
        let set: proto::SetRequest = read(text.as_bytes()).unwrap();
        assert!(set.return_previous);
        assert_eq!(set.value.unwrap().kind, Some(Kind::Number(i64::MIN)));
        match set.expiry {
            Some(Expiry::Ttl(ttl)) => assert_eq!((ttl.seconds, ttl.nanos), (1, 500_000_000)),
            other => panic!("{other:?}"),
        }
        let empty: proto::IncrementRequest = read(b"").unwrap();
        assert_eq!(empty, proto::IncrementRequest::default());
    }

    #[test]
    fn what_is_not_the_message_is_refused_and_told() {
        for text in [
            "{",
            "[]",
            "1",
            "{} {}",
            r#"{"unknown":1}"#,
            r#"{"value":{"text":1}}"#,
            r#"{"value":{"text":"a","number":"1"}}"#,
            r#"{"value":{"data":"not base64!"}}"#,
            r#"{"ttl":"1 minute"}"#,
            r#"{"ttl":"1s","neverExpire":true}"#,
        ] {
            let refused = read::<proto::SetRequest>(text.as_bytes()).unwrap_err();
            assert_eq!(refused.reason(), MESSAGE_MALFORMED, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(read::<proto::BatchRequest>(deep.as_bytes()).is_err());
    }

    #[test]
    fn the_document_has_every_field_of_every_message() {
        let document: Json = serde_json::from_str(crate::http::site::OPENAPI).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut compared = 0;
        for (name, schema) in schemas {
            let message = name.replace("Operation", "Request");
            let name = match name.as_str() {
                "SetOperation" | "GetOperation" | "DeleteOperation" | "IncrementOperation"
                | "TouchOperation" => &message,
                name => name,
            };
            let Some(message) = POOL.get_message_by_name(&format!("nanokv.v1.{name}")) else {
                continue;
            };
            let told = properties(schema);
            // The path has the key, and a header the id.
            let is_beside = |field: &str| {
                let by_path = ["SetRequest", "IncrementRequest", "TouchRequest"];
                by_path.contains(&name)
                    && !told.contains("key")
                    && ["key", "requestId"].contains(&field)
            };
            let fields = message.fields().map(|field| field.json_name().to_owned());
            let fields: BTreeSet<_> = fields.filter(|field| !is_beside(field)).collect();
            assert_eq!(told, fields, "{name}");
            compared += 1;
        }
        assert!(compared > 20, "{compared}");
    }

    /// Those of each of its forms.
    fn properties(schema: &Json) -> BTreeSet<String> {
        let forms = ["oneOf", "anyOf"].into_iter();
        let forms = forms.filter_map(|form| schema[form].as_array()).flatten();
        let own = schema["properties"].as_object().into_iter().flatten();
        own.map(|(name, _)| name.clone())
            .chain(forms.flat_map(properties))
            .collect()
    }
}
