//! `nanokv txn`: carries out a file of commands, all or none.

use clap::{Arg, ArgMatches, Command};

use crate::{
    client::operation::Operation,
    commands::{
        check::{self, Check},
        del,
        failure::Failure,
        get, incr,
        input::read_text,
        json,
        server::{self, ask},
        set,
        terms::typed_key,
        touch, words,
    },
};

const FILE: &str = "FILE";

/// What can be typed after `nanokv txn`.
#[must_use]
pub fn command() -> Command {
    let file = Arg::new(FILE).required(true).help("The file; - is stdin");
    let command = Command::new("txn")
        .about("Carries out a file of commands, all together or not at all")
        .arg(file)
        .after_help(
            "A line is a command as after `nanokv`, without server and output:\n  \
             check KEY --if-absent | --if-present | --if-version VERSION\n  \
             get KEY\n  set KEY VALUE [--ttl TIME] ...\n  del KEY ...\n  incr KEY ...\n  \
             touch KEY ...\n\
             Words with spaces are quoted as in a shell; # begins a comment. Checks and reads\n\
             see the state before; a key may be changed once. Exit code 4 when a check or a\n\
             condition does not hold.",
        );
    server::declare(command)
}

/// Carries out the file.
///
/// # Errors
/// What is wrong in the file, with its line, or why nothing was done.
pub fn run(typed: &ArgMatches) -> Result<(), Failure> {
    let path = typed.get_one::<String>(FILE).cloned().unwrap_or_default();
    let text = read_text(&path)?;
    let lines = lines(&path, &text)?;
    ask(typed, async |kv| {
        let mut call = kv.transact();
        let mut labels = Vec::new();
        for line in lines {
            match line {
                Line::Check(check) => call = check.add_to(call),
                Line::Operation { label, operation } => {
                    call = call.then(operation);
                    labels.push(label);
                }
            }
        }
        let done = call.await?;
        if server::json(typed) {
            return Ok(words::line(json::transacted(&done).to_string())?);
        }
        for (label, outcome) in labels.iter().zip(&done.outcomes) {
            words::line(format!("{label}: {}", words::outcome(outcome)))?;
        }
        Ok(words::line(match done.version {
            0 => "done, without a change".to_owned(),
            version => format!("done at version {version}"),
        })?)
    })
}

/// What a line adds to a transaction.
#[derive(Debug)]
pub enum Line {
    /// Something that must hold.
    Check(Check),
    /// Something to do.
    Operation {
        /// What it is called where its answer is told.
        label: String,
        /// What it is.
        operation: Operation,
    },
}

/// What the file at `path`, whose content is `text`, says.
///
/// # Errors
/// What is wrong with its first wrong line, or that it has none.
pub fn lines(path: &str, text: &str) -> Result<Vec<Line>, Failure> {
    let mut vocabulary = vocabulary();
    let mut lines = Vec::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let at = |what: &str| {
            let what = words::on_one_line(what);
            Failure::misused(format!("{path}:{number}: {what}"))
        };
        let Some(words) = shlex::split(line) else {
            return Err(at("a quote is not closed"));
        };
        if words.is_empty() {
            continue;
        }
        let typed = vocabulary.try_get_matches_from_mut(words);
        let typed = typed.map_err(|error| at(&in_short(&error)))?;
        lines.push(read_line(&typed).map_err(|failure| at(&failure.to_string()))?);
    }
    if lines.is_empty() {
        return Err(Failure::misused(format!("{path} has no commands")));
    }
    Ok(lines)
}

/// The commands that a line can be.
fn vocabulary() -> Command {
    Command::new("line")
        .no_binary_name(true)
        .subcommand_required(true)
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .subcommands([
            check::arguments(),
            get::arguments(),
            set::arguments(),
            del::arguments(),
            incr::arguments(),
            touch::arguments(),
        ])
}

fn read_line(typed: &ArgMatches) -> Result<Line, Failure> {
    let Some((name, typed)) = typed.subcommand() else {
        return Err(Failure::misused("no command"));
    };
    let operation: Operation = match name {
        "get" => get::operation(typed).into(),
        "set" => set::operation(typed)?.into(),
        "del" => del::operation(typed).into(),
        "incr" => incr::operation(typed).into(),
        "touch" => touch::operation(typed).into(),
        _ => return Ok(Line::Check(check::typed(typed))),
    };
    let label = format!("{name} {}", words::key(&typed_key(typed)));
    Ok(Line::Operation { label, operation })
}

/// What is wrong, without how it would be right.
fn in_short(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    first.trim_start_matches("error: ").to_owned()
}
