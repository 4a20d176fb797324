package io.nanokv.clients.example;

import static io.nanokv.clients.example.Messages.getOperation;
import static io.nanokv.clients.example.Messages.setOperation;
import static io.nanokv.clients.example.Messages.setRequest;

import com.google.protobuf.util.Durations;
import io.grpc.Status.Code;
import io.nanokv.v1.DeleteRequest;
import io.nanokv.v1.Entry;
import io.nanokv.v1.EventType;
import io.nanokv.v1.ListRequest;
import io.nanokv.v1.Operation;
import io.nanokv.v1.OperationResult;
import io.nanokv.v1.PipelineRequest;
import io.nanokv.v1.PipelineResponse;
import io.nanokv.v1.Range;
import io.nanokv.v1.WatchRequest;
import io.nanokv.v1.WatchResponse;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** The steps that use streams: a Pipeline, and a Watch that is resumed. */
final class Streams {
  /** Takes a reply, and says whether that is enough. */
  private interface Taker {
    boolean take(WatchResponse reply) throws Unexpected;
  }

  private final Client client;
  private final String prefix = "java/" + UUID.randomUUID() + "/";

  Streams(Client client) {
    this.client = client;
  }

  String pipeline() throws Exception {
    var key = prefix + "pipeline";
    var tooMany = Collections.nCopies(1025, getOperation(key));
    var lists =
        List.of(
            list(7, List.of(setOperation(key, "first"), getOperation(key))),
            list(-1, tooMany),
            list(3, List.of(getOperation(key), setOperation(key, "second"))),
            list(5, List.of(getOperation(key))));
    var stream = client.streams().pipeline();
    // All are sent before an answer is read.
    for (var list : lists) {
      stream.write(list);
    }
    stream.halfClose();
    var replies = new ArrayList<PipelineResponse>();
    // Ends with OK once all is answered, or throws.
    for (var reply = stream.read(); reply != null; reply = stream.read()) {
      replies.add(reply);
    }
    var ids = replies.stream().map(PipelineResponse::getId).toList();
    Unexpected.unless(ids.equals(List.of(7L, -1L, 3L, 5L)), "the ids in order", ids);
    var counts = replies.stream().map(PipelineResponse::getResultsCount).toList();
    Unexpected.unless(counts.equals(List.of(2, 0, 2, 1)), "2, 0, 2 and 1 results", counts);
    var tooLarge =
        new Refusal(
            Code.INVALID_ARGUMENT, "FIELD_TOO_LARGE", Map.of("limit", "batch_operations_max"));
    tooLarge.of(replies.get(1).getFailure());
    var seen =
        List.of(
            read(replies.get(0).getResults(1)),
            read(replies.get(2).getResults(0)),
            read(replies.get(3).getResults(0)));
    Unexpected.unless(
        seen.equals(List.of("first", "first", "second")), "that later lists see earlier", seen);
    return replies.size() + " lists answered in order, one of them refused";
  }

  String watchResume() throws Exception {
    var keys = prefix + "watched/";
    for (var name : List.of("unchanged", "changed", "removed")) {
      client.kv().set(setRequest(keys + name, "before").build());
    }
    var range = Range.newBuilder().setPrefix(keys).build();
    var request = WatchRequest.newBuilder().addRanges(range).setSnapshot(true);
    var mirror = new Mirror();
    watch(
        request.build(),
        reply -> {
          mirror.take(reply);
          if (reply.getSnapshotComplete()) {
            client.kv().set(setRequest(keys + "changed", "while watched").build());
            var brief = setRequest(keys + "brief", "expires").setTtl(Durations.fromMillis(200));
            client.kv().set(brief.build());
            client.kv().delete(DeleteRequest.newBuilder().setKey(keys + "removed").build());
          }
          return reply.getEventsList().stream()
              .anyMatch(
                  event ->
                      event.getType() == EventType.EVENT_TYPE_EXPIRE
                          && event.getEntry().getKey().equals(keys + "brief"));
        });

    // Nobody watches now.
    client.kv().set(setRequest(keys + "new", "unwatched").build());
    var last = client.kv().set(setRequest(keys + "changed", "unwatched").build()).getVersion();
    var resumedAfter = mirror.resumeVersion();
    watch(
        request.setAfterVersion(resumedAfter).build(),
        reply -> {
          mirror.take(reply);
          return mirror.resumeVersion() >= last;
        });
    var listed = new HashMap<String, Entry>();
    var page = client.kv().list(ListRequest.newBuilder().setRange(range).build());
    page.getEntriesList().forEach(entry -> listed.put(entry.getKey(), entry));
    Unexpected.unless(mirror.entries().equals(listed), listed.toString(), mirror.entries());

    var ahead = request.setAfterVersion(Long.MAX_VALUE).build();
    var refusal = new Refusal(Code.OUT_OF_RANGE, "VERSION_AHEAD", Map.of());
    refusal.of(() -> watch(ahead, reply -> true));
    return "resumed after " + resumedAfter + ", and like List";
  }

  /** Hands on what comes until that is enough, and then cancels. */
  private Void watch(WatchRequest request, Taker taker) throws Exception {
    var stream = client.streams().watch(request);
    try {
      for (var reply = stream.read(); reply != null; reply = stream.read()) {
        if (taker.take(reply)) {
          return null;
        }
      }
      throw new IllegalStateException("the watch ended by itself");
    } finally {
      stream.cancel("seen enough", null);
    }
  }

  private static PipelineRequest list(long id, List<Operation> operations) {
    return PipelineRequest.newBuilder().setId(id).addAllOperations(operations).build();
  }

  private static String read(OperationResult result) {
    return result.getGet().getEntry().getValue().getText();
  }
}
