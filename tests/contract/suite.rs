//! The suite as data: cases by name, to be run on any engine.

use std::{future::Future, pin::Pin};

use crate::support::server::Server;

/// A sentence of the contract, as a test of a server.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(Server) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Cases of a file as tests of a server that keeps its store in one way.
macro_rules! on_engine {
    ($engine:ident: $server:expr; $($case:ident),*) => {
        mod $engine {
            $(#[tokio::test]
            async fn $case() {
                super::$case($server).await;
            })*
        }
    };
}

/// Lists the cases of a file, each an `async fn(Server)` of it: as `CASES`,
/// and as tests on every engine. One that is left out is dead code, and the
/// compiler says so.
macro_rules! contract {
    ($($case:ident),* $(,)?) => {
        pub(crate) const CASES: &[$crate::suite::Case] = &[$($crate::suite::Case {
            name: concat!(module_path!(), "::", stringify!($case)),
            run: |server| Box::pin($case(server)),
        }),*];

        on_engine!(memory: super::Server::on_memory(); $($case),*);
        on_engine!(kept: super::Server::on_kept(); $($case),*);
        on_engine!(plain: super::Server::on_plain(None); $($case),*);
    };
}

/// The same for a file that is about single keys: its cases are tests over JSON
/// too, but for those of [`UNSAID`].
macro_rules! contract_of_single_keys {
    ($($case:ident),* $(,)?) => {
        contract![$($case),*];

        mod json {
            $(#[tokio::test]
            async fn $case() {
                let name = concat!(module_path!(), "::", stringify!($case));
                if !$crate::suite::is_unsaid(name) {
                    super::$case($crate::support::server::Server::on_memory().in_json()).await;
                }
            })*
        }
    };
}

/// What JSON has no words for, and why.
const UNSAID: &[(&str, &str)] = &[
    (
        "conditions::a_condition_has_a_kind",
        "a DELETE says its condition in a header, which is absent or says one",
    ),
    (
        "conditions::a_condition_is_never_false",
        "a DELETE says its condition in a header, which cannot say false",
    ),
    (
        "expiry::a_ttl_is_above_0",
        "its least is beyond the 10,000 years that protobuf's mapping can write",
    ),
    (
        "expiry::a_ttl_is_at_most_ttl_max",
        "its greatest is beyond them too",
    ),
    (
        "expiry::an_expire_time_is_at_most_ttl_max_ahead",
        "its greatest lies behind the year 9999, where the mapping ends",
    ),
    (
        "expiry::a_ttl_is_well_formed",
        "a duration is written in decimal: there are no two parts to differ in sign",
    ),
    (
        "expiry::an_expire_time_is_well_formed",
        "a time is written as a date: it has no nanoseconds beside a second",
    ),
    (
        "expiry::every_call_with_an_expiry_refuses_a_bad_one",
        "its ttl has parts of two signs, which a decimal cannot have",
    ),
    (
        "request_ids::a_request_id_has_1_to_128_printable_characters",
        "a DELETE has it in a header, which holds no other characters and is named by itself",
    ),
];

/// Whether a case, by its path, is one of [`UNSAID`].
pub(crate) fn is_unsaid(path: &str) -> bool {
    let case = path.replace("::json::", "::");
    UNSAID.iter().any(|(name, _)| case.ends_with(name))
}

#[test]
fn what_json_leaves_unsaid_are_cases_of_the_contract() {
    let cases: Vec<_> = [
        crate::conditions::CASES,
        crate::expiry::CASES,
        crate::request_ids::CASES,
    ]
    .concat()
    .into_iter()
    .map(|case| case.name)
    .collect();
    for (name, _) in UNSAID {
        assert!(cases.iter().any(|case| case.ends_with(name)), "{name}");
    }
}
