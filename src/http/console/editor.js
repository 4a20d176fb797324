// The form in which one entry is read, stored, touched and deleted.

import * as api from "./api.js";
import { duration, shown } from "./format.js";

const $ = (id) => document.getElementById(id);

/** `failed(problem)` shows what went wrong; `stored(entry)` is told of changes made here. */
export class Editor {
  constructor({ failed, stored, left, opened }) {
    Object.assign(this, { failed, stored, left, opened, base: undefined, turn: 0 });
    $("editor").addEventListener("submit", (event) => {
      event.preventDefault();
      this.run(() => this.store());
    });
    $("touch").addEventListener("click", () => this.run(() => this.touch()));
    $("delete").addEventListener("click", () => this.ask(this.base?.key));
    $("again").addEventListener("click", () => this.run(() => this.open(this.base.key)));
    $("expiry").addEventListener("change", () => this.expiryChosen());
    $("key").addEventListener("input", () => this.retitle());
    $("editor").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        $("editor").requestSubmit();
      } else if (event.key === "Escape") {
        left(this.base?.key);
      }
    });
    $("confirm-no").addEventListener("click", () => $("confirm").close());
    $("confirm-yes").addEventListener("click", () => this.run(() => this.remove()));
    this.blank();
  }

  /** For an entry that is not there yet. */
  blank() {
    this.base = undefined;
    this.turn += 1;
    $("key").value = "";
    this.value("text", "");
    $("expiry").value = "default";
    $("done").textContent = "";
    this.retitle();
    this.expiryChosen();
    this.opened(undefined);
  }

  /** Reads the entry under a key. */
  async open(key) {
    this.turn += 1;
    const turn = this.turn;
    const entry = await api.read(key);
    // Another was asked for meanwhile.
    if (turn === this.turn) this.fill(entry);
  }

  fill(entry) {
    const { key, value = {}, version, expireTime } = entry;
    this.base = { key, version };
    $("key").value = key;
    const kind = ["number", "data"].find((kind) => value[kind] !== undefined) ?? "text";
    this.value(kind, value[kind] ?? "");
    $("expiry").value = expireTime === undefined ? "never" : "keep";
    $("done").textContent = "";
    this.retitle();
    this.expiryChosen();
    this.opened(key);
  }

  /** A change of the open entry that came from elsewhere, or from here. */
  saw({ type, entry }) {
    if (entry.key !== this.base?.key || BigInt(entry.version) <= BigInt(this.base.version)) return;
    const gone = { EVENT_TYPE_DELETE: "deleted", EVENT_TYPE_EXPIRE: "expired", EVENT_TYPE_EVICT: "evicted" }[type];
    $("moved-text").textContent = gone
      ? `This entry was ${gone} meanwhile.`
      : `This entry is at version ${entry.version} meanwhile.`;
    $("again").hidden = gone !== undefined;
    $("moved").hidden = false;
  }

  /** Asks whether an entry is to be deleted. */
  ask(key) {
    if (key === undefined) return;
    const isOpen = key === this.base?.key && $("guarded").checked;
    this.doomed = { key, guard: isOpen ? api.guarded(this.base.version) : {} };
    $("confirm-key").textContent = shown(key);
    $("confirm-guard").textContent = isOpen ? `Only while it is at version ${this.base.version}.` : "Whatever it holds by now.";
    $("confirm").showModal();
    $("confirm-no").focus();
  }

  async store() {
    const key = $("key").value;
    const base = this.base?.key === key ? this.base.version : "0";
    const body = JSON.stringify({ value: this.given(), ...this.expiry() });
    const { version, expireTime } = await api.store(key, body, $("guarded").checked ? api.guarded(base) : {});
    this.fill({ key, value: this.given(), version, expireTime });
    $("done").textContent = `Stored at version ${version}.`;
    this.stored(key);
  }

  async touch() {
    const { key, version } = this.base;
    if ($("expiry").value === "keep") {
      $("expiry").focus();
      throw new api.Problem("EXPIRY_NOT_CHOSEN", "choose when the entry is to expire, then touch it");
    }
    const guard = $("guarded").checked ? api.guarded(version) : {};
    const { entry, applied } = await api.touch(key, JSON.stringify(this.expiry()), guard);
    if (!entry) throw new api.Problem("KEY_NOT_FOUND", "the entry is gone");
    $("done").textContent = applied ? "Touched: the value stays as it is." : "The deadline stays as it is.";
    this.stored(key, entry);
  }

  async remove() {
    $("confirm").close();
    const { key, guard } = this.doomed;
    const { deleted } = await api.remove(key, guard);
    if (key === this.base?.key) {
      this.blank();
      this.left();
    }
    $("done").textContent = deleted ? `Deleted ${shown(key)}.` : `${shown(key)} was gone already.`;
    this.stored(key);
  }

  // One call at a time; what goes wrong is shown.
  async run(work) {
    const buttons = [...$("editor").querySelectorAll("button")].filter((button) => !button.disabled);
    const focused = document.activeElement;
    for (const button of buttons) button.disabled = true;
    $("done").textContent = "";
    try {
      await work();
      this.failed(undefined);
    } catch (error) {
      this.failed(error);
    } finally {
      for (const button of buttons) button.disabled = false;
      this.retitle(true);
      // A button that is disabled loses the focus.
      if (document.activeElement === document.body && focused?.disabled === false) focused.focus();
    }
  }

  retitle(keepsNote = false) {
    const isOpen = this.base !== undefined && $("key").value === this.base.key;
    $("editor-title").textContent = isOpen ? "Entry" : "New entry";
    $("editor-version").textContent = isOpen ? `version ${this.base.version}` : "";
    $("guarded-text").textContent = isOpen ? "only if it has not changed since it was read" : "only if the key is free";
    $("touch").disabled = !isOpen;
    $("delete").disabled = !isOpen;
    if (!keepsNote) $("moved").hidden = true;
  }

  expiryChosen() {
    const isAfter = $("expiry").value === "after";
    $("ttl-part").hidden = !isAfter;
    $("ttl-hint").hidden = !isAfter;
  }

  // Puts a value into the form.
  value(kind, text) {
    document.querySelector(`input[name=kind][value=${kind}]`).checked = true;
    $("value").value = text;
  }

  // What the form holds; the server checks numbers and base64.
  given() {
    const kind = document.querySelector("input[name=kind]:checked").value;
    const text = $("value").value;
    return { [kind]: kind === "text" ? text : text.replace(/\s/g, "") };
  }

  expiry() {
    switch ($("expiry").value) {
      case "keep":
        return { keepExpiry: true };
      case "never":
        return { neverExpire: true };
      case "after": {
        const ttl = duration($("ttl").value);
        if (ttl !== undefined) return { ttl };
        $("ttl").focus();
        throw new api.Problem("TTL_UNREADABLE", "a time to live is for example 90s, 10m, 1h30m or 7d");
      }
      default:
        return {};
    }
  }
}
