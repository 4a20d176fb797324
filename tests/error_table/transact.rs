//! What stops a transaction.

use nanokv::proto::{self, Check, Condition, condition, operation::Kind};

use crate::{
    provoke::{client, set, text},
    seen::Seen,
};

async fn refused(checks: Vec<Check>, operations: Vec<Kind>) -> Seen {
    let mut client = client().await;
    client.set(set("a", text("1"))).await.unwrap();
    let operations = operations
        .into_iter()
        .map(|kind| proto::Operation { kind: Some(kind) });
    let request = proto::TransactRequest {
        checks,
        operations: operations.collect(),
        ..Default::default()
    };
    client.transact(request).await.unwrap_err().into()
}

fn present(key: &str) -> Check {
    Check {
        key: key.into(),
        condition: Some(Condition {
            kind: Some(condition::Kind::Present(true)),
        }),
    }
}

fn delete(key: &str) -> Kind {
    Kind::Delete(proto::DeleteRequest {
        key: key.into(),
        ..Default::default()
    })
}

pub(crate) async fn check_failed() -> Seen {
    refused(vec![present("a"), present("b")], vec![delete("a")]).await
}

pub(crate) async fn operation_refused() -> Seen {
    let create = proto::SetRequest {
        condition: Some(Condition {
            kind: Some(condition::Kind::Absent(true)),
        }),
        ..set("a", text("2"))
    };
    refused(vec![], vec![delete("b"), Kind::Set(create)]).await
}

pub(crate) async fn key_written_twice() -> Seen {
    refused(vec![], vec![delete("a"), delete("a")]).await
}
