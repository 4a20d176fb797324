//! Every call ends by its deadline.

use std::time::Duration;

use nanokv::client::{Client, config::Config, reason::Reason};
use tonic::Code;

use crate::{
    scripted::{Says, Scripted},
    served::impatient,
};

fn silent() -> Scripted {
    let server = Scripted::new();
    server.script().says.push_back(Says::Nothing);
    server
}

#[tokio::test]
async fn a_call_that_is_not_answered_ends_by_the_default_deadline() {
    let server = silent();
    let running = server.serve();
    let config = Config {
        call_timeout: Duration::from_millis(20),
        ..impatient()
    };
    let kv = Client::with_config(running.address().to_string(), config).unwrap();
    let error = kv.get("a").await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.reason(), Some(&Reason::DeadlineExceeded));
}

#[tokio::test]
async fn a_call_can_have_a_deadline_of_its_own() {
    let server = silent();
    let running = server.serve();
    let get = running.client().get("a");
    let error = get.timeout(Duration::from_millis(20)).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert!(error.may_have_changed());
}

#[tokio::test]
async fn a_change_that_ends_by_its_deadline_is_not_made_again() {
    let server = silent().keeps_request_ids();
    let running = server.serve();
    let set = running.client().set("a", "1");
    let error = set.timeout(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(server.script().asked.len(), 1);
}

#[test]
fn an_address_that_is_none_is_refused_at_once() {
    for address in ["", "nowhere", "http://", "a b:1", "localhost"] {
        let error = Client::new(address).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{address:?}");
        assert!(!error.may_have_changed());
    }
}
