//! Spans of calls as a collector receives them: a gRPC server with the service
//! of OpenTelemetry's own definition.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::{
    fmt::Write,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use hyper::server::conn::http2;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use nanokv::proto::{GetRequest, kv_service_client::KvServiceClient};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value,
    trace::v1::{Span, span::SpanKind},
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// What comes comes long before; only what is broken passes it.
const CEILING: Duration = Duration::from_mins(1);

/// Keeps the spans that it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let spans = resources
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans);
        self.0.lock().unwrap().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// A collector, and where it listens.
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self::default();
        let service = TraceServiceServer::new(collector.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(service.clone());
                let connection = http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        (collector, endpoint)
    }
}

/// The program, and where it listens.
fn serve(endpoint: &str) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_nanokv"))
        .args(["serve", "--listen", "127.0.0.1:0", "--drain-grace-ms", "0"])
        .args(["--otlp-endpoint", endpoint, "--otlp-spans-waiting-max", "4"])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on ").unwrap();
    (child, format!("http://{address}"))
}

async fn get(address: &str, key: &str, traceparent: Option<&str>) {
    let mut kv = KvServiceClient::connect(address.to_owned()).await.unwrap();
    let mut request = Request::new(GetRequest {
        key: key.to_owned(),
        ..GetRequest::default()
    });
    if let Some(text) = traceparent {
        let text = text.parse().unwrap();
        request.metadata_mut().insert("traceparent", text);
    }
    let opened = async {
        // Until the store is open.
        while kv.get(clone(&request)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(CEILING, opened).await.unwrap();
}

fn clone(request: &Request<GetRequest>) -> Request<GetRequest> {
    let mut again = Request::new(request.get_ref().clone());
    *again.metadata_mut() = request.metadata().clone();
    again
}

/// Ends the program; what it logged.
async fn end(mut child: Child) -> String {
    let pid = i32::try_from(child.id()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    let ended = tokio::task::spawn_blocking(move || {
        let mut log = String::new();
        let mut lines = child.stderr.take().unwrap();
        lines.read_to_string(&mut log).unwrap();
        (child.wait().unwrap(), log)
    });
    let (status, log) = tokio::time::timeout(CEILING, ended).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0), "{log}");
    log
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn attribute(span: &Span, name: &str) -> Option<any_value::Value> {
    let of = span.attributes.iter().find(|it| it.key == name)?;
    of.value.clone()?.value
}

#[tokio::test]
async fn a_call_is_a_span_in_the_trace_of_its_caller_and_leaves_before_the_end() {
    let (collector, endpoint) = Collector::start().await;
    let (child, address) = serve(&endpoint);
    let traced = format!("00-{TRACE}-{PARENT}-01");
    let unsampled = format!("00-{TRACE}-{}-00", "1".repeat(16));
    get(&address, "s3cr3t", Some(&unsampled)).await;
    get(&address, "s3cr3t", Some(&traced)).await;
    // Before the time at which they are sent in any case.
    let log = end(child).await;
    let spans = collector.0.lock().unwrap().clone();
    let [span] = spans.as_slice() else {
        unreachable!("{spans:?} {log}");
    };
    assert_eq!(hex(&span.trace_id), TRACE);
    assert_eq!(hex(&span.parent_span_id), PARENT);
    assert_eq!(span.name, "nanokv.v1.KvService/Get");
    assert_eq!(span.kind, i32::from(SpanKind::Server));
    let code = any_value::Value::StringValue("Ok".to_owned());
    assert_eq!(attribute(span, "code"), Some(code));
    assert!(attribute(span, "us").is_some() && attribute(span, "peer").is_some());
    assert!(!format!("{spans:?} {log}").contains("s3cr3t"));
}

#[tokio::test]
async fn a_collector_that_is_away_or_silent_holds_up_no_call_and_not_the_end() {
    // Takes connections, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_endpoint = format!("http://{}", silent.local_addr().unwrap());
    for endpoint in ["http://127.0.0.1:1", &silent_endpoint] {
        let (child, address) = serve(endpoint);
        // Far more than may wait.
        for _ in 0..50 {
            get(&address, "k", None).await;
        }
        end(child).await;
    }
}
