//! `nanokv list`: lists entries in key order.

use std::io::{IsTerminal, stdout};

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::{
    client::{entry::Entry, range::Range, ranges::Entries},
    commands::{
        failure::Failure,
        json,
        server::{self, ask},
        span,
        terms::switch,
        words,
    },
};

const LIMIT: &str = "limit";
const KEYS: &str = "keys";

/// How many entries are aligned with each other on a terminal.
const TABLE_ROWS: usize = 100;

/// What can be typed after `nanokv list`.
#[must_use]
pub fn command() -> Command {
    let command = Command::new("list")
        .about("Lists entries in key order: key, value, version, expiry")
        .arg(
            Arg::new(LIMIT)
                .long(LIMIT)
                .value_name("COUNT")
                .value_parser(value_parser!(usize))
                .help("Ends after so many"),
        )
        .arg(switch(KEYS, "Keys alone"));
    server::declare(span::declare(command))
}

/// Lists.
///
/// # Errors
/// Why it cannot go on.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let range = span::typed(typed).unwrap_or_else(Range::all);
    let limit = typed.get_one(LIMIT).copied().unwrap_or(usize::MAX);
    ask(typed, async |kv| {
        let mut call = kv.list(range);
        if let Ok(page_size) = i32::try_from(limit) {
            call = call.page_size(page_size);
        }
        if typed.get_flag(KEYS) {
            call = call.omit_value();
        }
        write(call.entries(), limit, typed).await
    })
}

async fn write(mut entries: Entries, limit: usize, typed: &ArgMatches) -> Result<(), Failure> {
    let form = if server::json(typed) {
        |entry: &Entry| json::entry(entry).to_string()
    } else if typed.get_flag(KEYS) {
        |entry: &Entry| words::key(&entry.key)
    } else if stdout().is_terminal() {
        return write_tables(entries, limit).await;
    } else {
        words::entry
    };
    for _ in 0..limit {
        match entries.next().await.transpose()? {
            Some(entry) => words::line(form(&entry))?,
            None => break,
        }
    }
    Ok(())
}

async fn write_tables(mut entries: Entries, limit: usize) -> Result<(), Failure> {
    let mut left = limit;
    loop {
        let mut rows = Vec::new();
        while rows.len() < TABLE_ROWS.min(left) {
            match entries.next().await.transpose()? {
                Some(entry) => rows.push(words::columns(&entry)),
                None => break,
            }
        }
        left = left.saturating_sub(rows.len());
        if rows.is_empty() {
            return Ok(());
        }
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let (keys, values, versions) = (width(0), width(1), width(2));
        for [key, value, version, expiry] in &rows {
            words::line(format!(
                "{key:keys$}  {value:values$}  {version:versions$}  {expiry}"
            ))?;
        }
    }
}
