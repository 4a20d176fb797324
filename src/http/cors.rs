//! Pages of other origins: which of them a browser lets ask, and what it is
//! told of that.

use std::{fmt, str::FromStr};

use http::{
    HeaderMap, HeaderValue, Method, Request,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
    uri::Uri,
};

use crate::{
    calls::failure::Failure,
    http::{hosts, listed::Listed, problem},
};

/// What a page may send beside what every page may.
const TAKEN: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, grpc-timeout, idempotency-key, if-match, \
     if-none-match, last-event-id, traceparent, tracestate, x-grpc-web, x-user-agent",
);

/// What a page may read beside what every page may.
const TOLD: HeaderValue = HeaderValue::from_static(
    "allow, etag, grpc-message, grpc-status, grpc-status-details-bin, nanokv-expire-time, \
     nanokv-kind, retry-after, www-authenticate",
);

/// Seconds for which a browser need not ask again; none keeps it for longer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

const ANY: HeaderValue = HeaderValue::from_static("*");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const BY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");

/// The origins of other pages that may ask, each a scheme, a host and a port
/// unless it is that of the scheme. Where it is every one, a browser tells nothing
/// of who sits at it: no certificate of theirs is used. A clone is the same ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Listed);

/// What the answer to a request says of the page that asks.
#[derive(Clone, Debug)]
pub struct Told {
    origins: Origins,
    allowed: Option<HeaderValue>,
}

impl Origins {
    /// Whether no other page may ask.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0 == Listed::None
    }

    /// Whether every page may.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0 == Listed::Any
    }

    /// What the answer to `request` has to say; `None`: nothing.
    #[must_use]
    pub fn told<B>(&self, request: &Request<B>) -> Option<Told> {
        if self.is_none() {
            return None;
        }
        let origin = request.headers().get(ORIGIN);
        Some(Told {
            origins: self.clone(),
            allowed: origin.filter(|origin| self.allows(origin)).cloned(),
        })
    }

    /// That the page that asks, if a browser says that one does, is of this
    /// server or may ask.
    ///
    /// # Errors
    /// `ORIGIN_REFUSED`.
    pub fn permit<B>(&self, request: &Request<B>) -> Result<(), Failure> {
        let Some(origin) = request.headers().get(ORIGIN) else {
            return Ok(());
        };
        let authority = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"))
            .map(|(_, authority)| authority);
        let is_own = authority.is_some() && authority == hosts::host(request);
        if is_own || self.allows(origin) {
            Ok(())
        } else {
            Err(problem::origin_refused())
        }
    }

    /// What a browser that asks beforehand is told, where `allow` are the
    /// methods that the path takes.
    pub fn tell_before<B>(&self, request: &Request<B>, allow: &'static str, told: &mut HeaderMap) {
        let origin = request.headers().get(ORIGIN);
        if !is_preflight(request) || !origin.is_some_and(|origin| self.allows(origin)) {
            return;
        }
        told.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(allow),
        );
        told.insert(ACCESS_CONTROL_ALLOW_HEADERS, TAKEN);
        told.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.0.holds(|listed| origin == listed)
    }
}

/// Whether a browser asks beforehand what a page may ask.
#[must_use]
pub fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl Told {
    /// Says it.
    pub fn tell(self, told: &mut HeaderMap) {
        if !self.origins.is_any() {
            // Even where the answer is to somebody else: a cache may keep it.
            told.append(VARY, BY_ORIGIN);
        }
        let Some(origin) = self.allowed else {
            return;
        };
        if self.origins.is_any() {
            told.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        } else {
            told.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            told.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        told.insert(ACCESS_CONTROL_EXPOSE_HEADERS, TOLD);
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The text is none: an origin is not written as a browser writes it, or `*`
/// stands beside others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoOrigins;

impl FromStr for Origins {
    type Err = NoOrigins;

    fn from_str(text: &str) -> Result<Self, NoOrigins> {
        let origin = |origin: &str| is_origin(origin).then(|| origin.to_owned());
        Listed::read(text, origin).map(Self).ok_or(NoOrigins)
    }
}

/// Whether a browser would write it so: in lower case, and without the port
/// that goes without saying.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return false;
    };
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let is_plain = |sign: char| !sign.is_ascii_uppercase() && !['@', '*'].contains(&sign);
    text == format!("{scheme}://{authority}")
        && text.chars().all(is_plain)
        && authority.port_u16() != Some(usual)
        && !authority.as_str().ends_with(':')
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, header::HOST};

    use super::*;

    fn request(method: &str, headers: &[(HeaderName, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri("/v1/batch");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        request.body(()).unwrap()
    }

    fn told(origins: &str, origin: &str) -> Option<HeaderMap> {
        let origins: Origins = origins.parse().unwrap();
        let told = origins.told(&request("GET", &[(ORIGIN, origin)]))?;
        let mut headers = HeaderMap::new();
        told.tell(&mut headers);
        Some(headers)
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for text in [
            "https://a.example",
            "http://localhost:3000",
            "http://[::1]:8080",
            "https://a.example, https://b.example:444",
        ] {
            assert!(text.parse::<Origins>().is_ok(), "{text}");
        }
        for text in [
            "a.example",
            "https://",
            "https://a.example/",
            "https://a.example/path",
            "https://A.example",
            "https://a.example:443",
            "http://a.example:80",
            "http://a.example:",
            "https://*.example",
            "https://me@a.example",
            "ftp://a.example",
            "null",
            "*, https://a.example",
            "https://a.example,",
        ] {
            assert_eq!(text.parse::<Origins>(), Err(NoOrigins), "{text}");
        }
        let two = "https://a.example,https://b.example:444";
        assert_eq!(two.parse::<Origins>().unwrap().to_string(), two);
    }

    #[test]
    fn only_a_listed_page_is_told_that_it_may_read() {
        assert!(told("", "https://a.example").is_none());
        let listed = told("https://a.example", "https://a.example").unwrap();
        assert_eq!(listed[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(listed[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(listed[VARY], "origin");
        let other = told("https://a.example", "https://a.example.evil").unwrap();
        assert!(!other.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        assert_eq!(other[VARY], "origin");
        let any = told("*", "https://b.example").unwrap();
        assert_eq!(any[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!any.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }

    #[test]
    fn a_page_that_may_not_ask_is_refused_unless_it_is_our_own() {
        let origins: Origins = "https://a.example".parse().unwrap();
        let any: Origins = "*".parse().unwrap();
        let own = |origin| request("POST", &[(HOST, "server:1"), (ORIGIN, origin)]);
        assert!(origins.permit(&request("POST", &[])).is_ok());
        assert!(origins.permit(&own("http://server:1")).is_ok());
        assert!(origins.permit(&own("https://a.example")).is_ok());
        for origin in [
            "https://b.example",
            "http://server:10",
            "http://server",
            "null",
            "server:1",
            "",
        ] {
            let refused = origins.permit(&own(origin)).unwrap_err();
            assert_eq!(refused.reason(), "ORIGIN_REFUSED", "{origin}");
            assert!(any.permit(&own(origin)).is_ok());
        }
    }

    #[test]
    fn a_browser_is_told_beforehand_what_may_be_asked() {
        let origins: Origins = "https://a.example".parse().unwrap();
        let before = |origin| {
            let asked = [(ORIGIN, origin), (ACCESS_CONTROL_REQUEST_METHOD, "PUT")];
            let mut told = HeaderMap::new();
            origins.tell_before(&request("OPTIONS", &asked), "GET, PUT", &mut told);
            told
        };
        let told = before("https://a.example");
        assert_eq!(told[ACCESS_CONTROL_ALLOW_METHODS], "GET, PUT");
        assert_eq!(told[ACCESS_CONTROL_MAX_AGE], "7200");
        assert!(before("https://b.example").is_empty());
    }
}
