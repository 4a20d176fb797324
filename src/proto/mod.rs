//! The stubs that build.rs makes of the contract in `proto/`, and the codec
//! that they use.

#![expect(
    clippy::pedantic,
    reason = "generated; the comments are the contract's"
)]
#![cfg_attr(
    feature = "server",
    expect(clippy::as_conversions, reason = "generated")
)]

pub mod codec;

tonic::include_proto!("nanokv.v1");

/// The contract as a `google.protobuf.FileDescriptorSet`, comments included.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/nanokv.binpb"));
