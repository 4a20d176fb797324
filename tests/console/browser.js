// A server of our own, a browser, and pages that tell what goes wrong in them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

/** For a machine that has much else to do. */
export const CEILING_MS = 30_000;

/** A server; `url` is where it is, `stop` ends it and is content only with a clean end. */
export async function serve(listen, ...flags) {
  const args = ["serve", "--listen", listen, "--drain-grace-ms", "0", "--log-level", "warn", ...flags];
  const server = spawn(process.env.NANOKV, args, { env: {}, stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface(server.stdout)) {
    const address = /^listening on (.*)$/.exec(line)?.[1];
    if (address) return { address, url: `http://${address}`, stop: () => stop(server) };
  }
  throw new Error("the server does not listen");
}

async function stop(server) {
  const ended = once(server, "exit");
  server.kill("SIGTERM");
  const [status] = await ended;
  assert.equal(status, 0, "how the server ended");
}

export function launch() {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
}

/**
 * A page of the console. `faults` gets whatever a browser complains of; answers
 * that are no success are told apart, in `refusals`, for tests to expect.
 */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(CEILING_MS);
  const page = await context.newPage();
  const faults = [], refusals = [];
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const status = /^Failed to load resource: .* (\d{3}) /.exec(message.text())?.[1];
    if (status) refusals.push(Number(status));
    else faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${url}/`)) faults.push(`asked elsewhere: ${request.url()}`);
  });
  await page.exposeFunction("violated", (what) => faults.push(`policy: ${what}`));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) =>
      window.violated(`${event.violatedDirective} ${event.blockedURI}`));
  });
  const answer = await page.goto(`${url}/console`);
  assert.equal(answer.status(), 200);
  await page.getByText("live", { exact: true }).waitFor();
  return { page, context, faults, refusals };
}

/** What is shown of the entries. */
export function rows(page) {
  return page.locator("#rows tr").evaluateAll((lines) =>
    lines.map((line) => [...line.cells].map((cell) => cell.textContent)));
}

/** Waits until `look` is true; says what it saw last when it never is. */
export async function until(look, what) {
  const end = performance.now() + CEILING_MS;
  for (;;) {
    const seen = await look();
    if (seen === true) return;
    if (performance.now() > end) assert.fail(`${what}: ${JSON.stringify(seen)}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
