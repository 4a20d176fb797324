//! The suite as data: cases by name, to be run on any engine.

use std::{future::Future, pin::Pin};

use crate::support::server::Server;

/// A sentence of the contract, as a test of a server.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(Server) -> Pin<Box<dyn Future<Output = ()> + Send>>,
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

        mod memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::support::server::Server::on_memory()).await;
            })*
        }

        mod plain {
            $(#[tokio::test]
            async fn $case() {
                super::$case($crate::support::server::Server::on_plain(None)).await;
            })*
        }
    };
}
