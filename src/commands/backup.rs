//! `nanokv backup`: writes the whole store to a file, as it is at one moment.

use std::{
    fs::File,
    io::{BufReader, IsTerminal, Write, stdout},
    path::Path,
};

use clap::{Arg, ArgMatches, Command};
use sha2::{Digest, Sha256};

use crate::{
    client::{
        Client,
        backup::{Part, Summary},
    },
    commands::{
        backed_up::{BackedUp, size},
        failure::Failure,
        progress::Bar,
        server::{self, ask},
        target::{Target, of},
        words,
    },
    engine::journal::backup::verify,
};

const FILE: &str = "FILE";

/// What can be typed after `nanokv backup`.
#[must_use]
pub fn command() -> Command {
    let command = Command::new("backup")
        .about("Writes the whole store to a file, as it is at one moment, while it is served")
        .arg(
            Arg::new(FILE)
                .required(true)
                .help("The file, which must not be there yet; - is stdout"),
        );
    server::declare(command)
}

/// Writes the backup.
///
/// # Errors
/// Why there is none: then there is no such file either.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let file = typed.get_one::<String>(FILE).cloned().unwrap_or_default();
    if file == "-" {
        if stdout().is_terminal() {
            let what = "a backup is no text for a terminal: name a file, or send it on";
            return Err(Failure::misused(what));
        }
        return ask(typed, async |kv| {
            let summary = receive(&kv, &mut stdout().lock()).await?;
            // Stdout has the backup.
            eprintln!("{}", told(&summary, typed));
            Ok(())
        });
    }
    let target = Target::begin(Path::new(&file))?;
    ask(typed, async |kv| {
        let summary = receive(&kv, &mut target.steps()).await?;
        read_back(&target, &summary)?;
        target.finish()?;
        Ok(words::line(told(&summary, typed))?)
    })
}

/// Writes all of a backup to `out`, which was given out as the server says.
async fn receive(kv: &Client, out: &mut impl Write) -> Result<Summary, Failure> {
    let mut backup = kv.backup().await?;
    let total = u64::try_from(backup.entries_total()).unwrap_or(0);
    let (mut bar, mut digest, mut bytes) = (Bar::new(), Sha256::new(), 0_u64);
    while let Some(Part { data, entries_done }) = backup.next().await? {
        digest.update(&data);
        bytes = bytes.saturating_add(u64::try_from(data.len()).unwrap_or(0));
        out.write_all(&data)?;
        let done = u64::try_from(entries_done).unwrap_or(0);
        bar.show(done, Some(total), || {
            format!("{done} entries, {}", size(bytes))
        });
    }
    out.flush()?;
    bar.clear();
    let summary = backup.summary().cloned();
    let summary = summary.ok_or_else(|| Failure::failed("the backup has no end"))?;
    if summary.sha256 != digest.finalize().as_slice() || i64::try_from(bytes) != Ok(summary.bytes) {
        let what = "what arrived is not what the server sent: its checksum is another";
        return Err(Failure::failed(what));
    }
    Ok(summary)
}

/// Whether what is on the disk is what arrived.
fn read_back(target: &Target, summary: &Summary) -> Result<(), Failure> {
    target.sync()?;
    let partial = target.partial();
    let written = File::open(partial).map_err(|error| of(partial, "read", &error))?;
    let (_, read) = verify(BufReader::new(written), &mut |_| {}).map_err(Failure::failed)?;
    if summary.sha256 != read.sha256.as_slice() {
        let what = "what is on the disk is not what arrived: its checksum is another";
        return Err(Failure::failed(what));
    }
    Ok(())
}

fn told(summary: &Summary, typed: &ArgMatches) -> String {
    let backup = BackedUp::from(summary);
    if server::json(typed) {
        backup.json().to_string()
    } else {
        backup.words()
    }
}
