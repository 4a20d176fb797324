/** Every kind of call that nanokv takes, from Node. */

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { status, type ServiceError } from "@grpc/grpc-js";
import { equal, holds, refused, run } from "./checks.js";
import { connect, errorInfo } from "./connection.js";
import {
  HealthCheckRequest,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "./gen/health/v1/health.js";
import { DescribeRequest } from "./gen/nanokv/v1/admin.js";
import { Condition, Range, Value } from "./gen/nanokv/v1/entry.js";
import {
  BatchRequest,
  GetRequest,
  IncrementRequest,
  ListRequest,
  OperationResult,
  SetRequest,
} from "./gen/nanokv/v1/kv.js";

/** How long an entry may take to expire, beyond its ttl, in milliseconds. */
const EXPIRY_CEILING_MS = 10_000;

const [serviceConfig, address, ...others] = process.argv.slice(2);
if (!serviceConfig || !address || others.length > 0) {
  console.error("usage: client.js SERVICE_CONFIG ADDRESS");
  process.exit(2);
}
const nanokv = connect(readFileSync(serviceConfig, "utf8"), address);
// Keys that no other run has.
const prefix = `node/${randomBytes(4).toString("hex")}/`;

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
  equal("created", (await increment({})).number, 1n);
  equal("increased", (await increment({ delta: 41n })).number, 42n);
  const error = await refused(increment({ max: 42n }));
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
  equal("increased", (await increment({})).number, 2n ** 53n + 1n);
  return exact.join(", ");
}

async function batch() {
  const one = { key: key("batch") };
  const { results } = await nanokv.batch(
    BatchRequest.create({
      operations: [
        { kind: { $case: "set", value: { ...one, value: text("a") } } },
        { kind: { $case: "get", value: one } },
        { kind: { $case: "increment", value: one } },
        { kind: { $case: "delete", value: one } },
        { kind: { $case: "get", value: one } },
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
    keys.push(...page.entries.map((entry) => entry.key.replace(prefix, "")));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  equal("keys", keys, names);
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

function get(name: string) {
  return nanokv.get(GetRequest.create({ key: key(name) }));
}

function set(name: string, value: Value, ttlMs?: number, condition?: Condition) {
  const expiry = ttlMs ? { $case: "ttl" as const, value: duration(ttlMs) } : undefined;
  return nanokv.set(SetRequest.create({ key: key(name), value, expiry, condition }));
}

function increment(fields: Partial<IncrementRequest>) {
  return nanokv.increment(IncrementRequest.create({ key: key("counter"), ...fields }));
}

type Answer = NonNullable<OperationResult["kind"]>;

/** The answer of one operation of a batch, which must be of this kind. */
function answer<Kind extends Answer["$case"]>(result: OperationResult | undefined, kind: Kind) {
  equal("answer", result?.kind?.$case, kind);
  return result?.kind?.value as Extract<Answer, { $case: Kind }>["value"];
}

/** By the server's clock, in milliseconds since 1970. */
async function serverTime() {
  const { serverTime } = await nanokv.describe(DescribeRequest.create());
  holds("server_time is absent", serverTime !== undefined);
  return serverTime.getTime();
}

async function servingStatus(service: string) {
  const reply = await nanokv.check(HealthCheckRequest.create({ service }));
  return ServingStatus[reply.status];
}

function key(name: string) {
  return prefix + name;
}

function text(value: string) {
  return Value.create({ kind: { $case: "text", value } });
}

function data(value: Buffer) {
  return Value.create({ kind: { $case: "data", value } });
}

function number(value: bigint) {
  return Value.create({ kind: { $case: "number", value } });
}

function duration(ms: number) {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}

/** Fails the step unless the error says this, in every way it can. */
function expectError(
  error: ServiceError,
  code: status,
  reason: string,
  metadata: Record<string, string>,
) {
  equal("code", status[error.code], status[code]);
  const info = errorInfo(error);
  holds(`no ErrorInfo with "${error.details}"`, info !== undefined);
  equal("domain", info.domain, "nanokv");
  equal("reason", info.reason, reason);
  for (const [name, value] of Object.entries(metadata)) {
    equal(`metadata ${name}`, info.metadata[name], value);
  }
  holds(`no reason first: ${error.details}`, error.details.startsWith(reason));
}
