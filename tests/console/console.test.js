// The console as a person uses it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { CEILING_MS, launch, open, rows, serve, until } from "./browser.js";

let browser, server, page, context, faults, refusals;

before(async () => {
  browser = await launch();
});
after(() => browser.close());

beforeEach(async () => {
  server = await serve("127.0.0.1:0", "--console");
  ({ page, context, faults, refusals } = await open(browser, server.url));
});

afterEach(async () => {
  await context.close();
  await server.stop();
  assert.deepEqual(faults, [], "what the browser complained of");
});

/** Someone else changes the store. */
function curl(method, key, value) {
  const args = ["--silent", "--show-error", "--fail", "--request", method];
  if (value !== undefined) args.push("--header", "content-type: text/plain", "--data-binary", value);
  execFileSync("curl", [...args, `${server.url}/v1/entries/${key}`], { timeout: CEILING_MS });
}

async function many(prefix, count) {
  const operations = Array.from({ length: count }, (_, at) => ({
    set: { key: `${prefix}${String(at).padStart(3, "0")}`, value: { text: `value ${at}` } },
  }));
  const answer = await fetch(`${server.url}/v1/batch`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ operations }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

async function store(key, value, { kind = "text", ttl } = {}) {
  await page.getByRole("button", { name: "New entry" }).click();
  await page.getByLabel("Key", { exact: true }).fill(key);
  await page.getByRole("radio", { name: kind }).check();
  await page.getByLabel("Value", { exact: true }).fill(value);
  if (ttl) {
    await page.getByLabel("Expiry").selectOption("after …");
    await page.getByLabel("Time to live").fill(ttl);
  }
  await page.getByRole("button", { name: "Store" }).click();
}

const button = (name) => page.getByRole("button", { name, exact: true });
const shows = (expected) => until(async () => {
  const keys = (await rows(page)).map(([key]) => key);
  return JSON.stringify(keys) === JSON.stringify(expected) || keys;
}, `the keys are to be ${expected}`);
const cell = (key, column) => page.locator("#rows tr", { has: button(key) }).locator("td").nth(column);
const picture = (name) => page.screenshot({ path: join(process.env.PICTURES, `${name}.png`), fullPage: true });

test("an entry of each kind is stored, listed and read", async () => {
  await page.getByText("No entry here.").waitFor();
  await store("greeting", "hello,\nworld");
  await page.getByText("Stored at version").waitFor();
  await store("answer", "-9223372036854775808", { kind: "number" });
  await store("blob", "AAH/ gA==", { kind: "base64 bytes" });
  await shows(["answer", "blob", "greeting"]);
  const listed = (await rows(page)).map((cells) => cells.filter((_, at) => at !== 3));
  assert.deepEqual(listed, [
    ["answer", "number", "-9223372036854775808", "never"],
    ["blob", "bytes", "4 B: AAH/gA==", "never"],
    ["greeting", "text", "hello,\\u{a}world", "never"],
  ]);
  await button("greeting").click();
  await until(async () => (await page.getByLabel("Value", { exact: true }).inputValue()) === "hello,\nworld", "the value");
  await button("answer").click();
  await until(() => page.getByRole("radio", { name: "number" }).isChecked(), "the kind");
  const raw = await fetch(`${server.url}/v1/entries/blob`);
  assert.deepEqual([...new Uint8Array(await raw.arrayBuffer())], [0, 1, 255, 128]);
  assert.deepEqual(refusals, []);
});

test("many entries are seen in pages, and by prefix", async () => {
  await many("user/", 120);
  await many("task/", 3);
  await until(async () => (await rows(page)).length === 50, "a full page");
  const place = page.locator("#place");
  assert.match(await place.textContent(), /page 1: 50 entries, more follow/);
  await page.getByLabel("Prefix").fill("user/");
  await page.keyboard.press("Enter");
  for (const [turn, first, count] of [[1, "user/000", 50], [2, "user/050", 50], [3, "user/100", 20]]) {
    await until(async () => {
      const shown = await rows(page);
      return (shown[0]?.[0] === first && shown.length === count) || [shown[0], shown.length];
    }, `page ${turn}`);
    assert.match(await place.textContent(), new RegExp(`page ${turn}: ${count} entries`));
    if (turn === 2) await picture("pages");
    if (turn < 3) await button("Next →").click();
  }
  assert.equal(await button("Next →").isEnabled(), false);
  await button("← Previous").click();
  await button("← Previous").click();
  await until(async () => (await rows(page))[0]?.[0] === "user/000", "the first page");
  assert.equal(await button("← Previous").isEnabled(), false);
  // A key that is before all pushes the last to the next page.
  curl("PUT", "user/0", "new");
  await until(async () => (await rows(page))[0]?.[0] === "user/0", "the new key");
  assert.equal((await rows(page)).length, 50);
  // What is on other pages, or of another prefix, is not shown.
  curl("PUT", "user/1", "new");
  curl("PUT", "other", "new");
  curl("PUT", "user/00", "new");
  await until(async () => (await rows(page))[1]?.[0] === "user/00", "the next key");
  assert.equal((await rows(page)).length, 50);
  await page.getByLabel("Prefix").fill("task/");
  await button("Show").click();
  await shows(["task/000", "task/001", "task/002"]);
  await page.getByLabel("Prefix").fill("nothing");
  await button("Show").click();
  await page.getByText("No entry here.").waitFor();
});

test("an expiry counts down, is moved by a touch, and takes its entry away", async () => {
  await store("session", "abc", { ttl: "1h30m" });
  await shows(["session"]);
  await until(async () => /^1 h (30|29) m$/.test(await cell("session", 4).textContent()), "the time left");
  await page.getByLabel("Expiry").selectOption("after …");
  await page.getByLabel("Time to live").fill("45s");
  await button("Touch").click();
  await page.getByText("Touched").waitFor();
  const left = async () => Number(/^(\d+) s$/.exec(await cell("session", 4).textContent())?.[1]);
  await until(async () => (await left()) <= 45, "less than before");
  const before = await left();
  await until(async () => (await left()) < before, "the count goes down");
  await store("short", "lived", { ttl: "1500ms" });
  await shows(["session", "short"]);
  await picture("expiring");
  await shows(["session"]);
  await page.getByText("This entry was expired meanwhile.").waitFor();
  await button("session").click();
  await until(async () => (await page.getByLabel("Key", { exact: true }).inputValue()) === "session", "the key");
  await page.getByLabel("Expiry").selectOption("after …");
  await page.getByLabel("Time to live").fill("soon");
  await button("Touch").click();
  await page.getByRole("alert").getByText("TTL_UNREADABLE").waitFor();
  assert.deepEqual(refusals, []);
});

test("what others change is seen as it happens", async () => {
  await store("mine", "1");
  await shows(["mine"]);
  curl("PUT", "theirs", "2");
  await shows(["mine", "theirs"]);
  curl("PUT", "theirs", "3");
  await until(async () => (await cell("theirs", 2).textContent()) === "3", "the new value");
  curl("DELETE", "mine");
  await shows(["theirs"]);
  await page.getByText("This entry was deleted meanwhile.").waitFor();
  for (const kind of ["put", "delete"]) {
    const bars = page.locator(`#changes path[data-of=${kind}]`);
    await until(async () => ((await bars.getAttribute("d")) ?? "") !== "", `bars of ${kind}`);
  }
  await until(async () => /at most [1-9]/.test(await page.locator("#versions").getAttribute("aria-label")), "versions");
  assert.match(await page.locator("#keys").getAttribute("aria-label"), /^Keys shown: now \d/);
});

test("a change made meanwhile is not written over", async () => {
  await store("shared", "one");
  await page.getByText("Stored at version").waitFor();
  curl("PUT", "shared", "two");
  await page.getByText("meanwhile").waitFor();
  await page.getByLabel("Value", { exact: true }).fill("three");
  await button("Store").click();
  const alert = page.getByRole("alert");
  await alert.getByText("VERSION_MISMATCH").waitFor();
  assert.match(await alert.textContent(), /current_version \d+/);
  await picture("conflict");
  assert.equal(await cell("shared", 2).textContent(), "two");
  await button("Read again").click();
  await until(async () => (await page.getByLabel("Value", { exact: true }).inputValue()) === "two", "the value read again");
  await page.getByLabel("Value", { exact: true }).fill("three");
  await button("Store").click();
  await until(async () => (await cell("shared", 2).textContent()) === "three", "the value stored");
  assert.equal(await alert.isVisible(), false);
  await store("shared", "four");
  await alert.getByText("KEY_EXISTS").waitFor();
  await store("count", "many", { kind: "number" });
  await alert.getByText("MESSAGE_MALFORMED").waitFor();
  assert.deepEqual(refusals, [412, 412, 400]);
});

test("an entry is deleted when that is confirmed", async () => {
  await store("keep", "1");
  await store("drop", "2");
  await shows(["drop", "keep"]);
  await button("Delete…").click();
  await page.getByRole("dialog").getByText("drop").waitFor();
  await picture("confirm");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await button("Delete…").click();
  await button("Cancel").click();
  assert.equal((await rows(page)).length, 2);
  await button("Delete…").click();
  await button("Delete").click();
  await page.getByText("Deleted drop.").waitFor();
  await shows(["keep"]);
  assert.deepEqual(refusals, []);
});

test("keys and values are text, whatever is in them", async () => {
  const image = "<img src=x onerror=alert(1)>";
  const script = "\"><script>alert(2)</script>&amp;";
  const turned = "\u202egnp.exe";
  const path = "a/../b?c#d%2Fe:touch";
  for (const key of [image, script, turned, path]) {
    await store(key, `${image}${script}`);
    await page.getByText("Stored at version").waitFor();
  }
  await shows([script, image, path, "\\u{202e}gnp.exe"]);
  await button(image).click();
  await until(async () => (await page.getByLabel("Key", { exact: true }).inputValue()) === image, "the key");
  await button("Delete…").click();
  await page.getByRole("dialog").getByText(image).waitFor();
  await picture("hostile");
  await button("Delete").click();
  await shows([script, path, "\\u{202e}gnp.exe"]);
  await button(path).click();
  await until(async () => (await page.getByLabel("Key", { exact: true }).inputValue()) === path, "the path");
  await store("..", "up");
  await page.getByRole("alert").getByText("KEY_UNREACHABLE").waitFor();
  assert.equal(await page.locator("#rows img, #rows script, #confirm img").count(), 0);
  // The policy holds even against what is in the page already.
  const made = await page.evaluate(() => {
    try {
      document.body.innerHTML = "<b>x</b>";
      return "made";
    } catch (error) {
      return error.name;
    }
  });
  assert.equal(made, "TypeError");
  await until(() => faults.some((fault) => fault.startsWith("policy: require-trusted-types-for")) || faults, "the violation is told");
  assert.ok(faults.splice(0).every((fault) => /trusted-types-for|TrustedHTML/.test(fault)));
});

test("a keyboard is enough", async () => {
  await many("k", 3);
  await shows(["k000", "k001", "k002"]);
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
  const tabs = async () => {
    const passed = [];
    for (let presses = 0; presses < 40; presses += 1) {
      await press("Tab");
      const visible = await page.evaluate(() => {
        const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
        return document.activeElement === document.body || (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2);
      });
      assert.ok(visible, `the focus is seen on ${await focused()}`);
      passed.push(await focused());
      if (passed.at(-1) === "k000") return passed;
    }
    return passed;
  };
  assert.deepEqual(await tabs(), ["Skip to the entries", "token", "Use", "prefix", "Show", "new", "k000"]);
  await picture("focus");
  await press("ArrowDown", "ArrowDown", "ArrowUp");
  assert.equal(await focused(), "k001");
  await press("Enter");
  await until(async () => (await focused()) === "value" || focused(), "the value has the focus");
  await press("Control+A");
  await page.keyboard.type("typed");
  await press("Control+Enter");
  await until(async () => (await cell("k001", 2).textContent()) === "typed", "the value stored");
  await press("Escape");
  assert.equal(await focused(), "k001");
  await press("Delete");
  await page.getByRole("dialog").waitFor();
  assert.equal(await focused(), "confirm-no");
  await press("Escape");
  assert.equal(await focused(), "k001");
  await press("Delete", "Tab", "Enter");
  await shows(["k000", "k002"]);
  await until(async () => (await focused()) === "k000" || (await focused()) === "k002" || focused(), "the focus stays in the list");
  assert.deepEqual(refusals, []);
});

test("light and dark can both be read, also on a narrow screen", async () => {
  await many("user/", 6);
  await store("user/expiring", "soon", { ttl: "9s" });
  await page.getByText("Stored at version").waitFor();
  await button("user/001").click();
  const contrasts = () => page.evaluate(() => {
    const luminance = (colour) => {
      const parts = colour.match(/[\d.]+/g).slice(0, 3).map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const ground = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if (!/, 0\)$/.test(colour)) return colour;
      }
      return "rgb(255, 255, 255)";
    };
    const found = {};
    for (const what of ["h1", "#server", ".legend span", "td.key button", ".kind", ".left", "#editor .first", "#delete", "#token", ".hint"]) {
      for (const element of document.querySelectorAll(what)) {
        if (element.disabled || element.hidden) continue;
        const [one, other] = [getComputedStyle(element).color, ground(element)].map(luminance).sort((a, b) => b - a);
        found[what] = Math.min(found[what] ?? 99, (one + 0.05) / (other + 0.05));
      }
    }
    return { found, ground: luminance(getComputedStyle(document.body).backgroundColor) };
  });
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { found, ground } = await contrasts();
    assert.ok(colorScheme === "light" ? ground > 0.8 : ground < 0.05, `the ground of ${colorScheme}: ${ground}`);
    assert.equal(Object.keys(found).length, 10, Object.keys(found).join());
    for (const [what, contrast] of Object.entries(found)) assert.ok(contrast >= 4.5, `${what} in ${colorScheme}: ${contrast}`);
    await picture(colorScheme);
  }
  await page.setViewportSize({ width: 380, height: 800 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 380, `nothing is cut off at the side: ${width}`);
  await picture("narrow");
});

test("the page comes back by itself when its server does", async () => {
  await store("before", "1");
  await shows(["before"]);
  await server.stop();
  await page.getByText("waiting:").waitFor();
  server = await serve(server.address, "--console");
  await page.getByText("live", { exact: true }).waitFor();
  await page.locator("#empty").waitFor();
  curl("PUT", "after", "2");
  await shows(["after"]);
  // Connections that were refused are told to the console of a browser.
  faults.splice(0, faults.length, ...faults.filter((fault) => !/net::ERR_/.test(fault)));
});

test("a token goes with each call and is kept nowhere", async () => {
  const asked = page.waitForRequest((request) => request.headers().authorization === "Bearer secret-token");
  const watched = page.waitForRequest((request) =>
    request.url().includes("/v1/watch") && request.headers().authorization === "Bearer secret-token");
  await page.getByLabel("Token").fill("secret-token");
  await button("Use").click();
  await Promise.all([asked, watched]);
  await page.getByText("live", { exact: true }).waitFor();
  assert.equal(await page.getByLabel("Token").inputValue(), "");
  const kept = await page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]));
  assert.ok(!kept.includes("secret-token"), kept);
  assert.ok(!(await page.content()).includes("secret-token"));
});
