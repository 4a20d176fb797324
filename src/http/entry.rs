//! One entry: read, stored, removed, added to, touched.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use prost_types::{Duration, Timestamp};

use crate::{
    calls::{
        failure::Failure,
        store::Store,
        wire::{request, response},
    },
    engine::Engine,
    http::{
        accept,
        as_it_is::{Answer, AsItIs, as_it_is, tagged, varying},
        body::{self, Request},
        condition::{self, Read},
        json,
        media::{self, BYTES, Form, JSON, TEXT},
        problem,
        query::Query,
    },
    model::{
        entry::Entry,
        error::{Error, Invalid, Rule},
        value::{Kind, Value},
    },
    proto::{self, set_request::Expiry, value},
};

/// Under which the id of a request stands that is carried out only once.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// GET: the value as it is, or the entry in JSON.
///
/// # Errors
/// A field that breaks a rule, or what the engine refuses; so with all of
/// these.
pub async fn get<E: Engine>(store: &Store<E>, request: Request, key: String) -> Answer {
    let (head, _) = request.into_parts();
    let mut query = Query::read(head.uri.query())?;
    let omit_value = query.flag("omit_value")?;
    query.end()?;
    let given = proto::GetRequest { key, omit_value };
    let read = request::get(&given, store.limits())?;
    let Some(entry) = store.entry(read).await? else {
        return Ok(body::full(problem::miss(read.key.as_str())));
    };
    let version = entry.version();
    match condition::of_read(&head.headers, version.get()) {
        Read::Told => {}
        Read::NotModified => return tagged(varying(body::not_modified()), version.get()),
        Read::Failed => return Err(changed(&entry)),
    }
    told(&head.headers, entry)
}

/// PUT: stores a value.
///
/// # Errors
/// See [`get`].
pub async fn put<E: Engine>(store: &Store<E>, request: Request, key: String) -> Answer {
    let (head, body) = request.into_parts();
    let mut query = Query::read(head.uri.query())?;
    let kind = query.take("kind");
    let form = media::form(&head.headers, kind.as_deref())?;
    let bytes = body::read(body, store.limits().message_bytes_max).await?;
    let mut given: proto::SetRequest = match form {
        Form::Json => {
            body_says(&query)?;
            json::read(&bytes)?
        }
        Form::Raw(kind) => proto::SetRequest {
            value: Some(value(kind, bytes)?),
            expiry: expiry(&mut query)?,
            return_previous: query.flag("return_previous")?,
            ..Default::default()
        },
    };
    query.end()?;
    named(&mut given.key, key)?;
    conditional(&mut given.condition, &head.headers)?;
    identified(&mut given.request_id, &head.headers)?;
    let creates = matches!(
        given.condition,
        Some(proto::Condition {
            kind: Some(proto::condition::Kind::Absent(true))
        })
    );
    let stored = store.set(&given).await?;
    let mut answer = tagged(body::json(json::write(&stored)?), stored.version)?;
    if creates {
        *answer.status_mut() = StatusCode::CREATED;
    }
    Ok(answer)
}

/// DELETE: removes the entry; that there is none is no error.
///
/// # Errors
/// See [`get`].
pub async fn delete<E: Engine>(store: &Store<E>, request: Request, key: String) -> Answer {
    let (head, _) = request.into_parts();
    let mut query = Query::read(head.uri.query())?;
    let mut given = proto::DeleteRequest {
        key,
        return_previous: query.flag("return_previous")?,
        ..Default::default()
    };
    query.end()?;
    conditional(&mut given.condition, &head.headers)?;
    identified(&mut given.request_id, &head.headers)?;
    Ok(body::json(json::write(&store.delete(&given).await?)?))
}

/// POST `:increment`: adds to a number.
///
/// # Errors
/// See [`get`].
pub async fn increment<E: Engine>(store: &Store<E>, request: Request, key: String) -> Answer {
    let (headers, mut given) = message::<proto::IncrementRequest, _>(store, request).await?;
    named(&mut given.key, key)?;
    conditional(&mut given.condition, &headers)?;
    identified(&mut given.request_id, &headers)?;
    let counted = store.increment(&given).await?;
    tagged(body::json(json::write(&counted)?), counted.version)
}

/// POST `:touch`: moves the deadline.
///
/// # Errors
/// See [`get`].
pub async fn touch<E: Engine>(store: &Store<E>, request: Request, key: String) -> Answer {
    let (headers, mut given) = message::<proto::TouchRequest, _>(store, request).await?;
    named(&mut given.key, key)?;
    conditional(&mut given.condition, &headers)?;
    identified(&mut given.request_id, &headers)?;
    Ok(body::json(json::write(&store.touch(&given).await?)?))
}

/// The message in JSON that a request holds, which has no query, and its
/// headers.
///
/// # Errors
/// See [`get`].
pub async fn message<M: json::Told, E: Engine>(
    store: &Store<E>,
    request: Request,
) -> Result<(HeaderMap, M), Failure> {
    let (head, body) = request.into_parts();
    Query::read(head.uri.query())?.end()?;
    media::is_json(&head.headers)?;
    let bytes = body::read(body, store.limits().message_bytes_max).await?;
    Ok((head.headers, json::read(&bytes)?))
}

/// Takes over the id of a request from its header.
///
/// # Errors
/// An [`Invalid`] when the message names another one.
pub fn identified(request_id: &mut String, headers: &HeaderMap) -> Result<(), Invalid> {
    let Some(given) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(());
    };
    let malformed = |rule| Invalid::new("Idempotency-Key", Rule::Malformed, rule);
    let given = given.to_str();
    let given = given.map_err(|_| malformed("1 to 128 printable ASCII characters"))?;
    // Its draft puts it into quotes, and many clients do not.
    let bare = given.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let given = bare.unwrap_or(given);
    if given.is_empty() {
        return Err(malformed("1 to 128 printable ASCII characters"));
    }
    if !request_id.is_empty() && *request_id != given {
        let rule = "the body has another one";
        return Err(Invalid::new("Idempotency-Key", Rule::Conflict, rule));
    }
    given.clone_into(request_id);
    Ok(())
}

/// The value as it is, or the entry in JSON, as the client would have it.
fn told(headers: &HeaderMap, entry: Entry) -> Answer {
    let deadline = entry.deadline();
    let (kind, offers): (_, &[&str]) = match entry.value() {
        Some(Value::Text(_)) => (Kind::Text, &[TEXT, JSON, BYTES]),
        Some(Value::Number(_)) => (Kind::Number, &[TEXT, JSON, BYTES]),
        Some(Value::Data(_)) => (Kind::Data, &[BYTES, JSON]),
        None => (Kind::Data, &[JSON]),
    };
    let Some(form) = accept::best(headers, offers) else {
        return Err(problem::not_acceptable(&offers.join(", ")));
    };
    let version = entry.version().get();
    if form == JSON {
        let answer = body::json(json::write(&response::entry(entry))?);
        return tagged(varying(answer), version);
    }
    let bytes = match entry.into_parts().1 {
        Some(Value::Text(text)) => text.as_bytes().clone(),
        Some(Value::Data(data)) => data,
        Some(Value::Number(number)) => Bytes::from(number.to_string()),
        None => Bytes::new(),
    };
    as_it_is(AsItIs {
        kind,
        is_text: form == TEXT,
        bytes,
        version,
        deadline,
    })
}

fn changed(entry: &Entry) -> Failure {
    let current = Some(entry.version());
    Failure::from(Error::VersionMismatch { current }).with_echo("key", entry.key())
}

/// The key that the path has, which the message need not repeat.
fn named(given: &mut String, key: String) -> Result<(), Invalid> {
    if !given.is_empty() && *given != key {
        return Err(Invalid::new(
            "key",
            Rule::Conflict,
            "the path has another one",
        ));
    }
    *given = key;
    Ok(())
}

fn conditional(given: &mut Option<proto::Condition>, headers: &HeaderMap) -> Result<(), Invalid> {
    let Some(condition) = condition::of_change(headers)? else {
        return Ok(());
    };
    if given.is_some() {
        let rule = "the headers have one too";
        return Err(Invalid::new("condition", Rule::Conflict, rule));
    }
    *given = Some(condition);
    Ok(())
}

/// A value as it is sent.
fn value(kind: Kind, bytes: Bytes) -> Result<proto::Value, Invalid> {
    let malformed = |field, rule| Invalid::new(field, Rule::Malformed, rule);
    let kind = match kind {
        Kind::Data => value::Kind::Data(bytes),
        Kind::Text => {
            let text = String::from_utf8(bytes.into());
            let text = text.map_err(|_| malformed("value.text", "text is UTF-8"))?;
            value::Kind::Text(text)
        }
        Kind::Number => {
            let number = std::str::from_utf8(&bytes).ok();
            let number = number.and_then(|number| number.trim().parse().ok());
            let rule = "a whole number from -2^63 to 2^63-1, in decimal digits";
            value::Kind::Number(number.ok_or_else(|| malformed("value.number", rule))?)
        }
    };
    Ok(proto::Value { kind: Some(kind) })
}

/// That the query says nothing that stands in the body where that is JSON.
fn body_says(query: &Query) -> Result<(), Invalid> {
    let names = [
        "ttl",
        "expire_time",
        "never_expire",
        "keep_expiry",
        "return_previous",
    ];
    match names.into_iter().find(|name| query.has(name)) {
        None => Ok(()),
        Some(name) => {
            let rule = "a body in JSON says it itself";
            Err(Invalid::new(name, Rule::Conflict, rule))
        }
    }
}

/// When a value expires that is sent as it is.
fn expiry(query: &mut Query) -> Result<Option<Expiry>, Invalid> {
    let mut given = Vec::new();
    if let Some(text) = query.take("ttl") {
        given.push(Expiry::Ttl(ttl(&text)?));
    }
    if let Some(text) = query.take("expire_time") {
        let time: Result<Timestamp, _> = text.parse();
        let rule = "a time as in 2026-01-31T12:00:00Z";
        let time = time.map_err(|_| Invalid::new("expire_time", Rule::Malformed, rule))?;
        given.push(Expiry::ExpireTime(time));
    }
    if query.mark("never_expire")? {
        given.push(Expiry::NeverExpire(true));
    }
    if query.mark("keep_expiry")? {
        given.push(Expiry::KeepExpiry(true));
    }
    let first = given.pop();
    if given.is_empty() {
        return Ok(first);
    }
    let rule = "it does not go together with another expiry";
    Err(Invalid::new("ttl", Rule::Conflict, rule))
}

/// A time to live, as protobuf writes it or as people do.
///
/// # Errors
/// An [`Invalid`] for `ttl`.
pub fn ttl(text: &str) -> Result<Duration, Invalid> {
    let malformed = || Invalid::new("ttl", Rule::Malformed, "a time such as 90s, 1.5s or 1h30m");
    if let Ok(ttl) = text.parse() {
        return Ok(ttl);
    }
    let ttl = humantime::parse_duration(text).map_err(|_| malformed())?;
    ttl.try_into().map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_written_as_protobuf_or_as_people_do() {
        for (text, seconds, nanos) in [
            ("90s", 90, 0),
            ("1.5s", 1, 500_000_000),
            ("10m", 600, 0),
            ("1h30m", 5400, 0),
            ("250ms", 0, 250_000_000),
        ] {
            assert_eq!(ttl(text), Ok(Duration { seconds, nanos }), "{text}");
        }
        for text in ["", "10", "soon", "1 s s", "-"] {
            assert_eq!(ttl(text).unwrap_err().field, "ttl", "{text}");
        }
    }

    #[test]
    fn one_expiry_is_given() {
        let expiry = |query| expiry(&mut Query::read(Some(query)).unwrap());
        assert_eq!(expiry(""), Ok(None));
        assert_eq!(
            expiry("keep_expiry=true"),
            Ok(Some(Expiry::KeepExpiry(true)))
        );
        let marked = expiry("never_expire=false").unwrap_err();
        assert_eq!(
            (&*marked.field, marked.rule),
            ("never_expire", Rule::Malformed)
        );
        for query in [
            "ttl=1s&never_expire=true",
            "keep_expiry=true&never_expire=true",
        ] {
            assert_eq!(expiry(query).unwrap_err().rule, Rule::Conflict, "{query}");
        }
        assert_eq!(expiry("expire_time=noon").unwrap_err().field, "expire_time");
    }

    #[test]
    fn a_number_is_decimal_digits_and_text_is_utf8() {
        let of = |kind, bytes: &'static [u8]| value(kind, Bytes::from_static(bytes));
        let number = of(Kind::Number, b"-42\n").unwrap();
        assert_eq!(number.kind, Some(value::Kind::Number(-42)));
        assert_eq!(of(Kind::Number, b"4.2").unwrap_err().field, "value.number");
        assert_eq!(
            of(Kind::Number, b"9223372036854775808").unwrap_err().field,
            "value.number"
        );
        assert_eq!(of(Kind::Text, b"\xff").unwrap_err().field, "value.text");
    }

    #[test]
    fn the_id_of_a_request_stands_with_or_without_quotes_and_once() {
        let mut headers = HeaderMap::new();
        let mut id = String::new();
        for (given, expected) in [("\"a-1\"", "a-1"), ("a-1", "a-1")] {
            headers.insert(IDEMPOTENCY_KEY, given.parse().unwrap());
            assert_eq!(identified(&mut id, &headers), Ok(()));
            assert_eq!(id, expected);
        }
        headers.insert(IDEMPOTENCY_KEY, "b".parse().unwrap());
        assert_eq!(
            identified(&mut id, &headers).unwrap_err().rule,
            Rule::Conflict
        );
        headers.insert(IDEMPOTENCY_KEY, "\"\"".parse().unwrap());
        let empty = identified(&mut String::new(), &headers);
        assert_eq!(empty.unwrap_err().rule, Rule::Malformed);
    }
}
