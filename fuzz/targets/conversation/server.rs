//! A server in memory, small enough that its limits are met, and what must be
//! true of it.

use std::{net::SocketAddr, time::Duration};

use nanokv::{
    engine::{
        Engine,
        memory::{self, Memory},
    },
    gate::{
        self,
        call::Gate,
        opening::Opening,
        state::{Phase, State},
    },
    grpc::{self, services::Services},
    http::{self, door::door},
    model::{
        clock::held::HeldClock,
        figure::{Figure, Value},
        limits::Limits,
        time::UnixMillis,
    },
    serve::{
        self,
        connection::{Context, serve_on},
        seats::Seats,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    calls::KEYS,
    script::{Script, Wire},
    upstream,
};

/// What a value under the first key has: more than a pipe holds.
const LARGE_BYTES: usize = 60_000;

/// The longest of all that a connection may be waited for, and some more: pings,
/// writes that nobody takes, a request that does not arrive, lingering.
const END_SECONDS_MAX: u32 = 120;

const SECOND: Duration = Duration::from_secs(1);

/// In which a probe is answered. Time passes only when everybody waits.
const PROBE_MAX: Duration = Duration::from_millis(1);

/// What is at nothing when nobody asks.
const IN_FLIGHT: [&str; 7] = [
    "nanokv_calls_in_flight",
    "nanokv_in_flight_bytes",
    "nanokv_watch_in_flight_bytes",
    "nanokv_connections",
    "nanokv_pipelines",
    "nanokv_watchers",
    "nanokv_backups",
];

pub struct Server {
    context: Context<Services<Memory<HeldClock>>>,
    seats: Seats,
    clock: HeldClock,
}

impl Server {
    /// On a small engine, with something stored.
    pub async fn start() -> Self {
        let clock = HeldClock::at(UnixMillis::new(1_767_225_600_000));
        let engine = Memory::open(memory(), clock.clone());
        let (opening, state) = (Opening::new(), State::new());
        let services = grpc::services(opening.clone(), state.clone(), calls());
        let gate = Gate::new(limits(), state.clone(), grpc::wire());
        // As for a worker where metrics are told.
        let gate = gate.counting().of_worker();
        let door = door(&gate, services.store(), http());
        let context = Context {
            config: connections(),
            door: door.of_worker(&gate),
            services,
            gate,
        };
        opening.fill(engine.clone());
        state.set(Phase::Ready);
        tokio::spawn(async move { engine.tend().await });
        let server = Self {
            seats: Seats::new(&context.config),
            context,
            clock,
        };
        let value = "v".repeat(LARGE_BYTES);
        let stored = server.ask("PUT", KEYS[0], &value).await;
        assert!(stored.starts_with("HTTP/1.1 200"), "{stored}");
        server
    }

    /// Serves a connection on `stream`, as a worker does.
    pub fn serve(&self, stream: DuplexStream) -> JoinHandle<()> {
        let seat = self.seats.take(true).expect("one is free");
        let from = SocketAddr::from(([127, 0, 0, 1], 4));
        tokio::spawn(serve_on(self.context.clone(), stream, from, None, seat))
    }

    /// Lets time pass, for connections and for the store.
    pub async fn wait(&self, millis: u64) {
        sleep(Duration::from_millis(millis)).await;
        self.clock.advance(millis);
    }

    /// A probe is answered at once, whatever else is going on.
    pub async fn is_alive(&self) {
        let answer = self.ask_path("GET", "/healthz", "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Everything is as at the beginning: calls are answered too.
    pub async fn is_well(&self) {
        let stored = self.ask("PUT", "well", "ok").await;
        assert!(stored.starts_with("HTTP/1.1 200"), "{stored}");
        let answer = self.ask("GET", "well", "").await;
        assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    }

    /// A client that says nothing more is not kept for ever, unless it follows
    /// something over HTTP/1.1, where there are no pings.
    pub async fn ends_what_says_nothing(&self, serving: &JoinHandle<()>, script: &Script) {
        for _ in 0..END_SECONDS_MAX {
            if serving.is_finished() {
                return;
            }
            self.wait(1000).await;
        }
        let follows = matches!(script.wire, Wire::Http1 | Wire::Plain) && script.reads;
        assert!(follows, "kept for ever");
    }

    /// A connection whose client is gone ends.
    pub async fn has_ended(&self, mut serving: JoinHandle<()>) {
        for _ in 0..END_SECONDS_MAX {
            if let Ok(ended) = timeout(SECOND, &mut serving).await {
                assert!(upstream::is_in_order(ended), "a panic");
                return;
            }
            // A watch over HTTP/1.1 learns it from what it says now and then.
            self.clock.advance(1000);
        }
        panic!("it goes on without a client");
    }

    /// How many tasks there are.
    pub fn tasks(&self) -> usize {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    }

    /// No call, no byte, no stream and no task but `tasks` is left.
    pub fn holds_nothing(&self, tasks: usize) {
        let figures = [
            self.context.gate.figures(),
            self.context.services.figures(),
            self.seats.figures(),
        ];
        for figure in figures.iter().flatten() {
            if IN_FLIGHT.contains(&figure.name) {
                assert!(is_nothing(figure), "{figure:?}");
            }
        }
        assert_eq!(self.tasks(), tasks, "tasks");
    }

    async fn ask(&self, method: &str, key: &str, body: &str) -> String {
        self.ask_path(method, &format!("/v1/entries/{key}"), body)
            .await
    }

    /// The whole answer on a connection of its own.
    async fn ask_path(&self, method: &str, path: &str, body: &str) -> String {
        let (mut near, far) = tokio::io::duplex(2 * LARGE_BYTES);
        let serving = self.serve(far);
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        let length = body.len();
        let request = format!("{head}Content-Length: {length}\r\n\r\n{body}");
        near.write_all(request.as_bytes())
            .await
            .expect("there is room");
        let mut answer = Vec::new();
        let answered = timeout(PROBE_MAX, near.read_to_end(&mut answer)).await;
        answered.expect("no answer").expect("the pipe holds");
        drop(near);
        self.has_ended(serving).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn is_nothing(figure: &Figure) -> bool {
    let nothing = |value: &Value| *value == Value::Gauge(0);
    figure.samples.iter().all(|sample| nothing(&sample.value))
}

fn connections() -> serve::config::Config {
    serve::config::Config {
        connections_max: 4,
        streams_per_connection_max: 8,
        header_list_bytes_max: 1024,
        reset_streams_pending_max: 4,
        handshake_ms_max: 1_000,
        http1_idle_ms_max: 10_000,
        stream_unread_ms_max: 8_000,
        keepalive_interval_ms: 10_000,
        keepalive_timeout_ms: 10_000,
        ..serve::config::Config::default()
    }
}

fn limits() -> gate::config::Config {
    gate::config::Config {
        calls_in_flight_max: 6,
        bytes_in_flight_max: 4 * LARGE_BYTES,
        watch_bytes_in_flight_max: LARGE_BYTES,
        message_bytes_max: 2 * LARGE_BYTES,
        request_read_ms_max: 2_000,
        ..gate::config::Config::default()
    }
}

fn calls() -> grpc::Config {
    grpc::Config {
        limits: Limits {
            message_bytes_max: 2 * LARGE_BYTES,
            batch_operations_max: 8,
            pipeline_lists_in_flight_max: 2,
            ..Limits::default()
        },
        pipelines_max: 2,
        health_watches_max: 2,
        ..grpc::Config::default()
    }
}

fn http() -> http::Config {
    http::Config {
        tutorial_routes: true,
        console: true,
        ..http::Config::default()
    }
}

fn memory() -> memory::Config {
    memory::Config {
        memory_max: 4 << 20,
        shards: 2,
        ..memory::Config::default()
    }
}
