//! Turns the contract in `proto/` into stubs and a descriptor set, without
//! `protoc`: protox compiles the files, tonic-prost-build writes the code.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const FILES: [&str; 3] = [
    "nanokv/v1/entry.proto",
    "nanokv/v1/kv.proto",
    "nanokv/v1/admin.proto",
];

#[expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to build scripts so"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");

    // With source info, so that reflection hands out the comments too.
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out_dir.join("nanokv.binpb"), descriptors.encode_to_vec())?;

    // By their names the codec tells requests from replies.
    let mut messages = tonic_prost_build::Config::new();
    messages.enable_type_names();
    tonic_prost_build::configure()
        // A `bytes` field is a slice of the message it came in, not a copy.
        .bytes(".")
        .codec_path("crate::proto::codec::Codec")
        .build_client(env::var_os("CARGO_FEATURE_CLIENT").is_some())
        .build_server(env::var_os("CARGO_FEATURE_SERVER").is_some())
        .compile_fds_with_config(descriptors, messages)?;
    Ok(())
}
