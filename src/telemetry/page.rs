//! Figures as a page that Prometheus reads.

use std::{borrow::Cow, fmt, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text},
    metrics::MetricType,
    registry::{Registry, Unit},
};

use crate::model::figure::{Figure, Histogram, Value};

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `OpenMetrics` 1.0, which says more.
    OpenMetrics,
    /// The older format of Prometheus, which everything reads.
    Text,
}

impl Format {
    /// The better one that a reader takes who says this in `Accept`.
    #[must_use]
    pub fn accepted(accept: Option<&str>) -> Self {
        if accept.is_some_and(|accept| accept.contains("application/openmetrics-text")) {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    /// As a content type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => prometheus_text::CONTENT_TYPE,
        }
    }
}

/// Writes `figures`.
///
/// # Errors
/// None but by a fault of the library.
pub fn write(figures: Vec<Figure>, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Figures(figures)));
    let mut page = String::new();
    match format {
        Format::OpenMetrics => text::encode(&mut page, &registry)?,
        Format::Text => prometheus_text::encode(&mut page, &registry)?,
    }
    Ok(page)
}

#[derive(Debug)]
struct Figures(Vec<Figure>);

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for figure in &self.0 {
            let Some(first) = figure.samples.first() else {
                continue;
            };
            let (name, unit) = split(figure.name);
            let mut metric =
                encoder.encode_descriptor(name, figure.help, unit.as_ref(), kind(&first.value))?;
            for sample in &figure.samples {
                if sample.labels.is_empty() {
                    encode(&sample.value, &mut metric)?;
                } else {
                    let labels: Vec<(&str, &str)> = sample
                        .labels
                        .iter()
                        .map(|(name, text)| (*name, Cow::as_ref(text)))
                        .collect();
                    encode(&sample.value, &mut metric.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }
}

/// The library puts the unit behind the name, and tells it besides.
fn split(name: &str) -> (&str, Option<Unit>) {
    let of = |unit: Unit| {
        let bare = name.strip_suffix(unit.as_str())?.strip_suffix('_')?;
        Some((bare, Some(unit)))
    };
    of(Unit::Seconds)
        .or_else(|| of(Unit::Bytes))
        .unwrap_or((name, None))
}

const fn kind(value: &Value) -> MetricType {
    match value {
        Value::Counter(_) | Value::Time(_) => MetricType::Counter,
        Value::Gauge(_) | Value::Seconds(_) => MetricType::Gauge,
        Value::Histogram(_) => MetricType::Histogram,
    }
}

fn encode(value: &Value, metric: &mut MetricEncoder<'_>) -> fmt::Result {
    match value {
        Value::Counter(count) => metric.encode_counter::<NoLabelSet, _, u64>(count, None),
        Value::Time(time) => metric.encode_counter::<NoLabelSet, _, u64>(&time.as_secs_f64(), None),
        // The library would have it as a signed number.
        Value::Gauge(level) => metric.encode_gauge(&i64::try_from(*level).unwrap_or(i64::MAX)),
        Value::Seconds(time) => metric.encode_gauge(&time.as_secs_f64()),
        Value::Histogram(Histogram {
            bounds,
            counts,
            sum,
        }) => {
            let bounds = bounds.iter().map(Duration::as_secs_f64);
            let buckets: Vec<_> = bounds
                .chain([f64::INFINITY])
                .zip(counts.iter().copied())
                .collect();
            let count = counts.iter().sum();
            metric.encode_histogram::<NoLabelSet>(sum.as_secs_f64(), count, &buckets, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Vec<Figure> {
        const BOUNDS: &[Duration] = &[Duration::from_micros(10), Duration::from_secs(1)];
        let mut histogram = Histogram::new(BOUNDS);
        histogram.record(Duration::from_millis(500));
        histogram.record(Duration::from_secs(2));
        vec![
            Figure::counter("nanokv_things", "Things that came", 3),
            Figure::labelled(
                "nanokv_memory_bytes",
                "Bytes",
                "use",
                [("a\"b", Value::Gauge(1)), ("c", Value::Gauge(u64::MAX))],
            ),
            Figure::histogram("nanokv_wait_seconds", "Waiting", histogram),
            Figure::one(
                "process_cpu_seconds",
                "Time",
                Value::Time(Duration::from_millis(1500)),
            ),
        ]
    }

    #[test]
    fn a_page_is_openmetrics_for_those_who_take_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1";
        assert_eq!(Format::accepted(Some(prometheus)), Format::OpenMetrics);
        assert_eq!(Format::accepted(Some("*/*")), Format::Text);
        let page = write(figures(), Format::OpenMetrics).unwrap();
        let expected = "\
# HELP nanokv_things Things that came
# TYPE nanokv_things counter
nanokv_things_total 3
# HELP nanokv_memory_bytes Bytes
# TYPE nanokv_memory_bytes gauge
# UNIT nanokv_memory_bytes bytes
nanokv_memory_bytes{use=\"a\\\"b\"} 1
nanokv_memory_bytes{use=\"c\"} 9223372036854775807
# HELP nanokv_wait_seconds Waiting
# TYPE nanokv_wait_seconds histogram
# UNIT nanokv_wait_seconds seconds
nanokv_wait_seconds_sum 2.5
nanokv_wait_seconds_count 2
nanokv_wait_seconds_bucket{le=\"0.00001\"} 0
nanokv_wait_seconds_bucket{le=\"1.0\"} 1
nanokv_wait_seconds_bucket{le=\"+Inf\"} 2
# HELP process_cpu_seconds Time
# TYPE process_cpu_seconds counter
# UNIT process_cpu_seconds seconds
process_cpu_seconds_total 1.5
# EOF
";
        assert_eq!(page, expected);
    }

    #[test]
    fn a_page_is_plain_for_all_others() {
        let page = write(figures(), Format::Text).unwrap();
        assert!(page.contains("# TYPE nanokv_things_total counter\nnanokv_things_total 3\n"));
        assert!(page.contains("process_cpu_seconds_total 1.5\n") && !page.contains("# EOF"));
    }
}
