//! One fault: the program before, with and after it.

use nanokv::client::{Client, error::Error, reason::Reason};
use rustix::process::Signal;
use tokio::task::JoinSet;

use crate::{
    asked::{client, listed},
    faulty::{Fault, Store},
    program::{Program, Server, eventually, written},
    writer::Writer,
};

const WRITERS: u64 = 3;

/// Changes of each, unless one fails: enough for some segments and a snapshot.
const CHANGES: usize = 40;

/// What is logged when nothing is written any more.
const STOPPED: &str = "the journal has stopped";

/// How a program took a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// There was no such call.
    NoSuchCall,
    /// It did not open the store, and said why.
    NotOpened,
    /// It took no change any more, and said why.
    Stopped,
    /// It went on.
    WentOn,
}

/// A store, and those who have written to it.
pub(crate) struct Written {
    store: Store,
    writers: Vec<Writer>,
}

impl Written {
    /// By nobody yet.
    pub(crate) fn new() -> Self {
        let writers = (0..WRITERS).map(|number| Writer::new(number, 1));
        Self {
            store: Store::new(),
            writers: writers.collect(),
        }
    }

    /// By all, and killed.
    pub(crate) async fn and_killed() -> Self {
        let mut written = Self::new();
        let server = written.store.serve();
        server.logged("\"ready\"").await;
        assert!(written.write(&server).await.is_empty());
        snapshot_or_end(&server).await;
        written
    }

    pub(crate) fn copied(&self) -> Self {
        Self {
            store: self.store.copied(),
            writers: self.writers.clone(),
        }
    }

    /// Lets a call fail, and looks at everything.
    ///
    /// # Errors
    /// What is not as it must be.
    pub(crate) async fn meet(mut self, fault: Fault) -> Result<Taken, String> {
        let mut server = self.store.serve_with(fault);
        eventually("an end of the opening", async || {
            server.log().contains("\"ready\"") || server.has_ended()
        })
        .await;
        let mut taken = Taken::WentOn;
        if server.has_ended() {
            taken = Taken::NotOpened;
        } else {
            let mut is_full = false;
            for error in self.write(&server).await {
                match error.reason() {
                    Some(Reason::JournalFailed) => taken = Taken::Stopped,
                    Some(Reason::DiskFull) if fault.how == "error=ENOSPC" => is_full = true,
                    _ => return Err(format!("refused otherwise: {error:?}")),
                }
            }
            if !is_full {
                snapshot_or_end(&server).await;
            }
            if server.log().contains(STOPPED) {
                taken = Taken::Stopped;
            }
        }
        let log = match taken {
            Taken::Stopped => {
                self.check_stopped(&server).await?;
                let log = server.log();
                drop(server);
                log
            }
            Taken::NotOpened => server.ended().await.1,
            Taken::WentOn | Taken::NoSuchCall => {
                // All that it does at the end, too.
                server.signal(Signal::INT);
                server.ended().await.1
            }
        };
        if log.contains("panicked") {
            return Err(log);
        }
        if !self.store.has_failed_so() {
            let went_on = taken == Taken::WentOn;
            return if went_on {
                Ok(Taken::NoSuchCall)
            } else {
                Err(log)
            };
        }
        let told = ["os error", "no storage space", "nearly full", "failed to"];
        let is_told = told.iter().any(|text| log.contains(text));
        if !is_told && fault.how != "error=EINTR" {
            return Err(format!("nothing was said of it: {log}"));
        }
        self.check_after().await?;
        Ok(taken)
    }

    /// Lets all write; what they were refused.
    async fn write(&mut self, server: &Server) -> Vec<Error> {
        let mut writing = JoinSet::new();
        for writer in self.writers.drain(..) {
            writing.spawn(write(writer, client(server.address())));
        }
        let mut errors = Vec::new();
        for (writer, refused) in writing.join_all().await {
            self.writers.push(writer);
            errors.extend(refused);
        }
        errors
    }

    /// A program that has stopped says so to all who ask, and can be read.
    async fn check_stopped(&self, server: &Server) -> Result<(), String> {
        server.logged(STOPPED).await;
        let client = client(server.address());
        let address = server.address().to_string();
        let asked = |service| {
            let health = ["health", "--address", &address, "--service", service];
            // On a machine that is busy too.
            let patient = ["--timeout-ms", "60000"];
            let output = Program::new(&[&health[..], &patient].concat()).output();
            (output.status.success(), written(&output).1)
        };
        eventually("NOT_SERVING", async || asked("").1.contains("NOT_SERVING")).await;
        let (is_alive, told) = asked("liveness");
        if !is_alive {
            return Err(format!("it is not alive: {told}"));
        }
        let refused = client.set("more", "1").await;
        match refused {
            Err(error) if error.reason() == Some(&Reason::JournalFailed) => {}
            other => return Err(format!("a change after the end: {other:?}")),
        }
        self.check_read(&client).await
    }

    /// What is read is what was acknowledged; and what is not read may rest on a
    /// change that was not, of the key or beside it.
    async fn check_read(&self, client: &Client) -> Result<(), String> {
        let (mut there, mut read) = (0, 0);
        for book in self.writers.iter().map(|writer| &writer.book) {
            let pending = format!("{:?}", book.pending);
            for (key, known) in &book.keys {
                there += u32::from(known.is_some());
                match client.get(key.clone()).await {
                    Ok(entry) if entry == *known => read += u32::from(known.is_some()),
                    Ok(_) if pending.contains(key) => {}
                    Err(error) if error.reason() == Some(&Reason::JournalFailed) => {}
                    other => return Err(format!("{key}: {other:?}, and not {known:?}")),
                }
            }
        }
        if there > 8 && read * 2 < there {
            return Err(format!("{read} of {there} keys can be read"));
        }
        Ok(())
    }

    /// Without faults all that was acknowledged is there, and it goes on.
    async fn check_after(&mut self) -> Result<(), String> {
        let mut server = self.store.serve();
        eventually("the opening", async || {
            server.log().contains("\"ready\"") || server.has_ended()
        })
        .await;
        if server.has_ended() {
            return Err(format!("it does not open again: {}", server.log()));
        }
        let store = client(server.address());
        let listing = listed(&store).await;
        for writer in &mut self.writers {
            if writer
                .book
                .versions
                .iter()
                .any(|told| *told > listing.version)
            {
                return Err(format!("versions went back to {}", listing.version));
            }
            writer.check(&listing)?;
            writer.ask_again(&store).await;
        }
        stores(&store).await
    }
}

/// Returns when a snapshot was tried, or never will be.
async fn snapshot_or_end(server: &Server) {
    let ends = ["a snapshot ", STOPPED];
    eventually("a snapshot", async || {
        let log = server.log();
        ends.iter().any(|end| log.contains(end))
    })
    .await;
}

async fn stores(client: &Client) -> Result<(), String> {
    let stored = client.set("more", "1").await;
    stored.map(drop).map_err(|error| format!("{error:?}"))
}

/// Makes some changes, until one fails.
async fn write(mut writer: Writer, client: Client) -> (Writer, Option<Error>) {
    for _ in 0..CHANGES {
        if let Err(error) = writer.change(&client).await {
            return (writer, Some(error));
        }
        writer.book.pending = None;
    }
    (writer, None)
}
