//! A line of an export: an entry in JSON, as the contract says it.

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json};

use crate::client::value::Value;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Under which key.
    pub key: String,
    /// What.
    pub value: Value,
    /// Until when; none: for ever.
    pub expire_time: Option<SystemTime>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// With which field; empty: with the whole.
    pub field: String,
    /// How it has to be.
    pub what: String,
}

/// Reads a line.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn parse(line: &[u8]) -> Result<Line, Fault> {
    let entry: Json = serde_json::from_slice(line)
        .map_err(|error| fault("", format!("it is no JSON: {error}")))?;
    let Json::Object(mut entry) = entry else {
        return Err(fault("", "an entry is an object"));
    };
    let key = match entry.remove("key") {
        Some(Json::String(key)) => key,
        Some(_) => return Err(fault("key", "a key is text")),
        None => return Err(fault("key", "it is missing")),
    };
    let value = match entry.remove("value") {
        Some(Json::Object(value)) => read_value(value)?,
        Some(_) => return Err(fault("value", "a value is an object")),
        None => return Err(fault("value", "it is missing")),
    };
    let (camel, snake) = (entry.remove("expireTime"), entry.remove("expire_time"));
    let expire_time = match camel.or(snake) {
        None | Some(Json::Null) => None,
        Some(Json::String(time)) => Some(read_time(&time)?),
        Some(_) => return Err(fault("expireTime", "a time is text")),
    };
    // The version that it had elsewhere; it takes a new one.
    entry.remove("version");
    match entry.keys().next() {
        Some(unknown) => Err(fault(unknown, "an entry has no such field")),
        None => Ok(Line {
            key,
            value,
            expire_time,
        }),
    }
}

fn read_value(value: Map<String, Json>) -> Result<Value, Fault> {
    let mut fields = value.into_iter();
    let (Some((kind, value)), None) = (fields.next(), fields.next()) else {
        let what = "a value has one of text, number and data";
        return Err(fault("value", what));
    };
    match (kind.as_str(), value) {
        ("text", Json::String(text)) => Ok(text.into()),
        ("text", _) => Err(fault("value.text", "it is no text")),
        ("number", number) => {
            // As JSON has them, or as text, since others cut those of 64 bits.
            let number = match &number {
                Json::String(text) => text.parse().ok(),
                number => number.as_i64(),
            };
            let what = "it is no whole number of 64 bits";
            let number: i64 = number.ok_or_else(|| fault("value.number", what))?;
            Ok(number.into())
        }
        ("data", Json::String(data)) => {
            let data = STANDARD.decode(data);
            let data = data.map_err(|error| fault("value.data", error.to_string()))?;
            Ok(data.into())
        }
        ("data", _) => Err(fault("value.data", "data is base64 in text")),
        (unknown, _) => Err(fault(
            format!("value.{unknown}"),
            "a value has one of text, number and data",
        )),
    }
}

fn read_time(time: &str) -> Result<SystemTime, Fault> {
    let read = humantime::parse_rfc3339(time);
    read.map_err(|error| fault("expireTime", error.to_string()))
}

fn fault(field: impl Into<String>, what: impl Into<String>) -> Fault {
    Fault {
        field: field.into(),
        what: what.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{client::entry::Entry, commands::json};

    #[test]
    fn an_entry_that_was_written_is_read_back() {
        let values: [Value; 5] = [
            "é \"quoted\" \n\u{1b}".into(),
            "".into(),
            i64::MIN.into(),
            vec![0, 255].into(),
            Vec::new().into(),
        ];
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_040);
        for value in values {
            for expire_time in [None, Some(at)] {
                let entry = Entry {
                    key: "a/\"b".to_owned(),
                    value: Some(value.clone()),
                    version: 5,
                    expire_time,
                };
                let line = json::entry(&entry).to_string();
                assert!(!line.contains('\n'), "{line}");
                let expected = Line {
                    key: entry.key,
                    value: value.clone(),
                    expire_time,
                };
                assert_eq!(parse(line.as_bytes()), Ok(expected));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        for (line, field) in [
            ("", ""),
            ("[]", ""),
            ("{\"key\":\"a\"", ""),
            ("{}", "key"),
            ("{\"key\":1}", "key"),
            ("{\"key\":\"a\"}", "value"),
            ("{\"key\":\"a\",\"value\":\"b\"}", "value"),
            ("{\"key\":\"a\",\"value\":{}}", "value"),
            (
                "{\"key\":\"a\",\"value\":{\"text\":\"\",\"number\":1}}",
                "value",
            ),
            ("{\"key\":\"a\",\"value\":{\"text\":1}}", "value.text"),
            ("{\"key\":\"a\",\"value\":{\"number\":1.5}}", "value.number"),
            (
                "{\"key\":\"a\",\"value\":{\"number\":\"9223372036854775808\"}}",
                "value.number",
            ),
            ("{\"key\":\"a\",\"value\":{\"data\":\"%\"}}", "value.data"),
            ("{\"key\":\"a\",\"value\":{\"more\":1}}", "value.more"),
            (
                "{\"key\":\"a\",\"value\":{\"text\":\"\"},\"expireTime\":\"soon\"}",
                "expireTime",
            ),
            ("{\"key\":\"a\",\"value\":{\"text\":\"\"},\"ttl\":1}", "ttl"),
        ] {
            assert_eq!(parse(line.as_bytes()).unwrap_err().field, field, "{line}");
        }
    }
}
