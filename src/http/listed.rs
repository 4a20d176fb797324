//! What a setting lists: nothing, everything, or some things by name.

use std::{fmt, sync::Arc};

/// Things by name. A clone is the same ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Listed {
    /// None; written as nothing.
    #[default]
    None,
    /// Every one; written `*`.
    Any,
    /// These; written with commas between them.
    These(Arc<[String]>),
}

impl Listed {
    /// Reads a list, and each of its names by `read_one`; `None`: one of them is
    /// none, or `*` stands beside others.
    pub fn read(text: &str, read_one: impl Fn(&str) -> Option<String>) -> Option<Self> {
        Some(match text {
            "" => Self::None,
            "*" => Self::Any,
            _ => {
                let names: Option<Vec<_>> = text.split(',').map(|it| read_one(it.trim())).collect();
                Self::These(names?.into())
            }
        })
    }

    /// Whether one of them is it.
    pub fn holds(&self, is_it: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::These(names) => names.iter().any(|name| is_it(name)),
        }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Any => formatter.write_str("*"),
            Self::These(names) => formatter.write_str(&names.join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_is_written_and_holds_what_it_names() {
        let read = |text| Listed::read(text, |it| (it.len() == 1).then(|| it.to_owned()));
        for (text, written, holds_a) in [
            ("", "", false),
            ("*", "*", true),
            ("a", "a", true),
            ("b , a", "b,a", true),
            ("b", "b", false),
        ] {
            let list = read(text).unwrap();
            assert_eq!(list.to_string(), written);
            assert_eq!(list.holds(|it| it == "a"), holds_a, "{text}");
        }
        for text in ["a,", ",", "a,,b", "ab"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
