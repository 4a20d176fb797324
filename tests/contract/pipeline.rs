//! Pipeline: lists of operations on a stream.

use nanokv::proto as pb;
use prost::Message;
use tonic::Code;

use crate::support::{
    raw::{GetBytes, ListOfBytes},
    server::Server,
    words::{data, number, text},
};

contract![
    answers_come_in_the_order_of_the_lists,
    an_id_is_any_number_and_given_back,
    a_list_answers_as_a_batch_would,
    later_lists_see_what_earlier_ones_did,
    an_answer_comes_while_the_stream_is_open,
    sixteen_lists_go_out_before_an_answer_is_read,
    far_more_lists_than_sixteen_pass,
    half_close_drains,
    a_stream_without_lists_ends_with_ok,
    an_empty_list_is_answered,
    a_bad_operation_fails_its_own_slot,
    a_list_that_is_too_long_is_a_failure_and_the_stream_lives,
    a_list_that_does_not_decode_ends_the_stream,
    a_list_that_is_too_large_ends_the_stream,
    a_list_that_is_cut_short_ends_the_stream,
    what_came_before_the_end_is_answered,
    the_reply_to_a_list_stays_within_reply_bytes_max,
    large_answers_all_come,
    the_deadline_of_the_caller_ends_the_stream,
];

async fn answers_come_in_the_order_of_the_lists(server: Server) {
    let kv = server.start().await;
    let mut pipeline = kv.pipeline().await;
    for id in 0..200 {
        // The longer ones come first.
        let gets = (0..200 - id).map(|_| kv.get("a").into());
        pipeline.send(id, gets).await;
    }
    for id in 0..200 {
        let answer = pipeline.answer().await;
        assert_eq!(answer.id, id);
        assert_eq!(answer.slots().len(), usize::try_from(200 - id).unwrap());
    }
}

async fn an_id_is_any_number_and_given_back(server: Server) {
    let kv = server.start().await;
    let mut pipeline = kv.pipeline().await;
    let ids = [0, 7, 7, -1, i64::MAX, i64::MIN, 0];
    for id in ids {
        pipeline.send(id, [kv.increment("n").into()]).await;
    }
    for id in ids {
        assert_eq!(pipeline.answer().await.id, id);
    }
    assert_eq!(kv.value("n").await, Some(number(7)));
}

async fn a_list_answers_as_a_batch_would(server: Server) {
    let kv = server.start().await;
    let operations = |key: &str| -> Vec<pb::Operation> {
        vec![
            kv.set(key, "1").into(),
            kv.set(key, "2").if_absent().into(),
            kv.get(key).omit_value().into(),
            kv.touch(key).never_expire().into(),
            kv.increment(key).into(),
            kv.delete(key).return_previous().into(),
            pb::Operation { kind: None },
            kv.get("").into(),
        ]
    };
    let mut pipeline = kv.pipeline().await;
    pipeline.send(1, operations("a")).await;
    let slots = pipeline.answer().await.slots();
    let batch = kv.batch().with(|batch| batch.operations = operations("a"));
    let expected = batch.await;
    assert_eq!(slots.len(), expected.len());
    for (slot, expected) in slots.iter().zip(&expected) {
        // They differ in their versions alone.
        let kinds = (&slot.0, &expected.0);
        assert_eq!(
            std::mem::discriminant(kinds.0),
            std::mem::discriminant(kinds.1)
        );
    }
    for (index, code) in [
        (1, Code::AlreadyExists),
        (4, Code::FailedPrecondition),
        (6, Code::InvalidArgument),
        (7, Code::InvalidArgument),
    ] {
        let (seen, told) = (slots[index].refused(code), expected[index].refused(code));
        assert_eq!((seen.reason, seen.fields), (told.reason, told.fields));
    }
}

async fn later_lists_see_what_earlier_ones_did(server: Server) {
    let kv = server.start().await;
    let mut pipeline = kv.pipeline().await;
    for id in 1..=100 {
        let add = kv.increment("n").into();
        pipeline.send(id, [add, kv.get("n").into()]).await;
    }
    for id in 1..=100 {
        let slots = pipeline.answer().await.slots();
        assert_eq!(slots[1].value(), Some(&number(id)));
    }
}

async fn an_answer_comes_while_the_stream_is_open(server: Server) {
    let kv = server.start().await;
    let mut pipeline = kv.pipeline().await;
    for id in 0..5 {
        pipeline.send(id, [kv.set("a", id).into()]).await;
        assert_eq!(pipeline.answer().await.id, id);
        assert_eq!(kv.value("a").await, Some(number(id)), "and it is done");
    }
}

async fn sixteen_lists_go_out_before_an_answer_is_read(server: Server) {
    let kv = server.start().await;
    kv.set("large", data(vec![7; 100_000])).await;
    let before = kv.version().await;
    let mut pipeline = kv.pipeline().await;
    for id in 0..16 {
        let list = [kv.get("large").into(), kv.increment("n").into()];
        pipeline.send(id, list).await;
    }
    // Carried out, although what is answered would not find room in the windows
    // of a client that reads nothing.
    kv.until_version(before + 16).await;
    assert_eq!(kv.value("n").await, Some(number(16)));
    for id in 0..16 {
        assert_eq!(pipeline.answer().await.id, id);
    }
}

async fn far_more_lists_than_sixteen_pass(server: Server) {
    let kv = server.start().await;
    let mut pipeline = kv.pipeline().await;
    for round in 0..20 {
        for id in 0..100 {
            pipeline.send(id, [kv.increment("n").into()]).await;
        }
        for id in 0..100 {
            assert_eq!(pipeline.answer().await.id, id, "round {round}");
        }
    }
    assert_eq!(kv.value("n").await, Some(number(2000)));
}

async fn half_close_drains(server: Server) {
    let kv = server.start().await;
    let mut pipeline = kv.pipeline().await;
    for id in 0..50 {
        pipeline.send(id, [kv.increment("n").into()]).await;
    }
    pipeline.half_close();
    for id in 0..50 {
        assert_eq!(pipeline.answer().await.id, id);
    }
    assert!(pipeline.next().await.unwrap().is_none(), "and then OK");
    assert_eq!(kv.value("n").await, Some(number(50)));
}

async fn a_stream_without_lists_ends_with_ok(server: Server) {
    let kv = server.start().await;
    let mut pipeline = kv.pipeline().await;
    pipeline.half_close();
    assert!(pipeline.next().await.unwrap().is_none());
}

async fn an_empty_list_is_answered(server: Server) {
    let kv = server.start().await;
    let mut pipeline = kv.pipeline().await;
    pipeline.send(3, []).await;
    let answer = pipeline.answer().await;
    assert_eq!(answer.id, 3);
    assert_eq!(answer.slots(), []);
}

async fn a_bad_operation_fails_its_own_slot(server: Server) {
    let kv = server.start().await;
    let mut pipeline = kv.pipeline().await;
    let list = [
        kv.set("a", 1).into(),
        kv.set("", 1).into(),
        kv.delete("b").if_present().into(),
        kv.set("c", 1).into(),
    ];
    pipeline.send(1, list).await;
    let slots = pipeline.answer().await.slots();
    slots[1].refused(Code::InvalidArgument);
    slots[2].refused(Code::NotFound);
    assert_eq!(kv.list().keys().await, ["a", "c"]);
}

async fn a_list_that_is_too_long_is_a_failure_and_the_stream_lives(server: Server) {
    let kv = server.start().await;
    let mut pipeline = kv.pipeline().await;
    pipeline.send(1, [kv.set("a", 1).into()]).await;
    let long = vec![kv.increment("n").into(); 1025];
    pipeline.send(2, long).await;
    let full = vec![kv.increment("m").into(); 1024];
    pipeline.send(3, full).await;
    assert_eq!(pipeline.answer().await.slots().len(), 1);
    let long = pipeline.answer().await;
    assert_eq!(long.id, 2);
    let refusal = long.refused();
    assert_eq!(refusal.code, Code::InvalidArgument);
    assert_eq!(refusal.fields, ["operations"]);
    assert_eq!(refusal.detail("batch_operations_max"), "1024");
    assert_eq!(pipeline.answer().await.slots().len(), 1024);
    assert_eq!(kv.get("n").await, None, "nothing of it was done");
}

async fn a_list_that_does_not_decode_ends_the_stream(server: Server) {
    let kv = server.start().await;
    let get = GetBytes { key: vec![0xff] };
    let list = ListOfBytes::getting(get);
    let refusal = list.sole_answer(&kv).await.unwrap_err();
    let refusal = crate::support::refusal::Refusal::from(refusal);
    assert_eq!(
        (refusal.code, &*refusal.reason),
        (Code::InvalidArgument, "MESSAGE_MALFORMED")
    );
}

async fn a_list_that_is_too_large_ends_the_stream(server: Server) {
    let kv = server
        .limits(|limits| limits.message_bytes_max = 10_000)
        .start()
        .await;
    let mut pipeline = kv.pipeline().await;
    pipeline
        .send(1, [kv.set("a", data(vec![0; 5000])).into()])
        .await;
    pipeline
        .send(2, [kv.set("b", data(vec![0; 10_000])).into()])
        .await;
    assert_eq!(pipeline.answer().await.id, 1);
    let refusal = pipeline.ended().await;
    assert_eq!(
        (refusal.code, &*refusal.reason),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
    assert_eq!(kv.list().keys().await, ["a"]);
}

async fn a_list_that_is_cut_short_ends_the_stream(server: Server) {
    let kv = server.start().await;
    // A field of length 2^63 and more.
    let list = ListOfBytes::of(&[
        0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
    ]);
    let status = list.sole_answer(&kv).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

async fn what_came_before_the_end_is_answered(server: Server) {
    let kv = server
        .limits(|limits| limits.message_bytes_max = 10_000)
        .start()
        .await;
    let mut pipeline = kv.pipeline().await;
    for id in 0..40 {
        pipeline.send(id, [kv.increment("n").into()]).await;
    }
    pipeline
        .send(40, [kv.set("b", data(vec![0; 10_000])).into()])
        .await;
    pipeline.send(41, [kv.increment("n").into()]).await;
    for id in 0..40 {
        assert_eq!(pipeline.answer().await.id, id);
    }
    pipeline.ended().await;
    assert_eq!(
        kv.value("n").await,
        Some(number(40)),
        "and nothing after it"
    );
}

async fn the_reply_to_a_list_stays_within_reply_bytes_max(server: Server) {
    let kv = server.start().await;
    kv.set("a", data(vec![7; 3 << 10])).await;
    let mut pipeline = kv.pipeline().await;
    pipeline
        .send(i64::MIN, vec![kv.get("a").into(); 1024])
        .await;
    let slots = pipeline.answer().await.slots();
    slots[1023].refused(Code::ResourceExhausted);
    assert_eq!(slots[0].value(), Some(&data(vec![7; 3 << 10])));
    let results = slots
        .into_iter()
        .map(|slot| pb::OperationResult { kind: Some(slot.0) });
    let reply = pb::PipelineResponse {
        id: i64::MIN,
        results: results.collect(),
        failure: None,
    };
    assert!(reply.encoded_len() <= 3 << 20, "{}", reply.encoded_len());
    assert!(reply.encoded_len() > 2 << 20, "and is made use of");
}

async fn large_answers_all_come(server: Server) {
    let kv = server.start().await;
    kv.set("large", data(vec![7; 1 << 20])).await;
    let mut pipeline = kv.pipeline().await;
    for id in 0..40 {
        pipeline.send(id, vec![kv.get("large").into(); 2]).await;
    }
    pipeline.half_close();
    for id in 0..40 {
        let answer = pipeline.answer().await;
        assert_eq!(answer.id, id);
        for slot in answer.slots() {
            assert_eq!(slot.value(), Some(&data(vec![7; 1 << 20])));
        }
    }
    assert!(pipeline.next().await.unwrap().is_none());
}

async fn the_deadline_of_the_caller_ends_the_stream(server: Server) {
    let kv = server.start().await;
    let mut pipeline = kv
        .pipeline_with(|request| {
            let timeout = "100m".parse().unwrap();
            request.metadata_mut().insert("grpc-timeout", timeout);
        })
        .await;
    pipeline.send(1, [kv.set("a", "1").into()]).await;
    assert_eq!(pipeline.answer().await.id, 1);
    let refusal = pipeline.ended().await;
    assert_eq!(
        (refusal.code, &*refusal.reason),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED")
    );
    assert_eq!(kv.value("a").await, Some(text("1")));
}
