//! What comes percent-encoded: keys in a path, and the query behind it.

use percent_encoding::percent_decode_str;

use crate::{
    calls::failure::Failure,
    model::error::{Invalid, Rule},
};

/// More than any path takes. Each is compared with all before it.
const PARAMETERS_MAX: usize = 32;

/// The parameters of a query that nobody has taken yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    given: Vec<(String, String)>,
    /// Those that were asked for while there were some.
    known: Vec<&'static str>,
}

/// Text that was percent-encoded.
///
/// # Errors
/// An [`Invalid`] for `field`: a percent sign without two hexadecimal digits
/// behind it, or what is not UTF-8.
pub fn decoded(text: &str, field: &str) -> Result<String, Invalid> {
    let malformed = |rule| Invalid::new(field.to_owned(), Rule::Malformed, rule);
    let mut signs = text.split('%').skip(1);
    let is_whole = signs.all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !is_whole {
        return Err(malformed("% stands before two hexadecimal digits"));
    }
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(Into::into)
        .map_err(|_| malformed("what is percent-encoded is UTF-8"))
}

impl Query {
    /// Reads a query; `None`: there is none. A plus sign is a space, as forms
    /// write it.
    ///
    /// # Errors
    /// An [`Invalid`] for what is not encoded well, or is given twice, and for
    /// more parameters than any path takes.
    pub fn read(query: Option<&str>) -> Result<Self, Invalid> {
        let mut given: Vec<(String, String)> = Vec::new();
        for pair in query.unwrap_or_default().split('&') {
            if pair.is_empty() {
                continue;
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(&name.replace('+', " "), "query")?;
            let value = decoded(&value.replace('+', " "), &name)?;
            if given.len() >= PARAMETERS_MAX {
                let rule = format!("a query has at most {PARAMETERS_MAX} parameters");
                return Err(Invalid::new("query", Rule::TooLarge, rule));
            }
            if given.iter().any(|(other, _)| *other == name) {
                return Err(Invalid::new(name, Rule::Conflict, "it is given once"));
            }
            given.push((name, value));
        }
        let known = Vec::new();
        Ok(Self { given, known })
    }

    /// The value of a parameter, if it is given.
    pub fn take(&mut self, name: &'static str) -> Option<String> {
        if self.given.is_empty() {
            return None;
        }
        self.known.push(name);
        let at = self.given.iter().position(|(given, _)| given == name)?;
        Some(self.given.swap_remove(at).1)
    }

    /// Whether a parameter is given.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| given == name)
    }

    /// Whether a parameter says true.
    ///
    /// # Errors
    /// An [`Invalid`] for anything but true and false.
    pub fn flag(&mut self, name: &'static str) -> Result<bool, Invalid> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Invalid::new(name, Rule::Malformed, "it is true or false")),
        }
    }

    /// Whether a parameter is there that means something by being there.
    ///
    /// # Errors
    /// An [`Invalid`] for anything but true.
    pub fn mark(&mut self, name: &'static str) -> Result<bool, Invalid> {
        match self.take(name).as_deref() {
            None => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                let rule = "it is true or left out";
                Err(Invalid::new(name, Rule::Malformed, rule))
            }
        }
    }

    /// A whole number, if it is given.
    ///
    /// # Errors
    /// An [`Invalid`] for what is none.
    pub fn number<N: std::str::FromStr>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<N>, Invalid> {
        let number = self.take(name).map(|text| text.parse());
        number
            .transpose()
            .map_err(|_| Invalid::new(name, Rule::Malformed, "it is a whole number"))
    }

    /// That all parameters have been taken.
    ///
    /// # Errors
    /// The first that was not: it would do nothing.
    pub fn end(self) -> Result<(), Failure> {
        let Some((name, _)) = self.given.into_iter().next() else {
            return Ok(());
        };
        let rule = if self.known.is_empty() {
            "no parameters are taken here".to_owned()
        } else {
            format!("parameters here are {}", self.known.join(", "))
        };
        Err(Invalid::new(name, Rule::Malformed, rule).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_no_more_parameters_than_that() {
        let of = |count: usize| {
            let names: Vec<_> = (0..count).map(|nth| format!("n{nth}=1")).collect();
            Query::read(Some(&names.join("&")))
        };
        assert!(of(PARAMETERS_MAX).is_ok());
        let refused = of(PARAMETERS_MAX + 1).unwrap_err();
        assert_eq!((&*refused.field, refused.rule), ("query", Rule::TooLarge));
    }

    #[test]
    fn a_query_is_taken_apart() {
        let mut query = Query::read(Some("prefix=a%2Fb+c&all=true&page_size=7&&flag")).unwrap();
        assert_eq!(query.take("prefix").as_deref(), Some("a/b c"));
        assert_eq!(query.flag("all"), Ok(true));
        assert_eq!(query.number("page_size"), Ok(Some(7)));
        assert_eq!(query.take("prefix"), None);
        assert!(query.clone().end().is_err(), "flag was not taken");
        assert_eq!(query.take("flag").as_deref(), Some(""));
        assert!(query.end().is_ok());
        assert_eq!(Query::read(None), Ok(Query::default()));
    }

    #[test]
    fn what_is_not_encoded_well_is_refused_by_its_name() {
        for (text, field) in [
            ("prefix=%", "prefix"),
            ("prefix=%f", "prefix"),
            ("prefix=%zz", "prefix"),
            ("prefix=%ff", "prefix"),
            ("%ff=1", "query"),
            ("a=1&a=1", "a"),
        ] {
            assert_eq!(Query::read(Some(text)).unwrap_err().field, field, "{text}");
        }
        assert_eq!(decoded("a%00b/é", "key").unwrap(), "a\0b/é");
    }
}
