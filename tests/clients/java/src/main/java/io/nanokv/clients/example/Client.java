package io.nanokv.clients.example;

import io.grpc.Channel;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.health.v1.HealthGrpc.HealthBlockingStub;
import io.nanokv.v1.KvServiceGrpc;
import io.nanokv.v1.KvServiceGrpc.KvServiceBlockingStub;
import java.time.Duration;

/** The stubs. Never call without a deadline: each use takes a stub with a new one. */
final class Client {
  /** How long one call may take, with all its retries. */
  private static final Duration DEADLINE = Duration.ofSeconds(5);

  private final KvServiceBlockingStub kv;
  private final HealthBlockingStub health;

  Client(Channel channel) {
    kv = KvServiceGrpc.newBlockingStub(channel);
    health = HealthGrpc.newBlockingStub(channel);
  }

  KvServiceBlockingStub kv() {
    return kv.withDeadlineAfter(DEADLINE);
  }

  HealthBlockingStub health() {
    return health.withDeadlineAfter(DEADLINE);
  }
}
