//! What is under a path.

use http::Method;

/// What is under a path. Keys are as the path has them, percent-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// `/healthz`.
    Alive,
    /// `/readyz`.
    Ready,
    /// `/openapi.json`.
    OpenApi,
    /// A file of the console: `/console` and what is under it.
    Console(&'a str),
    /// `/v1/describe`.
    Describe,
    /// `/v1/entries`.
    Entries,
    /// `/v1/entries/{key}`.
    Entry(&'a str),
    /// `/v1/entries/{key}:increment`.
    Increment(&'a str),
    /// `/v1/entries/{key}:touch`.
    Touch(&'a str),
    /// `/v1/batch`.
    Batch,
    /// `/v1/transact`.
    Transact,
    /// `/v1/watch`.
    Watch,
    /// `/set/{key}/{value}` of the tutorial.
    TutorialSet(&'a str, &'a str),
    /// `/get/{key}` of the tutorial.
    TutorialGet(&'a str),
    /// `/delete/{key}` of the tutorial.
    TutorialDelete(&'a str),
    /// A method of gRPC, which is asked in another way.
    Grpc,
}

/// What a path is called in the log: without keys and values.
#[must_use]
pub fn name(path: &str) -> &'static str {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    match (first, rest) {
        ("healthz", _) => "/healthz",
        ("readyz", _) => "/readyz",
        ("openapi.json", _) => "/openapi.json",
        ("console", _) => "/console",
        ("v1", "describe") => "/v1/describe",
        ("v1", "entries") => "/v1/entries",
        ("v1", "batch") => "/v1/batch",
        ("v1", "transact") => "/v1/transact",
        ("v1", "watch") => "/v1/watch",
        ("v1", rest) if rest.starts_with("entries/") => "/v1/entries/{key}",
        ("set", _) => "/set/{key}/{value}",
        ("get", _) => "/get/{key}",
        ("delete", _) => "/delete/{key}",
        _ => "unknown",
    }
}

impl<'a> Route<'a> {
    /// What is under `path`; `None`: nothing. A verb stands behind the last
    /// colon of a key, and only where something is posted: other methods see a
    /// key that ends so.
    #[must_use]
    pub fn of(method: &Method, path: &'a str, tutorial: bool) -> Option<Self> {
        if let Some(key) = path.strip_prefix("/v1/entries/") {
            return Some(Self::of_entry(method, key));
        }
        if let Some(file) = path.strip_prefix("/console/") {
            // Links of the page would not be found from there.
            return (!file.is_empty()).then_some(Self::Console(file));
        }
        Some(match path {
            "/healthz" => Self::Alive,
            "/readyz" => Self::Ready,
            "/openapi.json" => Self::OpenApi,
            "/console" => Self::Console(""),
            "/v1/describe" => Self::Describe,
            "/v1/entries" => Self::Entries,
            "/v1/batch" => Self::Batch,
            "/v1/transact" => Self::Transact,
            "/v1/watch" => Self::Watch,
            _ => {
                let route = Self::of_tutorial(path).filter(|_| tutorial);
                return route.or_else(|| Self::of_grpc(path));
            }
        })
    }

    /// Its path without the keys and values in it, as metrics tell it.
    #[must_use]
    pub const fn template(self) -> &'static str {
        match self {
            Self::Alive => "/healthz",
            Self::Ready => "/readyz",
            Self::OpenApi => "/openapi.json",
            Self::Console(_) => "/console",
            Self::Describe => "/v1/describe",
            Self::Entries => "/v1/entries",
            Self::Entry(_) => "/v1/entries/{key}",
            Self::Increment(_) => "/v1/entries/{key}:increment",
            Self::Touch(_) => "/v1/entries/{key}:touch",
            Self::Batch => "/v1/batch",
            Self::Transact => "/v1/transact",
            Self::Watch => "/v1/watch",
            Self::TutorialSet(..) => "/set/{key}/{value}",
            Self::TutorialGet(_) => "/get/{key}",
            Self::TutorialDelete(_) => "/delete/{key}",
            Self::Grpc => "/{service}/{method}",
        }
    }

    /// The methods that it takes, as the header `Allow` has them.
    #[must_use]
    pub fn allow(self) -> &'static str {
        match self {
            Self::Alive
            | Self::Ready
            | Self::OpenApi
            | Self::Console(_)
            | Self::Describe
            | Self::Watch
            | Self::TutorialGet(_) => "GET, HEAD, OPTIONS",
            Self::Entries => "GET, HEAD, DELETE, OPTIONS",
            // Posted to, it is a verb behind a key; else it is a key that ends so.
            Self::Increment(_) | Self::Touch(_) => "GET, HEAD, PUT, DELETE, POST, OPTIONS",
            Self::Entry(key) if Self::of_verb(key).is_some() => {
                "GET, HEAD, PUT, DELETE, POST, OPTIONS"
            }
            Self::Entry(_) => "GET, HEAD, PUT, DELETE, OPTIONS",
            Self::Batch | Self::Transact | Self::TutorialSet(..) | Self::Grpc => "POST, OPTIONS",
            Self::TutorialDelete(_) => "DELETE, OPTIONS",
        }
    }

    fn of_entry(method: &Method, key: &'a str) -> Self {
        let verb = Self::of_verb(key).filter(|_| method == Method::POST);
        verb.unwrap_or(Self::Entry(key))
    }

    fn of_verb(key: &'a str) -> Option<Self> {
        match key.rsplit_once(':')? {
            (key, "increment") => Some(Self::Increment(key)),
            (key, "touch") => Some(Self::Touch(key)),
            _ => None,
        }
    }

    fn of_tutorial(path: &'a str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.split('/');
        let (call, key, value) = (parts.next()?, parts.next()?, parts.next());
        match (call, value, parts.next()) {
            ("set", Some(value), None) => Some(Self::TutorialSet(key, value)),
            ("get", None, None) => Some(Self::TutorialGet(key)),
            ("delete", None, None) => Some(Self::TutorialDelete(key)),
            _ => None,
        }
    }

    /// A service has a dot in its name, and nothing here begins with one.
    fn of_grpc(path: &str) -> Option<Self> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        (service.contains('.') && !method.contains('/')).then_some(Self::Grpc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_by_its_words_and_a_key_may_hold_anything() {
        for (method, path, route) in [
            (Method::GET, "/v1/entries", Some(Route::Entries)),
            (Method::GET, "/v1/entries/", Some(Route::Entry(""))),
            (Method::GET, "/v1/entries/a/b", Some(Route::Entry("a/b"))),
            (
                Method::GET,
                "/v1/entries/a:touch",
                Some(Route::Entry("a:touch")),
            ),
            (Method::POST, "/v1/entries/a:touch", Some(Route::Touch("a"))),
            (
                Method::POST,
                "/v1/entries/a:b:increment",
                Some(Route::Increment("a:b")),
            ),
            (
                Method::POST,
                "/v1/entries/a%3Atouch",
                Some(Route::Entry("a%3Atouch")),
            ),
            (Method::GET, "/console", Some(Route::Console(""))),
            (
                Method::GET,
                "/console/page.js",
                Some(Route::Console("page.js")),
            ),
            (Method::GET, "/console/", None),
            (Method::GET, "/consoles", None),
            (Method::GET, "/v1", None),
            (Method::GET, "/", None),
            (Method::GET, "/get/a", None),
            (Method::POST, "/nanokv.v1.KvService/Get", Some(Route::Grpc)),
            (Method::POST, "/nanokv.v1.KvService", None),
        ] {
            assert_eq!(Route::of(&method, path, false), route, "{method} {path}");
        }
    }

    #[test]
    fn no_key_is_in_the_name_of_a_path() {
        for (path, expected) in [
            ("/v1/entries/secret", "/v1/entries/{key}"),
            ("/v1/entries", "/v1/entries"),
            ("/v1/secret", "unknown"),
            ("/set/secret/secret", "/set/{key}/{value}"),
            ("/get/secret", "/get/{key}"),
            ("/secret", "unknown"),
            ("secret", "unknown"),
        ] {
            assert_eq!(name(path), expected);
        }
    }

    #[test]
    fn the_tutorials_routes_are_there_when_they_are_asked_for() {
        for (path, route) in [
            ("/set/a/b", Some(Route::TutorialSet("a", "b"))),
            ("/set/a", None),
            ("/set/a/b/c", None),
            ("/get/a", Some(Route::TutorialGet("a"))),
            ("/get", None),
            ("/get/a/b", None),
            ("/delete/a", Some(Route::TutorialDelete("a"))),
        ] {
            assert_eq!(Route::of(&Method::GET, path, true), route, "{path}");
            assert_eq!(Route::of(&Method::GET, path, false), None, "{path}");
        }
    }
}
