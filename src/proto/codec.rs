//! How messages become bytes and back.

/// tonic-prost's, until ours stands.
pub type Codec<T, U> = tonic_prost::ProstCodec<T, U>;
