//! What can be typed after `nanokv bench`, and the load that it means.

use std::{ops::RangeInclusive, thread::available_parallelism, time::Duration};

use clap::{Arg, ArgGroup, ArgMatches, Command, builder::ValueParser, value_parser};

use crate::{
    commands::{
        failure::Failure,
        server,
        terms::{span, switch},
    },
    load::{
        config::{Config, Extent, STREAMS_MAX, Shape},
        keys::{KEYS_MAX, Keys, Popularity},
        mix::Mix,
    },
};

pub(super) const JSON: &str = "json";
pub(super) const CSV: &str = "csv";
const MIX: &str = "mix";
const BATCH: &str = "batch";
const PIPELINE: &str = "pipeline";
const LISTS: &str = "lists-in-flight";
const CONNECTIONS: &str = "connections";
const STREAMS: &str = "streams";
const THREADS: &str = "threads";
const RATE: &str = "rate";
const DURATION: &str = "duration";
const COUNT: &str = "count";
const WARM_UP: &str = "warm-up";
const PREFILL: &str = "prefill";
const KEYS: &str = "keys";
const KEY_BYTES: &str = "key-bytes";
const KEY_PREFIX: &str = "key-prefix";
const DISTRIBUTION: &str = "distribution";
const VALUE_BYTES: &str = "value-bytes";
const TTL: &str = "ttl";
const PAGE: &str = "page-size";
const SEED: &str = "seed";

const KEY_BYTES_MAX: u64 = 65_536;
const VALUE_BYTES_MAX: usize = 64 << 20;
const LIST_OPERATIONS_MAX: u64 = 65_536;
const LISTS_MAX: u64 = 1024;
const THREADS_MAX: u64 = 256;
const RATE_MAX: u64 = 1_000_000_000;
/// What clocks can add without end.
const TIME_MAX: Duration = Duration::from_hours(24 * 365);

/// Adds all of it.
pub(super) fn declare(command: Command) -> Command {
    let command = command
        .after_help(
            "A call is a single operation, or with --batch and --pipeline a list of them. Calls \
             that fail are\ncounted by reason and have no latency; when there are any, the exit \
             code is 1.",
        )
        .args(heading("Calls", calls()))
        .args(heading("Keys and values", keys()))
        .args(heading("How long and how often", extent()))
        .args(heading("Output", output()))
        .group(ArgGroup::new("shape").args([BATCH, PIPELINE]))
        .group(ArgGroup::new("extent").args([DURATION, COUNT]))
        .group(ArgGroup::new("form").args([JSON, CSV]));
    server::declare_which(command)
}

/// The load that was typed.
///
/// # Errors
/// What does not go together, and settings that are wrong.
pub(super) fn config(typed: &ArgMatches) -> Result<Config, Failure> {
    let connections = size(typed, CONNECTIONS);
    let cores = available_parallelism().map_or(1, usize::from);
    let threads = typed.get_one::<u64>(THREADS).copied();
    let threads = threads.map_or(cores, |typed| usize::try_from(typed).unwrap_or(usize::MAX));
    let operations = |name| typed.get_one::<u64>(name).map(|_| size(typed, name));
    let shape = match (operations(BATCH), operations(PIPELINE)) {
        (Some(operations), _) => Shape::Batch { operations },
        (_, Some(operations)) => Shape::Pipeline {
            operations,
            lists_in_flight: size(typed, LISTS),
        },
        _ => Shape::Unary,
    };
    let count = typed.get_one::<u64>(COUNT).copied();
    let config = Config {
        address: server::address(typed)?,
        credentials: server::identified(server::credentials(typed)?, typed)?,
        connections,
        streams: size(typed, STREAMS),
        threads: threads.min(connections),
        shape,
        mix: given(typed, MIX)?,
        keys: Keys {
            prefix: given(typed, KEY_PREFIX)?,
            count: given(typed, KEYS)?,
            bytes: size(typed, KEY_BYTES),
            popularity: given(typed, DISTRIBUTION)?,
        },
        value_bytes: given(typed, VALUE_BYTES)?,
        ttl: typed.get_one(TTL).copied(),
        page_entries: given(typed, PAGE)?,
        rate: typed.get_one(RATE).copied(),
        extent: match count {
            Some(calls) => Extent::Calls(calls),
            None => Extent::For(given(typed, DURATION)?),
        },
        warm_up: given(typed, WARM_UP)?,
        prefill: typed.get_flag(PREFILL),
        call_timeout: server::call_timeout(typed),
        seed: typed.get_one(SEED).copied().unwrap_or_else(seed),
    };
    config.check().map_err(Failure::misused)?;
    config.keys.draw().map_err(Failure::misused)?;
    Ok(config)
}

fn calls() -> Vec<Arg> {
    vec![
        Arg::new(MIX)
            .long(MIX)
            .value_name("NAME[=WEIGHT],...")
            .value_parser(|text: &str| text.parse::<Mix>())
            .default_value("get")
            .help("Which operations: get, set, del, incr, touch, list; get=9,set=1 for example"),
        number(BATCH, "OPERATIONS", 1, LIST_OPERATIONS_MAX)
            .help("A call is a Batch of so many operations"),
        number(PIPELINE, "OPERATIONS", 1, LIST_OPERATIONS_MAX)
            .help("A call is a list of so many operations on a Pipeline; a stream is one Pipeline"),
        number(LISTS, "LISTS", 1, LISTS_MAX)
            .default_value("4")
            .help("Lists of a Pipeline that are under way at once"),
        number(CONNECTIONS, "COUNT", 1, streams_max())
            .default_value("8")
            .help("Connections"),
        number(STREAMS, "COUNT", 1, streams_max())
            .default_value("32")
            .help("Streams of each connection: calls that are under way at once"),
        number(THREADS, "COUNT", 1, THREADS_MAX)
            .help("Threads that make the calls [one a core, at most one a connection]"),
    ]
}

fn keys() -> Vec<Arg> {
    vec![
        number(KEYS, "COUNT", 1, KEYS_MAX)
            .default_value("10000")
            .help("How many keys"),
        number(KEY_BYTES, "BYTES", 1, KEY_BYTES_MAX)
            .default_value("16")
            .help("Bytes of each key: the prefix, and its number with zeros before it"),
        Arg::new(KEY_PREFIX)
            .long(KEY_PREFIX)
            .value_name("TEXT")
            .default_value("key:")
            .help("What each key begins with"),
        Arg::new(DISTRIBUTION)
            .long(DISTRIBUTION)
            .value_name("NAME")
            .value_parser(popularity)
            .default_value("uniform")
            .help("How often each key comes: uniform, zipf (exponent 0.99), zipf:EXPONENT"),
        Arg::new(VALUE_BYTES)
            .long(VALUE_BYTES)
            .value_name("BYTES|MIN-MAX")
            .value_parser(value_bytes)
            .default_value("64")
            .help("Bytes of each value that is stored; a range is drawn from evenly"),
        Arg::new(TTL)
            .long(TTL)
            .value_name("TIME")
            .value_parser(span())
            .help("Time to live of what is stored [the server's default]"),
        Arg::new(PAGE)
            .long(PAGE)
            .value_name("ENTRIES")
            .value_parser(value_parser!(i32).range(1..))
            .default_value("100")
            .help("Entries that list asks for"),
        switch(
            PREFILL,
            "Stores every key first, and the run begins after that",
        ),
    ]
}

fn extent() -> Vec<Arg> {
    vec![
        time(DURATION, "How long, after the warm-up").default_value("10s"),
        number(COUNT, "CALLS", 1, u64::MAX / 2).help("So many calls, after the warm-up"),
        time(
            WARM_UP,
            "How long calls are made before any is counted [default: 1s]",
        )
        .default_value("1s")
        .hide_default_value(true),
        number(RATE, "CALLS", 1, RATE_MAX).help(
            "Calls a second, whether the server keeps up or not; a latency then counts from when \
             the call was to begin [each stream makes its next call when the last is answered]",
        ),
        number(SEED, "NUMBER", 0, u64::MAX).help("The same seed draws the same keys"),
    ]
}

fn output() -> Vec<Arg> {
    vec![
        switch(JSON, "Writes one line of JSON"),
        switch(
            CSV,
            "Writes a line of names, a line of all calls, and one of each operation of the mix",
        ),
    ]
}

fn heading(name: &'static str, flags: Vec<Arg>) -> impl Iterator<Item = Arg> {
    flags.into_iter().map(move |flag| flag.help_heading(name))
}

fn number(name: &'static str, unit: &'static str, least: u64, most: u64) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(unit)
        .value_parser(value_parser!(u64).range(least..=most))
}

fn time(name: &'static str, help: &'static str) -> Arg {
    let within = |text: &str| match humantime::parse_duration(text) {
        Ok(time) if time > TIME_MAX => Err("365 days is the most".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    };
    Arg::new(name)
        .long(name)
        .value_name("TIME")
        .value_parser(ValueParser::new(within))
        .help(help)
}

fn popularity(text: &str) -> Result<Popularity, String> {
    let exponent = match text.split_once(':') {
        None if text == "uniform" => return Ok(Popularity::Uniform),
        None if text == "zipf" => 0.99,
        Some(("zipf", exponent)) => exponent.parse().unwrap_or(f64::NAN),
        _ => return Err("uniform, zipf, or zipf:EXPONENT".to_owned()),
    };
    if (0.0..=100.0).contains(&exponent) {
        Ok(Popularity::Zipf { exponent })
    } else {
        Err("the exponent is a number from 0 to 100".to_owned())
    }
}

fn value_bytes(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    match (least.parse(), most.parse()) {
        (Ok(least), Ok(most)) if least <= most && most <= VALUE_BYTES_MAX => Ok(least..=most),
        _ => Err(format!("BYTES or MIN-MAX, at most {VALUE_BYTES_MAX}")),
    }
}

fn streams_max() -> u64 {
    u64::try_from(STREAMS_MAX).unwrap_or(u64::MAX)
}

fn size(typed: &ArgMatches, name: &str) -> usize {
    let number = typed.get_one::<u64>(name).copied().unwrap_or(1);
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn given<T: Clone + Send + Sync + 'static>(typed: &ArgMatches, name: &str) -> Result<T, Failure> {
    let value = typed.get_one::<T>(name).cloned();
    value.ok_or_else(|| Failure::misused(format!("--{name} is missing")))
}

fn seed() -> u64 {
    fastrand::u64(..)
}
