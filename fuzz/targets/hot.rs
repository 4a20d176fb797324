//! The hot path reads a request as the generated decoder does, or leaves it to
//! that one; and it leaves nothing plain.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nanokv::{
    calls::wire::request,
    grpc::hot::decode,
    model::{limits::Limits, operation::Operation},
    proto,
};
use prost::Message;

/// Small, so that the limits are met too.
const LIMITS: Limits = Limits {
    key_bytes_max: 8,
    value_bytes_max: 8,
    message_bytes_max: 32,
    reply_bytes_max: 200,
    batch_operations_max: 4,
    page_entries_max: 4,
    delete_range_entries_max: 4,
    pipeline_lists_in_flight_max: 4,
    watch_ranges_max: 4,
};

fuzz_target!(|bytes: &[u8]| {
    get(bytes);
    set(bytes);
    list(bytes);
    if let Some(message) = decode::message(bytes, &LIMITS) {
        assert!(message.len() <= LIMITS.message_bytes_max);
        assert_eq!(bytes[0], 0, "compressed");
        assert_eq!(
            bytes[1..5],
            u32::try_from(message.len()).unwrap().to_be_bytes()
        );
        assert_eq!(&bytes[5..], message);
    }
});

fn get(bytes: &[u8]) {
    let generated = proto::GetRequest::decode(bytes);
    if let Some(read) = decode::get(bytes, &LIMITS) {
        let generated = generated.as_ref().expect("what is read is a message");
        assert_eq!(Ok(read), request::get(generated, &LIMITS));
    }
    if let Ok(generated) = generated
        && let Ok(right) = request::get(&generated, &LIMITS)
    {
        let plain = generated.encode_to_vec();
        assert_eq!(decode::get(&plain, &LIMITS), Some(right));
    }
}

fn set(bytes: &[u8]) {
    let generated = proto::SetRequest::decode(bytes);
    if let Some(mutation) = decode::set(bytes, &LIMITS) {
        let generated = generated.as_ref().expect("what is read is a message");
        assert_eq!(Ok(mutation), request::set(generated, &LIMITS));
        assert_eq!(generated.request_id, "");
    }
    if let Ok(generated) = generated
        && let Ok(right) = request::set(&generated, &LIMITS)
        && is_plain(&generated)
    {
        let plain = generated.encode_to_vec();
        assert_eq!(decode::set(&plain, &LIMITS), Some(right));
    }
}

fn list(bytes: &[u8]) {
    if let Some(operations) = decode::batch(bytes, &LIMITS) {
        let generated = proto::BatchRequest::decode(bytes).expect("what is read is a message");
        alike(&operations, &generated.operations);
    }
    let generated = proto::PipelineRequest::decode(bytes);
    if let Some((id, operations)) = decode::pipeline(bytes, &LIMITS) {
        let generated = generated.as_ref().expect("what is read is a message");
        assert_eq!(id, generated.id);
        alike(&operations, &generated.operations);
    }
    if let Ok(generated) = generated
        && generated.operations.len() <= LIMITS.batch_operations_max
        && generated.operations.iter().all(is_plain_operation)
    {
        assert!(decode::pipeline(&generated.encode_to_vec(), &LIMITS).is_some());
    }
}

fn alike(operations: &[Operation<'_>], generated: &[proto::Operation]) {
    assert!(operations.len() <= LIMITS.batch_operations_max);
    assert_eq!(operations.len(), generated.len());
    for (operation, generated) in operations.iter().zip(generated) {
        assert_eq!(Ok(*operation), request::operation(generated, &LIMITS));
        let id = generated.kind.as_ref().map(request::request_id);
        assert_eq!(id, Some(""));
    }
}

fn is_plain_operation(operation: &proto::Operation) -> bool {
    let plain = match &operation.kind {
        Some(proto::operation::Kind::Get(_)) => true,
        Some(proto::operation::Kind::Set(set)) => is_plain(set),
        _ => false,
    };
    plain && request::operation(operation, &LIMITS).is_ok()
}

/// Whether it has nothing but a key, a value and a ttl.
fn is_plain(request: &proto::SetRequest) -> bool {
    *request
        == proto::SetRequest {
            key: request.key.clone(),
            value: request.value.clone(),
            expiry: request
                .expiry
                .filter(|expiry| matches!(expiry, proto::set_request::Expiry::Ttl(_))),
            ..proto::SetRequest::default()
        }
}
