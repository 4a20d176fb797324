//! What is read here is what the generated decoder reads; the rest is left to
//! it.

use bytes::{BufMut, Bytes};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::{
    calls::wire::request,
    proto::{self, set_request, value},
};

fn limits() -> Limits {
    Limits {
        key_bytes_max: 40,
        value_bytes_max: 60,
        message_bytes_max: 400,
        ..Limits::default()
    }
}

/// Bytes that are a message, or nearly.
fn bytes_near(
    message: &impl Message,
    cut: usize,
    flip: Option<(usize, u8)>,
    then: Option<&impl Message>,
) -> Vec<u8> {
    let mut bytes = message.encode_to_vec();
    // Protobuf takes two messages, one after the other, for one.
    bytes.extend(then.iter().flat_map(|then| then.encode_to_vec()));
    if let Some((at, with)) = flip
        && let Some(byte) = bytes.get_mut(at)
    {
        *byte ^= with;
    }
    bytes.truncate(cut);
    bytes
}

fn expiry() -> impl Strategy<Value = Option<set_request::Expiry>> {
    prop_oneof![
        Just(None),
        (-2..400_i64, prop_oneof![Just(0), -2..1_000_000_001_i32]).prop_map(|(seconds, nanos)| {
            let ttl = prost_types::Duration { seconds, nanos };
            Some(set_request::Expiry::Ttl(ttl))
        }),
        (any::<i64>(), any::<i32>()).prop_map(|(seconds, nanos)| {
            let ttl = prost_types::Duration { seconds, nanos };
            Some(set_request::Expiry::Ttl(ttl))
        }),
        any::<bool>().prop_map(|set| Some(set_request::Expiry::NeverExpire(set))),
        any::<bool>().prop_map(|set| Some(set_request::Expiry::KeepExpiry(set))),
    ]
}

fn value() -> impl Strategy<Value = Option<proto::Value>> {
    prop::option::of(
        prop::option::of(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..70)
                .prop_map(|data| value::Kind::Data(data.into())),
            ".{0,30}".prop_map(value::Kind::Text),
            any::<i64>().prop_map(value::Kind::Number),
        ])
        .prop_map(|kind| proto::Value { kind }),
    )
}

fn set_request() -> impl Strategy<Value = proto::SetRequest> {
    (".{0,20}", value(), expiry(), any::<u8>()).prop_map(|(key, value, expiry, more)| {
        proto::SetRequest {
            key,
            value,
            expiry,
            condition: (more & 7 == 1).then(proto::Condition::default),
            return_previous: more & 7 == 2,
            request_id: if more & 7 == 3 {
                "id".into()
            } else {
                String::new()
            },
        }
    })
}

fn flip() -> impl Strategy<Value = Option<(usize, u8)>> {
    prop::option::weighted(0.3, (0..100_usize, any::<u8>()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_get_is_read_as_the_generated_decoder_reads_it(
        key in ".{0,30}",
        omit_value: bool,
        cut in prop_oneof![4 => Just(usize::MAX), 1 => 0..60_usize],
        flip in flip(),
        then in prop::option::weighted(0.1, ".{0,3}"),
    ) {
        let then = then.map(|key| proto::GetRequest { key, omit_value: false });
        let request = proto::GetRequest { key, omit_value };
        let bytes = bytes_near(&request, cut, flip, then.as_ref());
        if let Some(read) = get(&bytes, &limits()) {
            let generated = proto::GetRequest::decode(bytes.as_slice()).unwrap();
            prop_assert_eq!(Ok(read), request::get(&generated, &limits()));
        }
    }

    #[test]
    fn a_set_is_read_as_the_generated_decoder_reads_it(
        request in set_request(),
        cut in prop_oneof![4 => Just(usize::MAX), 1 => 0..200_usize],
        flip in flip(),
        then in prop::option::weighted(0.3, set_request()),
    ) {
        let bytes = bytes_near(&request, cut, flip, then.as_ref());
        if let Some(mutation) = set(&bytes, &limits()) {
            let generated = proto::SetRequest::decode(bytes.as_slice()).unwrap();
            prop_assert_eq!(Ok(mutation), request::set(&generated, &limits()));
            prop_assert_eq!(generated.request_id, "");
        }
    }

    #[test]
    fn any_bytes_are_read_alike_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Some(read) = get(&bytes, &limits()) {
            let generated = proto::GetRequest::decode(bytes.as_slice()).unwrap();
            prop_assert_eq!(Ok(read), request::get(&generated, &limits()));
        }
        if let Some(mutation) = set(&bytes, &limits()) {
            let generated = proto::SetRequest::decode(bytes.as_slice()).unwrap();
            prop_assert_eq!(Ok(mutation), request::set(&generated, &limits()));
        }
    }
}

fn plain_set() -> proto::SetRequest {
    proto::SetRequest {
        key: "k".into(),
        value: Some(proto::Value {
            kind: Some(value::Kind::Text("v".into())),
        }),
        ..Default::default()
    }
}

#[test]
fn what_is_plain_is_read_here() {
    let request = proto::GetRequest {
        key: "k".into(),
        omit_value: true,
    };
    assert!(get(&request.encode_to_vec(), &limits()).is_some());
    let mut request = plain_set();
    assert!(set(&request.encode_to_vec(), &limits()).is_some());
    request.expiry = Some(set_request::Expiry::Ttl(prost_types::Duration {
        seconds: 1,
        nanos: 5,
    }));
    assert!(set(&request.encode_to_vec(), &limits()).is_some());
}

#[test]
fn whatever_else_a_set_carries_is_for_the_generated_decoder() {
    let plain = plain_set();
    let others = [
        proto::SetRequest {
            request_id: "id".into(),
            ..plain.clone()
        },
        proto::SetRequest {
            return_previous: true,
            ..plain.clone()
        },
        proto::SetRequest {
            condition: Some(proto::Condition::default()),
            ..plain.clone()
        },
        proto::SetRequest {
            expiry: Some(set_request::Expiry::NeverExpire(true)),
            ..plain
        },
    ];
    for other in others {
        assert_eq!(set(&other.encode_to_vec(), &limits()), None, "{other:?}");
    }
}

#[test]
fn a_field_that_comes_twice_is_for_the_generated_decoder() {
    let ttl = |seconds, nanos| proto::SetRequest {
        expiry: Some(set_request::Expiry::Ttl(prost_types::Duration {
            seconds,
            nanos,
        })),
        ..Default::default()
    };
    // Which takes the seconds of one and the nanos of the other.
    let mut bytes = plain_set().encode_to_vec();
    bytes.extend(ttl(0, 7).encode_to_vec());
    assert!(set(&bytes, &limits()).is_some());
    bytes.extend(ttl(3, 0).encode_to_vec());
    assert_eq!(set(&bytes, &limits()), None);
    let generated = proto::SetRequest::decode(bytes.as_slice()).unwrap();
    let expected = prost_types::Duration {
        seconds: 3,
        nanos: 7,
    };
    assert_eq!(generated.expiry, Some(set_request::Expiry::Ttl(expected)));
}

#[test]
fn one_whole_message_is_taken_out_of_its_frame() {
    let framed = |flag: u8, length: u32, bytes: &[u8]| {
        let mut framed = vec![flag];
        framed.put_u32(length);
        framed.put_slice(bytes);
        Bytes::from(framed)
    };
    let taken = |bytes: &Bytes| message(bytes, &limits()).map(<[u8]>::to_vec);
    assert_eq!(taken(&framed(0, 3, b"abc")), Some(b"abc".to_vec()));
    assert_eq!(taken(&framed(0, 0, b"")), Some(Vec::new()));
    assert_eq!(taken(&framed(1, 3, b"abc")), None, "compressed");
    assert_eq!(taken(&framed(0, 4, b"abc")), None, "cut short");
    assert_eq!(taken(&framed(0, 2, b"abc")), None, "and more");
    assert_eq!(taken(&framed(0, 401, &[0; 401])), None, "too large");
    assert_eq!(taken(&Bytes::from_static(b"\0\0\0\0")), None);
}
