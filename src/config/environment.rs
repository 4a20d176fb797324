//! Settings from variables of the environment named `NANOKV_…`.

use std::ffi::OsString;

use crate::config::{fault::Fault, file::nearest, load::Given, registry::SETTINGS, source::Source};

const PREFIX: &str = "NANOKV_";

/// What the environment says.
#[derive(Debug, Default)]
pub struct Environment {
    /// Settings.
    pub given: Vec<Given>,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// Names that begin as ours do and that nobody knows.
    pub unknown: Vec<String>,
    /// How many were put there by Kubernetes, for Services whose names begin
    /// as ours does.
    pub injected: usize,
}

/// Reads it from `variables`.
#[must_use]
pub fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
    let mut environment = Environment::default();
    let mut variables: Vec<_> = variables
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    variables.sort();
    for (name, value) in variables {
        let Some(setting) = SETTINGS.iter().find(|known| known.variable() == name) else {
            if is_injected(&name, &value.to_string_lossy()) {
                environment.injected += 1;
            } else {
                environment.unknown.push(name);
            }
            continue;
        };
        let source = Source::Variable(name);
        match value.into_string() {
            Ok(text) => environment.given.push(Given {
                setting,
                text,
                source,
            }),
            Err(value) => environment.faults.push(Fault::Value {
                name: setting.name,
                given: value.to_string_lossy().into_owned(),
                source,
                right: setting.accepts(),
            }),
        }
    }
    environment
}

/// A warning about a variable that nobody knows.
#[must_use]
pub fn warning(name: &str) -> String {
    let meant = name.strip_prefix(PREFIX).and_then(nearest);
    match meant {
        Some(meant) => format!(
            "{name} is no setting; is {PREFIX}{} meant?",
            meant.to_uppercase()
        ),
        None => format!("{name} is no setting; `nanokv config` prints them all"),
    }
}

/// Whether Kubernetes makes such a variable for a Service. For one named
/// `nanokv` those are `NANOKV_SERVICE_HOST`, `NANOKV_SERVICE_PORT`,
/// `NANOKV_SERVICE_PORT_GRPC`, `NANOKV_PORT`, `NANOKV_PORT_50051_TCP`,
/// `NANOKV_PORT_50051_TCP_PROTO`, `…_PORT` and `…_ADDR`; for `nanokv-test`
/// they begin with `NANOKV_TEST_`.
fn is_injected(name: &str, value: &str) -> bool {
    let is_url = || {
        ["tcp://", "udp://", "sctp://"]
            .iter()
            .any(|scheme| value.starts_with(scheme))
    };
    let is_number = |text: &str| text.parse::<u16>().is_ok();
    let words: Vec<&str> = name.split('_').collect();
    match words.as_slice() {
        [.., "SERVICE", "HOST"] => value.parse::<std::net::IpAddr>().is_ok(),
        [.., "SERVICE", "PORT"] => is_number(value),
        [.., "PORT"] if is_url() => true,
        [.., "PORT", port, "TCP" | "UDP" | "SCTP"] => is_number(port) && is_url(),
        [
            ..,
            "PORT",
            port,
            "TCP" | "UDP" | "SCTP",
            "PROTO" | "PORT" | "ADDR",
        ] => is_number(port),
        // The name of a port follows.
        _ => name.contains("_SERVICE_PORT_") && is_number(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        read(
            variables
                .iter()
                .map(|(name, value)| (OsString::from(name), OsString::from(value))),
        )
    }

    #[test]
    fn a_variable_is_a_setting_of_the_same_name() {
        let environment = environment(&[("NANOKV_LOG_LEVEL", "debug"), ("HOME", "/")]);
        let [given] = &environment.given[..] else {
            panic!("{environment:?}")
        };
        assert_eq!(
            (given.setting.name, &*given.text, given.source.to_string()),
            ("log_level", "debug", "NANOKV_LOG_LEVEL".to_owned())
        );
        assert!(environment.unknown.is_empty() && environment.injected == 0);
    }

    #[test]
    fn what_kubernetes_injects_is_passed_over() {
        let environment = environment(&[
            ("NANOKV_SERVICE_HOST", "10.0.0.1"),
            ("NANOKV_SERVICE_PORT", "50051"),
            ("NANOKV_SERVICE_PORT_GRPC", "50051"),
            ("NANOKV_PORT", "tcp://10.0.0.1:50051"),
            ("NANOKV_PORT_50051_TCP", "tcp://10.0.0.1:50051"),
            ("NANOKV_PORT_50051_TCP_PROTO", "tcp"),
            ("NANOKV_PORT_50051_TCP_PORT", "50051"),
            ("NANOKV_PORT_50051_TCP_ADDR", "10.0.0.1"),
            ("NANOKV_LISTEN_PORT", "tcp://10.0.0.2:80"),
        ]);
        assert_eq!(environment.injected, 9);
        assert!(environment.unknown.is_empty() && environment.given.is_empty());
    }

    #[test]
    fn what_a_person_wrote_is_told_with_the_nearest_name() {
        let environment = environment(&[("NANOKV_PORT", "8080"), ("NANOKV_LOGLEVEL", "debug")]);
        assert_eq!(environment.unknown, ["NANOKV_LOGLEVEL", "NANOKV_PORT"]);
        assert_eq!(
            warning("NANOKV_LOGLEVEL"),
            "NANOKV_LOGLEVEL is no setting; is NANOKV_LOG_LEVEL meant?"
        );
        assert_eq!(
            warning("NANOKV_PORT"),
            "NANOKV_PORT is no setting; `nanokv config` prints them all"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_utf_8_is_wrong() {
        use std::os::unix::ffi::OsStringExt;
        let value = OsString::from_vec(vec![b'5', 0xff]);
        let environment = read([(OsString::from("NANOKV_WORKERS"), value)]);
        assert_eq!(environment.faults.len(), 1);
    }
}
