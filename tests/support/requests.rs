//! What each request can say, and how it is sent.

use nanokv::proto as pb;
use tonic::{Code, Status};

use crate::support::{
    call::{Call, Conditional, Expiring, Expiry, Listed, Ranged, Reading, Replacing, Rpc, message},
    kv::Kv,
    refusal::Refusal,
};

impl Rpc for pb::GetRequest {
    type Answer = Option<pb::Entry>;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        if let Some(json) = kv.json() {
            return json.get(self).await;
        }
        let response = message(kv.client().get(self).await)?;
        Ok(response.entry)
    }
}

impl Reading for pb::GetRequest {
    fn omit_value(&mut self) {
        self.omit_value = true;
    }
}

impl Listed for pb::GetRequest {
    fn operation(self) -> pb::operation::Kind {
        pb::operation::Kind::Get(self)
    }
}

impl Rpc for pb::SetRequest {
    type Answer = pb::SetResponse;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        match kv.json() {
            Some(json) => json.set(self).await,
            None => message(kv.client().set(self).await),
        }
    }
}

impl Conditional for pb::SetRequest {
    fn condition(&mut self) -> &mut Option<pb::Condition> {
        &mut self.condition
    }
}

impl Expiring for pb::SetRequest {
    fn expires(&mut self, expiry: Expiry) {
        use pb::set_request::Expiry as Field;
        self.expiry = Some(match expiry {
            Expiry::Ttl(ttl) => Field::Ttl(ttl),
            Expiry::ExpireTime(time) => Field::ExpireTime(time),
            Expiry::Never(flag) => Field::NeverExpire(flag),
            Expiry::Keep(flag) => Field::KeepExpiry(flag),
        });
    }
}

impl Replacing for pb::SetRequest {
    fn return_previous(&mut self) {
        self.return_previous = true;
    }
}

impl Listed for pb::SetRequest {
    fn operation(self) -> pb::operation::Kind {
        pb::operation::Kind::Set(self)
    }
}

impl Rpc for pb::DeleteRequest {
    type Answer = pb::DeleteResponse;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        match kv.json() {
            Some(json) => json.delete(self).await,
            None => message(kv.client().delete(self).await),
        }
    }
}

impl Conditional for pb::DeleteRequest {
    fn condition(&mut self) -> &mut Option<pb::Condition> {
        &mut self.condition
    }
}

impl Replacing for pb::DeleteRequest {
    fn return_previous(&mut self) {
        self.return_previous = true;
    }
}

impl Listed for pb::DeleteRequest {
    fn operation(self) -> pb::operation::Kind {
        pb::operation::Kind::Delete(self)
    }
}

impl Rpc for pb::IncrementRequest {
    type Answer = pb::IncrementResponse;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        match kv.json() {
            Some(json) => json.increment(self).await,
            None => message(kv.client().increment(self).await),
        }
    }
}

impl Conditional for pb::IncrementRequest {
    fn condition(&mut self) -> &mut Option<pb::Condition> {
        &mut self.condition
    }
}

impl Expiring for pb::IncrementRequest {
    fn expires(&mut self, expiry: Expiry) {
        use pb::increment_request::Expiry as Field;
        self.expiry = Some(match expiry {
            Expiry::Ttl(ttl) => Field::Ttl(ttl),
            Expiry::ExpireTime(time) => Field::ExpireTime(time),
            Expiry::Never(flag) => Field::NeverExpire(flag),
            Expiry::Keep(flag) => Field::KeepExpiry(flag),
        });
    }
}

impl Listed for pb::IncrementRequest {
    fn operation(self) -> pb::operation::Kind {
        pb::operation::Kind::Increment(self)
    }
}

impl Call<'_, pb::IncrementRequest> {
    pub(crate) fn by(self, delta: i64) -> Self {
        self.with(|request| request.delta = Some(delta))
    }

    pub(crate) fn initial(self, initial: i64) -> Self {
        self.with(|request| request.initial = initial)
    }

    pub(crate) fn min(self, min: i64) -> Self {
        self.with(|request| request.min = Some(min))
    }

    pub(crate) fn max(self, max: i64) -> Self {
        self.with(|request| request.max = Some(max))
    }
}

impl Rpc for pb::TouchRequest {
    type Answer = pb::TouchResponse;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        match kv.json() {
            Some(json) => json.touch(self).await,
            None => message(kv.client().touch(self).await),
        }
    }
}

impl Conditional for pb::TouchRequest {
    fn condition(&mut self) -> &mut Option<pb::Condition> {
        &mut self.condition
    }
}

impl Expiring for pb::TouchRequest {
    fn expires(&mut self, expiry: Expiry) {
        use pb::touch_request::Expiry as Field;
        self.expiry = Some(match expiry {
            Expiry::Ttl(ttl) => Field::Ttl(ttl),
            Expiry::ExpireTime(time) => Field::ExpireTime(time),
            Expiry::Never(flag) => Field::NeverExpire(flag),
            Expiry::Keep(_) => panic!("a Touch that keeps the expiry says nothing"),
        });
    }
}

impl Reading for pb::TouchRequest {
    fn omit_value(&mut self) {
        self.omit_value = true;
    }
}

impl Listed for pb::TouchRequest {
    fn operation(self) -> pb::operation::Kind {
        pb::operation::Kind::Touch(self)
    }
}

impl Call<'_, pb::TouchRequest> {
    pub(crate) fn only_extend(self) -> Self {
        self.with(|request| request.set_mode(pb::TouchMode::OnlyExtend))
    }

    pub(crate) fn only_shorten(self) -> Self {
        self.with(|request| request.set_mode(pb::TouchMode::OnlyShorten))
    }
}

/// The answer to one operation of a Batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slot(pub(crate) pb::operation_result::Kind);

impl Slot {
    /// Must be the answer to a Get: its value.
    pub(crate) fn value(&self) -> Option<&pb::Value> {
        match &self.0 {
            pb::operation_result::Kind::Get(get) => get.entry.as_ref()?.value.as_ref(),
            other => panic!("the answer to a get expected, got {other:?}"),
        }
    }

    /// Must be the answer to a Set: its version.
    pub(crate) fn version(&self) -> i64 {
        match &self.0 {
            pb::operation_result::Kind::Set(set) => set.version,
            other => panic!("the answer to a set expected, got {other:?}"),
        }
    }

    /// Must be a failure with this code.
    pub(crate) fn refused(&self, code: Code) -> Refusal {
        match &self.0 {
            pb::operation_result::Kind::Failure(failure) => {
                let refusal = Refusal::from(failure.clone());
                assert_eq!(refusal.code, code, "{refusal:?}");
                refusal
            }
            other => panic!("{code:?} expected, got {other:?}"),
        }
    }
}

impl Rpc for pb::BatchRequest {
    type Answer = Vec<Slot>;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        let asked = self.operations.len();
        let response = message(kv.client().batch(self).await)?;
        assert_eq!(response.results.len(), asked, "a result for each operation");
        let kinds = response.results.into_iter().map(|result| result.kind);
        Ok(kinds.map(|kind| Slot(kind.expect("always set"))).collect())
    }
}

impl Call<'_, pb::BatchRequest> {
    /// One more operation at the end.
    pub(crate) fn then(self, operation: impl Into<pb::Operation>) -> Self {
        self.with(|request| request.operations.push(operation.into()))
    }
}

/// The answer to a transaction that was carried out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Transacted {
    pub(crate) slots: Vec<Slot>,
    pub(crate) version: i64,
}

impl Rpc for pb::TransactRequest {
    type Answer = Transacted;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        let asked = self.operations.len();
        let response = message(kv.client().transact(self).await)?;
        assert_eq!(response.results.len(), asked, "a result for each operation");
        let kinds = response.results.into_iter().map(|result| result.kind);
        let slots: Vec<_> = kinds.map(|kind| Slot(kind.expect("always set"))).collect();
        let failed = |slot: &Slot| matches!(slot.0, pb::operation_result::Kind::Failure(_));
        assert!(!slots.iter().any(failed), "none is a failure: {slots:?}");
        Ok(Transacted {
            slots,
            version: response.version,
        })
    }
}

impl Call<'_, pb::TransactRequest> {
    /// One more operation at the end.
    pub(crate) fn then(self, operation: impl Into<pb::Operation>) -> Self {
        self.with(|request| request.operations.push(operation.into()))
    }

    /// One more check at the end.
    pub(crate) fn check(self, key: &str, kind: impl Into<Option<pb::condition::Kind>>) -> Self {
        let check = pb::Check {
            key: key.to_owned(),
            condition: Some(pb::Condition { kind: kind.into() }),
        };
        self.with(|request| request.checks.push(check))
    }

    pub(crate) fn check_absent(self, key: &str) -> Self {
        self.check(key, pb::condition::Kind::Absent(true))
    }

    pub(crate) fn check_present(self, key: &str) -> Self {
        self.check(key, pb::condition::Kind::Present(true))
    }

    pub(crate) fn check_version(self, key: &str, version: i64) -> Self {
        self.check(key, pb::condition::Kind::Version(version))
    }
}

impl Rpc for pb::DeleteRangeRequest {
    type Answer = pb::DeleteRangeResponse;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        message(kv.client().delete_range(self).await)
    }
}

impl Ranged for pb::DeleteRangeRequest {
    fn range(&mut self) -> &mut Option<pb::Range> {
        &mut self.range
    }
}

impl Call<'_, pb::DeleteRangeRequest> {
    pub(crate) fn all(self) -> Self {
        self.with(|request| request.all = true)
    }
}

impl Rpc for pb::ListRequest {
    type Answer = pb::ListResponse;

    async fn send(self, kv: &Kv) -> Result<Self::Answer, Status> {
        message(kv.client().list(self).await)
    }
}

impl Reading for pb::ListRequest {
    fn omit_value(&mut self) {
        self.omit_value = true;
    }
}

impl Ranged for pb::ListRequest {
    fn range(&mut self) -> &mut Option<pb::Range> {
        &mut self.range
    }
}

impl Call<'_, pb::ListRequest> {
    pub(crate) fn page_size(self, page_size: i32) -> Self {
        self.with(|request| request.page_size = page_size)
    }

    pub(crate) fn page_token(self, page_token: &str) -> Self {
        self.with(|request| request.page_token = page_token.to_owned())
    }

    /// The keys of the first page, which must be all.
    pub(crate) async fn keys(self) -> Vec<String> {
        let page = self.await;
        assert_eq!(page.next_page_token, "", "one page");
        page.entries.into_iter().map(|entry| entry.key).collect()
    }

    /// Every page until the last.
    pub(crate) async fn pages(self) -> Vec<pb::ListResponse> {
        let (kv, request) = self.into_parts();
        let mut pages: Vec<pb::ListResponse> = Vec::new();
        loop {
            let mut request = request.clone();
            if let Some(page) = pages.last() {
                request.page_token.clone_from(&page.next_page_token);
            }
            let page = Call::new(kv, request).await;
            let last = page.next_page_token.is_empty();
            pages.push(page);
            if last {
                return pages;
            }
            assert!(pages.len() < 300, "the pages never end");
        }
    }
}
