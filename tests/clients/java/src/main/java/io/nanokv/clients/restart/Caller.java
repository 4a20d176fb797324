package io.nanokv.clients.restart;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientStreamTracer;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/** Makes one kind of call over and over. */
final class Caller {
  /** How many are at it at once. */
  private static final int THREADS = 4;

  /** Between two calls of one of them. */
  private static final long PAUSE_MS = 5;

  final AtomicLong answered = new AtomicLong();
  final AtomicLong refused = new AtomicLong();
  final AtomicLong retried = new AtomicLong();

  /** How many threads have not ended. */
  final AtomicInteger running = new AtomicInteger(THREADS);

  /** An error that is not UNAVAILABLE. */
  final AtomicReference<StatusRuntimeException> wrong = new AtomicReference<>();

  private final AtomicLong begun = new AtomicLong();
  private final String name;
  private final Consumer<Attempts> call;
  private volatile boolean stopped;

  Caller(String name, Consumer<Attempts> call) {
    this.name = name;
    this.call = call;
  }

  void start() {
    for (int i = 0; i < THREADS; i++) {
      var thread = new Thread(this::run, name);
      thread.setDaemon(true);
      thread.start();
    }
  }

  void stop() {
    stopped = true;
  }

  private void run() {
    try {
      while (!stopped) {
        once();
        Thread.sleep(PAUSE_MS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      running.decrementAndGet();
    }
  }

  private void once() {
    begun.incrementAndGet();
    var attempts = new Attempts();
    try {
      call.accept(attempts);
      answered.incrementAndGet();
    } catch (StatusRuntimeException e) {
      refused.incrementAndGet();
      if (e.getStatus().getCode() != Code.UNAVAILABLE) {
        wrong.set(e);
      }
    }
    if (attempts.made.get() > 1) {
      retried.incrementAndGet();
    }
  }

  @Override
  public String toString() {
    var hung = begun.get() - answered.get() - refused.get();
    var told =
        "%s: %d calls, %d answered, %d refused, %d retried, %d hung"
            .formatted(name, begun.get(), answered.get(), refused.get(), retried.get(), hung);
    return wrong.get() == null ? told : told + ", wrongly with " + wrong.get();
  }

  /**
   * Counts the attempts of a call. What was never sent to the server is sent again transparently,
   * whatever the retry policy, and is not counted.
   */
  static final class Attempts extends ClientStreamTracer.Factory
      implements ClientInterceptor {
    private final AtomicInteger made = new AtomicInteger();

    @Override
    public <Q, A> ClientCall<Q, A> interceptCall(
        MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
      return next.newCall(method, options.withStreamTracerFactory(this));
    }

    @Override
    public ClientStreamTracer newClientStreamTracer(
        ClientStreamTracer.StreamInfo info, Metadata headers) {
      if (!info.isTransparentRetry()) {
        made.incrementAndGet();
      }
      return new ClientStreamTracer() {};
    }
  }
}
