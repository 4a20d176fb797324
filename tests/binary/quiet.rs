//! A log holds no value and no key, however much is logged.

use nanokv::proto::{
    BatchRequest, GetRequest, ListRequest, Operation, SetRequest, Value, operation, value::Kind,
};
use rustix::process::Signal;

use crate::program::Program;

const KEY: &str = "k3y-of-secrets";
const VALUE: &str = "s3cr3t-value";

#[tokio::test]
async fn no_value_and_no_key_is_logged_at_trace() {
    let server = Program::new(&["--log-level", "trace", "--drain-grace-ms", "0"]).serve();
    server.logged("ready").await;
    let mut kv = server.kv().await;
    for kind in [
        Kind::Text(VALUE.to_owned()),
        Kind::Data(VALUE.as_bytes().into()),
        Kind::Text(VALUE.repeat(200_000)),
    ] {
        let large = matches!(&kind, Kind::Text(text) if text.len() > 1 << 20);
        let set = kv.set(set(KEY, kind)).await;
        assert_eq!(set.is_err(), large);
    }
    let get = GetRequest {
        key: KEY.to_owned(),
        ..GetRequest::default()
    };
    kv.get(get.clone()).await.unwrap();
    kv.list(ListRequest::default()).await.unwrap();
    let operation = Operation {
        kind: Some(operation::Kind::Get(get)),
    };
    kv.batch(BatchRequest {
        operations: vec![operation],
    })
    .await
    .unwrap();
    kv.set(set(&format!("{KEY}\n"), Kind::Text(VALUE.to_owned())))
        .await
        .unwrap_err();
    drop(kv);
    server.signal(Signal::TERM);
    let (status, log) = server.ended().await;

    assert_eq!(status.code(), Some(0));
    assert!(log.contains("\"TRACE\"") && log.contains("nanokv.v1.KvService/Set"));
    for secret in [KEY, VALUE] {
        let bytes = format!("{:?}", secret.as_bytes());
        for form in [secret, bytes.trim_matches(['[', ']'])] {
            let line = log.lines().find(|line| line.contains(form));
            assert_eq!(line, None, "{form}");
        }
    }
}

fn set(key: &str, kind: Kind) -> SetRequest {
    SetRequest {
        key: key.to_owned(),
        value: Some(Value { kind: Some(kind) }),
        ..SetRequest::default()
    }
}
