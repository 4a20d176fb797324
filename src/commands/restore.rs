//! `nanokv restore`: makes a store of a backup, in a directory of its own.

use std::{
    fs::File,
    io::{BufReader, Read, stdin},
    path::PathBuf,
};

use clap::{Arg, ArgMatches, Command};
use uuid::Uuid;

use crate::{
    commands::{
        backed_up::{BackedUp, restored_json, restored_words, size},
        failure::Failure,
        progress::Bar,
        terms::switch,
        words,
    },
    config::load::load,
    engine::journal::{
        self,
        backup::{Error, restore, verify},
    },
    model::{
        clock::{Clock, store::StoreClock},
        time::UnixMillis,
    },
};

const FILE: &str = "FILE";
const DATA_DIR: &str = "data-dir";
const DRY_RUN: &str = "dry-run";
const JSON: &str = "json";

/// Bytes of the backup that are read at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// What can be typed after `nanokv restore`.
#[must_use]
pub fn command() -> Command {
    Command::new("restore")
        .about("Makes a store of a backup, in a directory of its own, for nanokv serve to open")
        .arg(Arg::new(FILE).required(true).help("The backup; - is stdin"))
        .arg(
            Arg::new(DATA_DIR)
                .long(DATA_DIR)
                .value_name("DIR")
                .conflicts_with(DRY_RUN)
                .help(
                    "The directory, which must be empty or not there [data_dir of the environment \
                     and the file]",
                ),
        )
        .arg(switch(
            DRY_RUN,
            "Reads all of the backup, says whether it is whole, and writes nothing",
        ))
        .arg(switch(JSON, "Answers in JSON"))
}

/// Makes the store.
///
/// # Errors
/// Why there is none: then the directory holds none either.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let path = typed.get_one::<String>(FILE).cloned().unwrap_or_default();
    let (input, total) = open(&path)?;
    let input = BufReader::with_capacity(BUFFER_BYTES, input);
    let mut bar = Bar::new();
    let mut progress = |bytes: u64| bar.show(bytes, total, || size(bytes));
    let is_json = typed.get_flag(JSON);
    if typed.get_flag(DRY_RUN) {
        let verified = verify(input, &mut progress);
        bar.clear();
        let (about, summary) = verified.map_err(|error| failure(&path, error))?;
        let backup = BackedUp::read(&about, &summary);
        return Ok(words::line(if is_json {
            backup.json().to_string()
        } else {
            format!("whole: {}", backup.words())
        })?);
    }
    let config = config(typed)?;
    let now = StoreClock::new(UnixMillis::default()).now();
    let store_id = Uuid::new_v4().to_string();
    let restored = restore(&config, (&store_id, now), input, &mut progress);
    bar.clear();
    let restored = restored.map_err(|error| failure(&path, error))?;
    Ok(words::line(if is_json {
        restored_json(&restored, &config.dir).to_string()
    } else {
        restored_words(&restored, &config.dir)
    })?)
}

/// The backup, and how many bytes it has, where that is known.
fn open(path: &str) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
    if path == "-" {
        return Ok((Box::new(stdin()), None));
    }
    let file = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (bytes, file) = file.map_err(|error| {
        Failure::misused(format!("{} cannot be read: {error}", words::key(path)))
    })?;
    Ok((Box::new(file), Some(bytes)))
}

/// The journal that was typed, or is set.
fn config(typed: &ArgMatches) -> Result<journal::Config, Failure> {
    let mut config = load(Vec::new())?.config.journal;
    if let Some(dir) = typed.get_one::<String>(DATA_DIR) {
        config.dir = PathBuf::from(dir);
    }
    if config.dir.as_os_str().is_empty() {
        return Err(Failure::misused("into which directory? --data-dir says so"));
    }
    Ok(config)
}

fn failure(path: &str, error: Error) -> Failure {
    match error {
        error @ Error::NotEmpty { .. } => Failure::misused(error.to_string()),
        error @ (Error::Damaged { .. } | Error::Newer { .. } | Error::Read(_)) => {
            Failure::failed(format!("{}: {error}", words::key(path)))
        }
        error @ Error::Store(_) => Failure::failed(error),
    }
}
