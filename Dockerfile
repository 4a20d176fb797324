# nanokv in a container: one program, no shell, not root. Builds
# alike with BuildKit and with Docker's classic builder.

# Has cargo, a C compiler and make. Its C library must not be newer than the one below.
ARG BUILD_IMAGE=rust:1.95-bookworm
# Has the C library and libgcc, and neither a shell nor a package manager.
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

# The dependencies, built for an empty program: made anew only when Cargo.toml
# or Cargo.lock changes. What is left of the empty program is removed, because
# cargo compares times and the real sources may be older than it.
FROM ${BUILD_IMAGE} AS dependencies
WORKDIR /nanokv
# A quarter of the size; a backtrace still names its functions.
ENV CARGO_PROFILE_RELEASE_STRIP=debuginfo
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && touch src/lib.rs \
    && echo 'fn main() {}' | tee build.rs > src/main.rs \
    && cargo build --locked --release --bin nanokv \
    && cargo clean --locked --release --package nanokv \
    && rm -r build.rs src

FROM dependencies AS build
COPY build.rs ./
COPY proto proto
COPY src src
RUN cargo build --locked --release --bin nanokv \
    && mkdir empty

FROM ${RUNTIME_IMAGE}
COPY --from=build /nanokv/target/release/nanokv /nanokv
# Where a volume belongs: Docker gives a new one the owner of the directory that
# it hides, so that the user below may write there. No VOLUME, which would leave
# a nameless volume behind each container, even of a store in memory.
COPY --from=build --chown=65532:65532 /nanokv/empty /var/lib/nanokv

# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
# All addresses: what may reach the container is decided outside of it.
ENV NANOKV_LISTEN=0.0.0.0:50051
EXPOSE 50051
# Begins the drain, which ends within 12 seconds: stop with a longer timeout.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=2s --start-period=60s --retries=3 \
    CMD ["/nanokv", "health"]
ENTRYPOINT ["/nanokv"]
CMD ["serve"]

ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=https://github.com/nanokv/nanokv
LABEL org.opencontainers.image.title="nanokv" \
      org.opencontainers.image.description="A key-value microservice: a value under a key, with a time to live, over gRPC." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0"
