package io.nanokv.clients.example;

import io.nanokv.v1.Entry;
import io.nanokv.v1.EventType;
import io.nanokv.v1.WatchResponse;
import java.util.HashMap;
import java.util.Map;

/** A copy of the keys of a range, by what a Watch tells. */
final class Mirror {
  private final Map<String, Entry> entries = new HashMap<>();
  private long resumeVersion;
  private long lastVersion;

  /** Fails when something is told twice, or out of order. */
  void take(WatchResponse reply) throws Unexpected {
    for (var entry : reply.getSnapshotEntriesList()) {
      var twice = entries.put(entry.getKey(), entry);
      Unexpected.unless(twice == null, "each key once in the snapshot", entry);
    }
    for (var event : reply.getEventsList()) {
      var entry = event.getEntry();
      Unexpected.unless(
          entry.getVersion() > lastVersion, "a version above " + lastVersion, event);
      lastVersion = entry.getVersion();
      if (event.getType() == EventType.EVENT_TYPE_PUT) {
        entries.put(entry.getKey(), entry);
      } else {
        entries.remove(entry.getKey());
      }
    }
    resumeVersion = reply.getResumeVersion();
  }

  Map<String, Entry> entries() {
    return entries;
  }

  long resumeVersion() {
    return resumeVersion;
  }
}
