//! What a run came to, in words, in JSON, and in CSV.

use std::{fmt::Write, time::Duration};

use clap::ArgMatches;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::{
    commands::bench::flags,
    load::{
        config::{Config, Extent, Shape},
        keys::Popularity,
        report::{Report, per_second},
    },
};

/// The quantiles that are told, and their names.
const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99_9", 0.999),
    ("p99_99", 0.9999),
];

/// In the form that was typed, without the end of the last line.
pub(super) fn written(typed: &ArgMatches, config: &Config, report: &Report) -> String {
    if typed.get_flag(flags::JSON) {
        json(config, report).to_string()
    } else if typed.get_flag(flags::CSV) {
        csv(report)
    } else {
        words(config, report)
    }
}

/// The value that a part of them does not pass.
pub(super) fn quantile(latencies: &Histogram<u64>, of: f64) -> u64 {
    latencies.value_at_quantile(of)
}

/// A latency for people, three digits.
pub(super) fn latency(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        ..99.95 => format!("{micros:.1} us"),
        ..999.5 => format!("{micros:.0} us"),
        ..99_950.0 => format!("{:.2} ms", micros / 1e3),
        ..999_500.0 => format!("{:.0} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

fn words(config: &Config, report: &Report) -> String {
    let tally = &report.tally;
    let mut text = format!("{}\n\n", load(config));
    let seconds = report.elapsed.as_secs_f64();
    let _ = writeln!(
        text,
        "{} calls in {seconds:.2} s: {:.0} calls/s, {:.0} operations/s",
        report.calls(),
        per_second(report.calls(), report.elapsed),
        per_second(tally.operations, report.elapsed),
    );
    if tally.missed > 0 {
        let _ = writeln!(text, "{} reads found nothing", tally.missed);
    }
    if report.not_begun > 0 {
        let _ = writeln!(
            text,
            "{} calls were not begun: the server, or this program, cannot keep up with the rate",
            report.not_begun
        );
    }
    if report.interrupted {
        text.push_str("interrupted: calls that were under way are not counted\n");
    }
    for (reason, times) in &tally.failed {
        let _ = writeln!(text, "{times} operations failed: {reason}");
    }
    let _ = write!(text, "\n{:10}{:>12}", "latency", "calls");
    for name in ["min", "p50", "p90", "p99", "p99.9", "p99.99", "max"] {
        let _ = write!(text, "{name:>10}");
    }
    for (name, latencies) in rows(report) {
        let _ = write!(text, "\n{name:10}{:>12}", latencies.len());
        let quantiles = QUANTILES.map(|(_, of)| quantile(&latencies, of));
        for nanos in [latencies.min()]
            .into_iter()
            .chain(quantiles)
            .chain([latencies.max()])
        {
            let _ = write!(text, "{:>10}", latency(Duration::from_nanos(nanos)));
        }
    }
    text
}

/// What load it was.
fn load(config: &Config) -> String {
    let shape = match config.shape {
        Shape::Unary => String::new(),
        Shape::Batch { operations } => format!(" in batches of {operations}"),
        Shape::Pipeline {
            operations,
            lists_in_flight,
        } => format!(" in lists of {operations}, {lists_in_flight} under way on each stream"),
    };
    let popularity = match config.keys.popularity {
        Popularity::Uniform => "uniform".to_owned(),
        Popularity::Zipf { exponent } => format!("zipf {exponent}"),
    };
    let rate = config.rate.map_or("closed loop".to_owned(), |rate| {
        format!("{rate} calls/s; latencies count from when a call was to begin")
    });
    format!(
        "{}{shape}: {} connections x {} streams, {} threads, {rate}\n{} keys of {} bytes, {popularity}",
        config.mix,
        config.connections,
        config.streams,
        config.threads,
        config.keys.count,
        config.keys.bytes,
    )
}

fn json(config: &Config, report: &Report) -> Value {
    let tally = &report.tally;
    let kinds: Map<_, _> = tally
        .latencies
        .iter()
        .map(|(label, latencies)| {
            let calls = latencies.len();
            let told = json!({"calls": calls, "latency_us": latency_json(latencies)});
            (label.name().to_owned(), told)
        })
        .collect();
    json!({
        "load": load_json(config),
        "seconds": report.elapsed.as_secs_f64(),
        "calls": report.calls(),
        "operations": tally.operations,
        "calls_per_second": rounded(per_second(report.calls(), report.elapsed)),
        "operations_per_second": rounded(per_second(tally.operations, report.elapsed)),
        "missed": tally.missed,
        "failed": tally.failed,
        "not_begun": report.not_begun,
        "interrupted": report.interrupted,
        "latency_us": latency_json(&tally.all_latencies()),
        "kinds": kinds,
    })
}

fn load_json(config: &Config) -> Value {
    let (operations, lists_in_flight) = match config.shape {
        Shape::Unary => (1, None),
        Shape::Batch { operations } => (operations, None),
        Shape::Pipeline {
            operations,
            lists_in_flight,
        } => (operations, Some(lists_in_flight)),
    };
    let (distribution, exponent) = match config.keys.popularity {
        Popularity::Uniform => ("uniform", None),
        Popularity::Zipf { exponent } => ("zipf", Some(exponent)),
    };
    let (duration, calls) = match config.extent {
        Extent::For(time) => (Some(time.as_secs_f64()), None),
        Extent::Calls(calls) => (None, Some(calls)),
    };
    json!({
        "mix": config.mix.to_string(),
        "shape": match config.shape {
            Shape::Unary => "unary",
            Shape::Batch { .. } => "batch",
            Shape::Pipeline { .. } => "pipeline",
        },
        "operations_per_call": operations,
        "lists_in_flight": lists_in_flight,
        "connections": config.connections,
        "streams": config.streams,
        "threads": config.threads,
        "keys": config.keys.count,
        "key_bytes": config.keys.bytes,
        "distribution": distribution,
        "zipf_exponent": exponent,
        "value_bytes_min": config.value_bytes.start(),
        "value_bytes_max": config.value_bytes.end(),
        "rate_calls_per_second": config.rate,
        "duration_seconds": duration,
        "calls": calls,
        "warm_up_seconds": config.warm_up.as_secs_f64(),
        "seed": config.seed,
    })
}

fn latency_json(latencies: &Histogram<u64>) -> Value {
    if latencies.is_empty() {
        return Value::Null;
    }
    let mut told = Map::new();
    told.insert("min".to_owned(), micros(latencies.min()).into());
    told.insert("mean".to_owned(), rounded(latencies.mean() / 1e3).into());
    for (name, of) in QUANTILES {
        let nanos = quantile(latencies, of);
        told.insert(name.to_owned(), micros(nanos).into());
    }
    told.insert("max".to_owned(), micros(latencies.max()).into());
    told.into()
}

fn csv(report: &Report) -> String {
    let names = QUANTILES.map(|(name, _)| format!("{name}_us")).join(",");
    let mut text = format!("name,seconds,calls,calls_per_second,min_us,mean_us,{names},max_us");
    for (name, latencies) in rows(report) {
        let calls = latencies.len();
        let _ = write!(
            text,
            "\n{name},{},{calls},{},{},{}",
            report.elapsed.as_secs_f64(),
            rounded(per_second(calls, report.elapsed)),
            micros(latencies.min()),
            rounded(latencies.mean() / 1e3),
        );
        for (_, of) in QUANTILES {
            let _ = write!(text, ",{}", micros(quantile(&latencies, of)));
        }
        let _ = write!(text, ",{}", micros(latencies.max()));
    }
    text
}

/// All calls, and when there is more than one label each of them.
fn rows(report: &Report) -> Vec<(&'static str, Histogram<u64>)> {
    let mut rows = vec![("all", report.tally.all_latencies())];
    if report.tally.latencies.len() > 1 {
        let each = report.tally.latencies.iter();
        rows.extend(each.map(|(label, latencies)| (label.name(), latencies.clone())));
    }
    rows
}

/// In microseconds, without digits that nobody measured.
fn micros(nanos: u64) -> f64 {
    rounded(Duration::from_nanos(nanos).as_secs_f64() * 1e6)
}

fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_has_three_digits_and_its_unit() {
        for (nanos, text) in [
            (0, "0.0 us"),
            (1_234, "1.2 us"),
            (99_960, "100 us"),
            (999_400, "999 us"),
            (999_600, "1.00 ms"),
            (99_960_000, "100 ms"),
            (999_600_000, "1.00 s"),
            (12_345_000_000, "12.35 s"),
        ] {
            assert_eq!(latency(Duration::from_nanos(nanos)), text, "{nanos}");
        }
    }
}
