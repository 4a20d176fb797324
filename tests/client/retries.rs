//! What is made again, and what is not.

use std::{net::TcpListener, time::Duration};

use nanokv::client::{operation, range::Range, reason::Reason};
use tonic::Code;

use crate::{
    scripted::{Says, Scripted},
    served::client,
    told::{refusal, unavailable, unavailable_for},
};

#[tokio::test]
async fn a_backup_that_ends_before_its_end_is_an_error() {
    let server = Scripted::new().serve();
    let mut backup = server.client().backup().await.unwrap();
    assert_eq!(&*backup.next().await.unwrap().unwrap().data, b"some of it");
    let error = backup.next().await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    assert_eq!(backup.summary(), None);
}

#[tokio::test]
async fn a_read_is_made_again_until_it_is_answered() {
    let server = Scripted::new().says([unavailable(), unavailable()]);
    let kv = server.serve();
    assert_eq!(kv.client().get("a").await.unwrap(), None);
    assert_eq!(server.script().asked, ["read"; 3]);
}

#[tokio::test]
async fn a_read_is_made_five_times_at_most() {
    let server = Scripted::new().says(std::iter::repeat_with(unavailable).take(9));
    let kv = server.serve();
    let error = kv.client().get("a").await.unwrap_err();
    assert_eq!(error.reason(), Some(&Reason::TooManyCalls));
    assert_eq!(server.script().asked.len(), 5);
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_made_again() {
    for code in [
        Code::ResourceExhausted,
        Code::Aborted,
        Code::Internal,
        Code::DeadlineExceeded,
    ] {
        let server = Scripted::new().says([refusal(code, "SO_IT_IS", &[])]);
        let kv = server.serve();
        let error = kv.client().get("a").await.unwrap_err();
        assert_eq!(error.code(), code);
        assert_eq!(server.script().asked.len(), 1, "{code:?}");
    }
}

#[tokio::test]
async fn a_change_is_made_again_under_the_id_that_it_had() {
    let server = Scripted::new()
        .keeps_request_ids()
        .says([unavailable(), unavailable()]);
    let kv = server.serve();
    kv.client().increment("a").await.unwrap();
    let asked = server.script().asked.clone();
    assert_eq!(asked.len(), 3);
    assert!(!asked[0].is_empty());
    assert_eq!(asked, [asked[0].as_str(); 3]);
}

#[tokio::test]
async fn two_changes_have_two_ids() {
    let server = Scripted::new().keeps_request_ids();
    let running = server.serve();
    let kv = running.client();
    kv.set("a", "1").await.unwrap();
    kv.set("a", "1").await.unwrap();
    let asked = server.script().asked.clone();
    assert_ne!(asked[0], asked[1]);
}

#[tokio::test]
async fn a_change_without_an_id_is_made_once() {
    let without_server_support = Scripted::new();
    let kv = without_server_support.clone().says([unavailable()]).serve();
    assert!(kv.client().set("a", "1").await.is_err());
    assert_eq!(without_server_support.script().asked, [""]);

    let unwanted = Scripted::new().keeps_request_ids().says([unavailable()]);
    let kv = unwanted.serve();
    let set = kv.client().set("a", "1").without_request_id();
    assert!(set.await.is_err());
    assert_eq!(unwanted.script().asked, [""]);
}

#[tokio::test]
async fn an_id_of_the_caller_is_sent_as_it_is() {
    let server = Scripted::new().says([unavailable()]);
    let kv = server.serve();
    kv.client().delete("a").request_id("mine").await.unwrap();
    assert_eq!(server.script().asked, ["mine", "mine"]);
}

#[tokio::test]
async fn a_server_that_turns_out_to_keep_no_ids_is_asked_without() {
    let refused = refusal(
        Code::Unimplemented,
        "UNSUPPORTED",
        &[("capability", "request_id")],
    );
    let server = Scripted::new().keeps_request_ids().says([refused]);
    let kv = server.serve();
    kv.client().touch("a").await.unwrap();
    let asked = server.script().asked.clone();
    assert!(!asked[0].is_empty());
    assert_eq!(asked[1..], [""]);
}

#[tokio::test]
async fn every_change_of_a_batch_has_an_id() {
    let server = Scripted::new().keeps_request_ids().says([unavailable()]);
    let kv = server.serve();
    let batch = kv
        .client()
        .batch()
        .then(operation::get("a"))
        .then(operation::set("b", "1"))
        .then(operation::increment("c"));
    assert_eq!(batch.await.unwrap().len(), 3);
    let asked = server.script().asked.clone();
    assert_eq!(asked[0], asked[1]);
    let ids: Vec<_> = asked[0].split(' ').collect();
    assert_eq!(ids[0], "read");
    assert!(ids[1].len() == 36 && ids[2].len() == 36 && ids[1] != ids[2]);
}

#[tokio::test]
async fn a_batch_that_only_reads_is_made_again_without_ids() {
    let server = Scripted::new().says([unavailable()]);
    let kv = server.serve();
    let batch = kv.client().batch().then(operation::get("a"));
    assert!(batch.await.is_ok());
    assert_eq!(server.script().asked, ["read", "read"]);
}

#[tokio::test]
async fn each_step_of_a_long_removal_has_an_id_of_its_own() {
    let server = Scripted::new().keeps_request_ids();
    let kv = server.serve();
    let removal = kv.client().delete_range(Range::prefix("a"));
    let removed = removal.request_id("mine").to_the_end().await.unwrap();
    assert_eq!(removed.deleted, 3);
    let asked = server.script().asked.clone();
    assert_eq!(asked[0], "mine");
    assert!(asked[1] != asked[2] && asked[1].len() == 36, "{asked:?}");
}

#[tokio::test]
async fn a_server_that_says_never_is_not_asked_again() {
    let mut never = unavailable();
    let name = "grpc-retry-pushback-ms";
    never.metadata_mut().insert(name, "-1".parse().unwrap());
    let server = Scripted::new().says([never]);
    let kv = server.serve();
    assert!(kv.client().get("a").await.is_err());
    assert_eq!(server.script().asked.len(), 1);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_not_begun() {
    let server = Scripted::new().says([unavailable_for(Duration::from_hours(1))]);
    let kv = server.serve();
    let error = kv.client().get("a").await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_hours(1)));
    assert_eq!(error.reason(), Some(&Reason::TooManyCalls));
}

#[tokio::test]
async fn a_read_whose_connection_is_lost_is_made_again() {
    let server = Scripted::new();
    server.script().says.push_back(Says::Nothing);
    let (_served, line) = server.serve_over_line().await;
    let kv = client(line.address());
    let read = tokio::spawn(async move { kv.get("a").await });
    while server.script().asked.is_empty() {
        tokio::task::yield_now().await;
    }
    line.cut();
    assert_eq!(read.await.unwrap().unwrap(), None);
    assert_eq!(server.script().asked, ["read", "read"]);
}

#[tokio::test]
async fn a_change_whose_connection_is_lost_may_have_been_made() {
    let server = Scripted::new();
    server.script().says.push_back(Says::Nothing);
    let (_served, line) = server.serve_over_line().await;
    let kv = client(line.address());
    let change = tokio::spawn(async move { kv.set("a", "1").await });
    while server.script().asked.is_empty() {
        tokio::task::yield_now().await;
    }
    line.cut();
    let error = change.await.unwrap().unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    assert!(error.may_have_changed());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_unchanged() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = client(address).set("a", "1").await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    assert_eq!(error.reason(), None);
    assert!(!error.may_have_changed());
    assert!(
        error.message().contains("Connection refused"),
        "{}",
        error.message()
    );
}
