//! A run, from the first connection to what it came to.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    runtime, select,
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, interval},
};

use crate::{
    client::error::Error,
    load::{
        config::{Config, Shape},
        connection::Connection,
        pipeline::Piper,
        plan::Plan,
        prefill::Prefill,
        report::{Report, Sight},
        source::Source,
        tally::Tally,
        unary::Caller,
    },
};

/// How often somebody is shown how it goes.
const SHOWN_EVERY: Duration = Duration::from_secs(1);

/// Why there is no report.
#[derive(Debug)]
pub enum Ended {
    /// What is wanted cannot be, in words.
    Misused(String),
    /// The server could not be reached, or did not take what was stored first.
    Server(Error),
    /// The machine gives no thread.
    Machine(io::Error),
    /// A signal came before the first call was made.
    Interrupted,
}

/// What one thread does, and counts.
struct Worker {
    config: Arc<Config>,
    /// Numbers of its connections.
    connections: Vec<usize>,
    prefill: Option<Prefill>,
    plan: watch::Receiver<Option<Arc<Plan>>>,
    tally: Arc<Mutex<Tally>>,
    /// Tells that it is ready, and by closing that it has ended.
    told: mpsc::Sender<Result<(), Ended>>,
}

/// Makes the calls. Shows about every second how it goes. Ends early when
/// `signal` does, with what was counted until then.
///
/// # Errors
/// What is wanted cannot be, or the server cannot be reached at the start, or
/// does not take what is stored first.
pub async fn run(
    config: Config,
    signal: impl Future<Output = ()>,
    mut show: impl FnMut(&Sight),
) -> Result<Report, Ended> {
    config.check().map_err(Ended::Misused)?;
    let config = Arc::new(config);
    let prefill = config.prefill.then(|| Prefill::of(&config));
    let (start, plan) = watch::channel(None);
    let (told, mut tells) = mpsc::channel(config.threads.max(1));
    let mut tallies = Vec::new();
    for thread in 0..config.threads {
        let worker = Worker {
            config: Arc::clone(&config),
            connections: (thread..config.connections)
                .step_by(config.threads)
                .collect(),
            prefill: prefill.clone(),
            plan: plan.clone(),
            tally: Arc::default(),
            told: told.clone(),
        };
        tallies.push(Arc::clone(&worker.tally));
        thread::Builder::new()
            .name(format!("load-{thread}"))
            .spawn(move || worker.work())?;
    }
    drop(told);
    let mut signal = Box::pin(signal);
    select! {
        ready = ready(&mut tells, config.threads, prefill.as_ref(), &mut show) => ready?,
        () = &mut signal => return Err(Ended::Interrupted),
    }

    let begins = Instant::now();
    let plan = Arc::new(Plan::new(
        begins,
        config.warm_up,
        config.extent,
        config.rate,
    ));
    start.send_replace(Some(Arc::clone(&plan)));
    let mut seen = Seen {
        whole: Tally::default(),
        tallies,
        since: begins,
    };
    let mut shown = interval(SHOWN_EVERY);
    shown.reset();
    let interrupted = loop {
        select! {
            // Closed: every thread has ended.
            _ = tells.recv() => break false,
            _ = shown.tick() => show(&seen.look(&plan, Instant::now())),
            () = &mut signal => break true,
        }
    };
    seen.look(&plan, Instant::now());
    let from = plan.measured_from();
    let until = seen.whole.last.unwrap_or(from);
    Ok(Report {
        elapsed: until.saturating_duration_since(from),
        not_begun: if interrupted { 0 } else { plan.not_begun() },
        tally: seen.whole,
        interrupted,
    })
}

/// Waits until every thread could begin, and shows what is stored meanwhile.
async fn ready(
    tells: &mut mpsc::Receiver<Result<(), Ended>>,
    threads: usize,
    prefill: Option<&Prefill>,
    show: &mut impl FnMut(&Sight),
) -> Result<(), Ended> {
    let mut ready = 0;
    let mut shown = interval(SHOWN_EVERY);
    while ready < threads {
        select! {
            told = tells.recv() => {
                told.unwrap_or_else(|| Err(io::Error::other("a thread has ended").into()))?;
                ready += 1;
            }
            _ = shown.tick() => if let Some(prefill) = prefill {
                let stored = prefill.stored.load(Relaxed);
                show(&Sight::Prefill { stored, keys: prefill.keys });
            }
        }
    }
    Ok(())
}

/// What was seen until now.
struct Seen {
    whole: Tally,
    tallies: Vec<Arc<Mutex<Tally>>>,
    since: Instant,
}

impl Seen {
    fn look(&mut self, plan: &Plan, now: Instant) -> Sight {
        let mut new = Tally::default();
        for tally in &self.tallies {
            let taken = tally.lock().taken();
            new.add(&taken);
        }
        self.whole.add(&new);
        let since = now.saturating_duration_since(self.since);
        self.since = now;
        Sight::Calls {
            tally: Box::new(new),
            since,
            progress: plan.progress(now),
            failures: self.whole.failures(),
        }
    }
}

impl Prefill {
    fn of(config: &Config) -> Self {
        let entry_bytes = config.keys.bytes + config.value_bytes.end() + 32;
        Self {
            keys: config.keys.count,
            next: Arc::new(AtomicU64::new(0)),
            stored: Arc::new(AtomicU64::new(0)),
            entry_bytes: u64::try_from(entry_bytes).unwrap_or(u64::MAX),
            call_timeout: config.call_timeout,
        }
    }
}

impl Worker {
    fn work(self) {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let told = self.told.clone();
        let ended = match runtime {
            Ok(runtime) => runtime.block_on(self.calls()),
            Err(error) => Err(Ended::Machine(error)),
        };
        if let Err(ended) = ended {
            // Nobody listens when another one ended first.
            let _ = told.blocking_send(Err(ended));
        }
    }

    async fn calls(mut self) -> Result<(), Ended> {
        let mut connections = Vec::new();
        for _ in &self.connections {
            connections.push(Connection::dial(&self.config).await?);
        }
        if let Some(prefill) = self.prefill.take() {
            let source = Source::new(&self.config, 0).map_err(Ended::Misused)?;
            prefill.work(&connections, &source).await?;
        }
        let mut streams = Vec::new();
        for (number, connection) in self.connections.iter().zip(&connections) {
            for stream in 0..self.config.streams {
                let stream = number * self.config.streams + stream;
                let stream = u64::try_from(stream).unwrap_or(u64::MAX);
                let source = Source::new(&self.config, stream).map_err(Ended::Misused)?;
                streams.push((connection.clone(), source));
            }
        }
        if self.told.send(Ok(())).await.is_err() {
            return Ok(());
        }
        let Ok(plan) = self
            .plan
            .wait_for(Option::is_some)
            .await
            .map(|plan| plan.clone())
        else {
            return Ok(());
        };
        let Some(plan) = plan else { return Ok(()) };
        let mut calling = JoinSet::new();
        for (connection, source) in streams {
            self.spawn(&mut calling, connection, source, &plan);
        }
        calling.join_all().await;
        Ok(())
    }

    fn spawn(
        &self,
        calling: &mut JoinSet<()>,
        connection: Connection,
        source: Source,
        plan: &Arc<Plan>,
    ) {
        let (plan, tally) = (Arc::clone(plan), Arc::clone(&self.tally));
        let call_timeout = self.config.call_timeout;
        match self.config.shape {
            Shape::Pipeline {
                operations,
                lists_in_flight,
            } => {
                let piper = Piper {
                    connection,
                    source,
                    operations,
                    lists_in_flight,
                    call_timeout,
                };
                calling.spawn(piper.work(plan, tally));
            }
            shape => {
                let batch = match shape {
                    Shape::Batch { operations } => Some(operations),
                    _ => None,
                };
                let caller = Caller {
                    connection,
                    source,
                    batch,
                    call_timeout,
                };
                calling.spawn(caller.work(plan, tally));
            }
        }
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Machine(error)
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}
