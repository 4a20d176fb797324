package io.nanokv.clients.example;

import io.grpc.Channel;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.health.v1.HealthGrpc.HealthBlockingStub;
import io.nanokv.v1.KvServiceGrpc;
import io.nanokv.v1.KvServiceGrpc.KvServiceBlockingStub;
import io.nanokv.v1.KvServiceGrpc.KvServiceBlockingV2Stub;
import java.time.Duration;

/** The stubs. Never call without a deadline: each use takes a stub with a new one. */
final class Client {
  /** How long one call may take, with all its retries. */
  private static final Duration DEADLINE = Duration.ofSeconds(5);

  /** How long a stream may take. A program would let a Watch go on until it is cancelled. */
  private static final Duration STREAM_DEADLINE = Duration.ofSeconds(15);

  private final KvServiceBlockingStub kv;
  private final KvServiceBlockingV2Stub streams;
  private final HealthBlockingStub health;

  Client(Channel channel) {
    kv = KvServiceGrpc.newBlockingStub(channel);
    streams = KvServiceGrpc.newBlockingV2Stub(channel);
    health = HealthGrpc.newBlockingStub(channel);
  }

  KvServiceBlockingStub kv() {
    return kv.withDeadlineAfter(DEADLINE);
  }

  KvServiceBlockingV2Stub streams() {
    return streams.withDeadlineAfter(STREAM_DEADLINE);
  }

  HealthBlockingStub health() {
    return health.withDeadlineAfter(DEADLINE);
  }
}
