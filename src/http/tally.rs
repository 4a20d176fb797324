//! What requests came to, by method, route and status: never by a key, so that
//! there are as many figures as the API has, whoever asks.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use http::{Method, Response, StatusCode};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    gate::{
        tally::{self, Reason},
        times::Times,
    },
    http::route::Route,
    model::figure::{Figure, Sample, Value},
};

/// Methods that are told apart, those that are used most first; last what stands
/// for all others.
const METHODS: [&str; 10] = [
    "GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "_OTHER",
];

/// The templates of routes, in the same way.
const ROUTES: [&str; 17] = [
    "/v1/entries/{key}",
    "/v1/entries/{key}:increment",
    "/v1/entries/{key}:touch",
    "/v1/batch",
    "/v1/transact",
    "/v1/entries",
    "/v1/watch",
    "/healthz",
    "/readyz",
    "/v1/describe",
    "/get/{key}",
    "/set/{key}/{value}",
    "/delete/{key}",
    "/console",
    "/openapi.json",
    "/{service}/{method}",
    UNKNOWN,
];

/// What stands for paths under which nothing is.
const UNKNOWN: &str = "unknown";

/// The status of a request whose client went away before it was answered. No
/// answer has it.
const GONE_AWAY: u16 = 499;

/// What all workers have counted. A clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Tallies(Arc<Mutex<Vec<Arc<Tally>>>>);

/// What one worker has counted, on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub struct Tally {
    /// For each route each method, from the first request on.
    cells: Box<[OnceLock<Box<Counts>>]>,
    /// Where refusals of all wires are counted.
    refusals: Arc<tally::Tally>,
}

#[derive(Debug, Default)]
struct Counts {
    /// What most are answered with, which waits for no lock.
    ok: AtomicU64,
    others: Mutex<BTreeMap<u16, u64>>,
    times: Times,
}

/// A request, counted when it is answered, or when its client is gone.
#[derive(Debug)]
pub struct Tallied {
    tally: Arc<Tally>,
    cell: usize,
    /// `None`: its answer may go on for ever, so that its time tells nothing.
    began: Option<Instant>,
    ended: bool,
}

impl Tallies {
    /// One for one more worker, which counts refusals in `refusals`.
    #[must_use]
    pub fn worker(&self, refusals: Arc<tally::Tally>) -> Arc<Tally> {
        let cells = (0..METHODS.len() * ROUTES.len()).map(|_| OnceLock::new());
        let tally = Arc::new(Tally {
            cells: cells.collect(),
            refusals,
        });
        self.0.lock().push(Arc::clone(&tally));
        tally
    }

    /// What was counted together.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let tallies = self.0.lock().clone();
        if tallies.is_empty() {
            return Vec::new();
        }
        let cells = (0..METHODS.len() * ROUTES.len()).map(|cell| {
            let counts = tallies.iter().filter_map(move |it| it.counts(cell));
            (cell, counts.collect::<Vec<_>>())
        });
        // The first is told from the start, so that its rate is right from the
        // first request on.
        let asked: Vec<_> = cells
            .filter(|(cell, counts)| *cell == 0 || !counts.is_empty())
            .collect();
        let requests = asked.iter().flat_map(|(cell, counts)| {
            together(counts).into_iter().map(|(status, count)| {
                let mut labels = labels(*cell);
                labels.push(("http_response_status_code", status.to_string().into()));
                let value = Value::Counter(count);
                Sample { labels, value }
            })
        });
        let times = asked.iter().filter_map(|(cell, counts)| {
            let times = Times::together(counts.iter().map(|counts| &counts.times));
            (*cell == 0 || times.count() > 0).then(|| Sample {
                labels: labels(*cell),
                value: Value::Histogram(times),
            })
        });
        vec![
            Figure {
                name: "nanokv_http_requests",
                help: "Requests over plain HTTP that were answered, by how",
                samples: requests.collect(),
            },
            Figure {
                name: "nanokv_http_request_duration_seconds",
                help: "How long they took to be answered, but for watches",
                samples: times.collect(),
            },
        ]
    }
}

impl Tally {
    /// Counts a read that began then, and was answered so: the first of all
    /// methods of the first of all routes.
    pub fn read(&self, status: StatusCode, began: Instant) {
        self.count(0, status.as_u16(), Some(began));
    }

    /// Counts a refusal, if it is one.
    pub fn refuse(&self, reason: Option<Reason>) {
        if let Some(reason) = reason {
            self.refusals.refuse(reason.word().into());
        }
    }

    fn counts(&self, cell: usize) -> Option<&Counts> {
        self.cells.get(cell)?.get().map(|counts| &**counts)
    }

    fn count(&self, cell: usize, status: u16, began: Option<Instant>) {
        let Some(counts) = self.cells.get(cell) else {
            return;
        };
        let counts = counts.get_or_init(Box::default);
        if status == StatusCode::OK.as_u16() {
            counts.ok.fetch_add(1, Ordering::Relaxed);
        } else {
            *counts.others.lock().entry(status).or_default() += 1;
        }
        if let Some(began) = began {
            counts.times.record(began.elapsed());
        }
    }
}

impl Tallied {
    /// A request for `route` that begins now; `None`: for a path under which
    /// nothing is.
    #[must_use]
    pub fn begin(tally: &Arc<Tally>, method: &Method, route: Option<Route<'_>>) -> Self {
        let template = route.map_or(UNKNOWN, Route::template);
        let route_at = place(&ROUTES, template);
        Self {
            tally: Arc::clone(tally),
            cell: route_at * METHODS.len() + place(&METHODS, method.as_str()),
            began: (route != Some(Route::Watch)).then(Instant::now),
            ended: false,
        }
    }

    /// It is answered so.
    pub fn end<B>(mut self, answer: &Response<B>) {
        self.ended = true;
        let status = answer.status().as_u16();
        self.tally.count(self.cell, status, self.began);
        self.tally.refuse(answer.extensions().get().copied());
    }
}

impl Drop for Tallied {
    fn drop(&mut self) {
        if !self.ended {
            self.tally.count(self.cell, GONE_AWAY, self.began);
        }
    }
}

/// Where a word stands; last where it does not.
fn place(words: &[&str], word: &str) -> usize {
    let at = words.iter().position(|it| *it == word);
    at.unwrap_or(words.len() - 1)
}

fn labels(cell: usize) -> Vec<(&'static str, Cow<'static, str>)> {
    let word = |words: &[&'static str], at: usize| words.get(at).copied().unwrap_or_default();
    let method = word(&METHODS, cell % METHODS.len());
    let route = word(&ROUTES, cell / METHODS.len());
    vec![
        ("http_request_method", method.into()),
        ("http_route", route.into()),
    ]
}

/// How often there was which status. That of a success is always told, so that
/// the share of the others is right.
fn together(counts: &[&Counts]) -> BTreeMap<u16, u64> {
    let ok = |counts: &&Counts| counts.ok.load(Ordering::Relaxed);
    let mut all = BTreeMap::from([(StatusCode::OK.as_u16(), counts.iter().map(ok).sum())]);
    for counts in counts {
        for (status, count) in &*counts.others.lock() {
            *all.entry(*status).or_default() += count;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::gate::tally::Tallies as Calls;

    const GET: Method = Method::GET;
    const ENTRY: Option<Route<'_>> = Some(Route::Entry("secret"));

    fn answer(status: u16) -> Response<()> {
        let answer = Response::builder().status(status);
        answer.body(()).unwrap()
    }

    /// What was counted, by name and labels.
    fn counted(figures: Vec<Figure>) -> BTreeMap<String, u64> {
        let samples = figures.into_iter().flat_map(|figure| {
            figure.samples.into_iter().map(move |sample| {
                let labels = sample.labels.into_iter().map(|(_, text)| text.into_owned());
                let words: Vec<_> = [figure.name.to_owned()].into_iter().chain(labels).collect();
                let value = match sample.value {
                    Value::Counter(count) => count,
                    Value::Histogram(histogram) => histogram.count(),
                    other => unreachable!("{other:?}"),
                };
                (words.join(" "), value)
            })
        });
        samples.filter(|(_, value)| *value > 0).collect()
    }

    #[tokio::test]
    async fn requests_of_all_workers_are_counted_together_by_route_and_status() {
        let (tallies, calls) = (Tallies::default(), Calls::new(&[]));
        for _ in 0..2 {
            let worker = tallies.worker(calls.worker());
            let begin = |method, route| Tallied::begin(&worker, method, route);
            begin(&GET, ENTRY).end(&answer(200));
            begin(&GET, ENTRY).end(&answer(404));
            drop(begin(&GET, ENTRY));
            begin(&Method::POST, Some(Route::Touch("secret"))).end(&answer(200));
            begin(&GET, Some(Route::Watch)).end(&answer(200));
            let unheard_of = Method::from_bytes(b"BREW").unwrap();
            begin(&unheard_of, None).end(&answer(404));
        }
        let entry = "nanokv_http_requests GET /v1/entries/{key}";
        let duration = "nanokv_http_request_duration_seconds";
        let touch = "POST /v1/entries/{key}:touch";
        let expected = [
            (format!("{entry} 200"), 2),
            (format!("{entry} 404"), 2),
            (format!("{entry} 499"), 2),
            (format!("nanokv_http_requests {touch} 200"), 2),
            ("nanokv_http_requests GET /v1/watch 200".to_owned(), 2),
            ("nanokv_http_requests _OTHER unknown 404".to_owned(), 2),
            (format!("{duration} GET /v1/entries/{{key}}"), 6),
            (format!("{duration} {touch}"), 2),
            (format!("{duration} _OTHER unknown"), 2),
        ];
        assert_eq!(counted(tallies.figures()), BTreeMap::from(expected));
    }

    #[tokio::test]
    async fn a_refusal_counts_by_its_reason_and_an_answer_does_not() {
        let (tallies, calls) = (Tallies::default(), Calls::new(&[]));
        let worker = tallies.worker(calls.worker());
        for (code, reason) in [
            (Code::Unavailable, "AWAY"),
            (Code::NotFound, "KEY_NOT_FOUND"),
        ] {
            let mut answer = answer(400);
            if let Some(reason) = Reason::of(code, reason) {
                answer.extensions_mut().insert(reason);
            }
            Tallied::begin(&worker, &GET, ENTRY).end(&answer);
        }
        let expected = [("nanokv_refusals AWAY".to_owned(), 1)];
        assert_eq!(counted(calls.figures()), BTreeMap::from(expected));
    }

    #[test]
    fn every_route_and_method_has_a_place_of_its_own() {
        let routes = [
            Route::Alive,
            Route::Ready,
            Route::OpenApi,
            Route::Console("a"),
            Route::Describe,
            Route::Entries,
            Route::Entry("a"),
            Route::Increment("a"),
            Route::Touch("a"),
            Route::Batch,
            Route::Transact,
            Route::Watch,
            Route::TutorialSet("a", "b"),
            Route::TutorialGet("a"),
            Route::TutorialDelete("a"),
            Route::Grpc,
        ];
        let mut places: Vec<_> = routes
            .map(|route| place(&ROUTES, route.template()))
            .to_vec();
        places.sort_unstable();
        assert!(places.into_iter().eq(0..ROUTES.len() - 1));
        assert_eq!(place(&ROUTES, "/v1/entries/secret"), ROUTES.len() - 1);
        assert_eq!(place(&METHODS, "get"), METHODS.len() - 1);
    }
}
