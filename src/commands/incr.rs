//! `nanokv incr`: adds to a number.

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::{
    client::{call::Listed, operation, single::Increment},
    commands::{
        failure::Failure,
        json,
        server::{self, ask},
        terms::{conditioned, conditions, deadlines, keeping, key, typed_key},
        words,
    },
};

const BY: &str = "by";
const INITIAL: &str = "initial";
const MIN: &str = "min";
const MAX: &str = "max";

/// What can be typed after `nanokv incr`.
#[must_use]
pub fn command() -> Command {
    server::declare(arguments())
}

/// The command without a server, as one of several.
#[must_use]
pub fn arguments() -> Command {
    let command = Command::new("incr")
        .about("Adds to a number, creating it when it is absent, and writes the result")
        .arg(key())
        .arg(number(BY, "What to add; may be negative [1]"))
        .arg(number(INITIAL, "Where a number that is created starts [0]"))
        .arg(number(MIN, "The result may not be below this"))
        .arg(number(MAX, "The result may not be above this"));
    deadlines(conditions(command), true)
}

/// The operation that was typed.
pub fn operation(typed: &ArgMatches) -> Increment<Listed> {
    with_terms(operation::increment(typed_key(typed)), typed)
}

/// Adds, and writes the result.
///
/// # Errors
/// Why nothing was added.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    ask(typed, async |kv| {
        let counted = with_terms(kv.increment(typed_key(typed)), typed).await?;
        Ok(words::line(if server::json(typed) {
            json::counted(&counted).to_string()
        } else {
            counted.number.to_string()
        })?)
    })
}

fn with_terms<T>(call: Increment<T>, typed: &ArgMatches) -> Increment<T> {
    let mut call = keeping(conditioned(call, typed), typed);
    if let Some(by) = typed.get_one(BY) {
        call = call.by(*by);
    }
    if let Some(initial) = typed.get_one(INITIAL) {
        call = call.initial(*initial);
    }
    if let Some(min) = typed.get_one(MIN) {
        call = call.min(*min);
    }
    if let Some(max) = typed.get_one(MAX) {
        call = call.max(*max);
    }
    call
}

fn number(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("NUMBER")
        .value_parser(value_parser!(i64))
        .allow_negative_numbers(true)
        .help(help)
}
