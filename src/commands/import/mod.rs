//! `nanokv import`: stores the entries of a file of JSON lines.

pub mod line;
mod lines;
mod state;

use std::{fmt::Write as _, path::Path, time::SystemTime};

use clap::{Arg, ArgMatches, Command};
use serde_json::json;
use tonic::Code;

use crate::{
    client::{Client, call::Listed, error::Error, operation, reason::Reason, single::Set},
    commands::{
        failure::Failure,
        import::{
            line::{Fault, Line, parse},
            lines::Lines,
            state::{State, Tally},
        },
        progress::Bar,
        server::{self, ask},
        terms::switch,
        words,
    },
    config::check::SET_BYTES_BESIDE,
};

const FILE: &str = "FILE";
const IF_ABSENT: &str = "if-absent";
const RESUME: &str = "resume";

/// Lines that are sent at once, at most, and bytes of them, unless one line has
/// more.
const BATCH_LINES_MAX: i64 = 512;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// What can be typed after `nanokv import`.
#[must_use]
pub fn command() -> Command {
    let command = Command::new("import")
        .about("Stores the entries of a file of JSON lines, as nanokv export writes them")
        .arg(
            Arg::new(FILE)
                .required(true)
                .help("The file; - is stdin, which cannot be resumed"),
        )
        .arg(switch(IF_ABSENT, "Keys that are there stay as they are"))
        .arg(switch(
            RESUME,
            "Goes on where an import of this file was cut off, by FILE.import",
        ));
    server::declare(command)
}

/// Imports.
///
/// # Errors
/// That lines were refused, or why it cannot go on.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let path = typed.get_one::<String>(FILE).cloned().unwrap_or_default();
    let (resume, if_absent) = (typed.get_flag(RESUME), typed.get_flag(IF_ABSENT));
    let state = match (path.as_str(), resume) {
        ("-", true) => return Err(Failure::misused("stdin cannot be resumed")),
        ("-", false) => State::unkept(if_absent),
        (path, resume) => State::of(Path::new(path), resume, if_absent)?,
    };
    let lines = Lines::open(&path, state.tally.lines, state.offset)?;
    ask(typed, async |kv| {
        let described = kv.describe().await?;
        let limits = described.limits;
        let bytes = |limit: i64| usize::try_from(limit).unwrap_or(0);
        let largest = bytes(limits.key_bytes_max.saturating_add(limits.value_bytes_max))
            .saturating_add(SET_BYTES_BESIDE);
        let mut import = Import {
            kv,
            lines,
            state,
            now: described.server_time.unwrap_or(SystemTime::UNIX_EPOCH),
            keeps_ids: described.capabilities.iter().any(|it| it == "request_id"),
            batch_lines_max: limits.batch_operations_max.clamp(1, BATCH_LINES_MAX),
            batch_bytes_max: bytes(limits.message_bytes_max)
                .saturating_sub(largest)
                .clamp(1, BATCH_BYTES_MAX),
            value_bytes_max: limits.value_bytes_max,
            json: server::json(typed),
            bar: Bar::new(),
        };
        let imported = import.all().await;
        import.bar.clear();
        if let (Err(_), true) = (&imported, import.state.is_kept()) {
            let lines = import.state.tally.lines;
            eprintln!("nanokv: {lines} lines are done; --resume goes on after them");
        }
        imported?;
        import.told()
    })
}

/// An import on its way.
struct Import {
    kv: Client,
    lines: Lines,
    state: State,
    /// The server's time when it began.
    now: SystemTime,
    keeps_ids: bool,
    batch_lines_max: i64,
    /// So many leave room for one more of any size.
    batch_bytes_max: usize,
    value_bytes_max: i64,
    json: bool,
    bar: Bar,
}

/// Lines that are sent together.
#[derive(Default)]
struct Batch {
    sets: Vec<(u64, Set<Listed>)>,
    bytes: usize,
    /// What came of them, and of others on the way.
    tally: Tally,
    refusals: Vec<Refusal>,
}

/// Why a line was refused.
struct Refusal {
    line: u64,
    /// Empty: the whole line.
    field: String,
    /// None: the server was not asked.
    reason: Option<String>,
    what: String,
}

impl Refusal {
    /// What the server said of a line.
    fn of(line: u64, error: &Error) -> Self {
        let field = error.metadata("field").unwrap_or_default();
        let what = error.metadata("description");
        Self {
            line,
            // It is about an entry, however that was sent.
            field: field.rsplit('.').next().unwrap_or_default().to_owned(),
            reason: error.reason().map(|reason| reason.as_str().to_owned()),
            what: what.unwrap_or(error.message()).to_owned(),
        }
    }
}

impl Import {
    /// Does all that there is, and notes how far it is after each batch.
    async fn all(&mut self) -> Result<(), Failure> {
        let mut is_over = false;
        while !is_over {
            let mut batch = Batch::default();
            is_over = self.fill(&mut batch)?;
            // First how it is called, so that it is known again.
            self.state.save()?;
            self.send(&mut batch).await?;
            let (tally, found) = (&mut self.state.tally, batch.tally);
            tally.lines = self.lines.number();
            tally.stored += found.stored;
            tally.present += found.present;
            tally.expired += found.expired;
            tally.refused += u64::try_from(batch.refusals.len()).unwrap_or(0);
            self.tell(batch.refusals);
            self.state.offset = self.lines.offset();
            self.state.save()?;
            let (lines, done) = (self.state.tally.lines, self.state.offset);
            self.bar
                .show(done, self.lines.total(), || format!("{lines} lines"));
        }
        self.state.end()
    }

    /// Reads as many lines as are sent together; whether those were the last.
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, Failure> {
        let mut line = Vec::new();
        let most = usize::try_from(self.batch_lines_max).unwrap_or(1);
        while batch.sets.len() < most && batch.bytes < self.batch_bytes_max {
            if !self.lines.next(&mut line)? {
                return Ok(true);
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let number = self.lines.number();
            match parse(&line).and_then(|line| self.check(line)) {
                Err(fault) => {
                    batch.refusals.push(Refusal {
                        line: number,
                        field: fault.field,
                        reason: None,
                        what: fault.what,
                    });
                }
                Ok(Line {
                    expire_time: Some(at),
                    ..
                }) if at <= self.now => batch.tally.expired += 1,
                Ok(line) => {
                    batch.bytes += line.key.len() + bytes(&line) + SET_BYTES_BESIDE;
                    batch.sets.push((number, self.set(number, line)));
                }
            }
        }
        Ok(false)
    }

    /// What is known to be refused need not be sent, and would take the others
    /// of its batch with it.
    fn check(&self, line: Line) -> Result<Line, Fault> {
        if i64::try_from(bytes(&line)).is_ok_and(|bytes| bytes <= self.value_bytes_max) {
            return Ok(line);
        }
        Err(Fault {
            field: "value".to_owned(),
            what: format!(
                "{} bytes, value_bytes_max is {}",
                bytes(&line),
                self.value_bytes_max
            ),
        })
    }

    fn set(&self, number: u64, line: Line) -> Set<Listed> {
        let mut set = operation::set(line.key, line.value);
        set = match line.expire_time {
            Some(at) => set.expire_time(at),
            None => set.never_expire(),
        };
        if self.state.if_absent {
            set = set.if_absent();
        }
        if self.keeps_ids {
            set = set.request_id(format!("{}/{number}", self.state.run));
        }
        set
    }

    /// Sends the lines, and counts what came of each.
    async fn send(&self, batch: &mut Batch) -> Result<(), Failure> {
        if batch.sets.is_empty() {
            return Ok(());
        }
        let (numbers, sets): (Vec<_>, Vec<_>) = std::mem::take(&mut batch.sets).into_iter().unzip();
        let outcomes = self.kv.batch().all(sets).await?;
        for (number, outcome) in numbers.into_iter().zip(outcomes) {
            match outcome {
                Ok(_) => batch.tally.stored += 1,
                Err(error) if error.reason() == Some(&Reason::KeyExists) => {
                    batch.tally.present += 1;
                }
                Err(error) if has_expired(&error) => batch.tally.expired += 1,
                Err(error) if is_of_line(&error) => {
                    batch.refusals.push(Refusal::of(number, &error));
                }
                // The next line would fare no better.
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Tells of the lines that were refused, in their order.
    fn tell(&mut self, mut refusals: Vec<Refusal>) {
        if refusals.is_empty() {
            return;
        }
        self.bar.clear();
        refusals.sort_by_key(|refusal| refusal.line);
        for Refusal {
            line,
            field,
            reason,
            what,
        } in refusals
        {
            if self.json {
                let told = json!({
                    "line": line,
                    "field": field,
                    "reason": reason,
                    "message": what,
                });
                eprintln!("{told}");
                continue;
            }
            let parts = [&*field, reason.as_deref().unwrap_or_default(), &*what];
            let parts = parts.into_iter().filter(|part| !part.is_empty());
            let parts: Vec<_> = parts.map(words::on_one_line).collect();
            eprintln!("line {line}: {}", parts.join(": "));
        }
    }

    /// What came of all.
    fn told(&self) -> Result<(), Failure> {
        let Tally {
            lines,
            stored,
            present,
            expired,
            refused,
        } = self.state.tally;
        words::line(if self.json {
            let told = json!({
                "lines": lines.to_string(),
                "stored": stored.to_string(),
                "present": present.to_string(),
                "expired": expired.to_string(),
                "refused": refused.to_string(),
            });
            told.to_string()
        } else {
            let mut told = format!("{stored} stored");
            for (count, what) in [
                (present, "were there and stay"),
                (expired, "had expired"),
                (refused, "refused"),
            ] {
                if count > 0 {
                    let _ = write!(told, ", {count} {what}");
                }
            }
            told
        })?;
        match refused {
            0 => Ok(()),
            refused => Err(Failure::failed(format!(
                "{refused} of {lines} lines were refused"
            ))),
        }
    }
}

fn bytes(line: &Line) -> usize {
    line.value.as_bytes().map_or(size_of::<i64>(), <[u8]>::len)
}

/// Whether an entry has expired on its way. Of a deadline that lies too far
/// ahead the limit is told.
fn has_expired(error: &Error) -> bool {
    error.reason() == Some(&Reason::FieldOutOfRange)
        && error.metadata("limit").is_none()
        && error
            .metadata("field")
            .is_some_and(|field| field.ends_with("expire_time"))
}

/// Whether it is this line that cannot be stored, and not any line.
fn is_of_line(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::InvalidArgument | Code::PermissionDenied | Code::AlreadyExists
    )
}
