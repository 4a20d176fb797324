/** The shipped service config against a server that can be told to be away. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  status,
  type handleUnaryCall,
} from "@grpc/grpc-js";
import { retrying } from "./connection.js";
import { AdminServiceService } from "./gen/nanokv/v1/admin.js";
import { KvServiceService } from "./gen/nanokv/v1/kv.js";

const SERVICE_CONFIG = readFileSync(
  new URL("../../../../proto/nanokv/v1/service_config.json", import.meta.url),
  "utf8",
);
const CEILING_MS = 30_000;
const ATTEMPTS_MAX = 5;

const GET = KvServiceService.get.path;

/** What a server is told to do: answer with the code so often, then with OK. */
interface Told {
  code: status;
  failures: number;
  pushback?: string;
}

test("only Get, List and Describe are retried", async (t) => {
  const retried: string[] = [GET, KvServiceService.list.path, AdminServiceService.describe.path];
  const methods = [...Object.values(KvServiceService), ...Object.values(AdminServiceService)];
  for (const { path } of methods.filter((method) => !method.responseStream)) {
    await t.test(path, async () => {
      const seen = await call(path, { code: status.UNAVAILABLE, failures: 2 });
      assert.deepEqual(seen, retried.includes(path) ? ["OK", 3] : ["UNAVAILABLE", 1]);
    });
  }
});

test("nothing is tried more than five times", async () => {
  const seen = await call(GET, { code: status.UNAVAILABLE, failures: 100 });
  assert.deepEqual(seen, ["UNAVAILABLE", ATTEMPTS_MAX]);
});

test("other codes are not retried", async (t) => {
  for (const code of [status.RESOURCE_EXHAUSTED, status.ABORTED, status.INTERNAL]) {
    await t.test(status[code], async () => {
      assert.deepEqual(await call(GET, { code, failures: 1 }), [status[code], 1]);
    });
  }
});

test("pushback of the server comes before the backoff", async () => {
  // By the backoff alone the second attempt would come in the deadline.
  const away = { code: status.UNAVAILABLE, failures: 1, pushback: "60000" };
  assert.deepEqual(await call(GET, away, 2000), ["DEADLINE_EXCEEDED", 1]);
});

test("pushback that forbids retries is obeyed", async () => {
  const away = { code: status.UNAVAILABLE, failures: 1, pushback: "-1" };
  assert.deepEqual(await call(GET, away), ["UNAVAILABLE", 1]);
});

/** Starts a server and calls the method once. An empty message is a request
 * and a reply of any method. Gives the code that the caller saw, and the
 * attempts that the server saw. */
async function call(path: string, told: Told, deadlineMs = CEILING_MS) {
  let attempts = 0;
  const answer: handleUnaryCall<Buffer, Buffer> = (_, done) => {
    attempts += 1;
    if (attempts > told.failures) {
      done(null, Buffer.alloc(0));
      return;
    }
    const metadata = new Metadata();
    if (told.pushback) {
      metadata.set("grpc-retry-pushback-ms", told.pushback);
    }
    done({ code: told.code, details: "as told", metadata });
  };
  const server = new Server();
  const method = { path, requestStream: false, responseStream: false } as const;
  server.addService(
    {
      method: {
        ...method,
        requestSerialize: raw,
        requestDeserialize: raw,
        responseSerialize: raw,
        responseDeserialize: raw,
      },
    },
    { method: answer },
  );
  const client = new Client(
    `127.0.0.1:${await bound(server)}`,
    credentials.createInsecure(),
    retrying(SERVICE_CONFIG),
  );
  const code = await new Promise<status>((resolve) => {
    const options = { deadline: Date.now() + deadlineMs };
    client.makeUnaryRequest(path, raw, raw, Buffer.alloc(0), new Metadata(), options, (error) =>
      resolve(error ? error.code : status.OK),
    );
  });
  client.close();
  server.forceShutdown();
  return [status[code], attempts];
}

/** Lets the server listen, and gives its port. */
function bound(server: Server) {
  return new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
}

function raw(message: Buffer) {
  return message;
}
