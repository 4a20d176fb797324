/** The calls that the steps make, on keys that no other run has. */

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { status, type ServiceError } from "@grpc/grpc-js";
import { equal, holds } from "./checks.js";
import { connect, errorInfo } from "./connection.js";
import {
  HealthCheckRequest,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "./gen/health/v1/health.js";
import { DescribeRequest } from "./gen/nanokv/v1/admin.js";
import { Condition, Value } from "./gen/nanokv/v1/entry.js";
import {
  GetRequest,
  IncrementRequest,
  Operation,
  OperationResult,
  SetRequest,
} from "./gen/nanokv/v1/kv.js";

const [serviceConfig, address, ...others] = process.argv.slice(2);
if (!serviceConfig || !address || others.length > 0) {
  console.error("usage: client.js SERVICE_CONFIG ADDRESS");
  process.exit(2);
}
export const nanokv = connect(readFileSync(serviceConfig, "utf8"), address);
const prefix = `node/${randomBytes(4).toString("hex")}/`;

export function get(name: string) {
  return nanokv.get(GetRequest.create({ key: key(name) }));
}

export function set(name: string, value: Value, ttlMs?: number, condition?: Condition) {
  const expiry = ttlMs ? { $case: "ttl" as const, value: duration(ttlMs) } : undefined;
  return nanokv.set(SetRequest.create({ key: key(name), value, expiry, condition }));
}

export function increment(name: string, fields: Partial<IncrementRequest>) {
  return nanokv.increment(IncrementRequest.create({ key: key(name), ...fields }));
}

export function getOperation(name: string): Operation {
  return { kind: { $case: "get", value: GetRequest.create({ key: key(name) }) } };
}

export function setOperation(name: string, value: Value): Operation {
  return { kind: { $case: "set", value: SetRequest.create({ key: key(name), value }) } };
}

export function incrementOperation(name: string, delta: bigint): Operation {
  const value = IncrementRequest.create({ key: key(name), delta });
  return { kind: { $case: "increment", value } };
}

type Answer = NonNullable<OperationResult["kind"]>;

/** The answer of one operation of several, which must be of this kind. */
export function answer<Kind extends Answer["$case"]>(result: OperationResult | undefined, kind: Kind) {
  equal("answer", result?.kind?.$case, kind);
  return result?.kind?.value as Extract<Answer, { $case: Kind }>["value"];
}

/** By the server's clock, in milliseconds since 1970. */
export async function serverTime() {
  const { serverTime } = await nanokv.describe(DescribeRequest.create());
  holds("server_time is absent", serverTime !== undefined);
  return serverTime.getTime();
}

export async function servingStatus(service: string) {
  const reply = await nanokv.check(HealthCheckRequest.create({ service }));
  return ServingStatus[reply.status];
}

export function key(name: string) {
  return prefix + name;
}

export function text(value: string) {
  return Value.create({ kind: { $case: "text", value } });
}

export function data(value: Buffer) {
  return Value.create({ kind: { $case: "data", value } });
}

export function number(value: bigint) {
  return Value.create({ kind: { $case: "number", value } });
}

function duration(ms: number) {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}

/** Fails the step unless the error says this, in every way it can. */
export function expectError(
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
