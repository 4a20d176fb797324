package io.nanokv.clients;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.protobuf.Empty;
import io.grpc.CallOptions;
import io.grpc.HandlerRegistry;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerMethodDefinition;
import io.grpc.ServiceDescriptor;
import io.grpc.Status;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.nanokv.v1.AdminServiceGrpc;
import io.nanokv.v1.KvServiceGrpc;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds the shipped service config to what it is for, against an unavailable server. */
class RetryTest {
  private static final String GET = KvServiceGrpc.getGetMethod().getFullMethodName();
  private static final Set<String> RETRIED =
      Set.of(
          GET,
          KvServiceGrpc.getListMethod().getFullMethodName(),
          AdminServiceGrpc.getDescribeMethod().getFullMethodName());
  private static final Duration CEILING = Duration.ofSeconds(30);
  private static final int ATTEMPTS_MAX = 5;

  /** What became of a call, and how often the server saw it. */
  private record Outcome(Code code, int attempts) {}

  static Stream<String> unaryMethods() {
    return Stream.of(KvServiceGrpc.getServiceDescriptor(), AdminServiceGrpc.getServiceDescriptor())
        .map(ServiceDescriptor::getMethods)
        .flatMap(methods -> methods.stream())
        .filter(method -> method.getType() == MethodType.UNARY)
        .map(MethodDescriptor::getFullMethodName);
  }

  @ParameterizedTest
  @MethodSource("unaryMethods")
  void onlyGetListAndDescribeAreRetried(String method) throws Exception {
    var want =
        RETRIED.contains(method) ? new Outcome(Code.OK, 3) : new Outcome(Code.UNAVAILABLE, 1);
    assertEquals(want, new FailingServer(Code.UNAVAILABLE, 2, null).call(method, CEILING));
  }

  @Test
  void nothingIsTriedMoreThanFiveTimes() throws Exception {
    var outcome = new FailingServer(Code.UNAVAILABLE, 100, null).call(GET, CEILING);
    assertEquals(new Outcome(Code.UNAVAILABLE, ATTEMPTS_MAX), outcome);
  }

  @ParameterizedTest
  @EnumSource(names = {"RESOURCE_EXHAUSTED", "ABORTED", "INTERNAL"})
  void otherCodesAreNotRetried(Code code) throws Exception {
    var outcome = new FailingServer(code, 1, null).call(GET, CEILING);
    assertEquals(new Outcome(code, 1), outcome);
  }

  @Test
  void pushbackOfTheServerComesBeforeTheBackoff() throws Exception {
    // By the backoff alone the second attempt would come in the deadline.
    var server = new FailingServer(Code.UNAVAILABLE, 1, "60000");
    var outcome = server.call(GET, Duration.ofSeconds(2));
    assertEquals(new Outcome(Code.DEADLINE_EXCEEDED, 1), outcome);
  }

  @Test
  void pushbackThatForbidsRetriesIsObeyed() throws Exception {
    var outcome = new FailingServer(Code.UNAVAILABLE, 1, "-1").call(GET, CEILING);
    assertEquals(new Outcome(Code.UNAVAILABLE, 1), outcome);
  }

  /** Answers every method with the code as often as it is told, then with OK. */
  private static final class FailingServer extends HandlerRegistry {
    private static final Metadata.Key<String> PUSHBACK =
        Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER);

    private final Code code;
    private final int failures;
    private final String pushback;
    private final AtomicInteger attempts = new AtomicInteger();

    FailingServer(Code code, int failures, String pushback) {
      this.code = code;
      this.failures = failures;
      this.pushback = pushback;
    }

    /** Starts the server and calls the method once. */
    Outcome call(String method, Duration deadline) throws Exception {
      Server server =
          NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
              .fallbackHandlerRegistry(this)
              .build()
              .start();
      var channel = Retrying.channel("127.0.0.1:" + server.getPort());
      var options = CallOptions.DEFAULT.withDeadlineAfter(deadline);
      try {
        ClientCalls.blockingUnaryCall(
            channel, descriptor(method), options, Empty.getDefaultInstance());
        return new Outcome(Code.OK, attempts.get());
      } catch (StatusRuntimeException e) {
        return new Outcome(e.getStatus().getCode(), attempts.get());
      } finally {
        channel.shutdownNow();
        server.shutdownNow();
      }
    }

    @Override
    public ServerMethodDefinition<?, ?> lookupMethod(String method, String authority) {
      return ServerMethodDefinition.create(
          descriptor(method),
          (call, headers) -> {
            answer(call);
            return new ServerCall.Listener<>() {};
          });
    }

    private void answer(ServerCall<Empty, Empty> call) {
      var trailers = new Metadata();
      if (attempts.incrementAndGet() > failures) {
        call.sendHeaders(new Metadata());
        call.sendMessage(Empty.getDefaultInstance());
        call.close(Status.OK, trailers);
        return;
      }
      if (pushback != null) {
        trailers.put(PUSHBACK, pushback);
      }
      call.close(Status.fromCode(code).withDescription("as told"), trailers);
    }

    /** An empty message is a request and a reply of any method. */
    private static MethodDescriptor<Empty, Empty> descriptor(String method) {
      var empty = ProtoUtils.marshaller(Empty.getDefaultInstance());
      return MethodDescriptor.<Empty, Empty>newBuilder(empty, empty)
          .setType(MethodType.UNARY)
          .setFullMethodName(method)
          .build();
    }
  }
}
