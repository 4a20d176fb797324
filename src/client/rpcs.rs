//! Every rpc, as a method of the client.

use crate::{
    client::{
        Client,
        backup::BackupCall,
        call::Call,
        operation,
        pipeline::PipelineCall,
        range::Range,
        ranges::{DeleteRange, List},
        several::{Batch, Transact},
        single::{Delete, Get, Increment, Set, Touch},
        value::Value,
        watch::WatchCall,
    },
    proto as pb,
};

impl Client {
    /// Reads an entry. A miss is no error.
    pub fn get(&self, key: impl Into<String>) -> Get {
        Call::new(self, operation::get(key).message)
    }

    /// Stores a value, in place of what was there.
    pub fn set(&self, key: impl Into<String>, value: impl Into<Value>) -> Set {
        Call::new(self, operation::set(key, value).message)
    }

    /// Removes a key. Removing an absent one is no error.
    pub fn delete(&self, key: impl Into<String>) -> Delete {
        Call::new(self, operation::delete(key).message)
    }

    /// Adds 1 to a number, or what [`Call::by`] says; creates it when absent.
    pub fn increment(&self, key: impl Into<String>) -> Increment {
        Call::new(self, operation::increment(key).message)
    }

    /// Moves the deadline of an entry, and reads it. Without a deadline it gets
    /// the server's default.
    pub fn touch(&self, key: impl Into<String>) -> Touch {
        Call::new(self, operation::touch(key).message)
    }

    /// Carries out several operations in order, each for itself.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docs/server.rs")); }
    /// # server::run(async |address| {
    /// use nanokv::client::{Client, operation::{self, Outcome}};
    ///
    /// # let kv = Client::new(address)?;
    /// let outcomes = kv
    ///     .batch()
    ///     .then(operation::set("a", 41))
    ///     .then(operation::increment("a"))
    ///     .then(operation::set("a", 0).if_absent())
    ///     .await?;
    /// let [Ok(_), Ok(Outcome::Increment(counted)), Err(refused)] = &outcomes[..] else {
    ///     panic!("{outcomes:?}");
    /// };
    /// assert_eq!(counted.number, 42);
    /// assert!(refused.is_refused_condition());
    /// # Ok(()) });
    /// ```
    pub fn batch(&self) -> Batch {
        Call::new(self, pb::BatchRequest::default())
    }

    /// Carries out several operations all together or not at all.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docs/server.rs")); }
    /// # server::run(async |address| {
    /// use nanokv::client::{Client, operation};
    ///
    /// # let kv = Client::new(address)?;
    /// # kv.set("from", 50).await?;
    /// # kv.set("to", 50).await?;
    /// let from = kv.get("from").await?.expect("an account");
    /// let done = kv
    ///     .transact()
    ///     .check_version("from", from.version)
    ///     .then(operation::increment("from").by(-10).min(0))
    ///     .then(operation::increment("to").by(10).if_present())
    ///     .await?;
    /// assert!(done.version > from.version);
    /// # Ok(()) });
    /// ```
    pub fn transact(&self) -> Transact {
        Call::new(self, pb::TransactRequest::default())
    }

    /// Lists entries in the order of their keys: one page when awaited, all of
    /// them by [`Call::entries`].
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docs/server.rs")); }
    /// # server::run(async |address| {
    /// use nanokv::client::{Client, range::Range};
    ///
    /// # let kv = Client::new(address)?;
    /// # for key in ["user/1", "user/2", "visit/1"] { kv.set(key, "x").await?; }
    /// let mut users = kv.list(Range::prefix("user/")).page_size(1).entries();
    /// let mut keys = Vec::new();
    /// while let Some(entry) = users.next().await {
    ///     keys.push(entry?.key);
    /// }
    /// assert_eq!(keys, ["user/1", "user/2"]);
    /// # Ok(()) });
    /// ```
    pub fn list(&self, range: Range) -> List {
        let range = Some(range.into());
        Call::new(
            self,
            pb::ListRequest {
                range,
                ..pb::ListRequest::default()
            },
        )
    }

    /// Removes the keys of a range, which may not be every key: a bounded
    /// number when awaited, all of them by [`Call::to_the_end`].
    pub fn delete_range(&self, range: Range) -> DeleteRange {
        let range = Some(range.into());
        Call::new(
            self,
            pb::DeleteRangeRequest {
                range,
                ..pb::DeleteRangeRequest::default()
            },
        )
    }

    /// [`Self::delete_range`] of every key.
    pub fn delete_all(&self) -> DeleteRange {
        Call::new(
            self,
            pb::DeleteRangeRequest {
                all: true,
                ..pb::DeleteRangeRequest::default()
            },
        )
    }

    /// Follows the changes of the keys of a range.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docs/server.rs")); }
    /// # server::run(async |address| {
    /// use nanokv::client::{Client, range::Range, watch::Update};
    ///
    /// # let kv = Client::new(address)?;
    /// let mut watch = kv.watch(Range::prefix("user/")).await?;
    /// let stored = kv.set("user/1", "Ada").await?;
    /// let Some(Update::Event(event)) = watch.next().await.transpose()? else {
    ///     panic!("no event");
    /// };
    /// assert_eq!(event.entry.version, stored.version);
    /// # Ok(()) });
    /// ```
    pub fn watch(&self, range: Range) -> WatchCall {
        WatchCall::new(self, range)
    }

    /// Opens a stream of lists of operations, which do not wait for each other.
    ///
    /// ```
    /// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docs/server.rs")); }
    /// # server::run(async |address| {
    /// use nanokv::client::{Client, operation};
    ///
    /// # let kv = Client::new(address)?;
    /// let pipeline = kv.pipeline().await?;
    /// let first = pipeline.send([operation::set("a", 1)]).await?;
    /// let second = pipeline.send([operation::increment("a")]).await?;
    /// assert!(first.await?[0].is_ok());
    /// assert!(second.await?[0].is_ok());
    /// # Ok(()) });
    /// ```
    pub fn pipeline(&self) -> PipelineCall {
        PipelineCall::new(self)
    }

    /// Begins a backup of the whole store, as it is at this moment.
    pub fn backup(&self) -> BackupCall {
        BackupCall::new(self.clone())
    }

    /// Tells what the server is, what it can do, and its limits.
    pub fn describe(&self) -> Call<pb::DescribeRequest> {
        Call::new(self, pb::DescribeRequest {})
    }
}
