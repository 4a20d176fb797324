package io.nanokv.clients.example;

import io.nanokv.clients.Retrying;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Every kind of call that nanokv takes, from Java. */
public final class Example {
  private interface Check {
    String run() throws Exception;
  }

  private record Step(String name, Check check) {}

  private Example() {}

  public static void main(String[] args) throws Exception {
    if (args.length != 1) {
      System.err.println("usage: Example ADDRESS");
      System.exit(2);
    }
    var channel = Retrying.channel(args[0]);
    var client = new Client(channel);
    var steps = new Steps(client);
    var streams = new Streams(client);
    int failed =
        run(
            List.of(
                new Step("set", steps::set),
                new Step("get with ttl", steps::getWithTtl),
                new Step("miss", steps::miss),
                new Step("miss after ttl", steps::missAfterTtl),
                new Step("condition absent", steps::conditionAbsent),
                new Step("condition version", steps::conditionVersion),
                new Step("counter", steps::counter),
                new Step("batch", steps::batch),
                new Step("transact", steps::transact),
                new Step("request id", steps::requestId),
                new Step("pipeline", streams::pipeline),
                new Step("watch resume", streams::watchResume),
                new Step("list", steps::list),
                new Step("too large", steps::tooLarge),
                new Step("health", steps::health)));
    channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    System.exit(failed == 0 ? 0 : 1);
  }

  /** Runs all steps, and gives how many failed. */
  private static int run(List<Step> steps) {
    int failed = 0;
    for (var step : steps) {
      try {
        System.out.printf("ok      %s: %s%n", step.name(), step.check().run());
      } catch (Unexpected e) {
        failed++;
        System.out.printf("FAILED  %s: %s%n", step.name(), e.getMessage());
      } catch (Exception e) {
        failed++;
        System.out.printf("FAILED  %s: %s%n", step.name(), e);
      }
    }
    System.out.printf("java: %d passed, %d failed%n", steps.size() - failed, failed);
    return failed;
  }
}
