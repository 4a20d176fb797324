//! The trace that a caller says its call belongs to, as W3C Trace Context has
//! it: the header `traceparent`.

use http::{HeaderMap, HeaderName};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The span of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent<'a> {
    /// The trace, in 32 digits of lower-case hexadecimal.
    pub trace_id: &'a str,
    /// The span in it, in 16.
    pub span_id: &'a str,
    /// Whether the caller records the trace.
    pub sampled: bool,
}

impl<'a> Parent<'a> {
    /// What `headers` say; `None` where they say nothing, or something that is
    /// no trace context: then it is as if it were not there, as the
    /// recommendation wants it.
    #[must_use]
    pub fn of(headers: &'a HeaderMap) -> Option<Self> {
        let mut given = headers.get_all(TRACEPARENT).iter();
        let (Some(text), None) = (given.next(), given.next()) else {
            return None;
        };
        let mut parts = text.to_str().ok()?.split('-');
        let (version, trace_id, span_id, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may have more to say after what this one knows.
        if version == "00" && parts.next().is_some() {
            return None;
        }
        let whole = is_hex(version, 2) && version != "ff" && is_hex(flags, 2);
        let named = is_hex(trace_id, 32) && is_hex(span_id, 16);
        let is_zero = |text: &str| text.bytes().all(|digit| digit == b'0');
        if !whole || !named || is_zero(trace_id) || is_zero(span_id) {
            return None;
        }
        Some(Self {
            trace_id,
            span_id,
            sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
        })
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn sampled(text: &str) -> Option<bool> {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, text.parse().unwrap());
        let parent = Parent::of(&headers)?;
        assert_eq!((parent.trace_id, parent.span_id), (TRACE, SPAN));
        Some(parent.sampled)
    }

    #[test]
    fn the_trace_of_the_caller_is_taken_over() {
        assert_eq!(sampled(&format!("00-{TRACE}-{SPAN}-01")), Some(true));
        assert_eq!(sampled(&format!("00-{TRACE}-{SPAN}-00")), Some(false));
        assert_eq!(sampled(&format!("cc-{TRACE}-{SPAN}-03-later")), Some(true));
        assert_eq!(Parent::of(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_no_trace_context_is_passed_over() {
        let upper = TRACE.to_uppercase();
        for text in [
            format!("00-{upper}-{SPAN}-01"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}x-{SPAN}-01"),
            "é".to_owned(),
            String::new(),
        ] {
            assert_eq!(sampled(&text), None, "{text}");
        }
        let mut twice = HeaderMap::new();
        for _ in 0..2 {
            twice.append(
                TRACEPARENT,
                format!("00-{TRACE}-{SPAN}-01").parse().unwrap(),
            );
        }
        assert_eq!(Parent::of(&twice), None);
    }
}
