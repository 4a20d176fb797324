// Small charts of the last minute, drawn in SVG.

const SECONDS = 60;
const HEIGHT = 40;
const STEP = 4;

/** A figure a second: the last of each kind for a minute. */
export class Chart {
  /** `kinds`: what is stacked, from below; `form`: "bars" or "steps". */
  constructor(svg, kinds, form) {
    this.svg = svg;
    this.kinds = kinds;
    this.form = form;
    this.name = svg.getAttribute("aria-label");
    this.seconds = [];
    svg.setAttribute("viewBox", `0 0 ${SECONDS * STEP} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    this.paths = kinds.map((kind) => svg.appendChild(element("path", { "data-of": kind })));
    svg.prepend(element("line", { x1: 0, x2: SECONDS * STEP, y1: HEIGHT, y2: HEIGHT }));
  }

  /** A second has passed; `figures` has a number for each kind. */
  push(figures) {
    this.seconds.push(this.kinds.map((kind) => figures[kind] ?? 0));
    if (this.seconds.length > SECONDS) this.seconds.shift();
    this.draw();
  }

  draw() {
    const sums = this.seconds.map((parts) => parts.reduce((sum, part) => sum + part, 0));
    const most = Math.max(...sums);
    const top = Math.max(most, 1);
    const left = (SECONDS - this.seconds.length) * STEP;
    const below = this.seconds.map(() => 0);
    this.paths.forEach((path, kind) => {
      let line = "";
      this.seconds.forEach((parts, second) => {
        const from = HEIGHT - (below[second] / top) * (HEIGHT - 2);
        below[second] += parts[kind];
        const to = HEIGHT - (below[second] / top) * (HEIGHT - 2);
        const at = left + second * STEP;
        const width = this.form === "bars" ? STEP - 1 : STEP;
        if (to < from) line += `M${at} ${from}V${to}h${width}V${from}z`;
      });
      path.setAttribute("d", line);
    });
    const last = sums.at(-1);
    this.svg.setAttribute("aria-label", `${this.name}: now ${round(last)}, at most ${round(most)} in the last minute`);
  }
}

/** A figure as people read it. */
export function round(figure) {
  return figure.toLocaleString("en", { maximumFractionDigits: figure < 10 ? 1 : 0 });
}

function element(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}
