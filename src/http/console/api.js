// The JSON API, as this page calls it.

/** What a problem document says, or why there is none. */
export class Problem extends Error {
  constructor(reason, detail, metadata = {}) {
    super(detail);
    this.reason = reason;
    this.metadata = metadata;
  }

  /** Of an answer that is no success. */
  static async of(response) {
    const text = await response.text().catch(() => "");
    try {
      const { reason, detail, metadata } = JSON.parse(text);
      if (reason) return new Problem(reason, withoutReason(reason, detail), metadata);
    } catch {
      // Something between here and the server has answered.
    }
    return new Problem(`HTTP ${response.status}`, text.slice(0, 200) || response.statusText);
  }
}

// Kept here alone: it ends with the page.
let token = "";

/** Calls carry this bearer token from now on; an empty one: none. */
export function identify(given) {
  token = given;
}

/** Whether a caller is told by a token. */
export function isIdentified() {
  return token !== "";
}

/** The entries from `start` on whose keys begin with `prefix`. */
export function list(prefix, start, size) {
  return call(`v1/entries?${query({ prefix, start, page_size: size })}`);
}

/** The entry under a key. */
export async function read(key) {
  return call(entry(key));
}

/** Stores a value. `guard` is what `guarded` gives. */
export async function store(key, body, guard) {
  return call(entry(key), { method: "PUT", headers: { ...JSON_BODY, ...guard }, body });
}

/** Moves the deadline of an entry. */
export async function touch(key, body, guard) {
  return call(`${entry(key)}:touch`, { method: "POST", headers: { ...JSON_BODY, ...guard }, body });
}

/** Removes an entry. */
export async function remove(key, guard) {
  return call(entry(key), { method: "DELETE", headers: guard });
}

/** What the server is, and its limits. */
export function describe() {
  return call("v1/describe");
}

/** The headers by which a change is made only to this version; 0: to an absent key. */
export function guarded(version) {
  return version === "0" ? { "if-none-match": "*" } : { "if-match": `"${version}"` };
}

/**
 * Follows the changes of the keys that begin with `prefix` until `signal`, or
 * until the server ends it, which is a Problem. `told` gets each
 * WatchResponse; a quiet one has the version to go on from and no events.
 */
export async function watch(prefix, afterVersion, signal, told) {
  const response = await ask(`v1/watch?${query({ prefix, after_version: afterVersion })}`, {
    headers: { accept: "text/event-stream" },
    signal,
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Problem("WATCH_ENDED", "the server has ended the watch");
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) event(block, told);
  }
}

// One event of a stream: lines of a name and a text.
function event(block, told) {
  let kind = "message", id = "", data = "";
  for (const line of block.split("\n")) {
    const [, name, text] = /^([a-z]*): ?(.*)$/s.exec(line) ?? [];
    if (name === "event") kind = text;
    if (name === "id") id = text;
    if (name === "data") data += text;
  }
  if (kind === "failure") {
    const { reason, detail, metadata } = JSON.parse(data);
    throw new Problem(reason, withoutReason(reason, detail), metadata);
  }
  told(data ? JSON.parse(data) : { resumeVersion: id });
}

const JSON_BODY = { "content-type": "application/json" };

async function call(path, options = {}) {
  const response = await ask(path, options);
  return response.json();
}

async function ask(path, options) {
  const headers = new Headers({ accept: "application/json", ...options.headers });
  if (token) headers.set("authorization", `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("UNREACHABLE", "the server does not answer");
  }
  if (!response.ok) throw await Problem.of(response);
  return response;
}

// A verb stands behind the last colon of a path, so those of a key are encoded.
// A browser takes one or two dots for a place in the tree, encoded or not.
function entry(key) {
  if (key === "." || key === "..") {
    throw new Problem("KEY_UNREACHABLE", "a browser cannot ask for a path of dots; use another client for this key");
  }
  return `v1/entries/${encodeURIComponent(key)}`;
}

function query(parts) {
  const given = Object.entries(parts).filter(([, value]) => value !== "" && value !== undefined);
  return new URLSearchParams(given).toString();
}

function withoutReason(reason, detail = "") {
  return detail.startsWith(`${reason}: `) ? detail.slice(reason.length + 2) : detail;
}
