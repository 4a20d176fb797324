//! Settings from a TOML file: one key each, no tables.

use std::{fs, ops::Range, path::Path};

use toml::de::{DeTable, DeValue};

use crate::config::{
    fault::Fault,
    load::Given,
    registry::{SETTINGS, named},
    setting::Setting,
    source::Source,
};

/// How alike two names must be, from 0 to 1, for one to be meant by the other.
const ALIKE_MIN: f64 = 0.75;

/// What the file at `path`, which `source` named, says; and what is wrong.
#[must_use]
pub fn read(path: &Path, source: &Source) -> (Vec<Given>, Vec<Fault>) {
    match fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) => {
            let fault = Fault::Unreadable {
                path: path.to_owned(),
                source: source.clone(),
                reason: error.to_string(),
            };
            (Vec::new(), vec![fault])
        }
    }
}

/// The setting that `name` may have meant.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    let alike = |setting: &&Setting| strsim::jaro_winkler(&name.to_lowercase(), setting.name);
    SETTINGS
        .iter()
        .max_by(|one, other| alike(one).total_cmp(&alike(other)))
        .filter(|setting| alike(setting) >= ALIKE_MIN)
        .map(|setting| setting.name)
}

fn parse(path: &Path, text: &str) -> (Vec<Given>, Vec<Fault>) {
    let place = |span: Range<usize>| Source::File {
        path: path.to_owned(),
        line: line_at(text, span.start),
    };
    let (mut given, mut faults) = (Vec::new(), Vec::new());
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let place = place(error.span().unwrap_or_default());
            let reason = error.message().to_owned();
            return (given, vec![Fault::Syntax { place, reason }]);
        }
    };
    for (key, value) in table {
        let place = place(key.span());
        let name = key.into_inner();
        let Some(setting) = named(&name).filter(|setting| setting.in_file()) else {
            faults.push(Fault::UnknownKey {
                nearest: nearest(&name),
                name: name.into_owned(),
                place,
            });
            continue;
        };
        match text_of(setting, value.get_ref()) {
            Ok(text) => given.push(Given {
                setting,
                text,
                source: place,
            }),
            Err(found) => faults.push(Fault::Value {
                name: setting.name,
                given: found,
                source: place,
                right: setting.accepts(),
            }),
        }
    }
    given.sort_by_key(|given| line_of(&given.source));
    (given, faults)
}

/// A value as it would be written in the environment, or what it is instead.
fn text_of(setting: &Setting, value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Float(number) => Err(number.to_string()),
        DeValue::Boolean(boolean) if setting.is_switch() => Ok(boolean.to_string()),
        DeValue::Boolean(boolean) => Err(boolean.to_string()),
        DeValue::Datetime(datetime) => Err(datetime.to_string()),
        DeValue::Array(_) => Err("an array".to_owned()),
        DeValue::Table(_) => Err("a table".to_owned()),
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

fn line_of(source: &Source) -> usize {
    match source {
        Source::File { line, .. } => *line,
        Source::Default | Source::Variable(_) | Source::Flag(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let (_, faults) = parse(Path::new("f.toml"), text);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn strings_and_integers_are_settings_with_their_lines() {
        let (given, faults) = parse(
            Path::new("f.toml"),
            "# a comment\nlog_level = \"debug\"\n\nkey_bytes_max = 512\n",
        );
        assert_eq!(faults, []);
        let given: Vec<_> = given
            .iter()
            .map(|given| (given.setting.name, &*given.text, given.source.to_string()))
            .collect();
        assert_eq!(
            given,
            [
                ("log_level", "debug", "f.toml:2".to_owned()),
                ("key_bytes_max", "512", "f.toml:4".to_owned()),
            ]
        );
    }

    #[test]
    fn an_unknown_key_is_told_with_its_line_and_the_nearest_name() {
        assert_eq!(
            faults("\nkey_byte_max = 1"),
            ["f.toml:2: \"key_byte_max\" is no setting; is key_bytes_max meant?"]
        );
        assert_eq!(
            faults("zzz = 1"),
            ["f.toml:1: \"zzz\" is no setting; `nanokv config` prints them all"]
        );
    }

    #[test]
    fn a_file_names_no_other_file() {
        assert_eq!(faults("config = \"other.toml\"").len(), 1);
    }

    #[test]
    fn what_is_neither_text_nor_integer_is_refused_with_its_line() {
        for (value, found) in [
            ("true", "true"),
            ("1.5", "1.5"),
            ("[1]", "an array"),
            ("{ a = 1 }", "a table"),
            ("1979-05-27", "1979-05-27"),
        ] {
            assert_eq!(
                faults(&format!("workers = {value}")),
                [format!(
                    "workers = {found:?} (f.toml:1): is not a whole number from 1 to 4096"
                )]
            );
        }
    }

    #[test]
    fn what_is_not_toml_is_told_with_its_line() {
        let faults = faults("workers = 1\nlisten = = 2\n");
        assert!(
            faults.len() == 1 && faults[0].starts_with("f.toml:2: "),
            "{faults:?}"
        );
    }
}
