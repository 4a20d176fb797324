//! A page to look at the store with: files of the program itself, which call
//! the JSON API as any other client does.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, header};
use tonic::body::Body;

use crate::{
    calls::failure::Failure,
    http::{body, problem},
};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The files by their names under `/console/`; the page itself has none.
const FILES: [(&str, &str, &str); 9] = [
    ("", HTML, include_str!("page.html")),
    ("page.css", CSS, include_str!("page.css")),
    ("page.js", SCRIPT, include_str!("page.js")),
    ("api.js", SCRIPT, include_str!("api.js")),
    ("list.js", SCRIPT, include_str!("list.js")),
    ("editor.js", SCRIPT, include_str!("editor.js")),
    ("charts.js", SCRIPT, include_str!("charts.js")),
    ("format.js", SCRIPT, include_str!("format.js")),
    ("icon.svg", SVG, include_str!("icon.svg")),
];

/// Keys and values are whatever somebody stored. A browser is to run nothing
/// but these files, ask nobody but this server, and make no text into markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// What each file is sent with.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    // The program changes with its page, which nothing tells a browser.
    (header::CACHE_CONTROL, "no-store"),
];

/// The file of this name; empty: the page.
///
/// # Errors
/// `PATH_UNKNOWN`: there is none.
pub fn file(name: &str) -> Result<Response<Body>, Failure> {
    let (_, content_type, text) = FILES
        .into_iter()
        .find(|(file, ..)| *file == name)
        .ok_or_else(problem::path_unknown)?;
    let content_type = HeaderValue::from_static(content_type);
    let mut response = body::of(content_type, Bytes::from_static(text.as_bytes()));
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_runs_nothing_of_others_and_is_of_its_type_alone() {
        for (name, content_type, _) in FILES {
            let response = file(name).unwrap();
            let headers = response.headers();
            assert_eq!(headers[header::CONTENT_TYPE], content_type, "{name}");
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(headers[header::CACHE_CONTROL], "no-store");
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none';"), "{policy}");
            assert!(!policy.contains("unsafe") && !policy.contains("  "));
        }
        for name in ["page.html", "mod.rs", "../openapi.json", "/"] {
            assert_eq!(file(name).unwrap_err().reason(), "PATH_UNKNOWN", "{name}");
        }
    }

    /// What the policy would stop, and what could make markup of a key.
    #[test]
    fn no_file_asks_elsewhere_or_writes_markup() {
        for (name, _, text) in FILES {
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for banned in [
                "://",
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "style=",
                "<style",
                "onclick",
                "localStorage",
                "sessionStorage",
                "document.cookie",
            ] {
                assert!(!text.contains(banned), "{name} has {banned}");
            }
        }
    }
}
