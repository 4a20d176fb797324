//! Which of the forms that there are a client would rather have.

use http::{HeaderMap, header};

/// How well a range fits, by how much of it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Any,
    Kind,
    Exact,
}

/// The one of `offers` that a request accepts most, the first of those that it
/// accepts alike; `None`: it accepts none of them. An offer is a type and a
/// subtype, in lower case.
#[must_use]
pub fn best<'a>(headers: &HeaderMap, offers: &[&'a str]) -> Option<&'a str> {
    let accepted: Vec<_> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    if accepted.is_empty() {
        return offers.first().copied();
    }
    let mut best = None;
    for offer in offers {
        let quality = quality(&accepted, offer);
        if quality > best.map_or(0, |(_, quality)| quality) {
            best = Some((*offer, quality));
        }
    }
    best.map(|(offer, _)| offer)
}

/// From 0, which is not at all, to 1000.
fn quality(accepted: &[String], offer: &str) -> u32 {
    let fitting = accepted.iter().filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let fit = fit(parts.next()?, offer)?;
        let quality = parts.find_map(|part| part.strip_prefix("q="));
        Some((fit, quality.map_or(1000, thousandths)))
    });
    // Of two that fit alike the later one, which nobody says.
    fitting.max_by_key(|(fit, _)| *fit).map_or(0, |(_, q)| q)
}

fn fit(range: &str, offer: &str) -> Option<Fit> {
    if range == offer {
        return Some(Fit::Exact);
    }
    match range.strip_suffix("/*")? {
        "*" => Some(Fit::Any),
        kind => {
            let rest = offer.strip_prefix(kind)?;
            rest.starts_with('/').then_some(Fit::Kind)
        }
    }
}

/// What is no quality counts as none said.
fn thousandths(text: &str) -> u32 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_quality = ["0", "1"].contains(&whole)
        && part.len() <= 3
        && part.bytes().all(|digit| digit.is_ascii_digit());
    if !is_quality || whole == "1" {
        return 1000;
    }
    format!("{part:0<3}").parse().unwrap_or(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERS: [&str; 3] = ["text/plain", "application/json", "application/octet-stream"];

    fn best_of(accept: &str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        best(&headers, &OFFERS)
    }

    #[test]
    fn the_most_accepted_is_chosen_and_the_first_of_equals() {
        assert_eq!(best(&HeaderMap::new(), &OFFERS), Some("text/plain"));
        for (accept, chosen) in [
            ("*/*", Some("text/plain")),
            ("", Some("text/plain")),
            ("application/json", Some("application/json")),
            ("Application/JSON; charset=utf-8", Some("application/json")),
            ("application/*", Some("application/json")),
            ("application/json;q=0.5, text/*;q=0.9", Some("text/plain")),
            ("application/json;q=0, */*;q=0.1", Some("text/plain")),
            ("text/plain;q=0, */*", Some("application/json")),
            (
                "text/html, application/xml;q=0.9, */*;q=0.8",
                Some("text/plain"),
            ),
            (
                "*/*;q=0.1, application/octet-stream",
                Some("application/octet-stream"),
            ),
            ("application/json;q=nonsense", Some("application/json")),
            ("image/png", None),
            ("*/*;q=0", None),
            ("text", None),
        ] {
            assert_eq!(best_of(accept), chosen, "{accept}");
        }
    }
}
