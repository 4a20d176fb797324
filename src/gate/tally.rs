//! What calls came to, counted by each worker for itself, so that none waits
//! for a cache line of another; put together when somebody asks.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http::HeaderMap;
use parking_lot::Mutex;
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{
    gate::{foreign, times::Times},
    model::figure::{Figure, Sample, Value},
};

/// An rpc: the full name of its service, and its own.
pub type Rpc = (&'static str, &'static str);

/// What stands for all others.
const OTHER: Rpc = ("other", "other");

/// Status codes, from 0 on.
const CODES: usize = 17;

/// Reasons that are told apart: there are not half as many.
const REASONS_MAX: usize = 128;

/// What all workers have counted. A clone is the same.
#[derive(Clone, Debug)]
pub struct Tallies {
    rpcs: &'static [Rpc],
    tallies: Arc<Mutex<Vec<Arc<Tally>>>>,
}

/// What one worker has counted. On cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub struct Tally {
    rpcs: Box<[Counts]>,
    lists: AtomicU64,
    refusals: Mutex<BTreeMap<Cow<'static, str>, u64>>,
}

#[derive(Debug)]
struct Counts {
    by_code: [AtomicU64; CODES],
    times: Times,
}

/// Why an answer is a refusal. It goes with the answer to where that is counted,
/// on a wire whose answers do not say it in their headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason(&'static str);

/// A call that is to be counted when it ends.
#[derive(Clone, Copy, Debug)]
pub struct Metered {
    rpc: usize,
    /// `None`: it may go on for ever, so that its time tells nothing.
    began: Option<Instant>,
}

impl Tallies {
    /// Tells calls of `rpcs` apart; all others are counted together.
    #[must_use]
    pub fn new(rpcs: &'static [Rpc]) -> Self {
        Self {
            rpcs,
            tallies: Arc::default(),
        }
    }

    /// One for one more worker.
    #[must_use]
    pub fn worker(&self) -> Arc<Tally> {
        let counts = |_| Counts {
            by_code: [const { AtomicU64::new(0) }; CODES],
            times: Times::new(),
        };
        let tally = Arc::new(Tally {
            rpcs: (0..=self.rpcs.len()).map(counts).collect(),
            lists: AtomicU64::new(0),
            refusals: Mutex::default(),
        });
        self.tallies.lock().push(Arc::clone(&tally));
        tally
    }

    /// A call that begins now, of a method of a service. How long it takes is
    /// told if it `is_timed`.
    #[must_use]
    pub fn begin(&self, service: &str, method: &str, is_timed: bool) -> Metered {
        let mut rpcs = self.rpcs.iter();
        let place = rpcs.position(|rpc| rpc.1 == method && rpc.0 == service);
        Metered {
            rpc: place.unwrap_or(self.rpcs.len()),
            began: is_timed.then(Instant::now),
        }
    }

    /// What was counted together.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let tallies = self.tallies.lock().clone();
        vec![
            self.calls(&tallies),
            self.durations(&tallies),
            Figure::counter(
                "nanokv_pipeline_lists",
                "Lists of pipelines that were let in",
                tallies.iter().map(|tally| read(&tally.lists)).sum(),
            ),
            refusals(&tallies),
        ]
    }

    fn calls(&self, tallies: &[Arc<Tally>]) -> Figure {
        let samples = self.each().flat_map(|(number, rpc)| {
            (0..CODES).filter_map(move |code| {
                let of = |tally: &Arc<Tally>| {
                    let counts = tally.rpcs.get(number)?;
                    Some(read(counts.by_code.get(code)?))
                };
                let count = tallies.iter().filter_map(of).sum();
                // Those that went well are told from the start, so that their
                // rate is right from the first one on.
                (code == 0 || count > 0).then(|| {
                    let mut labels = labels(rpc);
                    labels.push(("rpc_grpc_status_code", name(code).into()));
                    let value = Value::Counter(count);
                    Sample { labels, value }
                })
            })
        });
        Figure {
            name: "nanokv_calls",
            help: "Calls that ended, by how",
            samples: samples.collect(),
        }
    }

    fn durations(&self, tallies: &[Arc<Tally>]) -> Figure {
        let samples = self.each().filter_map(|(number, rpc)| {
            let counts = tallies.iter().filter_map(|tally| tally.rpcs.get(number));
            let histogram = Times::together(counts.map(|counts| &counts.times));
            (histogram.count() > 0 || number == 0).then(|| Sample {
                labels: labels(rpc),
                value: Value::Histogram(histogram),
            })
        });
        Figure {
            name: "nanokv_call_duration_seconds",
            help: "How long calls took, but for those that may go on for ever",
            samples: samples.collect(),
        }
    }

    fn each(&self) -> impl Iterator<Item = (usize, Rpc)> {
        self.rpcs.iter().copied().chain([OTHER]).enumerate()
    }
}

impl Reason {
    /// `reason`, if a call that ends with `code` was refused.
    #[must_use]
    pub fn of(code: Code, reason: &'static str) -> Option<Self> {
        is_refusal(code).then_some(Self(reason))
    }

    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.0
    }
}

impl Tally {
    /// Counts a call that ended with these headers or trailers.
    pub fn end(&self, call: Metered, headers: &HeaderMap) {
        let code = foreign::code(headers).unwrap_or(Code::Ok);
        self.count(call, code);
        if is_refusal(code) {
            self.refuse_by(headers);
        }
    }

    /// Counts a call that was answered with what was asked for.
    pub fn end_well(&self, call: Metered) {
        self.count(call, Code::Ok);
    }

    /// Counts a refusal by the reason in its details.
    pub fn refuse_by(&self, headers: &HeaderMap) {
        let info = Status::from_header_map(headers)
            .and_then(|status| status.get_details_error_info())
            .map(|info| info.reason);
        self.refuse(info.map_or(Cow::Borrowed("UNKNOWN"), Cow::Owned));
    }

    /// Counts a call that nobody waits for any more.
    pub fn abandon(&self, call: Metered) {
        self.count(call, Code::Cancelled);
    }

    /// Counts a refusal.
    pub fn refuse(&self, reason: Cow<'static, str>) {
        let mut refusals = self.refusals.lock();
        if refusals.len() < REASONS_MAX || refusals.contains_key(&reason) {
            *refusals.entry(reason).or_default() += 1;
        }
    }

    /// Counts a list of a pipeline.
    pub fn list(&self) {
        add(&self.lists, 1);
    }

    fn count(&self, call: Metered, code: Code) {
        let Some(counts) = self.rpcs.get(call.rpc) else {
            return;
        };
        let code = usize::try_from(i32::from(code)).unwrap_or_default();
        if let Some(count) = counts.by_code.get(code) {
            add(count, 1);
        }
        if let Some(began) = call.began {
            counts.times.record(began.elapsed());
        }
    }
}

/// Whether a call that ends so was refused, and not answered by what is stored.
const fn is_refusal(code: Code) -> bool {
    match code {
        Code::Ok
        | Code::Cancelled
        | Code::NotFound
        | Code::AlreadyExists
        | Code::Aborted
        | Code::FailedPrecondition => false,
        Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => true,
    }
}

fn refusals(tallies: &[Arc<Tally>]) -> Figure {
    let mut all = BTreeMap::<_, u64>::new();
    for tally in tallies {
        for (reason, count) in &*tally.refusals.lock() {
            *all.entry(reason.clone()).or_default() += count;
        }
    }
    // So that there is a figure before the first one.
    all.entry(Cow::Borrowed("INTERNAL")).or_default();
    let samples = all
        .into_iter()
        .map(|(reason, count)| (reason, Value::Counter(count)));
    Figure::labelled(
        "nanokv_refusals",
        "Calls, lists of pipelines and requests that were refused, by reason",
        "reason",
        samples,
    )
}

fn labels((service, method): Rpc) -> Vec<(&'static str, Cow<'static, str>)> {
    vec![
        ("rpc_service", service.into()),
        ("rpc_method", method.into()),
    ]
}

/// The code as it is written in the specification of gRPC.
fn name(code: usize) -> &'static str {
    const NAMES: [&str; CODES] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    NAMES.get(code).copied().unwrap_or("UNKNOWN")
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const RPCS: &[Rpc] = &[("kv", "Get"), ("kv", "Watch")];

    /// What was counted, by name and labels.
    fn counted(tallies: &Tallies) -> BTreeMap<String, u64> {
        let figures = tallies.figures().into_iter();
        let samples = figures.flat_map(|figure| {
            figure.samples.into_iter().map(move |sample| {
                let labels = sample.labels.into_iter().map(|(_, text)| text.into_owned());
                let name = [figure.name.to_owned()].into_iter().chain(labels);
                let value = match sample.value {
                    Value::Counter(count) => count,
                    Value::Histogram(histogram) => histogram.count(),
                    other => unreachable!("{other:?}"),
                };
                (name.collect::<Vec<_>>().join(" "), value)
            })
        });
        samples.filter(|(_, value)| *value > 0).collect()
    }

    #[tokio::test]
    async fn calls_of_all_workers_are_counted_together_by_method_and_code() {
        let tallies = Tallies::new(RPCS);
        let workers = [tallies.worker(), tallies.worker()];
        let mut failed = HeaderMap::new();
        failed.insert("grpc-status", "5".parse().unwrap());
        for worker in &workers {
            worker.end(tallies.begin("kv", "Get", true), &HeaderMap::new());
            worker.end(tallies.begin("kv", "Get", true), &failed);
            worker.end(tallies.begin("kv", "Gone", true), &HeaderMap::new());
            worker.abandon(tallies.begin("kv", "Watch", false));
            worker.list();
        }
        let expected = [
            ("nanokv_calls kv Get OK", 2),
            ("nanokv_calls kv Get NOT_FOUND", 2),
            ("nanokv_calls kv Watch CANCELLED", 2),
            ("nanokv_calls other other OK", 2),
            ("nanokv_call_duration_seconds kv Get", 4),
            ("nanokv_call_duration_seconds other other", 2),
            ("nanokv_pipeline_lists", 2),
        ];
        let expected = expected.map(|(name, count)| (name.to_owned(), count));
        assert_eq!(counted(&tallies), BTreeMap::from(expected));
    }

    #[test]
    fn refusals_are_told_by_the_reason_in_their_details_and_no_more_than_so_many() {
        let tallies = Tallies::new(RPCS);
        let worker = tallies.worker();
        let details = tonic_types::ErrorDetails::with_error_info("TOO_MUCH", "nanokv", []);
        let status = Status::with_error_details(Code::ResourceExhausted, "text", details);
        let response = status.into_http::<tonic::body::Body>();
        worker.end(tallies.begin("kv", "Get", false), response.headers());
        assert_eq!(counted(&tallies).get("nanokv_refusals TOO_MUCH"), Some(&1));
        for number in 0..1000 {
            worker.refuse(format!("R{number}").into());
        }
        worker.refuse("R1".into());
        let counted = counted(&tallies);
        assert_eq!(counted.get("nanokv_refusals R1"), Some(&2));
        assert!(counted.len() < REASONS_MAX + 5, "{}", counted.len());
    }

    #[test]
    fn every_code_has_its_name() {
        let names: BTreeSet<_> = (0..CODES).map(name).collect();
        assert_eq!(names.len(), CODES);
        for code in 0..CODES {
            let code = i32::try_from(code).unwrap();
            let letters = |text: &str| text.replace('_', "").to_uppercase();
            let name = name(usize::try_from(code).unwrap());
            let spelled = format!("{:?}", Code::from_i32(code));
            assert_eq!(letters(&spelled), letters(name));
        }
    }
}
