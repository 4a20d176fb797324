//! `nanokv token`: a token for somebody, and what a server keeps of it.

use std::{
    fs::OpenOptions,
    io::Write,
    path::Path,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Arg, ArgAction, ArgMatches, Command, parser::ValueSource, value_parser};

use crate::{
    commands::failure::Failure,
    gate::access::{
        digest::{digest, hex},
        roster::Roster,
    },
};

const NAME: &str = "name";
const OUT: &str = "out";
const PREFIX: &str = "prefix";
const RIGHTS: &str = "rights";
const EXPIRES_IN: &str = "expires-in";

/// How a token begins, so that one that leaks is found.
const BEGINNING: &str = "nanokv_";

/// The end of the year 9999, since 1970.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// Random bytes in a token.
const RANDOM_BYTES: usize = 32;

/// What can be typed after `nanokv token`.
#[must_use]
pub fn command() -> Command {
    Command::new("token")
        .about("Makes a token for somebody, and writes the lines for the file of identities")
        .long_about(
            "Makes a token for somebody. The token goes into a file that only you can read, for \
             --token-file;\nwhat the server keeps of it is written as lines for its file of \
             identities:\n\n    nanokv token --name orders --out orders.token --prefix orders/ >> \
             identities.toml",
        )
        .args([
            Arg::new(NAME)
                .long(NAME)
                .required(true)
                .value_name("NAME")
                .help("Who it is for, as logs and errors say it"),
            Arg::new(OUT)
                .long(OUT)
                .required(true)
                .value_name("FILE")
                .help("Where the token goes; must not be there yet"),
            Arg::new(PREFIX)
                .long(PREFIX)
                .value_name("PREFIX")
                .action(ArgAction::Append)
                .help("What keys begin with that they may use; several may be given [none]"),
            Arg::new(RIGHTS)
                .long(RIGHTS)
                .value_name("RIGHTS")
                .value_delimiter(',')
                .value_parser(["read", "write", "admin"])
                .default_value("read,write")
                .help("What they may do there"),
            Arg::new(EXPIRES_IN)
                .long(EXPIRES_IN)
                .value_name("TIME")
                .value_parser(value_parser!(humantime::Duration))
                .help("When it expires, such as 90d [never]"),
        ])
}

/// Makes it.
///
/// # Errors
/// The file is there already or cannot be written, or there is no randomness.
#[expect(
    clippy::disallowed_methods,
    reason = "a command, which has no clock of a store"
)]
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let text = |name: &str| typed.get_one::<String>(name).cloned().unwrap_or_default();
    let token = random()?;
    let expires = typed
        .get_one::<humantime::Duration>(EXPIRES_IN)
        .map(|after| expiry(SystemTime::now(), **after))
        .transpose()?;
    let grants = typed.get_many::<String>(PREFIX).unwrap_or_default();
    let rights: Vec<&String> = typed.get_many(RIGHTS).unwrap_or_default().collect();
    if typed.value_source(RIGHTS) == Some(ValueSource::CommandLine) && grants.len() == 0 {
        return Err(Failure::misused(
            "--rights: on which keys? --prefix says so",
        ));
    }
    let lines = lines(&text(NAME), &token, expires, grants, &rights);
    // A server reads them as this does.
    Roster::parse(lines.as_bytes()).map_err(Failure::misused)?;
    keep(Path::new(&text(OUT)), &token)?;
    Ok(std::io::stdout().write_all(lines.as_bytes())?)
}

fn random() -> Result<String, Failure> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Failure::failed(error.to_string()))?;
    Ok(format!("{BEGINNING}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn expiry(now: SystemTime, after: Duration) -> Result<String, Failure> {
    let at = now.checked_add(after);
    // What lies beyond the year 9999 has no form.
    let last = SystemTime::UNIX_EPOCH.checked_add(LAST);
    let at = at.filter(|at| last.is_some_and(|last| *at <= last));
    let at = at.ok_or_else(|| Failure::misused("--expires-in: not beyond the year 9999"))?;
    Ok(humantime::format_rfc3339_seconds(at).to_string())
}

fn lines<'a>(
    name: &str,
    token: &str,
    expires: Option<String>,
    prefixes: impl Iterator<Item = &'a String>,
    rights: &[&String],
) -> String {
    let hex = hex(&digest(token));
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut lines = format!(
        "\n[[identity]]\nname = {}\n\n[[identity.token]]\nsha256 = \"{hex}\"\n",
        quoted(name)
    );
    if let Some(expires) = expires {
        lines.extend(["expire_time = ", &expires, "\n"]);
    }
    let rights: Vec<_> = rights.iter().map(|right| quoted(right)).collect();
    for prefix in prefixes {
        let (prefix, rights) = (quoted(prefix), rights.join(", "));
        lines.extend(["\n[[identity.grant]]\nprefix = ", &prefix]);
        lines.extend(["\nrights = [", &rights, "]\n"]);
    }
    lines
}

/// Writes the token to a new file that nobody else can read.
fn keep(path: &Path, token: &str) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .and_then(|mut file| writeln!(file, "{token}"))
        .map_err(|error| Failure::failed(format!("--out {}: {error}", path.display())))
}
