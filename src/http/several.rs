//! Several entries: a page of them, the removal of a range, lists of
//! operations.

use http::HeaderMap;

use crate::{
    calls::store::Store,
    engine::Engine,
    http::{
        as_it_is::Answer,
        body::{self, Request},
        entry::{identified, message},
        json,
        query::Query,
    },
    model::error::{Invalid, Rule},
    proto,
};

/// Headers that say under which condition one entry is changed.
const CONDITIONS: [&str; 2] = ["If-Match", "If-None-Match"];

/// GET of all entries: a page of those in a range.
///
/// # Errors
/// A field that breaks a rule, or what the engine refuses; so with all of
/// these.
pub async fn list<E: Engine>(store: &Store<E>, request: Request) -> Answer {
    let mut query = Query::read(request.uri().query())?;
    let given = proto::ListRequest {
        range: Some(range(&mut query)),
        page_size: query.number("page_size")?.unwrap_or_default(),
        page_token: query.take("page_token").unwrap_or_default(),
        omit_value: query.flag("omit_value")?,
    };
    query.end()?;
    Ok(body::json(json::write(&store.list(given).await?)?))
}

/// DELETE of all entries: those in a range, or all where `all` says so.
///
/// # Errors
/// See [`list`].
pub async fn delete_range<E: Engine>(store: &Store<E>, request: Request) -> Answer {
    let mut query = Query::read(request.uri().query())?;
    let mut given = proto::DeleteRangeRequest {
        range: Some(range(&mut query)),
        all: query.flag("all")?,
        ..Default::default()
    };
    query.end()?;
    unsaid(request.headers(), &CONDITIONS, "a range has no condition")?;
    identified(&mut given.request_id, request.headers())?;
    Ok(body::json(json::write(&store.delete_range(&given).await?)?))
}

/// POST: operations, each for itself.
///
/// # Errors
/// See [`list`].
pub async fn batch<E: Engine>(store: &Store<E>, request: Request) -> Answer {
    let (headers, given) = message::<proto::BatchRequest, _>(store, request).await?;
    let each = ["Idempotency-Key", "If-Match", "If-None-Match"];
    unsaid(&headers, &each, "each operation has its own in the body")?;
    Ok(body::json(json::write(&store.batch(&given).await?)?))
}

/// POST: checks and operations, all together or not at all.
///
/// # Errors
/// See [`list`].
pub async fn transact<E: Engine>(store: &Store<E>, request: Request) -> Answer {
    let (headers, mut given) = message::<proto::TransactRequest, _>(store, request).await?;
    unsaid(&headers, &CONDITIONS, "checks stand in the body")?;
    identified(&mut given.request_id, &headers)?;
    Ok(body::json(json::write(&store.transact(&given).await?)?))
}

/// Refuses headers that say nothing here, and would say something elsewhere:
/// who sends them relies on them.
fn unsaid(headers: &HeaderMap, names: &[&'static str], why: &'static str) -> Result<(), Invalid> {
    let said = names.iter().find(|name| headers.contains_key(**name));
    said.map_or(Ok(()), |name| Err(Invalid::new(*name, Rule::Conflict, why)))
}

/// The range that a query says; none: every key.
pub(super) fn range(query: &mut Query) -> proto::Range {
    let mut bound = |name| query.take(name).unwrap_or_default();
    proto::Range {
        prefix: bound("prefix"),
        start: bound("start"),
        end: bound("end"),
    }
}

/// What a query says of a watch.
///
/// # Errors
/// An [`Invalid`] for a parameter that cannot be read.
pub(super) fn watch(query: &mut Query) -> Result<proto::WatchRequest, Invalid> {
    use proto::watch_request::Start;

    let after = query.number("after_version")?.map(Start::AfterVersion);
    let snapshot = query.flag("snapshot")?.then_some(Start::Snapshot(true));
    if after.is_some() && snapshot.is_some() {
        let rule = "it does not go together with after_version";
        return Err(Invalid::new("snapshot", Rule::Conflict, rule));
    }
    Ok(proto::WatchRequest {
        ranges: vec![range(query)],
        start: after.or(snapshot),
        with_previous: query.flag("with_previous")?,
        omit_value: query.flag("omit_value")?,
        event_types: event_types(query.take("event_types"))?,
    })
}

fn event_types(given: Option<String>) -> Result<Vec<i32>, Invalid> {
    let given = given.unwrap_or_default();
    let names = given.split(',').filter(|name| !name.is_empty());
    let types = names.map(|name| {
        let kind = proto::EventType::from_str_name(&format!("EVENT_TYPE_{name}"));
        let kind = kind.or_else(|| proto::EventType::from_str_name(name));
        kind.map(i32::from).ok_or_else(|| {
            let rule = "types are PUT, DELETE, EXPIRE and EVICT, with commas between them";
            Invalid::new("event_types", Rule::OutOfRange, rule)
        })
    });
    types.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{EventType, watch_request::Start};

    fn asked(query: &str) -> Result<proto::WatchRequest, Invalid> {
        watch(&mut Query::read(Some(query)).unwrap())
    }

    #[test]
    fn a_watch_is_asked_for_in_a_query() {
        let asked_for = asked("prefix=a&after_version=7&with_previous=true&event_types=PUT,EVICT");
        let expected = proto::WatchRequest {
            ranges: vec![proto::Range {
                prefix: "a".into(),
                ..Default::default()
            }],
            start: Some(Start::AfterVersion(7)),
            with_previous: true,
            omit_value: false,
            event_types: vec![EventType::Put.into(), EventType::Evict.into()],
        };
        assert_eq!(asked_for, Ok(expected));
        assert_eq!(
            asked("snapshot=true").unwrap().start,
            Some(Start::Snapshot(true))
        );
        for (query, field) in [
            ("after_version=x", "after_version"),
            ("after_version=1&snapshot=true", "snapshot"),
            ("event_types=MOVE", "event_types"),
            ("snapshot=1", "snapshot"),
        ] {
            assert_eq!(asked(query).unwrap_err().field, field, "{query}");
        }
    }
}
