// The store from pages of other origins: by a generated client over gRPC-Web,
// and by fetch.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { CEILING_MS, launch, serve, until } from "./browser.js";

const [UNKNOWN, ALREADY_EXISTS] = [2, 6];

let browser, server, allowed, denied;

/** A page of an origin of its own. */
async function elsewhere() {
  const script = readFileSync("elsewhere/built.js");
  const web = createServer((request, answer) => {
    const isScript = request.url === "/built.js";
    answer.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    answer.end(isScript ? script : '<!doctype html><link rel="icon" href="data:,"><script src="built.js"></script>');
  });
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  const origin = `http://127.0.0.1:${web.address().port}`;
  const page = await browser.newPage();
  page.setDefaultTimeout(CEILING_MS);
  await page.goto(origin);
  return {
    origin,
    call: (name, request) => page.evaluate(([...asked]) => window.call(...asked), [server.url, name, request]),
    ask: (path, how) => page.evaluate(([...asked]) => window.ask(...asked), [server.url, path, how]),
    watch: () => page.evaluate((url) => window.watch(url), server.url),
    watched: () => page.evaluate(() => window.watched),
    unwatch: () => page.evaluate(() => window.unwatch()),
    stop: () => web.close(),
  };
}

before(async () => {
  browser = await launch();
  [allowed, denied] = [await elsewhere(), await elsewhere()];
  server = await serve("127.0.0.1:0", "--cors-origins", allowed.origin);
});

after(async () => {
  await browser.close();
  await server.stop();
  for (const page of [allowed, denied]) page.stop();
});

test("a generated client sets, gets and misses", async () => {
  const stored = await allowed.call("set", { key: "a", value: { kind: { case: "text", value: "grüße" } } });
  assert.match(stored.version, /^\d+$/);
  const read = await allowed.call("get", { key: "a" });
  assert.deepEqual(read, { entry: { key: "a", value: { text: "grüße" }, version: stored.version } });
  assert.deepEqual(await allowed.call("get", { key: "none" }), {});
});

test("a condition that is not met comes with its details", async () => {
  const { version } = await allowed.call("set", { key: "b", value: { kind: { case: "text", value: "1" } } });
  const { failed } = await allowed.call("set", {
    key: "b",
    value: { kind: { case: "text", value: "2" } },
    condition: { kind: { case: "absent", value: true } },
  });
  assert.equal(failed.code, ALREADY_EXISTS);
  assert.equal(failed.reason, "KEY_EXISTS");
  assert.deepEqual(failed.metadata, { key: "b", current_version: version });
  assert.match(failed.message, /^KEY_EXISTS/);
});

test("a watch tells of a change as it happens, and ends with its page", async () => {
  await allowed.watch();
  await until(async () => (await allowed.watched()).begun || allowed.watched(), "the watch begins");
  const { version } = await allowed.call("set", { key: "c", value: { kind: { case: "text", value: "1" } } });
  await until(async () => {
    const { events } = await allowed.watched();
    return events.some(({ entry }) => entry.key === "c" && entry.version === version) || events;
  }, "the change is told");
  await allowed.unwatch();
  await until(async () => (await allowed.watched()).ended !== null, "the watch ends");
});

test("fetch reads headers, changes with a condition and is told why not", async () => {
  const put = (headers) => allowed.ask("/v1/entries/d", {
    method: "PUT",
    headers: { "content-type": "text/plain", ...headers },
    body: "text",
  });
  const stored = await put({ "if-none-match": "*" });
  assert.equal(stored.status, 201);
  const read = await allowed.ask("/v1/entries/d");
  assert.deepEqual(read, { status: 200, etag: stored.etag, kind: "text", body: "text" });
  const refused = await put({ "if-match": '"1"' });
  assert.equal(refused.status, 412);
  assert.equal(JSON.parse(refused.body).reason, "VERSION_MISMATCH");
  assert.equal((await allowed.ask("/v1/entries/d", { method: "DELETE" })).status, 200);
});

test("a page of an origin that is not listed reads and changes nothing", async () => {
  const { failed } = await denied.call("set", { key: "e", value: { kind: { case: "text", value: "1" } } });
  assert.equal(failed.code, UNKNOWN, "its browser keeps it from asking");
  assert.ok((await denied.ask("/v1/entries/a")).failed);
  // A request that a browser sends without asking beforehand.
  const blind = { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" } };
  assert.ok((await denied.ask("/v1/entries/e:increment", blind)).failed);
  assert.deepEqual(await allowed.call("get", { key: "e" }), {});
});
