//! Reads the sources and holds them to the import law: rooms see only those
//! below them, and what is stored knows nothing of wires.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Which rooms a room may see. A room that is not here may not exist.
const LAW: [(&str, &[&str]); 14] = [
    ("main", &["commands"]),
    (
        "commands",
        &[
            "config",
            "serve",
            "grpc",
            "http",
            "calls",
            "gate",
            "engine",
            "model",
            "telemetry",
            "client",
            "load",
        ],
    ),
    (
        "config",
        &[
            "serve",
            "grpc",
            "http",
            "calls",
            "gate",
            "engine",
            "model",
            "telemetry",
        ],
    ),
    (
        "serve",
        &[
            "grpc",
            "http",
            "gate",
            "engine",
            "model",
            "proto",
            "telemetry",
        ],
    ),
    ("grpc", &["calls", "gate", "engine", "model", "proto"]),
    ("http", &["calls", "gate", "engine", "model", "proto"]),
    ("calls", &["gate", "engine", "model", "proto"]),
    ("gate", &["engine", "model", "telemetry"]),
    ("engine", &["model"]),
    ("client", &["proto"]),
    ("load", &["client", "proto"]),
    ("proto", &[]),
    ("telemetry", &["model"]),
    ("model", &[]),
];

/// Engines never see each other, but for what one of them is made of.
const PART_OF: (&str, &str) = ("memory", "journal");

/// The rooms that know no wire, and how the crates of wires begin.
const WIRELESS: [&str; 2] = ["engine", "model"];
const WIRES: [&str; 6] = ["tonic", "prost", "hyper", "axum", "h2", "http"];

/// Where modules of the crate root are not rooms: what `lib.rs` itself names.
const ROOT: &str = "lib";

/// What one file names.
#[derive(Debug, Default)]
struct Names {
    /// Paths from the crate root.
    paths: BTreeSet<Vec<String>>,
    /// Every word.
    words: BTreeSet<String>,
}

#[test]
fn every_room_sees_only_what_the_law_allows() {
    let found: Vec<_> = sources()
        .iter()
        .flat_map(|(path, text)| violations(path, text))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn rooms_form_no_circle() {
    let rooms = rooms_seen(&sources());
    assert!(
        rooms.values().map(BTreeSet::len).sum::<usize>() > 10,
        "imports are found: {rooms:?}"
    );
    assert_eq!(circle(&rooms), None);
}

#[test]
fn a_violation_in_any_form_is_caught() {
    for (path, text) in [
        ("engine/memory/mod.rs", "use crate::grpc::wire;"),
        (
            "model/key.rs",
            "use crate::{model::value::Value, engine::{Page, memory}};",
        ),
        ("model/key.rs", "use {crate::engine as e, std::fmt};"),
        ("gate/call.rs", "fn f() { crate::grpc::services(); }"),
        (
            "gate/call.rs",
            "macro_rules! m { () => { crate::serve::run } }",
        ),
        (
            "gate/call.rs",
            "tokio::select! { _ = crate::serve::run() => {} }",
        ),
        ("gate/call.rs", "use super::super::grpc;"),
        (
            "gate/call.rs",
            "mod tests { use super::super::super::grpc; }",
        ),
        ("gate/mod.rs", "use super::{model::key, config::Config};"),
        ("gate/call.rs", "pub(in crate::grpc) fn f() {}"),
        ("gate/call.rs", "use ::nanokv::grpc;"),
        ("main.rs", "use nanokv::{commands, engine::Engine};"),
        ("grpc/kv/mod.rs", "use crate::http::server;"),
        ("grpc/kv/mod.rs", "use crate::config::Config;"),
        ("telemetry/mod.rs", "use crate::gate;"),
        (
            "engine/journal/mod.rs",
            "use crate::engine::memory::Memory;",
        ),
        ("engine/journal/mod.rs", "use super::super::memory::Memory;"),
        ("engine/cluster/mod.rs", "use crate::engine::journal::Log;"),
        ("client/mod.rs", "use crate::model::key::Key;"),
        ("grpc/kv/mod.rs", "use crate::client::Client;"),
        ("commands/get.rs", "use crate::proto::GetRequest;"),
        ("load/run.rs", "use crate::engine::Engine;"),
        ("engine/mod.rs", "use tonic::Status;"),
        ("model/error.rs", "fn f(e: prost_types::Any) {}"),
        ("cellar/mod.rs", "use crate::model::key::Key;"),
        ("gate/call.rs", "use crate::*;"),
        ("gate/call.rs", "use crate as root;"),
        ("gate/call.rs", "use crate::{self as root};"),
    ] {
        assert_ne!(violations(Path::new(path), text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn what_only_looks_like_a_violation_is_not_one() {
    for (path, text) in [
        (
            "engine/mod.rs",
            "// use crate::grpc;\n/* tonic */ fn f() { \"crate::grpc\"; }",
        ),
        (
            "engine/memory/mod.rs",
            "use crate::{engine::{Page, memory::table}, model::key::Key};",
        ),
        (
            "engine/memory/mod.rs",
            "use crate::engine::journal::Journal;",
        ),
        (
            "engine/memory/table.rs",
            "use super::slab; mod tests { use super::*; }",
        ),
        (
            "gate/call.rs",
            "mod tests { use super::super::config::Config; }",
        ),
        ("main.rs", "use nanokv::commands::{self, config};"),
        (
            "grpc/mod.rs",
            "use tonic::Status; use crate::engine::memory::Memory;",
        ),
    ] {
        assert_eq!(violations(Path::new(path), text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn a_circle_is_caught() {
    let rooms = BTreeMap::from([
        ("a".to_owned(), BTreeSet::from(["b".to_owned()])),
        ("b".to_owned(), BTreeSet::from(["c".to_owned()])),
        ("c".to_owned(), BTreeSet::from(["b".to_owned()])),
    ]);
    assert_eq!(circle(&rooms), Some("b -> c -> b".to_owned()));
}

/// Every file under `src`, by its path below it, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut sources) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                sources.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    sources.sort();
    sources
}

/// What in this file is against the law, a line each.
fn violations(path: &Path, text: &str) -> Vec<String> {
    let module = module_of(path);
    let from = module.first().map_or(ROOT, String::as_str);
    let file = path.display();
    if from == ROOT {
        return Vec::new();
    }
    let Some((_, allowed)) = LAW.iter().find(|(room, _)| *room == from) else {
        return vec![format!("{file}: {from} is not a room of the law")];
    };
    let names = names(&module, text);
    let mut found = Vec::new();
    for named in &names.paths {
        let to = named.first().map_or("everything", String::as_str);
        if to != from && !allowed.contains(&to) {
            found.push(format!("{file}: {from} must not see {}", named.join("::")));
        } else if let (Some(one), Some(other)) = (engine_of(&module), engine_of(named))
            && one != other
            && (one, other) != PART_OF
        {
            found.push(format!("{file}: engine {one} must not see {other}"));
        }
    }
    if WIRELESS.contains(&from) {
        let of_a_wire = |word: &&String| {
            WIRES.iter().any(|wire| {
                let rest = word.strip_prefix(wire);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            })
        };
        found.extend(
            names
                .words
                .iter()
                .filter(of_a_wire)
                .map(|word| format!("{file}: {from} must not name {word}")),
        );
    }
    found
}

/// Which rooms each room sees.
fn rooms_seen(sources: &[(PathBuf, String)]) -> BTreeMap<String, BTreeSet<String>> {
    let mut rooms = BTreeMap::<String, BTreeSet<String>>::new();
    for (path, text) in sources {
        let module = module_of(path);
        let Some(from) = module.first().filter(|from| *from != ROOT) else {
            continue;
        };
        let seen = names(&module, text).paths.into_iter();
        rooms.entry(from.clone()).or_default().extend(
            seen.filter_map(|named| named.into_iter().next())
                .filter(|to| to != from),
        );
    }
    rooms
}

/// A way from a room back to itself.
fn circle(rooms: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    fn follow<'a>(
        rooms: &'a BTreeMap<String, BTreeSet<String>>,
        way: &mut Vec<&'a str>,
    ) -> Option<String> {
        let here = *way.last()?;
        if let Some(start) = way.iter().position(|room| *room == here)
            && start + 1 < way.len()
        {
            return Some(way[start..].join(" -> "));
        }
        rooms.get(here)?.iter().find_map(|next| {
            way.push(next);
            let found = follow(rooms, way);
            way.pop();
            found
        })
    }
    rooms
        .keys()
        .find_map(|room| follow(rooms, &mut vec![room.as_str()]))
}

/// The path of the module in a file: `gate/mod.rs` is `gate`.
fn module_of(path: &Path) -> Vec<String> {
    let path = path.with_extension("");
    let mut module: Vec<_> = path
        .iter()
        .map(|name| name.to_str().unwrap().to_owned())
        .collect();
    module.pop_if(|last| last == "mod");
    module
}

/// Which engine a path belongs to: what of the seam is no engine is in no file
/// of its own, so its name does not begin small.
fn engine_of(path: &[String]) -> Option<&str> {
    match path {
        [room, engine, ..] if room == "engine" => {
            Some(engine.as_str()).filter(|name| name.starts_with(char::is_lowercase))
        }
        _ => None,
    }
}

fn names(module: &[String], text: &str) -> Names {
    let tokens: TokenStream = text.parse().unwrap();
    let mut names = Names::default();
    walk(tokens, module, &mut names);
    names
}

fn walk(tokens: TokenStream, module: &[String], names: &mut Names) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word) => {
                names.words.insert(word.to_string());
                let begins = at < 2 || !is_separator(&tokens[at - 2..at]);
                let goes_on = tokens.get(at + 1..at + 3).is_some_and(is_separator);
                let renamed =
                    matches!(tokens.get(at + 1), Some(TokenTree::Ident(to)) if *to == "as");
                let root = match word.to_string().as_str() {
                    "crate" | "super" if begins && (goes_on || renamed) => module,
                    // With `::` before it or without.
                    "nanokv" if goes_on || renamed => &[],
                    _ => continue,
                };
                expand(&tokens[at..], root.to_vec(), names);
            }
            TokenTree::Group(group) => {
                let inner = match at.checked_sub(2).map(|from| &tokens[from..at]) {
                    Some([TokenTree::Ident(word), TokenTree::Ident(name)]) if *word == "mod" => {
                        [module, &[name.to_string()]].concat()
                    }
                    _ => module.to_vec(),
                };
                walk(group.stream(), &inner, names);
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Notes what the path at the start of `tokens` names, seen from `module`.
fn expand(tokens: &[TokenTree], mut module: Vec<String>, names: &mut Names) {
    let [TokenTree::Ident(word), rest @ ..] = tokens else {
        // A group, or everything: `*`.
        if let [TokenTree::Group(group), ..] = tokens
            && group.delimiter() == Delimiter::Brace
        {
            expand_group(group, &module, names);
        } else {
            names.paths.insert(module);
        }
        return;
    };
    match word.to_string().as_str() {
        "crate" | "nanokv" => module.clear(),
        "super" => {
            module.pop();
        }
        "self" => {}
        name => module.push(name.to_owned()),
    }
    match rest {
        [first, second, rest @ ..] if is_separator(&[first.clone(), second.clone()]) => {
            expand(rest, module, names);
        }
        _ => {
            names.paths.insert(module);
        }
    }
}

fn expand_group(group: &Group, module: &[String], names: &mut Names) {
    let tokens: Vec<_> = group.stream().into_iter().collect();
    tokens
        .split(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ','))
        .filter(|item| !item.is_empty())
        .for_each(|item| expand(item, module.to_vec(), names));
}

fn is_separator(tokens: &[TokenTree]) -> bool {
    matches!(
        tokens,
        [TokenTree::Punct(one), TokenTree::Punct(other)]
            if one.as_char() == ':' && other.as_char() == ':'
    )
}
