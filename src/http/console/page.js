// The console: browses entries, changes them, and follows the store.

import * as api from "./api.js";
import { Chart, round } from "./charts.js";
import { Editor } from "./editor.js";
import { size } from "./format.js";
import { List } from "./list.js";

const $ = (id) => document.getElementById(id);

const DESCRIBE_MS = 2000;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 10_000;

const list = new List($("rows"), $("empty"), {
  open: (key) => editor.run(async () => {
    await editor.open(key);
    $("value").focus();
  }),
  ask: (key) => editor.ask(key),
});

const editor = new Editor({
  failed,
  opened: (key) => list.choose(key),
  left: (key) => list.focus(key) || $("entries").focus(),
  stored: (key, entry) => {
    if (entry) list.update(entry);
    // The watch tells all else, when there is one.
    if (!watching) load();
  },
});

const charts = {
  changes: new Chart($("changes"), ["put", "delete", "expire"], "bars"),
  versions: new Chart($("versions"), ["version"], "steps"),
  keys: new Chart($("keys"), ["key"], "steps"),
};

let prefix = "";
// Where each page up to the one shown begins.
let starts = [""];
// The watch under way, and whether it tells.
let watcher;
let watching = false;
// Events that come while a page is read, to be taken after it.
let held;
let loads = 0;
let loadFailed = false;
let counts = {};
let lastVersion;
let perSecond = 0;

// Reads the page that begins where `starts` says, and sees that its changes are followed.
async function load() {
  loads += 1;
  const turn = loads;
  held ??= [];
  const start = starts.at(-1);
  try {
    const room = Number($("size").value);
    const page = await api.list(prefix, start, room);
    if (turn !== loads) return;
    list.show(page, start, room);
    list.choose(editor.base?.key);
    const late = held;
    held = undefined;
    late.forEach(take);
    tellPlace();
    if (!watcher || watcher.prefix !== prefix) follow(page.version ?? "0");
    // What another call has failed with stays to be read.
    if (loadFailed) failed(undefined);
    loadFailed = false;
  } catch (error) {
    if (turn !== loads) return;
    held = undefined;
    loadFailed = true;
    failed(error);
    live("off", "not watching");
    watcher?.abort.abort();
    watcher = undefined;
    watching = false;
    if (error.reason === "UNREACHABLE") later(load, RETRY_MS_MAX / 5);
  }
}

// Follows the changes after a version, again and again.
async function follow(version) {
  watcher?.abort.abort();
  const mine = { prefix, abort: new AbortController() };
  watcher = mine;
  let from = version;
  let pause = RETRY_MS_MIN;
  for (;;) {
    live("wait", "connecting");
    try {
      await api.watch(mine.prefix, from, mine.abort.signal, (told) => {
        if (watcher !== mine) return;
        pause = RETRY_MS_MIN;
        live("on", "live");
        // What is none, such as a heartbeat before the first change.
        if (told.resumeVersion) from = told.resumeVersion;
        for (const event of told.events ?? []) {
          count(event);
          if (held) held.push(event);
          else take(event);
        }
      });
    } catch (error) {
      if (watcher !== mine) return;
      watching = false;
      if (["VERSION_COMPACTED", "VERSION_AHEAD"].includes(error.reason)) {
        // Changes were missed: the page is read anew.
        watcher = undefined;
        return load();
      }
      live("wait", `waiting: ${error.reason ?? "the connection broke"}`);
      if (["UNAUTHENTICATED", "PERMISSION_DENIED"].includes(error.reason)) failed(error);
    }
    await new Promise((done) => setTimeout(done, pause));
    if (watcher !== mine) return;
    pause = Math.min(pause * 2, RETRY_MS_MAX);
  }
}

function take(event) {
  list.take(event);
  editor.saw(event);
  tellPlace();
}

function count({ type }) {
  const kind = { EVENT_TYPE_PUT: "put", EVENT_TYPE_DELETE: "delete" }[type] ?? "expire";
  counts[kind] = (counts[kind] ?? 0) + 1;
}

function live(state, text) {
  watching = state === "on";
  if ($("live").dataset.state !== state) $("live").dataset.state = state;
  if ($("live-text").textContent !== text) $("live-text").textContent = text;
}

// Shows what went wrong; nothing: what was shown is over.
function failed(error) {
  $("problem").hidden = error === undefined;
  if (error === undefined) return;
  const parts = Object.entries(error.metadata ?? {}).map(([name, value]) => `${name} ${value}`);
  $("problem-reason").textContent = error.reason ?? error.name;
  $("problem-detail").textContent = [error.message, ...parts].join(" · ");
}

function tellPlace() {
  const page = starts.length;
  const count = list.size;
  $("place").textContent = `page ${page}: ${count} ${count === 1 ? "entry" : "entries"}${list.more ? ", more follow" : ""}`;
  $("previous").disabled = page === 1;
  $("next").disabled = !list.more;
}

// Every second: what is left of each entry, and the charts.
function second() {
  // An entry outlives its deadline here only when it was touched elsewhere, of
  // which a watch does not tell, or when there is no watch.
  if (list.tick() && !held) load();
  else if (list.more && list.size === 0 && !held) load();
  const sum = Object.values(counts).reduce((sum, one) => sum + one, 0);
  charts.changes.push(counts);
  charts.versions.push({ version: perSecond });
  charts.keys.push({ key: list.size });
  $("changes-now").textContent = round(sum);
  $("versions-now").textContent = round(perSecond);
  $("keys-now").textContent = round(list.size);
  $("expiring-now").textContent = round(list.expiring);
  counts = {};
}

// Asks the server what it is: its clock is the one by which keys expire.
async function describe() {
  try {
    const before = Date.now();
    const told = await api.describe();
    const after = Date.now();
    const ahead = Date.parse(told.serverTime) - (before + after) / 2;
    list.now = () => Date.now() + ahead;
    const version = BigInt(told.version ?? "0");
    const same = lastVersion?.store === told.storeId;
    perSecond = same ? (Number(version - lastVersion.version) * 1000) / Math.max(after - lastVersion.at, 1) : 0;
    lastVersion = { store: told.storeId, version, at: after };
    $("version").textContent = version.toLocaleString("en");
    $("server").textContent = `${told.serverVersion} · engine ${told.engine}`;
    if ($("limits").childElementCount === 0) limits(told.limits ?? {});
  } catch {
    // What a person asks for says so; here it is only that nothing is known.
    lastVersion = undefined;
    perSecond = 0;
  }
}

function limits(all) {
  for (const [name, value] of Object.entries(all)) {
    const line = $("limits").insertRow();
    const label = line.appendChild(document.createElement("th"));
    label.scope = "row";
    // As errors and the configuration call it.
    label.textContent = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const isBytes = /BytesMax|memoryMax|BytesInFlightMax/.test(name);
    line.insertCell().textContent = isBytes ? size(Number(value)) : String(value);
  }
}

function later(work, millis) {
  const turn = loads;
  setTimeout(() => {
    if (turn === loads) work();
  }, millis);
}

$("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  prefix = $("prefix").value;
  starts = [""];
  load();
});
$("size").addEventListener("change", () => {
  starts = [""];
  load();
});
$("next").addEventListener("click", () => {
  starts.push(list.nextStart);
  load();
});
$("previous").addEventListener("click", () => {
  starts.pop();
  load();
});
$("new").addEventListener("click", () => {
  editor.blank();
  $("key").focus();
});
$("identity").addEventListener("submit", (event) => {
  event.preventDefault();
  api.identify($("token").value.trim());
  $("token").value = "";
  $("token").placeholder = api.isIdentified() ? "in use" : "none";
  watcher?.abort.abort();
  watcher = undefined;
  describe();
  load();
});
$("problem-close").addEventListener("click", () => failed(undefined));

describe();
load();
setInterval(second, 1000);
setInterval(() => document.hidden || describe(), DESCRIBE_MS);
