//! A lock with fencing: one holder at a time, and nothing done by one that has
//! lost it.
//!
//! `nanokv` in one terminal, `cargo run --example lock` in others.

use std::{env::args, error::Error, process, time::Duration};

use nanokv::client::{
    Client,
    error::Error as KvError,
    operation::{self, Operation},
    reason::Reason,
};

/// A lock that its holder has until it is released, or not renewed for as long
/// as its time to live.
pub(crate) struct Lock {
    kv: Client,
    name: String,
    ttl: Duration,
    /// The version at which the lock was taken: larger than that of every
    /// holder before. Whatever the lock protects takes it along, and refuses a
    /// smaller one than it has seen.
    pub(crate) token: i64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = args().nth(1).unwrap_or("localhost:50051".to_owned());
    let kv = Client::new(address)?;
    let name = "lock/report";
    let Some(lock) = Lock::take(&kv, name, Duration::from_secs(10)).await? else {
        println!("somebody else has it");
        return Ok(());
    };
    println!("taken, with the fencing token {}", lock.token);
    for page in 0..3 {
        // Before each piece of work: as often as three times in its ttl.
        if !lock.renew().await? {
            println!("lost");
            return Ok(());
        }
        let write = operation::set("report", format!("page {page}"));
        if !lock.change([write]).await? {
            println!("lost");
            return Ok(());
        }
    }
    lock.release().await?;
    println!("released");
    Ok(())
}

impl Lock {
    /// Takes the lock, unless somebody has it. When the answer is lost, it may
    /// have been taken by nobody who knows; it is then free after `ttl`.
    pub(crate) async fn take(
        kv: &Client,
        name: &str,
        ttl: Duration,
    ) -> Result<Option<Self>, KvError> {
        let holder = format!("process {}", process::id());
        let taken = kv.set(name, holder).ttl(ttl).if_absent().await;
        Ok(unless(taken, &Reason::KeyExists)?.map(|stored| Self {
            kv: kv.clone(),
            name: name.to_owned(),
            ttl,
            token: stored.version,
        }))
    }

    /// Makes it last its whole time to live again; false when it is lost.
    pub(crate) async fn renew(&self) -> Result<bool, KvError> {
        // A touch takes no version, so the token stays.
        let touched = self.kv.touch(&self.name).ttl(self.ttl);
        let renewed = touched.omit_value().if_version(self.token).await;
        Ok(unless(renewed, &Reason::VersionMismatch)?.is_some())
    }

    /// Changes something in the same store, if the lock is not lost; false when
    /// it is.
    pub(crate) async fn change(
        &self,
        operations: impl IntoIterator<Item = impl Into<Operation>>,
    ) -> Result<bool, KvError> {
        let fenced = self.kv.transact().check_version(&self.name, self.token);
        let changed = fenced.all(operations).await;
        Ok(unless(changed, &Reason::CheckFailed)?.is_some())
    }

    /// Lets others take it. One that is lost is nobody's to release.
    pub(crate) async fn release(self) -> Result<(), KvError> {
        let deleted = self.kv.delete(&self.name).if_version(self.token).await;
        unless(deleted, &Reason::VersionMismatch).map(drop)
    }
}

/// The answer, or nothing when it was refused for this reason.
fn unless<T>(answer: Result<T, KvError>, reason: &Reason) -> Result<Option<T>, KvError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.reason() == Some(reason) => Ok(None),
        Err(error) => Err(error),
    }
}
