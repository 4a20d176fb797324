//! Reads that are answered from the bytes in which they came over HTTP/1.1,
//! before hyper has seen them.
//!
//! Only what can be read in one way is read here: the whole head of a GET of
//! one entry, line by line as the standard writes it, with none but headers
//! that change nothing about its answer. It has no body, since no header that
//! announces one is among those. Whatever differs in a byte, and all that comes
//! behind it, is hyper's.

use bytes::BytesMut;

use crate::http::{date::Date, door::Door, hosts::Hosts};

/// Bytes of answers above which no more are written ahead of what takes them.
const ANSWERS_BYTES_MAX: usize = 32 << 10;

/// What a plain read begins with.
const BEGINS: &[u8] = b"GET /v1/entries/";

/// Bytes behind a key up to which they are remembered.
const SAID_BYTES_MAX: usize = 512;

/// A plain read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked<'a> {
    /// Whose entry it is about.
    key: &'a str,
    /// How long its head is, which is all of it.
    bytes: usize,
}

/// The plain reads of one connection.
#[derive(Debug)]
pub struct Plain {
    door: Door,
    date: Date,
    reader: Reader,
}

/// Reads plain reads that come on one connection.
#[derive(Debug)]
struct Reader {
    /// The names by which it may be asked.
    hosts: Hosts,
    /// What the last one said behind its key. A client says the same each time,
    /// and what is the same byte for byte need not be looked at again.
    said: Box<[u8]>,
}

impl Plain {
    /// Those that are let in at `door`, where nobody is looked at.
    pub(super) fn new(door: Door) -> Self {
        Self {
            reader: Reader::of(door.hosts().clone()),
            date: Date::default(),
            door,
        }
    }

    /// Answers the plain reads that `come` begins with, into `answers`, as long
    /// as each can be answered at once; how many bytes of it they are.
    pub fn answer(&mut self, come: &[u8], answers: &mut BytesMut) -> usize {
        let mut answered = 0;
        while answers.len() < ANSWERS_BYTES_MAX
            && let Some(come) = come.get(answered..)
            && let Some(asked) = self.reader.read(come)
            && self.door.answer(asked.key, &mut self.date, answers)
        {
            answered += asked.bytes;
        }
        answered
    }
}

impl Reader {
    fn of(hosts: Hosts) -> Self {
        Self {
            hosts,
            said: Box::default(),
        }
    }

    /// The plain read that `come` begins with; `None`: it begins with anything
    /// else.
    fn read<'a>(&mut self, come: &'a [u8]) -> Option<Asked<'a>> {
        let rest = come.strip_prefix(BEGINS)?;
        let key = rest.iter().position(|byte| !is_of_path(*byte))?;
        let (key, behind) = rest.split_at_checked(key)?;
        let said = if !self.said.is_empty() && behind.starts_with(&self.said) {
            self.said.len()
        } else {
            self.remember(behind)?
        };
        Some(Asked {
            key: str::from_utf8(key).ok()?,
            bytes: BEGINS.len() + key.len() + said,
        })
    }

    /// How much is said there, which is remembered unless it is unusually long.
    fn remember(&mut self, behind: &[u8]) -> Option<usize> {
        let said = said(behind, &self.hosts)?;
        if said <= SAID_BYTES_MAX {
            self.said = behind.get(..said)?.into();
        }
        Some(said)
    }
}

/// How much a plain read says behind its key, to its end; `None`: it is none.
fn said(behind: &[u8], hosts: &Hosts) -> Option<usize> {
    let mut rest = behind.strip_prefix(b" HTTP/1.1\r\n")?;
    let mut hosts_named = 0;
    loop {
        if let Some(next) = rest.strip_prefix(b"\r\n") {
            // A server has to refuse what names no host, or two.
            return (hosts_named == 1).then_some(behind.len() - next.len());
        }
        let (line, next) = until(rest, b'\r')?;
        rest = next.strip_prefix(b"\n")?;
        let (name, value) = until(line, b':')?;
        if !value.iter().copied().all(is_of_value) {
            return None;
        }
        let value = value.trim_ascii();
        if name.eq_ignore_ascii_case(b"host") {
            hosts_named += 1;
            // Another name is refused, and why.
            str::from_utf8(value)
                .ok()
                .filter(|it| hosts.permit_name(it))?;
        }
        if !changes_nothing(name, value) {
            return None;
        }
    }
}

/// What stands before the first `end`, and behind it.
fn until(bytes: &[u8], end: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == end)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// Whether a key has this byte in a path as it is: `pchar` of RFC 3986 but for
/// `%`, and the slash.
const fn is_of_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
                | b'/'
        )
}

/// Whether every server reads this byte of a header's value alike.
const fn is_of_value(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~')
}

/// Whether a read is answered alike with a header and without.
fn changes_nothing(name: &[u8], value: &[u8]) -> bool {
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    match name.len() {
        4 => is("host") && !value.is_empty(),
        6 => is("accept") && value == b"*/*",
        10 => is("user-agent") || is("connection") && value.eq_ignore_ascii_case(b"keep-alive"),
        15 => is("accept-encoding") || is("accept-language"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Heads that curl, wrk and clients in some languages send.
    const PLAIN: [&str; 3] = [
        "GET /v1/entries/greeting HTTP/1.1\r\nHost: localhost:50051\r\n\r\n",
        "GET /v1/entries/a/b:touch HTTP/1.1\r\nHost: s\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n",
        "GET /v1/entries/k HTTP/1.1\r\nhost: [::1]:1\r\naccept-encoding: gzip, br\r\naccept:\t*/* \r\nConnection: Keep-Alive\r\nACCEPT-LANGUAGE: *\r\n\r\n",
    ];

    /// What another reader of HTTP/1.1 makes of the same bytes: the path and the
    /// length of the head, if it is a GET without a body.
    fn read_by_other(come: &[u8]) -> Option<(String, usize)> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        let Ok(httparse::Status::Complete(bytes)) = request.parse(come) else {
            return None;
        };
        let announces = |name: &str| {
            ["content-length", "transfer-encoding", "upgrade", "expect"]
                .iter()
                .any(|it| name.eq_ignore_ascii_case(it))
        };
        let has_body = request.headers.iter().any(|it| announces(it.name));
        let is_get = request.method == Some("GET") && request.version == Some(1);
        (is_get && !has_body).then(|| (request.path.unwrap_or_default().to_owned(), bytes))
    }

    fn read(come: &[u8]) -> Option<Asked<'_>> {
        Reader::of(Hosts::ANY).read(come)
    }

    fn is_read_alike(come: &[u8]) {
        if let Some(asked) = read(come) {
            let path = format!("/v1/entries/{}", asked.key);
            assert_eq!(read_by_other(come), Some((path, asked.bytes)));
        }
    }

    #[test]
    fn a_plain_read_is_read_to_its_end_and_no_further() {
        for (head, key) in PLAIN.iter().zip(["greeting", "a/b:touch", "k"]) {
            for behind in ["", "GET /v1/entries/other HTTP/1.1\r\n", "\r\n", "\0"] {
                let come = format!("{head}{behind}");
                let read = read(come.as_bytes()).map(|it| (it.key, it.bytes));
                assert_eq!(read, Some((key, head.len())), "{come:?}");
            }
            for short in 0..head.len() {
                assert_eq!(read(&head.as_bytes()[..short]), None, "{short} of {head:?}");
            }
        }
    }

    #[test]
    fn what_a_client_says_of_each_read_is_remembered_if_it_is_short() {
        let mut reader = Reader::of(Hosts::ANY);
        for (padding, remembered) in [(0, true), (SAID_BYTES_MAX, false), (1, true)] {
            let said = format!(" HTTP/1.1\r\nhost: {}s\r\n\r\n", "h".repeat(padding));
            let head = format!("GET /v1/entries/k{said}");
            let asked = Asked {
                key: "k",
                bytes: head.len(),
            };
            assert_eq!(reader.read(head.as_bytes()), Some(asked));
            assert_eq!(*reader.said == *said.as_bytes(), remembered, "{padding}");
        }
    }

    #[test]
    fn what_may_change_the_answer_is_left_to_hyper() {
        for head in [
            "GET /v1/entries/k HTTP/1.1\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost:\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
            "GET /v1/entries/k HTTP/1.0\r\nhost: s\r\n\r\n",
            "GET /v1/entries/k  HTTP/1.1\r\nhost: s\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\nhost: s\n\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: s\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: s\r\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost : s\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\n host: s\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: s\r\n folded\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: s\0\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: s\r\ncontent-length: 0\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: s\r\ntransfer-encoding: chunked\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: s\r\nconnection: close\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: s\r\nconnection: keep-alive, upgrade\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: s\r\naccept: application/json\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: s\r\nif-none-match: \"1\"\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: s\r\norigin: http://a\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: s\r\nauthorization: Bearer a\r\n\r\n",
            "GET /v1/entries/k HTTP/1.1\r\nhost: s\r\ngrpc-timeout: 1n\r\n\r\n",
            "GET /v1/entries/k?omit_value=true HTTP/1.1\r\nhost: s\r\n\r\n",
            "GET /v1/entries/a%20b HTTP/1.1\r\nhost: s\r\n\r\n",
            "GET /v1/entries/k#a HTTP/1.1\r\nhost: s\r\n\r\n",
            "GET /v1/entries/é HTTP/1.1\r\nhost: s\r\n\r\n",
            "GET http://s/v1/entries/k HTTP/1.1\r\nhost: s\r\n\r\n",
            "HEAD /v1/entries/k HTTP/1.1\r\nhost: s\r\n\r\n",
            "get /v1/entries/k HTTP/1.1\r\nhost: s\r\n\r\n",
            "\r\nGET /v1/entries/k HTTP/1.1\r\nhost: s\r\n\r\n",
        ] {
            assert_eq!(read(head.as_bytes()), None, "{head:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_here_is_read_alike_elsewhere(
            head in prop::sample::select(&PLAIN[..]),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..4),
        ) {
            let mut come = head.as_bytes().to_vec();
            for (at, byte, how) in changes {
                // Bytes that mean something are tried more often.
                let byte = *b"\r\n\t :/?%,\0".get(usize::from(byte)).unwrap_or(&byte);
                let at = at.index(come.len());
                match how {
                    0 => come[at] = byte,
                    1 => come.insert(at, byte),
                    _ => drop(come.remove(at)),
                }
            }
            is_read_alike(&come);
            for before in PLAIN {
                let mut reader = Reader::of(Hosts::ANY);
                assert!(reader.read(before.as_bytes()).is_some());
                assert_eq!(reader.read(&come), read(&come), "behind {before:?}");
                assert_eq!(reader.read(&come), read(&come), "and once more");
            }
        }
    }
}
