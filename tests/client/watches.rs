//! A watch over connections that break.

use std::time::Duration;

use nanokv::{
    client::{
        Client,
        config::Config,
        error::Error,
        range::Range,
        reason::Reason,
        watch::{Update, Watch},
    },
    proto::watch_request::Start,
};
use tonic::{Code, Status};

use crate::{
    scripted::Scripted,
    served::{client, impatient},
    told::{complete, events, refusal, snapshot, unavailable},
};

fn compacted() -> Status {
    let oldest = [("oldest_version", "90")];
    refusal(Code::OutOfRange, "VERSION_COMPACTED", &oldest)
}

/// The next update in short: the version of an event, or a word.
async fn next(watch: &mut Watch) -> Result<String, Error> {
    watch.next().await.unwrap().map(|update| match update {
        Update::SnapshotBegins => "begins".to_owned(),
        Update::Snapshot(entry) => entry.key,
        Update::SnapshotComplete { version } => format!("complete {version}"),
        Update::Event(event) => event.entry.version.to_string(),
    })
}

async fn told(watch: &mut Watch, updates: &[&str]) {
    for update in updates {
        assert_eq!(next(watch).await.unwrap(), *update);
    }
}

#[tokio::test]
async fn a_watch_goes_on_where_it_was() {
    let server = Scripted::new()
        .tells(
            vec![events(&[], 10), events(&[11, 12], 12)],
            Some(unavailable()),
        )
        .tells(vec![events(&[13], 13)], None);
    let running = server.serve();
    let mut watch = running.client().watch(Range::all()).await.unwrap();
    assert_eq!(watch.resume_version(), 10, "it has begun");
    told(&mut watch, &["11", "12", "13"]).await;
    assert_eq!(watch.resume_version(), 13);
    let began = server.script().began.clone();
    assert_eq!(began, [None, Some(Start::AfterVersion(12))]);
}

#[tokio::test]
async fn a_cut_line_loses_nothing() {
    let server = Scripted::new()
        .tells(vec![events(&[11], 11)], None)
        .tells(vec![events(&[12], 12)], None);
    let (_served, line) = server.serve_over_line().await;
    let kv = client(line.address());
    let mut watch = kv.watch(Range::all()).after_version(10).await.unwrap();
    told(&mut watch, &["11"]).await;
    line.cut();
    told(&mut watch, &["12"]).await;
    let began = server.script().began.clone();
    let after = |version| Some(Start::AfterVersion(version));
    assert_eq!(began, [after(10), after(11)]);
}

#[tokio::test]
async fn a_transaction_that_broke_in_the_middle_is_not_told_twice() {
    let server = Scripted::new()
        .tells(vec![events(&[11, 12], 10)], Some(unavailable()))
        .tells(vec![events(&[11, 12, 13], 13)], None);
    let running = server.serve();
    let mut watch = running.client().watch(Range::all()).await.unwrap();
    told(&mut watch, &["11", "12", "13"]).await;
    assert_eq!(server.script().began[1], Some(Start::AfterVersion(10)));
}

#[tokio::test]
async fn what_is_not_given_out_yet_is_not_behind() {
    let replies = vec![events(&[11, 12], 12), events(&[], 15)];
    let server = Scripted::new().tells(replies, None);
    let running = server.serve();
    let watch = running.client().watch(Range::all()).after_version(10);
    let mut watch = watch.await.unwrap();
    assert_eq!(watch.resume_version(), 0, "11 and 12 are to come");
    told(&mut watch, &["11"]).await;
    assert_eq!(watch.resume_version(), 0, "12 is to come");
    told(&mut watch, &["12"]).await;
    assert_eq!(watch.resume_version(), 12);
}

#[tokio::test]
async fn a_snapshot_that_broke_begins_again_and_says_so() {
    let server = Scripted::new()
        .tells(vec![snapshot(&["a", "b"])], Some(unavailable()))
        .tells(vec![snapshot(&["a"]), complete(7), events(&[8], 8)], None);
    let running = server.serve();
    let watch = running.client().watch(Range::all()).snapshot();
    let mut watch = watch.await.unwrap();
    told(&mut watch, &["begins", "a", "b"]).await;
    assert_eq!(watch.resume_version(), 0);
    told(&mut watch, &["begins", "a", "complete 7", "8"]).await;
    let began = server.script().began.clone();
    assert_eq!(began, [Some(Start::Snapshot(true)); 2]);
}

#[tokio::test]
async fn changes_that_are_gone_end_a_watch() {
    let server = Scripted::new()
        .tells(vec![events(&[11], 11)], Some(unavailable()))
        .tells(vec![], Some(compacted()));
    let running = server.serve();
    let mut watch = running.client().watch(Range::all()).await.unwrap();
    told(&mut watch, &["11"]).await;
    let error = next(&mut watch).await.unwrap_err();
    assert_eq!(error.reason(), Some(&Reason::VersionCompacted));
    assert_eq!(error.oldest_version(), Some(90));
    assert!(watch.next().await.is_none());
    assert_eq!(watch.resume_version(), 11);
}

#[tokio::test]
async fn a_mirror_begins_again_when_changes_are_gone() {
    let slow = refusal(Code::ResourceExhausted, "WATCH_TOO_SLOW", &[]);
    let server = Scripted::new()
        .tells(vec![events(&[11], 11)], Some(slow))
        .tells(vec![], Some(compacted()))
        .tells(vec![snapshot(&["a"]), complete(3), events(&[4], 4)], None);
    let running = server.serve();
    let watch = running.client().watch(Range::all()).begin_again();
    let mut watch = watch.await.unwrap();
    told(&mut watch, &["11", "begins", "a", "complete 3", "4"]).await;
    let began = server.script().began.clone();
    let resumed = Some(Start::AfterVersion(11));
    assert_eq!(began, [None, resumed, Some(Start::Snapshot(true))]);
}

#[tokio::test]
async fn a_watch_that_is_refused_is_not_opened() {
    let full = refusal(Code::ResourceExhausted, "TOO_MANY_WATCHERS", &[]);
    let server = Scripted::new().tells(vec![], Some(full));
    let running = server.serve();
    let error = running.client().watch(Range::all()).await.unwrap_err();
    assert_eq!(error.reason(), Some(&Reason::TooManyWatchers));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left() {
    let server = Scripted::new()
        .tells(vec![events(&[], 10)], None)
        .tells(vec![events(&[11], 11)], None);
    let running = server.serve();
    let config = Config {
        watch_silence_max: Duration::from_millis(20),
        ..impatient()
    };
    let kv = Client::with_config(running.address().to_string(), config).unwrap();
    let mut watch = kv.watch(Range::all()).await.unwrap();
    told(&mut watch, &["11"]).await;
    assert_eq!(server.script().began[1], Some(Start::AfterVersion(10)));
}

#[tokio::test]
async fn a_watch_gives_up_when_the_server_stays_away() {
    let server = Scripted::new().tells(vec![events(&[], 10)], None);
    let (running, line) = server.serve_over_line().await;
    let config = Config {
        watch_reconnect_max: Duration::from_millis(50),
        ..impatient()
    };
    let kv = Client::with_config(line.address().to_string(), config).unwrap();
    let mut watch = kv.watch(Range::all()).await.unwrap();
    drop((running, line));
    let error = next(&mut watch).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    assert!(watch.next().await.is_none());
}
