//! A file of identities, and calls from those in it.

use nanokv::{
    client::{Client, config::Config, credentials::Credentials},
    gate::access::digest,
    proto::{admin_service_client::AdminServiceClient, kv_service_client::KvServiceClient},
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

use crate::{
    authority::Folder,
    program::{Program, Server},
};

/// Somebody: a name, which is their token too, and for each prefix the rights.
pub(crate) struct Person<'a>(pub(crate) &'a str, pub(crate) &'a [(&'a str, &'a str)]);

/// The file that says who there is.
pub(crate) fn file(people: &[Person<'_>]) -> String {
    let mut text = String::new();
    for Person(name, grants) in people {
        let hex = hex(name);
        text.extend(["[[identity]]\nname = \"", name, "\"\n[[identity.token]]\n"]);
        text.extend(["sha256 = \"", &hex, "\"\n"]);
        for (prefix, rights) in *grants {
            let rights = rights.replace(' ', "\", \"");
            text.extend(["[[identity.grant]]\nprefix = \"", prefix, "\"\n"]);
            text.extend(["rights = [\"", &rights, "\"]\n"]);
        }
    }
    text
}

/// What a server keeps of a token.
pub(crate) fn hex(token: &str) -> String {
    digest::hex(&digest::digest(token))
}

/// A server that knows these people, looks often for others, and has these
/// arguments besides.
pub(crate) async fn serve(folder: &Folder, text: &str, arguments: &[&str]) -> Server {
    let path = folder.write("identities.toml", text);
    let known = ["--identities", &path, "--credentials-reload-ms", "10"];
    let server = Program::new(&[&known, arguments].concat()).serve();
    server.logged("ready").await;
    server
}

/// Writes the file anew, and returns when the server has read it.
pub(crate) async fn rewrite(folder: &Folder, server: &Server, text: &str) {
    let read = || server.log().matches("identities renewed").count();
    let before = read();
    folder.write("identities.toml", text);
    crate::program::eventually("the file to be read", async || read() > before).await;
}

/// A client with this token, that does not try again.
pub(crate) fn client(server: &Server, token: &str) -> Client {
    let mut config = Config::default();
    config.retry.attempts_max = 1;
    let credentials = Credentials::default().token(token).unwrap();
    Client::with_credentials(server.address().to_string(), config, credentials).unwrap()
}

/// Stubs whose calls say a token, or nothing.
#[derive(Clone)]
pub(crate) struct Stubs {
    pub(crate) kv: KvServiceClient<InterceptedService<Channel, Says>>,
    pub(crate) admin: AdminServiceClient<InterceptedService<Channel, Says>>,
}

#[derive(Clone)]
pub(crate) struct Says(Option<MetadataValue<Ascii>>);

impl Interceptor for Says {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(said) = &self.0 {
            request.metadata_mut().insert("authorization", said.clone());
        }
        Ok(request)
    }
}

impl Stubs {
    pub(crate) fn new(channel: &Channel, token: Option<&str>) -> Self {
        let says = Says(token.map(|token| format!("Bearer {token}").parse().unwrap()));
        Self {
            kv: KvServiceClient::with_interceptor(channel.clone(), says.clone()),
            admin: AdminServiceClient::with_interceptor(channel.clone(), says),
        }
    }
}
