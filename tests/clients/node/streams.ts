/** The steps that use streams: a Pipeline, and a Watch that is resumed. */

import { status, type ClientReadableStream } from "@grpc/grpc-js";
import {
  answer,
  expectError,
  getOperation,
  key,
  nanokv,
  set,
  setOperation,
  text,
} from "./calls.js";
import { equal, holds, refused } from "./checks.js";
import { Entry, Range } from "./gen/nanokv/v1/entry.js";
import {
  DeleteRequest,
  EventType,
  ListRequest,
  PipelineResponse,
  WatchRequest,
  WatchResponse,
} from "./gen/nanokv/v1/kv.js";

export async function pipeline() {
  const name = "pipeline";
  const tooMany = Array.from({ length: 1025 }, () => getOperation(name));
  const lists = [
    { id: 7n, operations: [setOperation(name, text("first")), getOperation(name)] },
    { id: -1n, operations: tooMany },
    { id: 3n, operations: [getOperation(name), setOperation(name, text("second"))] },
    { id: 5n, operations: [getOperation(name)] },
  ];
  const stream = nanokv.pipeline();
  // All are sent before an answer is read.
  lists.forEach((list) => stream.write(list));
  stream.end();
  const replies: PipelineResponse[] = [];
  // Ends with OK once all is answered, or throws.
  for await (const reply of stream) {
    replies.push(reply);
  }
  equal("ids", replies.map(({ id }) => id), [7n, -1n, 3n, 5n]);
  const [written, refusal, read, last] = replies;
  const failure = refusal?.failure;
  equal("code", failure && status[failure.code], "INVALID_ARGUMENT");
  equal("reason", failure?.reason, "FIELD_TOO_LARGE");
  equal("limit", failure?.metadata["limit"], "batch_operations_max");
  equal("results", replies.map(({ results }) => results.length), [2, 0, 2, 1]);
  const seen = [written?.results[1], read?.results[0], last?.results[0]];
  const values = seen.map((result) => answer(result, "get").entry?.value);
  equal("what later lists see", values, [text("first"), text("first"), text("second")]);
  return `${replies.length} lists answered in order, one of them refused`;
}

export async function watchResume() {
  for (const name of ["unchanged", "changed", "removed"]) {
    await set(`watched/${name}`, text("before"));
  }
  const ranges = [Range.create({ prefix: key("watched/") })];
  const mirror = new Mirror();

  const brief = key("watched/brief");
  await watch({ ranges, start: { $case: "snapshot", value: true } }, async (reply) => {
    mirror.take(reply);
    if (reply.snapshotComplete) {
      await set("watched/changed", text("while watched"));
      await set("watched/brief", text("expires"), 200);
      await nanokv.delete(DeleteRequest.create({ key: key("watched/removed") }));
    }
    return reply.events.some(
      ({ type, entry }) => type === EventType.EVENT_TYPE_EXPIRE && entry?.key === brief,
    );
  });

  // Nobody watches now.
  await set("watched/new", text("unwatched"));
  const last = await set("watched/changed", text("unwatched"));
  const resumedAfter = mirror.resumeVersion;
  await watch({ ranges, start: after(resumedAfter) }, async (reply) => {
    mirror.take(reply);
    return mirror.resumeVersion >= last.version;
  });
  const page = await nanokv.list(ListRequest.create({ range: ranges[0] }));
  equal("the mirror", mirror.entries, new Map(page.entries.map((entry) => [entry.key, entry])));

  const ahead = watch({ ranges, start: after(2n ** 63n - 1n) }, async () => true);
  expectError(await refused(ahead), status.OUT_OF_RANGE, "VERSION_AHEAD", {});
  return `resumed after ${resumedAfter}, and like List`;
}

/** Hands on what comes until that is enough, and then cancels. */
async function watch(
  request: Partial<WatchRequest>,
  take: (reply: WatchResponse) => Promise<boolean>,
) {
  const stream: ClientReadableStream<WatchResponse> = nanokv.watch(WatchRequest.create(request));
  // Its own cancelling is no error.
  stream.on("error", () => {});
  try {
    for await (const reply of stream) {
      if (await take(reply)) {
        return;
      }
    }
  } finally {
    stream.cancel();
  }
  holds("the watch ended by itself", false);
}

function after(version: bigint) {
  return { $case: "afterVersion" as const, value: version };
}

/** A copy of the keys of a range, by what a Watch tells. Fails the step when
 * something is told twice, or out of order. */
class Mirror {
  readonly entries = new Map<string, Entry>();
  resumeVersion = 0n;
  private lastVersion = 0n;

  take(reply: WatchResponse) {
    for (const entry of reply.snapshotEntries) {
      holds(`${entry.key} is in the snapshot twice`, !this.entries.has(entry.key));
      this.entries.set(entry.key, entry);
    }
    for (const { type, entry } of reply.events) {
      holds("an event without an entry", entry !== undefined);
      holds(`${entry.version} comes after ${this.lastVersion}`, entry.version > this.lastVersion);
      this.lastVersion = entry.version;
      if (type === EventType.EVENT_TYPE_PUT) {
        this.entries.set(entry.key, entry);
      } else {
        this.entries.delete(entry.key);
      }
    }
    this.resumeVersion = reply.resumeVersion;
  }
}
