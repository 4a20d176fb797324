// Texts for people: keys that may be hostile, times, sizes.

/** A text on one line, in which no character is unseen or turns the order of others. */
export function shown(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`);
}

/** Which of two keys is first in the order of their bytes in UTF-8, which is that of code points. */
export function compare(one, other) {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    if (one[at] !== other[at]) return ranked(one.charCodeAt(at)) - ranked(other.charCodeAt(at));
  }
  return one.length - other.length;
}

// Halves of characters above U+FFFF come after all that need no halves.
function ranked(unit) {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

const LENGTHS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time to live as protobuf's JSON has it ("90s"), from "90", "1h30m", "500ms"; undefined: it is none. */
export function duration(text) {
  const given = text.trim().replace(/^\d+$/, "$&s");
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d)\s*)+$/.test(given)) return undefined;
  let millis = 0;
  for (const [, amount, unit] of given.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    millis += Number(amount) * LENGTHS[unit];
  }
  return `${(Math.round(millis) / 1000).toFixed(3)}s`;
}

/** How long something still is, in its two largest units. */
export function remaining(millis) {
  const seconds = Math.max(0, Math.ceil(millis / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${two(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${two(minutes % 60)} m`;
  return `${Math.floor(hours / 24).toLocaleString("en")} d ${two(hours % 24)} h`;
}

/** A size of memory. */
export function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let amount = bytes, unit = 0;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${amount >= 100 || Number.isInteger(amount) ? Math.round(amount) : amount.toFixed(1)} ${units[unit]}`;
}

function two(number) {
  return String(number).padStart(2, "0");
}
