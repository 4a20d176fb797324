//! TLS: who gets in, and certificates that change under connections.

use std::{
    io::Read,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use nanokv::client::{
    Client, config::Config, credentials::Credentials, error::Error, range::Range, watch::Update,
};
use rustix::process::Signal;
use tonic::{Code, Status, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    authority::{Authority, Folder, client},
    program::{Program, Server, eventually, written},
};

/// A server with these arguments.
pub(crate) async fn serve(arguments: &[String]) -> Server {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let server = Program::new(&arguments).serve();
    server.logged("ready").await;
    server
}

/// The arguments of a server that lets in whom `authority` knows.
fn mutual(folder: &Folder, authority: &Authority) -> Vec<String> {
    let mut arguments = folder.tls(&authority.server());
    arguments.extend([
        "--tls-client-ca".to_owned(),
        folder.write("ca.pem", authority.pem()),
    ]);
    arguments
}

/// Where health alone is answered.
fn health_address(server: &Server) -> SocketAddr {
    let log = server.log();
    let line = log.lines().find(|line| line.contains("for health alone"));
    let line: serde_json::Value = serde_json::from_str(line.unwrap()).unwrap();
    let address = line["address"].as_str();
    address.unwrap().parse().unwrap()
}

/// What a Get on a new connection comes to.
pub(crate) async fn get(server: &Server, credentials: Credentials) -> Result<(), Error> {
    let kv = impatient(server.address(), credentials);
    kv.get("a").await.map(drop)
}

/// One that does not try again: what is refused is refused.
fn impatient(address: SocketAddr, credentials: Credentials) -> Client {
    let mut config = Config::default();
    config.retry.attempts_max = 1;
    Client::with_credentials(address.to_string(), config, credentials).unwrap()
}

#[tokio::test]
async fn a_client_that_knows_the_authority_is_served_and_others_are_not() {
    let (folder, authority) = (Folder::new(), Authority::new("one"));
    let server = serve(&folder.tls(&authority.server())).await;
    let kv = client(server.address(), authority.trusted());
    kv.set("a", "through tls").await.unwrap();
    let named = authority.trusted().server_name("localhost");
    get(&server, named).await.unwrap();
    for credentials in [
        Authority::new("another").trusted(),
        authority.trusted().server_name("elsewhere"),
        Credentials::default(),
    ] {
        let error = get(&server, credentials).await.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable, "{error}");
    }
    get(&server, authority.trusted()).await.unwrap();
}

#[tokio::test]
async fn large_values_and_many_calls_at_once_come_through_whole() {
    let (folder, authority) = (Folder::new(), Authority::new("one"));
    let server = serve(&folder.tls(&authority.server())).await;
    let kv = client(server.address(), authority.trusted());
    let calls: Vec<_> = (0_usize..64)
        .map(|number| {
            let kv = kv.clone();
            tokio::spawn(async move {
                let bytes = if number % 8 == 0 {
                    1 << 20
                } else {
                    number * 1000
                };
                let byte = u8::try_from(number).unwrap();
                let (key, value) = (format!("k{number}"), vec![byte; bytes]);
                kv.set(&key, value.clone()).await.unwrap();
                let entry = kv.get(&key).await.unwrap().unwrap();
                assert_eq!(entry.value, Some(value.into()), "{key}");
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn where_clients_need_a_certificate_they_need_the_right_one() {
    let (folder, authority) = (Folder::new(), Authority::new("one"));
    let server = serve(&mutual(&folder, &authority)).await;
    let known = authority.client("orders", Vec::new());
    get(&server, known.trusting(&authority)).await.unwrap();
    let unknown = Authority::new("another").client("orders", Vec::new());
    for credentials in [
        authority.trusted(),
        unknown.trusting(&authority),
        // Of a server, which is none of a client.
        authority.server().trusting(&authority),
    ] {
        let error = get(&server, credentials).await.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable, "{error}");
    }
}

#[tokio::test]
async fn certificates_change_under_connections_that_live_on() {
    let (folder, old, new) = (Folder::new(), Authority::new("old"), Authority::new("new"));
    let mut arguments = folder.tls(&old.server());
    arguments.extend(["--credentials-reload-ms", "10"].map(str::to_owned));
    let server = serve(&arguments).await;
    let kv = impatient(server.address(), old.trusted());
    kv.set("a", "before").await.unwrap();
    let mut watch = kv.watch(Range::prefix("a")).await.unwrap();

    let other = new.server();
    folder.write("server.key", &other.key);
    server.logged("not renewed").await;
    get(&server, old.trusted()).await.unwrap();
    folder.write("server.pem", &other.cert);
    server.logged("TLS certificates renewed").await;

    get(&server, new.trusted()).await.unwrap();
    let error = get(&server, old.trusted()).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    let version = kv.set("a", "after").await.unwrap().version;
    let entry = kv.get("a").await.unwrap().unwrap();
    assert_eq!(entry.version, version, "on the connection of before");
    let Update::Event(event) = watch.next().await.unwrap().unwrap() else {
        panic!("no event");
    };
    assert_eq!(event.entry.version, version);

    folder.write("server.pem", "nothing");
    eventually("the fault to be told", async || {
        server.log().contains("holds no certificate in PEM")
    })
    .await;
    get(&server, new.trusted()).await.unwrap();
}

#[tokio::test]
async fn sighup_is_a_reason_to_look() {
    let (folder, old, new) = (Folder::new(), Authority::new("old"), Authority::new("new"));
    let mut arguments = folder.tls(&old.server());
    arguments.extend(["--credentials-reload-ms", "86400000"].map(str::to_owned));
    let server = serve(&arguments).await;
    folder.tls(&new.server());
    server.signal(Signal::HUP);
    server.logged("TLS certificates renewed").await;
    get(&server, new.trusted()).await.unwrap();
}

#[tokio::test]
async fn who_says_nothing_is_let_go_and_keeps_nobody_waiting() {
    let (folder, authority) = (Folder::new(), Authority::new("one"));
    let mut arguments = folder.tls(&authority.server());
    arguments.extend(["--handshake-ms-max", "300", "--workers", "1"].map(str::to_owned));
    let server = serve(&arguments).await;
    let mut silent: Vec<_> = (0..20)
        .map(|_| TcpStream::connect(server.address()).unwrap())
        .collect();
    get(&server, authority.trusted()).await.unwrap();
    let first = silent.first_mut().unwrap();
    first
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    assert_eq!(first.read(&mut [0; 8]).unwrap(), 0, "closed");
}

#[tokio::test]
async fn probes_have_a_port_of_their_own_for_health_and_nothing_else() {
    let (folder, authority) = (Folder::new(), Authority::new("one"));
    let mut arguments = mutual(&folder, &authority);
    arguments.extend(["--health-listen", "127.0.0.1:0"].map(str::to_owned));
    arguments.extend(["--connections-max", "1"].map(str::to_owned));
    arguments.extend(["--health-connections-reserved", "2"].map(str::to_owned));
    let server = serve(&arguments).await;
    let address = health_address(&server);
    // A crowd at the other door.
    let _crowd: Vec<_> = (0..8)
        .map(|_| TcpStream::connect(server.address()))
        .collect();
    check(address).await.unwrap();
    let error = impatient(address, Credentials::default())
        .get("a")
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Unimplemented, "{error}");
    assert!(error.message().starts_with("HEALTH_ONLY"), "{error}");

    let program = Program::new(&["health"]).variable("NANOKV_HEALTH_LISTEN", &address.to_string());
    assert_eq!(program.output().status.code(), Some(0));
}

async fn check(address: SocketAddr) -> Result<(), Status> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let service = String::new();
    let mut health = HealthClient::new(channel);
    health.check(HealthCheckRequest { service }).await.map(drop)
}

#[tokio::test]
async fn commands_know_tls() {
    let (folder, authority) = (Folder::new(), Authority::new("one"));
    let server = serve(&mutual(&folder, &authority)).await;
    let known = authority.client("orders", Vec::new());
    let (cert, key) = (
        folder.write("client.pem", &known.cert),
        folder.write("client.key", &known.key),
    );
    let (address, ca) = (
        server.address().to_string(),
        folder.write("ca", authority.pem()),
    );
    let asked = ["--address", &address, "--tls-ca", &ca];
    let sure = [
        "--tls-cert",
        &cert,
        "--tls-key",
        &key,
        "--tls-name",
        "localhost",
    ];
    for (command, code, told) in [
        (&["set", "a", "1"][..], 0, "stored at version "),
        (&["get", "a"], 0, "1"),
        (&["health"], 0, ""),
        (&["bench", "--count", "9", "--warm-up", "0s"], 0, "get=1: "),
    ] {
        let output = Program::new(&[command, &asked, &sure].concat()).output();
        assert_eq!(output.status.code(), Some(code), "{command:?} {output:?}");
        assert!(written(&output).0.starts_with(told), "{output:?}");
    }
    let output = Program::new(&[&["get", "a"][..], &asked, &["--timeout-ms", "2000"]].concat());
    assert_eq!(
        output.output().status.code(),
        Some(5),
        "without a certificate"
    );
    let another = folder.write("another", Authority::new("two").pem());
    for (authority, identity) in [(&ca, &[][..]), (&another, &sure)] {
        let asked = ["bench", "--address", &address, "--tls-ca", authority];
        let output = Program::new(&[&asked, identity, &["--count", "9"]].concat()).output();
        assert_eq!(output.status.code(), Some(5), "{output:?}");
    }
    let output = Program::new(&["get", "a", "--address", &address, "--tls-ca", "nowhere"]);
    assert_eq!(output.output().status.code(), Some(2));
}

#[test]
fn settings_that_do_not_go_together_or_say_nothing_are_told() {
    let folder = Folder::new();
    let server = Authority::new("one").server();
    let (cert, key) = (
        folder.write("cert.pem", &server.cert),
        folder.write("cert.key", &server.key),
    );
    let another = folder.write("another.key", &Authority::new("one").server().key);
    for (arguments, code, told) in [
        (
            &["--tls-cert", &*cert][..],
            2,
            "tls_cert and tls_key go together",
        ),
        (&["--tls-key", &key], 2, "tls_cert and tls_key go together"),
        (&["--tls-client-ca", &cert], 2, "needs tls_cert"),
        (
            &["--tls-cert", "nowhere", "--tls-key", &key],
            1,
            "nowhere: No such file",
        ),
        (
            &["--tls-cert", &key, "--tls-key", &key],
            1,
            "tls_cert holds no certificate",
        ),
        (
            &["--tls-cert", &cert, "--tls-key", &cert],
            1,
            "tls_key is no private key",
        ),
        (
            &["--tls-cert", &cert, "--tls-key", &another],
            1,
            "tls_cert and tls_key: ",
        ),
    ] {
        let output = Program::new(arguments).output();
        let (_, error) = written(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(told), "{arguments:?}: {error}");
    }
}
