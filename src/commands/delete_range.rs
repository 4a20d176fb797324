//! `nanokv delete-range`: removes the keys of a range.

use std::io::{IsTerminal, Write, stderr, stdin};

use clap::{ArgMatches, Command};

use crate::{
    client::{Client, range::Range},
    commands::{
        failure::Failure,
        json,
        server::{self, ask},
        span,
        terms::switch,
        words,
    },
};

const ALL: &str = "all";
const DRY_RUN: &str = "dry-run";
const YES: &str = "yes";

/// How many keys are counted before somebody is asked.
const COUNTED_MAX: usize = 10_000;

/// What can be typed after `nanokv delete-range`.
#[must_use]
pub fn command() -> Command {
    let command = Command::new("delete-range")
        .about("Removes the keys of a range; asks first on a terminal")
        .arg(switch(ALL, "Every key").conflicts_with_all(["prefix", "start", "end"]))
        .arg(switch(
            DRY_RUN,
            "Writes the keys that it would remove, and removes none",
        ))
        .arg(switch(
            YES,
            "Does not ask; needed where nobody can be asked",
        ));
    server::declare(span::declare(command))
}

/// Removes the keys, if they are meant.
///
/// # Errors
/// That no keys were named, or nobody said yes, or why it cannot go on.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let range = span::typed(typed);
    if range.is_none() && !typed.get_flag(ALL) {
        return Err(Failure::misused(
            "which keys? --prefix, --start or --end says so, or --all",
        ));
    }
    let (dry_run, yes) = (typed.get_flag(DRY_RUN), typed.get_flag(YES));
    if !dry_run && !yes && !stdin().is_terminal() {
        return Err(Failure::misused(
            "nobody can be asked here whether these keys are meant: --yes says that they are",
        ));
    }
    ask(typed, async |kv| {
        let listed = range.clone().unwrap_or_else(Range::all);
        if dry_run {
            return show(&kv, listed, typed).await;
        }
        if !yes && !meant(&kv, listed, typed).await? {
            return Err(Failure::failed("nothing was deleted"));
        }
        let call = match range {
            Some(range) => kv.delete_range(range),
            None => kv.delete_all(),
        };
        let removed = call.to_the_end().await?;
        Ok(words::line(if server::json(typed) {
            json::removed(&removed).to_string()
        } else {
            format!("{} deleted", keys(removed.deleted))
        })?)
    })
}

async fn show(kv: &Client, range: Range, typed: &ArgMatches) -> Result<(), Failure> {
    let mut entries = kv.list(range).omit_value().entries();
    let mut count = 0_i64;
    while let Some(entry) = entries.next().await.transpose()? {
        count = count.saturating_add(1);
        words::line(if server::json(typed) {
            json::entry(&entry).to_string()
        } else {
            words::key(&entry.key)
        })?;
    }
    eprintln!("{} would be deleted", keys(count));
    Ok(())
}

/// Whether somebody says that these keys are meant.
async fn meant(kv: &Client, range: Range, typed: &ArgMatches) -> Result<bool, Failure> {
    let mut entries = kv.list(range).omit_value().entries();
    let mut count = 0;
    while count <= COUNTED_MAX && entries.next().await.transpose()?.is_some() {
        count += 1;
    }
    let many = if count > COUNTED_MAX {
        format!("More than {COUNTED_MAX} keys")
    } else {
        keys(i64::try_from(count).unwrap_or(i64::MAX))
    };
    eprint!(
        "{many}{} will be deleted. Go on? [y/N] ",
        span::in_words(typed)
    );
    stderr().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
}

fn keys(count: i64) -> String {
    match count {
        1 => "1 key".to_owned(),
        count => format!("{count} keys"),
    }
}
