//! `nanokv export`: writes entries as JSON lines.

use std::{
    io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write, stdout},
    path::Path,
};

use clap::{Arg, ArgMatches, Command};

use crate::{
    client::{Client, range::Range},
    commands::{
        backed_up::size,
        failure::Failure,
        import::line::parse,
        json,
        progress::Bar,
        server::{self, ask},
        span,
        target::{Target, of},
        terms::switch,
        words,
    },
};

const FILE: &str = "FILE";
const RESUME: &str = "resume";

/// What can be typed after `nanokv export`.
#[must_use]
pub fn command() -> Command {
    let command = Command::new("export")
        .about("Writes entries as lines of JSON: key, value, version, expireTime")
        .arg(
            Arg::new(FILE)
                .default_value("-")
                .help("The file, which must not be there yet; - is stdout"),
        )
        .arg(switch(
            RESUME,
            "Goes on after the last whole line of an export of these keys that was cut off",
        ));
    server::declare_which(span::declare(command))
}

/// Exports.
///
/// # Errors
/// Why it cannot go on.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let path = typed.get_one::<String>(FILE).cloned().unwrap_or_default();
    let (resume, range) = (typed.get_flag(RESUME), span::typed(typed));
    let range = range.unwrap_or_else(Range::all);
    if path == "-" {
        if resume {
            return Err(Failure::misused("stdout cannot be resumed: name a file"));
        }
        return ask(typed, async |kv| {
            let mut done = Done::default();
            write(&kv, range, &mut stdout().lock(), &mut done).await
        });
    }
    let target = Target::resumable(Path::new(&path), resume)?;
    let (mut done, range) = match found(&target)? {
        Some((done, last)) => (done, range.after(&last)),
        None => (Done::default(), range),
    };
    ask(typed, async |kv| {
        let written = write(&kv, range, &mut target.steps(), &mut done).await;
        if written.is_err() {
            let (entries, partial) = (done.entries, target.partial().display());
            eprintln!("nanokv: {entries} entries are in {partial}; --resume goes on after them");
        }
        written?;
        target.finish()?;
        let Done { entries, bytes } = done;
        Ok(words::line(format!("{entries} entries, {}", size(bytes)))?)
    })
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    entries: u64,
    bytes: u64,
}

/// Writes a line for each entry.
async fn write(
    kv: &Client,
    range: Range,
    out: &mut impl Write,
    done: &mut Done,
) -> Result<(), Failure> {
    let (mut bar, mut out) = (Bar::new(), BufWriter::new(out));
    let mut entries = kv.list(range).entries();
    while let Some(entry) = entries.next().await.transpose()? {
        let line = json::entry(&entry).to_string();
        writeln!(out, "{line}")?;
        done.entries += 1;
        done.bytes += u64::try_from(line.len() + 1).unwrap_or(0);
        let Done { entries, bytes } = *done;
        bar.show(bytes, None, || {
            format!("{entries} entries, {}", size(bytes))
        });
    }
    Ok(out.flush()?)
}

/// What one has left that was cut off, and its last key; what comes after its
/// last whole line is cut away.
fn found(target: &Target) -> Result<Option<(Done, String)>, Failure> {
    let cannot = |what: &'static str| move |error| of(target.partial(), what, &error);
    let mut file = target.file();
    file.seek(SeekFrom::Start(0)).map_err(cannot("read"))?;
    let (mut input, mut line, mut last) = (BufReader::new(file), Vec::new(), Vec::new());
    let mut done = Done::default();
    loop {
        line.clear();
        let read = input.read_until(b'\n', &mut line);
        let read = read.map_err(cannot("read"))?;
        if line.pop() != Some(b'\n') {
            break;
        }
        done.entries += 1;
        done.bytes += u64::try_from(read).unwrap_or(0);
        std::mem::swap(&mut line, &mut last);
    }
    drop(input);
    target.file().set_len(done.bytes).map_err(cannot("cut"))?;
    file.seek(SeekFrom::End(0)).map_err(cannot("read"))?;
    if done.entries == 0 {
        return Ok(None);
    }
    let last = parse(&last).map_err(|fault| {
        let (partial, what) = (target.partial().display(), fault.what);
        Failure::failed(format!("the last line of {partial} is no entry: {what}"))
    })?;
    Ok(Some((done, last.key)))
}
