/** Every kind of call that nanokv takes, from Node. */

import { setTimeout } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import {
  answer,
  data,
  expectError,
  get,
  getOperation,
  increment,
  incrementOperation,
  key,
  nanokv,
  number,
  serverTime,
  servingStatus,
  set,
  setOperation,
  text,
} from "./calls.js";
import { equal, holds, refused, run } from "./checks.js";
import { Condition, Range } from "./gen/nanokv/v1/entry.js";
import { BatchRequest, ListRequest, TransactRequest } from "./gen/nanokv/v1/kv.js";
import { pipeline, watchResume } from "./streams.js";

/** How long an entry may take to expire, beyond its ttl, in milliseconds. */
const EXPIRY_CEILING_MS = 10_000;

process.exitCode = await run([
  ["set", setAndGet],
  ["get with ttl", getWithTtl],
  ["miss", miss],
  ["miss after ttl", missAfterTtl],
  ["condition absent", conditionAbsent],
  ["condition version", conditionVersion],
  ["counter", counter],
  ["exact numbers", exactNumbers],
  ["batch", batch],
  ["transact", transact],
  ["request id", requestId],
  ["pipeline", pipeline],
  ["watch resume", watchResume],
  ["list", list],
  ["too large", tooLarge],
  ["health", health],
]);
nanokv.close();

async function setAndGet() {
  const reply = await set("greeting", text("hello"));
  holds(`version ${reply.version}`, reply.version > 0n);
  const { entry } = await get("greeting");
  equal("key", entry?.key, key("greeting"));
  equal("value", entry?.value, text("hello"));
  equal("version", entry?.version, reply.version);
  equal("expire_time, when no ttl was given", entry?.expireTime, undefined);
  return `version ${reply.version}`;
}

async function getWithTtl() {
  const hour = 3_600_000;
  const before = await serverTime();
  const reply = await set("session", data(Buffer.of(0, 255)), hour);
  const after = await serverTime();
  const { entry } = await get("session");
  equal("value", entry?.value, data(Buffer.of(0, 255)));
  const expireTime = entry?.expireTime;
  holds("expire_time is absent", expireTime !== undefined);
  equal("expire_time", expireTime, reply.expireTime);
  // A deadline is rounded up to whole milliseconds.
  const ttl = [expireTime.getTime() - after - 1, expireTime.getTime() - before] as const;
  holds(`a ttl of ${ttl[0]} to ${ttl[1]} ms`, ttl[0] <= hour && hour <= ttl[1]);
  return `expires at ${expireTime.toISOString()}`;
}

async function miss() {
  equal("entry", (await get("nobody")).entry, undefined);
  return "no entry, and no error";
}

async function missAfterTtl() {
  const reply = await set("blink", text("gone soon"), 200);
  holds("expire_time is absent", reply.expireTime !== undefined);
  const giveUp = performance.now() + EXPIRY_CEILING_MS;
  while ((await get("blink")).entry !== undefined) {
    holds(`still there after ${EXPIRY_CEILING_MS} ms`, performance.now() < giveUp);
    await setTimeout(20);
  }
  return "no entry, and no error";
}

async function conditionAbsent() {
  const absent = Condition.create({ kind: { $case: "absent", value: true } });
  const first = await set("lock", text("mine"), undefined, absent);
  const error = await refused(set("lock", text("yours"), undefined, absent));
  expectError(error, status.ALREADY_EXISTS, "KEY_EXISTS", {
    key: key("lock"),
    current_version: `${first.version}`,
  });
  equal("value", (await get("lock")).entry?.value, text("mine"));
  return error.details;
}

async function conditionVersion() {
  const first = await set("document", text("one"));
  const seen = Condition.create({ kind: { $case: "version", value: first.version } });
  const second = await set("document", text("two"), undefined, seen);
  const error = await refused(set("document", text("three"), undefined, seen));
  expectError(error, status.ABORTED, "VERSION_MISMATCH", {
    key: key("document"),
    current_version: `${second.version}`,
  });
  equal("value", (await get("document")).entry?.value, text("two"));
  return error.details;
}

async function counter() {
  equal("created", (await increment("counter", {})).number, 1n);
  equal("increased", (await increment("counter", { delta: 41n })).number, 42n);
  const error = await refused(increment("counter", { max: 42n }));
  expectError(error, status.FAILED_PRECONDITION, "COUNTER_OUT_OF_BOUNDS", {
    key: key("counter"),
    number: "42",
    max: "42",
  });
  equal("value", (await get("counter")).entry?.value, number(42n));
  return error.details;
}

async function exactNumbers() {
  const exact = [-(2n ** 63n), 2n ** 53n + 1n, 2n ** 63n - 1n];
  for (const value of exact) {
    await set("exact", number(value));
    equal("value", (await get("exact")).entry?.value, number(value));
  }
  await set("counter", number(2n ** 53n));
  equal("increased", (await increment("counter", {})).number, 2n ** 53n + 1n);
  return exact.join(", ");
}

async function batch() {
  const { results } = await nanokv.batch(
    BatchRequest.create({
      operations: [
        setOperation("batch", text("a")),
        getOperation("batch"),
        incrementOperation("batch", 1n),
        { kind: { $case: "delete", value: { key: key("batch") } } },
        getOperation("batch"),
      ],
    }),
  );
  equal("results", results.length, 5);
  answer(results[0], "set");
  equal("what the second saw", answer(results[1], "get").entry?.value, text("a"));
  const failure = answer(results[2], "failure");
  equal("code", status[failure.code], "FAILED_PRECONDITION");
  equal("reason", failure.reason, "WRONG_KIND");
  equal("metadata kind", failure.metadata["kind"], "text");
  holds(`no reason first: ${failure.message}`, failure.message.startsWith(failure.reason));
  equal("deleted", answer(results[3], "delete").deleted, true);
  equal("what the last found", answer(results[4], "get").entry, undefined);
  return `${results.length} results, the third ${failure.message}`;
}

async function transact() {
  const seen = await set("alice", number(100n));
  const before = await set("bob", number(0n));
  const unchanged = Condition.create({ kind: { $case: "version", value: seen.version } });
  const move = TransactRequest.create({
    checks: [{ key: key("alice"), condition: unchanged }],
    operations: [
      incrementOperation("alice", -30n),
      incrementOperation("bob", 30n),
      getOperation("bob"),
    ],
  });
  const { results, version } = await nanokv.transact(move);
  equal("results", results.length, 3);
  const numbers = [answer(results[0], "increment"), answer(results[1], "increment")];
  equal("numbers", numbers.map((result) => result.number), [70n, 30n]);
  // Reads see the state before, and versions follow each other.
  equal("what was read", answer(results[2], "get").entry?.version, before.version);
  const versions = [version - 1n, version];
  equal("versions", numbers.map((result) => result.version), versions);
  const error = await refused(nanokv.transact(move));
  expectError(error, status.ABORTED, "CHECK_FAILED", {
    check_index: "0",
    key: key("alice"),
    current_version: `${version - 1n}`,
  });
  const after = [(await get("alice")).entry, (await get("bob")).entry];
  equal("versions afterwards", after.map((entry) => entry?.version), versions);
  equal("values afterwards", after.map((entry) => entry?.value), [number(70n), number(30n)]);
  return error.details;
}

async function requestId() {
  const requestId = key("request");
  const first = await increment("once", { requestId });
  equal("the reply to a repeat", await increment("once", { requestId }), first);
  equal("value", (await get("once")).entry?.value, number(1n));
  const error = await refused(increment("once", { requestId, delta: 2n }));
  expectError(error, status.ALREADY_EXISTS, "REQUEST_ID_REUSED", {});
  return error.details;
}

async function list() {
  const names = ["list/1", "list/2", "list/3", "list/4", "list/5"];
  for (const name of names.toReversed()) {
    await set(name, text(name));
  }
  const range = Range.create({ prefix: key("list/") });
  const keys: string[] = [];
  let pages = 0;
  let pageToken = "";
  do {
    const page = await nanokv.list(ListRequest.create({ range, pageSize: 2, pageToken }));
    pages += 1;
    holds(`a page of ${page.entries.length} entries`, page.entries.length <= 2);
    holds(`no end after ${pages} pages`, pages <= 2 * names.length);
    keys.push(...page.entries.map((entry) => entry.key));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  equal("keys", keys, names.map(key));
  return `${keys.length} keys on ${pages} pages`;
}

async function tooLarge() {
  const error = await refused(set("large", data(Buffer.alloc(5 * 1024 * 1024))));
  expectError(error, status.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE", {
    limit: "message_bytes_max",
  });
  return error.details;
}

async function health() {
  for (const service of ["", "nanokv.v1.KvService"]) {
    equal(`status of "${service}"`, await servingStatus(service), "SERVING");
  }
  const error = await refused(servingStatus("nobody"));
  equal("code", status[error.code], "NOT_FOUND");
  return "SERVING, and NOT_FOUND for an unknown service";
}
