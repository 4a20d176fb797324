package io.nanokv.clients.example;

import static io.nanokv.clients.example.Messages.getOperation;
import static io.nanokv.clients.example.Messages.incrementOperation;
import static io.nanokv.clients.example.Messages.number;
import static io.nanokv.clients.example.Messages.setOperation;
import static io.nanokv.clients.example.Messages.setRequest;
import static io.nanokv.clients.example.Messages.text;

import com.google.protobuf.ByteString;
import com.google.protobuf.util.Durations;
import com.google.protobuf.util.Timestamps;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.nanokv.v1.BatchRequest;
import io.nanokv.v1.Check;
import io.nanokv.v1.Condition;
import io.nanokv.v1.Entry;
import io.nanokv.v1.GetRequest;
import io.nanokv.v1.GetResponse;
import io.nanokv.v1.IncrementRequest;
import io.nanokv.v1.KvServiceGrpc;
import io.nanokv.v1.ListRequest;
import io.nanokv.v1.Range;
import io.nanokv.v1.SetRequest;
import io.nanokv.v1.TransactRequest;
import io.nanokv.v1.Value;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** The steps of the example. Each gives a line about what it saw, or throws. */
final class Steps {
  /** How long a key may take to expire before it is given up. */
  private static final Duration EXPIRY_CEILING = Duration.ofSeconds(10);

  private final Client client;

  /** Its own keys: no other run touches those under it. */
  private final String prefix = "java/" + UUID.randomUUID() + "/";

  Steps(Client client) {
    this.client = client;
  }

  String set() throws Unexpected {
    var key = prefix + "greeting";
    var version = client.kv().set(setRequest(key, "hello").build()).getVersion();
    var want = Entry.newBuilder().setKey(key).setValue(text("hello")).setVersion(version).build();
    var reply = get(key);
    Unexpected.unless(version > 0 && reply.getEntry().equals(want), "entry " + want, reply);
    return "version " + version;
  }

  String getWithTtl() throws Unexpected {
    var key = prefix + "session";
    var stored = client.kv().set(setRequest(key, "open").setTtl(Durations.fromHours(1)).build());
    var entry = get(key).getEntry();
    Unexpected.unless(
        entry.hasExpireTime() && entry.getExpireTime().equals(stored.getExpireTime()),
        "an entry that expires, as set said: " + stored,
        entry);
    return "expires at " + Timestamps.toString(entry.getExpireTime());
  }

  String miss() throws Unexpected {
    var reply = get(prefix + "nobody");
    Unexpected.unless(!reply.hasEntry(), "a miss", reply);
    return "no entry, and no error";
  }

  String missAfterTtl() throws Unexpected, InterruptedException {
    var key = prefix + "blink";
    client.kv().set(setRequest(key, "soon gone").setTtl(Durations.fromMillis(200)).build());
    var until = Instant.now().plus(EXPIRY_CEILING);
    var reply = get(key);
    while (reply.hasEntry() && Instant.now().isBefore(until)) {
      Thread.sleep(20);
      reply = get(key);
    }
    Unexpected.unless(!reply.hasEntry(), "a miss within " + EXPIRY_CEILING, reply);
    return "no entry, and no error";
  }

  String conditionAbsent() throws Exception {
    var key = prefix + "lock";
    var absent = Condition.newBuilder().setAbsent(true);
    var mine = setRequest(key, "mine").setCondition(absent).build();
    var version = client.kv().set(mine).getVersion();
    var taken =
        new Refusal(
            Code.ALREADY_EXISTS,
            "KEY_EXISTS",
            Map.of("key", key, "current_version", Long.toString(version)));
    return taken.of(() -> client.kv().set(mine));
  }

  String conditionVersion() throws Exception {
    var key = prefix + "document";
    var first = client.kv().set(setRequest(key, "one").build()).getVersion();
    var unchanged = Condition.newBuilder().setVersion(first);
    var second =
        client.kv().set(setRequest(key, "two").setCondition(unchanged).build()).getVersion();
    var changed =
        new Refusal(
            Code.ABORTED,
            "VERSION_MISMATCH",
            Map.of("key", key, "current_version", Long.toString(second)));
    var third = setRequest(key, "three").setCondition(unchanged).build();
    var message = changed.of(() -> client.kv().set(third));
    var entry = get(key).getEntry();
    Unexpected.unless(entry.getValue().getText().equals("two"), "that nothing changed", entry);
    return message;
  }

  String counter() throws Exception {
    var request =
        IncrementRequest.newBuilder().setKey(prefix + "visits").setInitial(40).setMax(42).build();
    for (long want : List.of(41L, 42L)) {
      var reply = client.kv().increment(request);
      Unexpected.unless(reply.hasNumber() && reply.getNumber() == want, "number " + want, reply);
    }
    var full =
        new Refusal(
            Code.FAILED_PRECONDITION, "COUNTER_OUT_OF_BOUNDS", Map.of("number", "42", "max", "42"));
    return full.of(() -> client.kv().increment(request));
  }

  String batch() throws Unexpected {
    var key = prefix + "batch";
    var request =
        BatchRequest.newBuilder()
            .addOperations(setOperation(key, "word"))
            .addOperations(incrementOperation(key, 1))
            .addOperations(getOperation(key))
            .build();
    var reply = client.kv().batch(request);
    Unexpected.unless(reply.getResultsCount() == 3, "3 results", reply);
    var version = reply.getResults(0).getSet().getVersion();
    var read = reply.getResults(2).getGet().getEntry();
    Unexpected.unless(
        version > 0 && read.getVersion() == version && read.getValue().getText().equals("word"),
        "that get sees set",
        reply);
    var wrongKind = new Refusal(Code.FAILED_PRECONDITION, "WRONG_KIND", Map.of("kind", "text"));
    return "set, get, and " + wrongKind.of(reply.getResults(1).getFailure());
  }

  String transact() throws Exception {
    var from = prefix + "alice";
    var to = prefix + "bob";
    var seen = client.kv().set(setRequest(from, number(100)).build()).getVersion();
    var before = client.kv().set(setRequest(to, number(0)).build()).getVersion();
    var unchanged = Condition.newBuilder().setVersion(seen);
    var move =
        TransactRequest.newBuilder()
            .addChecks(Check.newBuilder().setKey(from).setCondition(unchanged))
            .addOperations(incrementOperation(from, -30))
            .addOperations(incrementOperation(to, 30))
            .addOperations(getOperation(to))
            .build();
    var reply = client.kv().transact(move);
    Unexpected.unless(reply.getResultsCount() == 3, "3 results", reply);
    var paid = reply.getResults(0).getIncrement();
    var received = reply.getResults(1).getIncrement();
    Unexpected.unless(paid.getNumber() == 70 && received.getNumber() == 30, "70 and 30", reply);
    // Reads see the state before, and versions follow each other.
    var read = reply.getResults(2).getGet().getEntry();
    Unexpected.unless(read.getVersion() == before, "version " + before, read);
    var last = reply.getVersion();
    Unexpected.unless(
        paid.getVersion() == last - 1 && received.getVersion() == last,
        "versions that follow each other",
        reply);
    var changed =
        new Refusal(
            Code.ABORTED,
            "CHECK_FAILED",
            Map.of("check_index", "0", "key", from, "current_version", Long.toString(last - 1)));
    var message = changed.of(() -> client.kv().transact(move));
    var after = List.of(get(from).getEntry(), get(to).getEntry());
    var want =
        List.of(
            Entry.newBuilder().setKey(from).setValue(number(70)).setVersion(last - 1).build(),
            Entry.newBuilder().setKey(to).setValue(number(30)).setVersion(last).build());
    Unexpected.unless(after.equals(want), "that nothing changed: " + want, after);
    return message;
  }

  String requestId() throws Exception {
    var key = prefix + "once";
    var once = IncrementRequest.newBuilder().setKey(key).setRequestId(prefix + "request");
    var first = client.kv().increment(once.build());
    var again = client.kv().increment(once.build());
    Unexpected.unless(again.equals(first), first + " again", again);
    var entry = get(key).getEntry();
    Unexpected.unless(entry.getValue().equals(number(1)), "that it is counted once", entry);
    var other = once.setDelta(2).build();
    var reused = new Refusal(Code.ALREADY_EXISTS, "REQUEST_ID_REUSED", Map.of());
    return reused.of(() -> client.kv().increment(other));
  }

  String list() throws Unexpected {
    // Byte order: upper case comes before lower case, and "é" after both.
    var names = prefix + "list/";
    var want = List.of(names + "B", names + "a", names + "aa", names + "c", names + "é");
    for (int i : List.of(3, 0, 4, 2, 1)) {
      client.kv().set(setRequest(want.get(i), "listed").build());
    }
    var request =
        ListRequest.newBuilder().setRange(Range.newBuilder().setPrefix(names)).setPageSize(2);
    var keys = new ArrayList<String>();
    int pages = 0;
    do {
      var page = client.kv().list(request.build());
      pages++;
      Unexpected.unless(page.getEntriesCount() <= 2 && pages <= 10, "pages of 2 that end", page);
      page.getEntriesList().forEach(entry -> keys.add(entry.getKey()));
      request.setPageToken(page.getNextPageToken());
    } while (!request.getPageToken().isEmpty());
    Unexpected.unless(keys.equals(want), want.toString(), keys);
    return keys.size() + " keys in order on " + pages + " pages";
  }

  String tooLarge() throws Exception {
    var data = Value.newBuilder().setData(ByteString.copyFrom(new byte[5 << 20]));
    var large = SetRequest.newBuilder().setKey(prefix + "large").setValue(data).build();
    var refusal =
        new Refusal(
            Code.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE", Map.of("limit", "message_bytes_max"));
    return refusal.of(() -> client.kv().set(large));
  }

  String health() throws Unexpected {
    for (var service : List.of("", KvServiceGrpc.SERVICE_NAME)) {
      var status = client.health().check(check(service)).getStatus();
      Unexpected.unless(status == ServingStatus.SERVING, "SERVING for " + service, status);
    }
    try {
      var reply = client.health().check(check("nobody"));
      Unexpected.unless(false, "NOT_FOUND for an unknown service", reply);
    } catch (StatusRuntimeException e) {
      Unexpected.unless(e.getStatus().getCode() == Code.NOT_FOUND, "NOT_FOUND", e.getMessage());
    }
    return "SERVING; an unknown service is NOT_FOUND";
  }

  private GetResponse get(String key) {
    return client.kv().get(GetRequest.newBuilder().setKey(key).build());
  }

  private static HealthCheckRequest check(String service) {
    return HealthCheckRequest.newBuilder().setService(service).build();
  }
}
