//! By which names the store may be asked over HTTP.
//!
//! Who owns a name can have it resolve to anybody's address, also to that of the
//! browser's own machine, and then a page under that name is of our own origin (DNS
//! rebinding). What gives it away is the name: it is not one of ours. An address
//! cannot be had so, and `localhost` is never asked of others (RFC 6761).

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use http::{Request, Version, header::HOST, uri::Authority};

use crate::http::listed::Listed;

/// The names by which requests may ask, beside `localhost` and addresses: in lower
/// case and without a port. A clone is the same ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Listed);

/// Why a request is refused for its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misnamed {
    /// It is none of ours.
    Foreign,
    /// There is not the one that HTTP/1.1 wants (RFC 9112, 3.2), so that others on
    /// the way may have read another.
    NotOne,
}

impl Hosts {
    /// Every name.
    pub const ANY: Self = Self(Listed::Any);

    /// The same for a server that listens on `address`. Where none is listed, that
    /// is none for one that listens for its own machine alone, since a browser runs
    /// there; else every one, which may be that of a Service or a proxy.
    #[must_use]
    pub fn of_listener(&self, address: IpAddr) -> Self {
        if self.0 == Listed::None && !address.to_canonical().is_loopback() {
            Self::ANY
        } else {
            self.clone()
        }
    }

    /// That a request may ask by the name that it does. One without a name comes
    /// from no browser.
    ///
    /// # Errors
    /// Why it may not.
    pub fn permit<B>(&self, request: &Request<B>) -> Result<(), Misnamed> {
        let mut names = request.headers().get_all(HOST).iter();
        let is_named = names.next().is_some();
        if names.next().is_some() || !is_named && request.version() == Version::HTTP_11 {
            return Err(Misnamed::NotOne);
        }
        if *self == Self::ANY {
            return Ok(());
        }
        let is_ours = match host(request) {
            Some(host) => host.is_empty() || self.permit_name(host),
            // What is no text is no name of ours.
            None => !is_named,
        };
        if is_ours {
            Ok(())
        } else {
            Err(Misnamed::Foreign)
        }
    }

    /// Whether a request may ask by `host`, which may end with a port.
    #[must_use]
    pub fn permit_name(&self, host: &str) -> bool {
        if *self == Self::ANY {
            return true;
        }
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        let name = authority.host();
        let behind = host.strip_prefix(name);
        if !behind.is_some_and(|behind| behind.is_empty() || behind.starts_with(':')) {
            return false;
        }
        // A dot at the end says that a name is whole.
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_listed = |listed: &str| name.eq_ignore_ascii_case(listed);
        is_address(name) || is_localhost(name) || self.0.holds(is_listed)
    }
}

/// By which name a request asks, as it says.
pub fn host<B>(request: &Request<B>) -> Option<&str> {
    // What stands in the address counts (RFC 9112, 3.2.2); HTTP/2 has it there.
    let authority = request.uri().authority().map(Authority::as_str);
    let header = || request.headers().get(HOST)?.to_str().ok();
    authority.or_else(header)
}

fn is_address(name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => name.parse::<IpAddr>().is_ok(),
    }
}

fn is_localhost(name: &str) -> bool {
    let last = name.rsplit('.').next();
    last.is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

impl fmt::Display for Hosts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The text is no list of names, or `*` stands beside others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHosts;

impl FromStr for Hosts {
    type Err = NoHosts;

    fn from_str(text: &str) -> Result<Self, NoHosts> {
        let name = |name: &str| is_name(name).then(|| name.to_ascii_lowercase());
        Listed::read(text, name).map(Self).ok_or(NoHosts)
    }
}

/// Whether it is a name alone, without a port or anything else.
fn is_name(text: &str) -> bool {
    let sign = |sign: char| sign.is_ascii_alphanumeric() || ['-', '.', '_'].contains(&sign);
    text.chars().all(sign) && text.parse::<Authority>().is_ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn asked_by(header: &str) -> Request<()> {
        Request::get("/v1/entries/k")
            .header(HOST, header)
            .body(())
            .unwrap()
    }

    #[test]
    fn addresses_and_localhost_are_always_ours() {
        let listed: Hosts = "kv.example".parse().unwrap();
        for hosts in [Hosts::default(), Hosts::ANY, listed] {
            for host in [
                "localhost",
                "localhost:50051",
                "localhost.",
                "",
                "LocalHost",
                "a.localhost:1",
                "127.0.0.1:50051",
                "192.168.0.1",
                "[::1]:50051",
                "[fe80::1]",
            ] {
                assert_eq!(hosts.permit(&asked_by(host)), Ok(()), "{host} {hosts:?}");
            }
            let nameless = |version| Request::get("/").version(version).body(()).unwrap();
            let not_one = Err(Misnamed::NotOne);
            assert_eq!(hosts.permit(&nameless(Version::HTTP_2)), Ok(()));
            assert_eq!(hosts.permit(&nameless(Version::HTTP_10)), Ok(()));
            assert_eq!(hosts.permit(&nameless(Version::HTTP_11)), not_one);
            let mut twice = asked_by("localhost");
            let name = HeaderValue::from_static("localhost");
            twice.headers_mut().append(HOST, name);
            assert_eq!(hosts.permit(&twice), not_one);
        }
    }

    #[test]
    fn another_name_is_ours_only_where_it_is_listed() {
        let listed: Hosts = "KV.example, other".parse().unwrap();
        for (host, expected) in [
            ("kv.example", true),
            ("kv.Example:50051", true),
            ("kv.example.", true),
            ("other", true),
            ("kv.example.evil", false),
            ("evil.kv.example", false),
            ("localhost.evil", false),
            ("127.0.0.1.evil", false),
            ("[evil]", false),
            ("[::1]evil", false),
            ("kv.example@evil", false),
        ] {
            let foreign = Err(Misnamed::Foreign);
            let wanted = if expected { Ok(()) } else { foreign };
            assert_eq!(listed.permit(&asked_by(host)), wanted, "{host}");
            assert_eq!(Hosts::default().permit(&asked_by(host)), foreign, "{host}");
            assert_eq!(Hosts::ANY.permit(&asked_by(host)), Ok(()), "{host}");
        }
        let no_text = HeaderValue::from_bytes(b"\xe9vil").unwrap();
        let no_text = Request::get("/").header(HOST, no_text).body(()).unwrap();
        assert!(Hosts::default().permit(&no_text).is_err());
        let absolute = Request::get("http://evil/v1/entries/k").header(HOST, "localhost");
        assert!(
            Hosts::default()
                .permit(&absolute.body(()).unwrap())
                .is_err()
        );
    }

    #[test]
    fn where_others_reach_it_any_name_will_do_unless_some_are_listed() {
        let listed: Hosts = "kv.example".parse().unwrap();
        for (address, is_near) in [
            ("127.0.0.1", true),
            ("127.1.2.3", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("0.0.0.0", false),
            ("::", false),
            ("10.0.0.1", false),
            ("2001:db8::1", false),
        ] {
            let address = address.parse().unwrap();
            let of_listener = Hosts::default().of_listener(address);
            assert_eq!(of_listener.permit_name("evil"), !is_near, "{address}");
            assert!(
                !listed.of_listener(address).permit_name("evil"),
                "{address}"
            );
            assert!(
                Hosts::ANY.of_listener(address).permit_name("evil"),
                "{address}"
            );
        }
    }

    #[test]
    fn a_list_holds_names_alone() {
        for text in [
            "a:1", "http://a", "a/b", "*,a", "a,,b", "a b", "[::1]", "u@a",
        ] {
            assert_eq!(text.parse::<Hosts>(), Err(NoHosts), "{text}");
        }
        for text in ["", "*", "a,b.example"] {
            assert_eq!(text.parse::<Hosts>().unwrap().to_string(), text);
        }
    }
}
