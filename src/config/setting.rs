//! One thing that can be chosen: its name in every place, and what it may be.

use std::{net::SocketAddr, path::PathBuf};

use crate::{
    config::{Config, value},
    engine::{journal::Durability, memory::Eviction},
    http::{cors::Origins, hosts::Hosts},
    telemetry::{config::Format, levels::Levels},
};

/// One thing that can be chosen.
#[derive(Debug)]
pub struct Setting {
    /// Its name in a file and in `nanokv config`.
    pub name: &'static str,
    /// What it is about.
    pub group: Group,
    /// What it means, in one line.
    pub help: &'static str,
    /// The default in words, where it depends on the machine.
    pub default_in_words: Option<&'static str>,
    pub(in crate::config) kind: Kind,
}

/// What a setting is about: its heading in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// What most people choose.
    General,
    /// Who is let in.
    Access,
    /// How a store is kept on the disk.
    Kept,
    /// Limits of one call.
    Call,
    /// Limits of the whole server.
    Server,
    /// Limits of one connection.
    Connection,
    /// The end of a server.
    Drain,
}

/// What a setting may be, and where it is kept.
#[derive(Debug)]
pub(in crate::config) enum Kind {
    /// The file that others are read from: kept nowhere.
    File,
    Address(Place<SocketAddr>),
    /// An address, or none where it is empty.
    AddressOrNone(Place<Option<SocketAddr>>),
    /// A path, or none where it is not said.
    PathOrNone(Place<Option<PathBuf>>),
    /// The URI of a collector, or none where it is empty.
    CollectorOrNone(Place<Option<String>>),
    /// Origins of pages, with commas between them.
    Origins(Place<Origins>),
    /// Names of hosts, with commas between them.
    Hosts(Place<Hosts>),
    /// On or off.
    Switch(Place<bool>),
    Format(Place<Format>),
    Levels(Place<Levels>),
    /// A directory, or none where it is not said.
    Folder(Place<PathBuf>),
    Durability(Place<Durability>),
    Eviction(Place<Eviction>),
    /// A number in this unit, from `min` to `max`.
    Number {
        unit: Unit,
        min: u64,
        max: u64,
        place: NumberPlace,
    },
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Unit {
    /// As it is.
    Count,
    /// As a size: bytes.
    Bytes,
    /// As it is: milliseconds, which the name says.
    Millis,
    /// As a time: milliseconds.
    Time,
}

/// Where in [`Config`] something is kept.
#[derive(Debug)]
pub(in crate::config) struct Place<T> {
    pub(in crate::config) of: fn(&Config) -> &T,
    pub(in crate::config) of_mut: fn(&mut Config) -> &mut T,
}

/// Where in [`Config`] a number is kept, whatever its type.
#[derive(Debug)]
pub(in crate::config) struct NumberPlace {
    pub(in crate::config) get: fn(&Config) -> u64,
    /// False, and nothing changed, where its type does not hold the number.
    pub(in crate::config) set: fn(&mut Config, u64) -> bool,
}

impl Group {
    /// All of them, in the order of `--help`.
    pub const ALL: [Self; 7] = [
        Self::General,
        Self::Access,
        Self::Kept,
        Self::Call,
        Self::Server,
        Self::Connection,
        Self::Drain,
    ];

    /// As a heading.
    #[must_use]
    pub const fn heading(self) -> &'static str {
        match self {
            Self::General => "Settings",
            Self::Access => "Who is let in",
            Self::Kept => "With data_dir",
            Self::Call => "Limits of one call",
            Self::Server => "Limits of the whole server",
            Self::Connection => "Limits of one connection",
            Self::Drain => "Stopping",
        }
    }
}

impl Setting {
    /// Its name as a flag, without the dashes before it.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Its name in the environment.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("NANOKV_{}", self.name.to_uppercase())
    }

    /// Whether a file may say it.
    #[must_use]
    pub const fn in_file(&self) -> bool {
        !matches!(self.kind, Kind::File)
    }

    /// Whether `nanokv config` writes it without quotes.
    #[must_use]
    pub const fn is_plain_number(&self) -> bool {
        matches!(
            self.kind,
            Kind::Number {
                unit: Unit::Count | Unit::Millis,
                ..
            }
        )
    }

    /// Whether it is on or off.
    #[must_use]
    pub const fn is_switch(&self) -> bool {
        matches!(self.kind, Kind::Switch(_))
    }

    /// What it is in `config`, as it could be given; nothing for the file.
    #[must_use]
    pub fn read(&self, config: &Config) -> String {
        match &self.kind {
            Kind::File => String::new(),
            Kind::Address(place) => (place.of)(config).to_string(),
            Kind::AddressOrNone(place) => {
                (place.of)(config).map_or_else(String::new, |address| address.to_string())
            }
            Kind::PathOrNone(place) => (place.of)(config)
                .as_ref()
                .map_or_else(String::new, |path| path.display().to_string()),
            Kind::CollectorOrNone(place) => (place.of)(config).clone().unwrap_or_default(),
            Kind::Origins(place) => (place.of)(config).to_string(),
            Kind::Hosts(place) => (place.of)(config).to_string(),
            Kind::Switch(place) => value::switch_name(*(place.of)(config)).to_owned(),
            Kind::Format(place) => value::format_name(*(place.of)(config)).to_owned(),
            Kind::Levels(place) => (place.of)(config).to_string(),
            Kind::Folder(place) => (place.of)(config).to_string_lossy().into_owned(),
            Kind::Durability(place) => (place.of)(config).name().to_owned(),
            Kind::Eviction(place) => (place.of)(config).name().to_owned(),
            Kind::Number { unit, place, .. } => value::written(*unit, (place.get)(config)),
        }
    }

    /// Sets it in `config`. False, and nothing changed, where `text` is not
    /// [`Self::accepts`].
    #[must_use]
    pub fn write(&self, config: &mut Config, text: &str) -> bool {
        match &self.kind {
            Kind::File => true,
            // Often a variable that was to be filled in, and nothing that may be
            // passed over: it says where the store is kept, or who may read it.
            Kind::Folder(_) | Kind::PathOrNone(_) if text.is_empty() => false,
            Kind::Address(place) => put((place.of_mut)(config), text.parse().ok()),
            Kind::AddressOrNone(place) if text.is_empty() => {
                put((place.of_mut)(config), Some(None))
            }
            Kind::AddressOrNone(place) => put((place.of_mut)(config), text.parse().ok().map(Some)),
            Kind::PathOrNone(place) => put((place.of_mut)(config), Some(Some(text.into()))),
            Kind::CollectorOrNone(place) if text.is_empty() => {
                put((place.of_mut)(config), Some(None))
            }
            Kind::CollectorOrNone(place) => {
                let uri = value::is_collector(text).then(|| text.to_owned());
                put((place.of_mut)(config), uri.map(Some))
            }
            Kind::Origins(place) => put((place.of_mut)(config), text.parse().ok()),
            Kind::Hosts(place) => put((place.of_mut)(config), text.parse().ok()),
            Kind::Switch(place) => put((place.of_mut)(config), value::switch(text)),
            Kind::Format(place) => put((place.of_mut)(config), value::format(text)),
            Kind::Levels(place) => put((place.of_mut)(config), text.parse().ok()),
            Kind::Folder(place) => put((place.of_mut)(config), Some(PathBuf::from(text))),
            Kind::Durability(place) => put((place.of_mut)(config), value::durability(text)),
            Kind::Eviction(place) => put((place.of_mut)(config), value::eviction(text)),
            Kind::Number {
                unit,
                min,
                max,
                place,
            } => value::read(*unit, text).is_some_and(|number| {
                (min..=max).contains(&&number) && (place.set)(config, number)
            }),
        }
    }

    /// What it may be, in words that follow "is not" or "is".
    #[must_use]
    pub fn accepts(&self) -> String {
        match &self.kind {
            Kind::File => "the path of a TOML file".to_owned(),
            Kind::PathOrNone(_) => "the path of a file".to_owned(),
            Kind::Address(_) | Kind::AddressOrNone(_) => {
                "a numeric address and a port, such as 127.0.0.1:50051 or [::]:50051".to_owned()
            }
            Kind::CollectorOrNone(_) => {
                "http:// with a host and a port, such as http://127.0.0.1:4317".to_owned()
            }
            Kind::Origins(_) => {
                "* or origins as browsers write them, with commas between them, such \
                                 as https://app.example,http://localhost:3000"
                    .to_owned()
            }
            Kind::Hosts(_) => {
                "* or names with commas between them, such as kv.example,kv.internal".to_owned()
            }
            Kind::Switch(_) => "on or off, or true or false".to_owned(),
            Kind::Format(_) => "pretty or json".to_owned(),
            Kind::Levels(_) => "a level (off, error, warn, info, debug, trace) or a list such as \
                                warn,nanokv=debug"
                .to_owned(),
            Kind::Folder(_) => "the path of a directory".to_owned(),
            Kind::Durability(_) => "always, interval or os".to_owned(),
            Kind::Eviction(_) => "none or sieve".to_owned(),
            Kind::Number { unit, min, max, .. } => value::accepted(*unit, *min, *max),
        }
    }

    /// What its flag says when it stands alone; `None`: it never does.
    #[must_use]
    pub const fn alone(&self) -> Option<&'static str> {
        if self.is_switch() { Some("on") } else { None }
    }

    /// What stands for its value in `--help`.
    #[must_use]
    pub const fn placeholder(&self) -> &'static str {
        match &self.kind {
            Kind::File | Kind::PathOrNone(_) => "FILE",
            Kind::Address(_) | Kind::AddressOrNone(_) => "ADDRESS",
            Kind::CollectorOrNone(_) => "URI",
            Kind::Origins(_) => "ORIGINS",
            Kind::Hosts(_) => "HOSTS",
            Kind::Switch(_) => "on|off",
            Kind::Format(_) => "FORMAT",
            Kind::Levels(_) => "LEVELS",
            Kind::Folder(_) => "DIR",
            Kind::Durability(_) => "WHEN",
            Kind::Eviction(_) => "POLICY",
            Kind::Number { unit, .. } => match unit {
                Unit::Count => "COUNT",
                Unit::Bytes => "SIZE",
                Unit::Millis => "MS",
                Unit::Time => "TIME",
            },
        }
    }
}

fn put<T>(place: &mut T, value: Option<T>) -> bool {
    match value {
        Some(value) => {
            *place = value;
            true
        }
        None => false,
    }
}
