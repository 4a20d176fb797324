// One page of entries, kept as the store has it while changes come in.

import { compare, remaining, shown, size } from "./format.js";

const PREVIEW_CHARACTERS = 160;

/** The rows of a table. `open(key)` and `ask(key)` are what Enter and Delete do. */
export class List {
  constructor(body, empty, { open, ask }) {
    this.body = body;
    this.empty = empty;
    this.open = open;
    this.now = Date.now;
    this.clear();
    body.addEventListener("click", (event) => {
      const button = event.target.closest("tr")?.querySelector("button");
      if (button) open(this.keyOf(button));
    });
    body.addEventListener("keydown", (event) => this.pressed(event, ask));
  }

  clear() {
    this.rows = new Map();
    this.keys = [];
    this.start = "";
    this.end = "";
    this.more = false;
    this.room = 0;
    this.body.replaceChildren();
  }

  /** Shows a page that was read from `start` on, for at most `room` entries. */
  show({ entries = [], nextPageToken = "" }, start, room) {
    const focused = this.body.contains(document.activeElement) ? this.keyOf(document.activeElement) : undefined;
    this.clear();
    Object.assign(this, { start, room, more: nextPageToken !== "", end: entries.at(-1)?.key ?? "" });
    for (const entry of entries) this.put(entry);
    this.tell();
    this.rows.get(focused)?.button.focus();
  }

  /** Takes an event of a watch: true if it changed what is shown. */
  take({ type, entry }) {
    const row = this.rows.get(entry.key);
    // The page may have been read after this change.
    if (row && BigInt(entry.version) <= BigInt(row.version)) return false;
    if (type !== "EVENT_TYPE_PUT") return this.drop(entry.key);
    if (!row && !this.covers(entry.key)) return false;
    this.put(entry);
    this.mark(entry.key);
    this.tell();
    return true;
  }

  /** Takes an entry as a call has answered it. */
  update(entry) {
    if (this.rows.has(entry.key)) this.put(entry);
  }

  /** Every second: what is left of each entry. True if one should be gone by now. */
  tick() {
    const now = this.now();
    let late = false;
    for (const row of this.rows.values()) {
      if (row.expires === undefined) continue;
      const left = row.expires - now;
      const text = left > 0 ? remaining(left) : "now";
      if (row.left.textContent !== text) row.left.textContent = text;
      row.line.classList.toggle("ending", left < 10_000);
      late ||= left < -2000;
    }
    return late;
  }

  get size() {
    return this.keys.length;
  }

  get expiring() {
    let count = 0;
    for (const row of this.rows.values()) count += row.expires === undefined ? 0 : 1;
    return count;
  }

  /** Where the page after this one begins. */
  get nextStart() {
    return `${this.end}\0`;
  }

  focus(key) {
    const row = this.rows.get(key) ?? this.rows.get(this.keys[0]);
    row?.button.focus();
    return row !== undefined;
  }

  /** Shows which entry is open. */
  choose(key) {
    this.chosen = key;
    for (const [name, { line, button }] of this.rows) this.paint(name, line, button);
  }

  // Whether a key is on this page.
  covers(key) {
    return compare(key, this.start) >= 0 && (!this.more || compare(key, this.end) <= 0);
  }

  put(entry) {
    const { key, value = {}, version, expireTime } = entry;
    const row = this.rows.get(key) ?? this.insert(key);
    const [kind, preview] = summary(value);
    row.version = version;
    row.expires = expireTime === undefined ? undefined : Date.parse(expireTime);
    row.kind.textContent = kind;
    row.value.textContent = preview;
    row.number.textContent = version;
    row.left.textContent = row.expires === undefined ? "never" : remaining(row.expires - this.now());
    row.left.title = row.expires === undefined ? "" : new Date(row.expires).toLocaleString();
    row.line.classList.toggle("ending", row.expires !== undefined && row.expires - this.now() < 10_000);
  }

  insert(key) {
    const line = document.createElement("tr");
    const cells = Array.from({ length: 5 }, () => line.appendChild(document.createElement("td")));
    const [name, kind, value, number, left] = cells;
    const button = name.appendChild(document.createElement("button"));
    button.type = "button";
    button.appendChild(document.createElement("bdi")).textContent = shown(key);
    button.title = shown(key);
    name.className = "key";
    kind.className = "kind";
    value.className = "value";
    number.className = "number";
    left.className = "number left";
    const row = { line, button, kind, value: value.appendChild(document.createElement("bdi")), number, left };
    const at = this.place(key);
    this.body.insertBefore(line, this.rows.get(this.keys[at])?.line ?? null);
    this.keys.splice(at, 0, key);
    this.rows.set(key, row);
    this.paint(key, line, button);
    if (this.keys.length > this.room) this.push();
    return row;
  }

  // The last entry goes to the next page.
  push() {
    this.drop(this.keys.at(-1));
    this.more = true;
    this.end = this.keys.at(-1);
  }

  drop(key) {
    const row = this.rows.get(key);
    if (!row) return false;
    const at = this.place(key);
    const focused = row.line.contains(document.activeElement);
    row.line.remove();
    this.rows.delete(key);
    this.keys.splice(at, 1);
    if (focused) this.focus(this.keys[Math.min(at, this.keys.length - 1)]);
    this.tell();
    return true;
  }

  // Where a key stands, or would.
  place(key) {
    let low = 0, high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(this.keys[middle], key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  mark(key) {
    const line = this.rows.get(key)?.line;
    if (!line) return;
    line.classList.remove("changed");
    // Begins the animation anew.
    void line.offsetWidth;
    line.classList.add("changed");
  }

  paint(key, line, button) {
    line.classList.toggle("chosen", key === this.chosen);
    if (key === this.chosen) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }

  tell() {
    this.empty.hidden = this.keys.length > 0;
  }

  keyOf(element) {
    const line = element.closest("tr");
    return this.keys.find((key) => this.rows.get(key).line === line);
  }

  pressed(event, ask) {
    const at = this.keys.indexOf(this.keyOf(event.target));
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: this.keys.length - 1 }[event.key];
    if (to !== undefined) {
      this.rows.get(this.keys[to])?.button.focus();
      event.preventDefault();
    } else if (event.key === "Delete") {
      ask(this.keys[at]);
    }
  }
}

/** The kind of a value, and its beginning. */
function summary(value) {
  if (value.number !== undefined) return ["number", value.number];
  if (value.data !== undefined) {
    const bytes = Math.floor((value.data.length * 3) / 4) - (/=*$/.exec(value.data)[0].length);
    return ["bytes", `${size(bytes)}: ${value.data.slice(0, 60)}${value.data.length > 60 ? "…" : ""}`];
  }
  const text = value.text ?? "";
  return ["text", shown(text.slice(0, PREVIEW_CHARACTERS)) + (text.length > PREVIEW_CHARACTERS ? "…" : "")];
}
