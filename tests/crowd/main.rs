//! The built program among clients that mean harm, all kinds in turn: its memory
//! stays within what its limits say, and its probes are answered throughout.
//! Tells the figures of both. Linux says how much memory a process has.
#![cfg(target_os = "linux")]

#[cfg(test)]
mod crowds;
#[cfg(test)]
mod probe;
#[cfg(test)]
#[path = "../binary/program.rs"]
#[expect(dead_code, reason = "the tests of the program use the rest")]
mod program;
#[cfg(test)]
#[path = "../serving/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod serving;

#[cfg(test)]
mod bounded {
    use rlimit::Resource;

    use crate::{
        crowds::{self, Crowd},
        probe::Probe,
        program::Program,
    };

    const LIMITS: [&str; 4] = [
        "--bytes-in-flight-max",
        "64MiB",
        "--watch-bytes-in-flight-max",
        "16MiB",
    ];

    /// What all limits together let it hold, and as much again for what each
    /// connection costs.
    const RESIDENT_BYTES_MAX: u64 = 1 << 30;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn memory_is_bounded_and_probes_are_answered_throughout() {
        let (_, hard) = Resource::NOFILE.get().unwrap();
        Resource::NOFILE.set(hard, hard).unwrap();
        let server = Program::new(&LIMITS).serve();
        server.logged("ready").await;
        let (address, process) = (server.address(), server.process());
        println!("at first: {} MiB resident", resident_bytes(process) >> 20);
        for Crowd { name, come } in crowds::all() {
            let probe = Probe::begin(address);
            let crowd = come(address).await;
            let resident = resident_bytes(process);
            drop(crowd);
            let probed = probe.end().await;
            println!("{name}: {} MiB resident; {probed}", resident >> 20);
            assert!(resident < RESIDENT_BYTES_MAX, "{name}: {resident} bytes");
        }
        println!("at last: {} MiB resident", resident_bytes(process) >> 20);
    }

    fn resident_bytes(process: u32) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.unwrap().parse::<u64>().unwrap() << 10
    }
}
