package io.nanokv.clients.restart;

import io.grpc.Channel;
import io.grpc.StatusRuntimeException;
import io.nanokv.clients.Retrying;
import io.nanokv.v1.AdminServiceGrpc;
import io.nanokv.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.nanokv.v1.DescribeRequest;
import io.nanokv.v1.GetRequest;
import io.nanokv.v1.KvServiceGrpc;
import io.nanokv.v1.SetRequest;
import io.nanokv.v1.Value;
import java.time.Duration;
import java.time.Instant;
import java.util.function.BooleanSupplier;

/**
 * Keeps calling a server that is stopped and started again, and counts what became of every call.
 * It says "calling" when the restart may begin, and ends by itself when both kinds of calls succeed
 * on the server that came after.
 */
public final class Restart {
  private static final Duration DEADLINE = Duration.ofSeconds(10);

  /** How long the restart may take before it is given up. */
  private static final Duration RESTART_CEILING = Duration.ofSeconds(60);

  /** How often a state is looked at. */
  private static final long POLL_MS = 20;

  /** Of each kind, from the server that came after. */
  private static final long ANSWERS_AFTER = 50;

  private static final String KEY = "java/restart";

  private final AdminServiceBlockingStub admin;
  private final Caller get;
  private final Caller set;

  private Restart(Channel channel) {
    admin = AdminServiceGrpc.newBlockingStub(channel);
    var kv = KvServiceGrpc.newBlockingStub(channel);
    var read = GetRequest.newBuilder().setKey(KEY).build();
    get =
        new Caller(
            "get",
            attempts -> kv.withDeadlineAfter(DEADLINE).withInterceptors(attempts).get(read));
    var value = Value.newBuilder().setText("kept");
    var store = SetRequest.newBuilder().setKey(KEY).setValue(value).build();
    set =
        new Caller(
            "set",
            attempts -> kv.withDeadlineAfter(DEADLINE).withInterceptors(attempts).set(store));
  }

  public static void main(String[] args) throws Exception {
    if (args.length != 1) {
      System.err.println("usage: Restart ADDRESS");
      System.exit(2);
    }
    var wrong = new Restart(Retrying.channel(args[0])).run();
    if (wrong != null) {
      System.err.println("java: " + wrong);
      System.exit(1);
    }
    System.exit(0);
  }

  /** Gives what was not as expected, or null. */
  private String run() throws InterruptedException {
    var before = storeId();
    get.start();
    set.start();
    var restarted =
        answers(1)
            && say("calling")
            && within(RESTART_CEILING, () -> isAnother(before))
            && answers(ANSWERS_AFTER);
    get.stop();
    set.stop();
    var hung =
        !within(DEADLINE.multipliedBy(2), () -> get.running.get() + set.running.get() == 0);
    System.out.printf("java: %s; %s%n", get, set);
    if (!restarted) {
      return "expected another store that answers within " + RESTART_CEILING;
    } else if (hung) {
      return "expected that every call ends by its deadline";
    } else if (get.wrong.get() != null || set.wrong.get() != null) {
      return "expected UNAVAILABLE as the only error";
    } else if (get.retried.get() == 0) {
      return "expected that a get was retried";
    } else if (set.retried.get() > 0) {
      return "expected that no set was retried";
    }
    return null;
  }

  private static boolean say(String line) {
    System.out.println(line);
    return true;
  }

  /** Whether so many more calls of each kind are answered. */
  private boolean answers(long count) throws InterruptedException {
    long gets = get.answered.get() + count;
    long sets = set.answered.get() + count;
    return within(
        RESTART_CEILING, () -> get.answered.get() >= gets && set.answered.get() >= sets);
  }

  private boolean isAnother(String storeId) {
    try {
      return !storeId().equals(storeId);
    } catch (StatusRuntimeException e) {
      return false;
    }
  }

  /** Tells the server before the restart from the one after it. */
  private String storeId() {
    var request = DescribeRequest.getDefaultInstance();
    return admin.withDeadlineAfter(DEADLINE).describe(request).getStoreId();
  }

  /** Polls until the condition holds, and gives up at the ceiling. */
  private static boolean within(Duration ceiling, BooleanSupplier condition)
      throws InterruptedException {
    var until = Instant.now().plus(ceiling);
    while (!condition.getAsBoolean()) {
      if (Instant.now().isAfter(until)) {
        return false;
      }
      Thread.sleep(POLL_MS);
    }
    return true;
  }
}
