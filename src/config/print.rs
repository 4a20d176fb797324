//! Settings as text: what holds and where it came from, and the list of all.

use std::fmt::Write;

use crate::config::{
    Config,
    load::{Loaded, effective},
    registry::SETTINGS,
    setting::{Group, Setting},
};

/// How what is not set is written.
const NOT_SAID: &str = "\"\"";

/// Every setting with what holds and, after `#`, where it came from. Is itself
/// a file of settings.
#[must_use]
pub fn effective_text(loaded: &Loaded) -> String {
    let rows: Vec<_> = effective(loaded)
        .filter(|(setting, ..)| setting.in_file())
        .map(|(setting, value, source)| (setting.name, quoted(setting, &value), source))
        .collect();
    let names = rows.iter().map(|(name, ..)| name.len()).max();
    let values = rows.iter().map(|(_, value, _)| value.len()).max();
    let (names, values) = (names.unwrap_or_default(), values.unwrap_or_default());
    let mut text = String::new();
    for (name, value, source) in rows {
        // What is not said is left to be said: for a path there is no word for it.
        let mark = if value == NOT_SAID { "# " } else { "" };
        line(
            &mut text,
            format_args!("{mark}{name:names$} = {value:values$}  # {source}"),
        );
    }
    text
}

/// The list of all settings, for the docs, in Markdown.
#[must_use]
pub fn reference() -> String {
    let config = Config::default();
    let mut text = String::new();
    for group in Group::ALL {
        line(&mut text, format_args!("\n## {}\n", group.heading()));
        line(
            &mut text,
            format_args!("| Setting | Default | Meaning | Accepted |"),
        );
        line(&mut text, format_args!("|---|---|---|---|"));
        for setting in SETTINGS.iter().filter(|setting| setting.group == group) {
            let default = setting
                .default_in_words
                .map_or_else(|| format!("`{}`", setting.read(&config)), str::to_owned);
            let (name, help, accepts) = (setting.name, setting.help, setting.accepts());
            line(
                &mut text,
                format_args!("| `{name}` | {default} | {help} | {accepts} |"),
            );
        }
    }
    text
}

fn quoted(setting: &Setting, value: &str) -> String {
    if setting.is_plain_number() {
        value.to_owned()
    } else {
        format!("\"{value}\"")
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}
