//! Lists of operations on a stream.

use std::time::Duration;

use nanokv::client::{Client, config::Config, operation, reason::Reason};
use tonic::Code;

use crate::{
    scripted::Scripted,
    served::{client, impatient},
};

#[tokio::test]
async fn every_list_is_answered_whatever_order_is_waited_in() {
    let server = Scripted::new();
    let running = server.serve();
    let pipeline = running.client().pipeline().await.unwrap();
    let mut replies = Vec::new();
    for count in 1..10 {
        let list = vec![operation::get("a"); count];
        replies.push((count, pipeline.send(list).await.unwrap()));
    }
    while let Some((count, reply)) = replies.pop() {
        assert_eq!(reply.await.unwrap().len(), count);
    }
}

#[tokio::test]
async fn a_list_that_is_refused_leaves_the_others_alone() {
    let server = Scripted::new();
    let running = server.serve();
    let pipeline = running.client().pipeline().await.unwrap();
    let refused = pipeline.send(Vec::<operation::Operation>::new());
    let refused = refused.await.unwrap().await.unwrap_err();
    assert_eq!(refused.reason(), Some(&Reason::FieldMissing));
    let next = pipeline.send([operation::get("a")]).await.unwrap();
    assert_eq!(next.await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_broken_stream_fails_what_was_under_way_and_all_that_follows() {
    let server = Scripted::new();
    server.script().lists_answered = Some(1);
    let (_served, line) = server.serve_over_line().await;
    let pipeline = client(line.address()).pipeline().await.unwrap();
    let first = pipeline.send([operation::get("a")]).await.unwrap();
    let second = pipeline.send([operation::get("a")]).await.unwrap();
    assert!(first.await.is_ok());
    line.cut();
    let error = second.await.unwrap_err();
    assert!(error.is_unavailable() && error.may_have_changed());
    let third = pipeline.send([operation::get("a")]).await;
    assert!(third.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn no_more_lists_are_under_way_than_allowed() {
    let server = Scripted::new();
    server.script().lists_answered = Some(0);
    let running = server.serve();
    let config = Config {
        pipeline_lists_max: 2,
        ..impatient()
    };
    let kv = Client::with_config(running.address().to_string(), config).unwrap();
    let pipeline = kv.pipeline().timeout(Duration::from_millis(100));
    let pipeline = pipeline.await.unwrap();
    let _first = pipeline.send([operation::get("a")]).await.unwrap();
    let _second = pipeline.send([operation::get("a")]).await.unwrap();
    let third = pipeline.send([operation::get("a")]).await.map(drop);
    assert_eq!(third.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_pipeline_that_is_dropped_ends_in_order() {
    let server = Scripted::new();
    let running = server.serve();
    let pipeline = running.client().pipeline().await.unwrap();
    let reply = pipeline.send([operation::get("a")]).await.unwrap();
    drop(pipeline);
    assert_eq!(reply.await.unwrap().len(), 1);
    let drained = async {
        while server.script().drained == 0 {
            tokio::task::yield_now().await;
        }
    };
    let ceiling = Duration::from_mins(1);
    tokio::time::timeout(ceiling, drained).await.unwrap();
}
