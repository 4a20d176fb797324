//! A watch as Server-Sent Events. The id of an event is the version to go on
//! from, which a browser gives back by itself when it connects anew.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body::Frame;
use tokio_stream::Stream;
use tonic::{Status, body::Body};

use crate::{
    calls::{failure::Failure, store::Store},
    engine::Engine,
    gate::tally::Reason,
    http::{body::Request, json, problem, query::Query, several, tally::Tally},
    model::error::{Invalid, Rule},
    proto::{self, watch_request::Start},
};

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Milliseconds after which a browser connects anew.
const RETRY_MS: u32 = 1000;

/// What a watch tells, as frames of a body.
struct Events<W> {
    watching: Pin<Box<W>>,
    begun: bool,
    ended: bool,
    /// Where it is counted when it is refused after all.
    tally: Option<Arc<Tally>>,
}

/// GET: follows the changes of the keys in a range.
///
/// # Errors
/// A field that breaks a rule, or what the engine refuses.
pub async fn watch<E: Engine>(
    store: &Store<E>,
    request: Request,
) -> Result<Response<Body>, Failure> {
    let mut query = Query::read(request.uri().query())?;
    let mut given = several::watch(&mut query)?;
    query.end()?;
    if let Some(version) = last_event(request.headers())? {
        given.start = Some(Start::AfterVersion(version));
    }
    let events = Events {
        watching: Box::pin(store.watch(given).await?),
        begun: false,
        ended: false,
        tally: request.extensions().get().cloned(),
    };
    let mut response = Response::new(Body::new(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, EVENT_STREAM);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The version that a client was told last.
fn last_event(headers: &HeaderMap) -> Result<Option<i64>, Invalid> {
    let Some(given) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let version = given.to_str().ok().and_then(|given| given.parse().ok());
    let rule = "it is the id of an event: a version";
    version
        .map(Some)
        .ok_or_else(|| Invalid::new("Last-Event-ID", Rule::Malformed, rule))
}

impl<W> Events<W> {
    fn text(&mut self, told: Result<proto::WatchResponse, Failure>) -> String {
        let text = match told.and_then(|told| event(&told)) {
            Ok(text) => text,
            Err(failure) => {
                self.ended = true;
                if let Some(tally) = &self.tally {
                    tally.refuse(Reason::of(failure.code(), failure.reason()));
                }
                self::failure(&failure)
            }
        };
        if std::mem::replace(&mut self.begun, true) {
            text
        } else {
            format!("retry: {RETRY_MS}\n{text}")
        }
    }
}

/// The last event of a watch that failed so.
#[must_use]
pub fn failure(failure: &Failure) -> String {
    format!("event: failure\ndata: {}\n\n", problem::text(failure))
}

/// One event; a comment with the version alone where there is nothing to tell,
/// which is no event to a browser.
fn event(told: &proto::WatchResponse) -> Result<String, Failure> {
    let is_empty = told.events.is_empty() && told.snapshot_entries.is_empty();
    let id = match told.resume_version {
        // A break in a snapshot begins again.
        0 => String::new(),
        version => format!("id: {version}\n"),
    };
    if is_empty && !told.snapshot_complete {
        return Ok(format!(": heartbeat\n{id}\n"));
    }
    let json = json::write(told)?;
    Ok(format!("{id}data: {json}\n\n"))
}

impl<W> http_body::Body for Events<W>
where
    W: Stream<Item = Result<proto::WatchResponse, Failure>>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let events = self.get_mut();
        if events.ended {
            return Poll::Ready(None);
        }
        let Some(told) = ready!(events.watching.as_mut().poll_next(context)) else {
            return Poll::Ready(None);
        };
        let text = events.text(told);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(text)))))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::{
        gate::{refusal::Refusal, tally::Tallies as Calls},
        http::tally::Tallies,
    };

    #[tokio::test]
    async fn a_watch_is_told_as_events_and_ends_with_where_to_go_on() {
        let calls = Calls::new(&[]);
        let entry = proto::Entry {
            key: "a\nb".into(),
            version: 7,
            ..Default::default()
        };
        let told = [
            Ok(proto::WatchResponse::default()),
            Ok(proto::WatchResponse {
                resume_version: 6,
                ..Default::default()
            }),
            Ok(proto::WatchResponse {
                events: vec![proto::Event {
                    r#type: proto::EventType::Put.into(),
                    entry: Some(entry),
                    previous: None,
                }],
                resume_version: 7,
                ..Default::default()
            }),
            Err(Failure::from(Refusal::Draining).with("resume_version", &7)),
            Ok(proto::WatchResponse::default()),
        ];
        let events = Events {
            watching: Box::pin(tokio_stream::iter(told)),
            begun: false,
            ended: false,
            tally: Some(Tallies::default().worker(calls.worker())),
        };
        let bytes = events.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let mut blocks = text.split("\n\n");
        assert_eq!(blocks.next(), Some("retry: 1000\n: heartbeat"));
        assert_eq!(blocks.next(), Some(": heartbeat\nid: 6"));
        let event = r#"{"events":[{"type":"EVENT_TYPE_PUT","entry":{"key":"a\nb","version":"7"}}],"resumeVersion":"7"}"#;
        assert_eq!(
            blocks.next(),
            Some(format!("id: 7\ndata: {event}").as_str())
        );
        let failure = blocks.next().unwrap();
        assert!(failure.starts_with("event: failure\ndata: {"), "{failure}");
        assert!(failure.contains(r#""resume_version":"7""#), "{failure}");
        assert_eq!(blocks.next(), Some(""), "nothing follows a failure");
        let refusals = calls.figures().pop().unwrap();
        let reasons = refusals.samples.iter().map(|it| it.labels[0].1.as_ref());
        assert_eq!(reasons.collect::<Vec<_>>(), ["DRAINING", "INTERNAL"]);
    }

    #[test]
    fn an_id_that_is_no_version_is_refused() {
        let mut headers = HeaderMap::new();
        assert_eq!(last_event(&headers), Ok(None));
        headers.insert(LAST_EVENT_ID, "12".parse().unwrap());
        assert_eq!(last_event(&headers), Ok(Some(12)));
        headers.insert(LAST_EVENT_ID, "x".parse().unwrap());
        assert!(last_event(&headers).is_err());
    }
}
