//! Whole conversations with a server: whatever a client says, in whatever
//! pieces, and whether it listens or not, nothing panics, everybody else is
//! answered, and when the connection has ended nothing of it is left.
//!
//! An input is the plain bytes that a client sends, or a script that knows
//! HTTP: its first byte says which. A connection is served as the workers serve
//! it, on a pipe in memory; time stands still but where all wait for it.

#![no_main]

mod bytes;
mod calls;
mod client;
mod requests;
mod script;
mod server;
mod streams;
mod upstream;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

use crate::{
    client::Client,
    script::{End, Script},
    server::Server,
};

fuzz_target!(init: upstream::pass_over(), |input: &[u8]| {
    let Some((which, rest)) = input.split_first() else {
        return;
    };
    let script = if which % 2 == 0 {
        Script::plain(rest)
    } else {
        Script::arbitrary_take_rest(Unstructured::new(rest)).ok()
    };
    if let Some(script) = script {
        if std::env::var_os("CONVERSATION_SHOWN").is_some() {
            eprintln!("{script:#?}");
        }
        runtime().block_on(play(&script));
    }
});

/// The threads of a server have runtimes like this one.
fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    builder.build().expect("a runtime needs nothing")
}

async fn play(script: &Script) {
    let server = Server::start().await;
    let tasks = server.tasks();
    let (near, far) = tokio::io::duplex(script.pipe_bytes());
    let serving = server.serve(far);
    let mut client = Client::new(near, script.reads);
    client.say_all(script, &server).await;
    // Whatever it has come to, probes are answered.
    server.is_alive().await;
    match script.end {
        End::Away => {}
        End::Finished => client.finish().await,
        End::Silent => {
            client.is_answered_or_ended(script, &serving).await;
            server.ends_what_says_nothing(&serving, script).await;
        }
    }
    drop(client);
    server.has_ended(serving).await;
    server.holds_nothing(tasks);
    server.is_well().await;
    server.holds_nothing(tasks);
}
