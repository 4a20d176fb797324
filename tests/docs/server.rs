// A server in the process of an example in the docs, which includes this file
// as a module.

use std::error::Error;

use nanokv::{
    engine::memory::{self, Memory},
    gate::{self, call::Gate, opening::Opening, state::State},
    grpc,
    http::{self, door::door},
    model::{clock::store::StoreClock, time::UnixMillis},
    serve::{self, bind::bind, connection::Context, run, stop::Stop},
};

/// Runs the example with the address of a server of its own.
pub fn run(example: impl AsyncFnOnce(String) -> Result<(), Box<dyn Error>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (opening, state) = (Opening::new(), State::new());
        let services =
            grpc::services(opening.clone(), state.clone(), grpc::Config::default());
        let gate = Gate::new(gate::config::Config::default(), state, grpc::wire());
        let context = Context {
            config: serve::config::Config {
                workers: 1,
                ..serve::config::Config::default()
            },
            door: door(&gate, services.store(), http::Config::default()),
            services,
            gate,
        };
        let bound = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = bound.address().to_string();
        let clock = StoreClock::new(UnixMillis::default());
        let open = async { Ok(Memory::open(memory::Config::default(), clock)) };
        let (_stop, stop) = Stop::new();
        tokio::select! {
            ended = run::run(bound, context, opening, open, stop) => panic!("ended: {ended:?}"),
            shown = example(address) => shown.unwrap(),
        }
    });
}
