//! Spans of calls, sent to a collector as OTLP over gRPC. They wait in a queue
//! with a limit, for a thread of its own: a collector that is slow or away costs
//! spans and never a call.

use std::{error::Error, time::Duration};

use opentelemetry::{
    Context,
    trace::{
        SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
    },
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider},
};
use tokio::runtime::{self, Runtime};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::registry::LookupSpan;

use crate::telemetry::parent::Parent;

/// How long one export may take, and the last one when the server has stopped.
const PATIENCE: Duration = Duration::from_secs(5);

/// What sends spans, until it is finished.
#[derive(Debug)]
pub struct Export {
    provider: SdkTracerProvider,
    // The connection to the collector lives there.
    runtime: Runtime,
}

impl Export {
    /// Sends spans to `endpoint` from now on; at most `waiting_max` wait.
    ///
    /// # Errors
    /// The endpoint is none, or the system has no thread left.
    pub fn start(endpoint: &str, waiting_max: usize) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("otlp")
            .enable_all()
            .build()?;
        let entered = runtime.enter();
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(PATIENCE)
            .build()?;
        drop(entered);
        let queue = BatchConfigBuilder::default()
            .with_max_queue_size(waiting_max)
            .build();
        let processor = BatchSpanProcessor::builder(exporter)
            .with_batch_config(queue)
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_resource(Resource::builder().with_service_name("nanokv").build())
            .build();
        Ok(Self { provider, runtime })
    }

    /// What takes spans for it.
    pub fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("nanokv"))
            .with_location(false)
            .with_threads(false)
    }

    /// Sends what is left, if the collector takes it in time. Blocks meanwhile.
    pub fn finish(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(%error, "the last spans could not be exported");
        }
        self.runtime.shutdown_background();
    }
}

/// Tells a collector what a span is: a call of `method`, and of which trace.
pub fn describe(span: &Span, method: &str, parent: Option<Parent<'_>>) {
    span.record("otel.name", method.trim_start_matches('/'));
    span.record("otel.kind", "server");
    let Some(parent) = parent else {
        return;
    };
    let (Ok(trace_id), Ok(span_id)) = (
        TraceId::from_hex(parent.trace_id),
        SpanId::from_hex(parent.span_id),
    ) else {
        return;
    };
    let flags = if parent.sampled {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::default()
    };
    let remote = SpanContext::new(trace_id, span_id, flags, true, TraceState::default());
    // An error only says that nobody exports.
    let _ = span.set_parent(Context::new().with_remote_span_context(remote));
}
