//! Which requests are to be carried out only once.

use crate::{
    calls::wire::request::{kind_name, request_id},
    model::{
        error::{Error, Invalid},
        once::{Content, Once, RequestId},
        operation::Operation,
    },
    proto,
};

/// Which request it is, and what it asks for; `None` for an empty `request_id`:
/// it is carried out each time.
///
/// # Errors
/// An [`Invalid`] for `request_id`.
pub fn of(
    request_id: &str,
    content: impl FnOnce() -> Content,
) -> Result<Option<Once<'_>>, Invalid> {
    if request_id.is_empty() {
        return Ok(None);
    }
    let id = RequestId::new(request_id)?;
    let content = content();
    Ok(Some(Once { id, content }))
}

/// The same of one operation of a list, and what it was decoded to.
///
/// # Errors
/// [`Error::Invalid`] for its `request_id`, with its path in the operation.
pub fn in_list<'a>(
    operation: &'a proto::Operation,
    decoded: &Operation<'_>,
) -> Result<Option<Once<'a>>, Error> {
    let (Some(kind), Operation::Mutate(mutation)) = (&operation.kind, decoded) else {
        return Ok(None);
    };
    let once = of(request_id(kind), || Content::of_mutation(mutation));
    Ok(once.map_err(|invalid| invalid.within(kind_name(kind)))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{calls::wire::request, model::limits::Limits, proto::operation};

    fn delete(key: &str, request_id: &str) -> proto::Operation {
        proto::Operation {
            kind: Some(operation::Kind::Delete(proto::DeleteRequest {
                key: key.into(),
                request_id: request_id.into(),
                ..Default::default()
            })),
        }
    }

    fn once(operation: &proto::Operation) -> Result<Option<Once<'_>>, Error> {
        let decoded = request::operation(operation, &Limits::default()).unwrap();
        in_list(operation, &decoded)
    }

    #[test]
    fn an_empty_id_is_none() {
        assert_eq!(once(&delete("a", "")), Ok(None));
        let get = proto::Operation {
            kind: Some(operation::Kind::Get(proto::GetRequest {
                key: "a".into(),
                omit_value: false,
            })),
        };
        assert_eq!(once(&get), Ok(None));
    }

    #[test]
    fn an_id_comes_with_what_is_asked_for() {
        let (a, again, b) = (delete("a", "1"), delete("a", "1"), delete("b", "1"));
        let of = |operation| once(operation).unwrap().unwrap();
        assert_eq!(of(&a).id.as_str(), "1");
        assert_eq!(of(&a), of(&again));
        assert_ne!(of(&a).content, of(&b).content);
    }

    #[test]
    fn an_id_that_breaks_a_rule_is_named_by_its_path() {
        match once(&delete("a", "two words")) {
            Err(Error::Invalid(invalid)) => assert_eq!(invalid.field, "delete.request_id"),
            other => panic!("{other:?}"),
        }
    }
}
