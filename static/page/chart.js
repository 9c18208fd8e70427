/**
 * The one big chart: revenue over the time range that all share, and the target across it. uPlot draws it and is loaded
 * after everything else; what it shows is also a sentence and a table, for it says nothing to a screen reader itself.
 */

import { byId, element, setText } from "./dom.js";
import { euros, millions, percent } from "./format.js";
import { sample } from "./series.js";

const MINUTES = [1, 5, 15];
const MINUTES_FIRST = 5;
const ROWS = 13;
const DRAW_MS = 1_000;
const SHORTEST_MS = 30_000;
/** There every colour is a full one, and a surface would hide the grid. */
const forced = matchMedia("(forced-colors: active)");
/** A sentence that is read to somebody does not change under them. */
const SENTENCE_MS = 10_000;

export class Chart {
  #room;
  #data;
  #box = byId("chart");
  /** @type {any} */
  #plot = null;
  #saidAt = 0;
  #isTable = false;
  #hasPoints = false;

  /**
   * @param {import("/client/index.js").Room<any>} room
   * @param {import("./figures.js").Figures} data
   */
  constructor(room, data) {
    this.#room = room;
    this.#data = data;
    for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-minutes]"))) {
      button.disabled = false;
      button.addEventListener("click", () => void room.state.set({ range: Number(button.dataset.minutes) }).catch(() => {}));
    }
    byId("chart-table").disabled = false;
    byId("chart-table").addEventListener("click", () => this.#showTable(!this.#isTable));
    room.state.subscribe(["range", "target"], () => this.draw(true));
    setInterval(() => document.hidden || this.draw(false), DRAW_MS);
    addEventListener("schemechange", () => this.#plot?.redraw(false));
    this.draw(true);
    void this.#load();
  }

  /** Whatever somebody wrote there, one of the ranges. */
  get #minutes() {
    const range = Number(this.#room.state.get("range"));
    return MINUTES.includes(range) ? range : MINUTES_FIRST;
  }

  /** @param {boolean} isNews whether the sentence has to be true at once */
  draw(isNews) {
    const minutes = this.#minutes;
    for (const button of document.querySelectorAll("[data-minutes]")) {
      button.setAttribute("aria-pressed", String(Number(/** @type {HTMLElement} */ (button).dataset.minutes) === minutes));
    }
    setText(byId("chart-range"), minutes === 1 ? "last minute" : `last ${minutes} minutes`);
    const to = this.#data.now();
    const points = this.#data.series.revenue.between(to - minutes * 60_000, to);
    const target = this.#room.state.get("target");
    byId("chart-empty").hidden = points.length > 0;
    if (this.#isTable) this.#fillTable(points);
    else this.#plot?.setData(columns(points, typeof target === "number" ? target : null, to));
    const isFirst = this.#hasPoints !== points.length > 0;
    this.#hasPoints = points.length > 0;
    if (isNews || isFirst || Date.now() - this.#saidAt > SENTENCE_MS) this.#say(points, target, minutes);
  }

  /** @param {readonly import("./series.js").Point[]} points @param {unknown} target @param {number} minutes */
  #say(points, target, minutes) {
    this.#saidAt = Date.now();
    const [first, last] = [points[0], points.at(-1)];
    const goal = typeof target === "number" ? ` The target is ${euros(target)}.` : "";
    this.#box.setAttribute("aria-label", first && last ? sentence(first.value, last.value, minutes) + goal : "Revenue: no numbers yet.");
  }

  /** @param {boolean} isTable */
  #showTable(isTable) {
    this.#isTable = isTable;
    byId("chart-table").setAttribute("aria-pressed", String(isTable));
    byId("chart-rows").hidden = !isTable;
    this.#box.hidden = isTable;
    this.draw(true);
  }

  /** @param {readonly import("./series.js").Point[]} points */
  #fillTable(points) {
    const rows = sample(points, ROWS).reverse().map(({ at, value }) => {
      const time = new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
      return element("tr", {}, [element("td", { text: time }), element("td", { text: euros(value) })]);
    });
    byId("chart-body").replaceChildren(...rows);
  }

  async #load() {
    await afterPaint();
    try {
      await loadUplot();
    } catch {
      // Without it there is the table.
      return this.#showTable(true);
    }
    const { uPlot } = /** @type {any} */ (globalThis);
    const color = (/** @type {string} */ name) => () => getComputedStyle(this.#box).getPropertyValue(name);
    const size = () => ({ width: Math.max(200, this.#box.clientWidth), height: Math.max(120, this.#box.clientHeight) });
    const axis = { stroke: resolved("--muted"), grid: { stroke: resolved("--line"), width: 1 }, ticks: { show: false }, font: `12px ${color("font-family")()}` };
    // A value holds until there is another.
    const paths = uPlot.paths.stepped({ align: 1 });
    this.#plot = new uPlot({
      ...size(),
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => padded(low, high) } },
      axes: [{ ...axis, size: 32, space: 72, values: times }, { ...axis, size: 72, space: 40, values: amounts }],
      series: [
        {},
        { stroke: resolved("--accent"), width: 2, paths, points: { show: false }, fill: () => (forced.matches ? "transparent" : resolved("--accent-faint")()) },
        { stroke: resolved("--muted"), width: 1, dash: [6, 4], points: { show: false } },
      ],
    }, [[], [], []], this.#box);
    new ResizeObserver(() => this.#box.hidden || this.#plot.setSize(size())).observe(this.#box);
    this.draw(false);
  }
}

/** @param {number} from @param {number} to @param {number} minutes */
function sentence(from, to, minutes) {
  const time = minutes === 1 ? "the last minute" : `the last ${minutes} minutes`;
  if (from === to) return `Revenue stayed at ${euros(to)} over ${time}.`;
  const share = from === 0 ? "" : `, by ${percent(Math.abs((to - from) / from) * 100)}`;
  return `Revenue ${to > from ? "rose" : "fell"} from ${euros(from)} to ${euros(to)} over ${time}${share}.`;
}

/**
 * As uPlot wants it: times in seconds, then a column for each line. A past that is shorter than the range fills the width,
 * but for its first half minute.
 *
 * @param {readonly import("./series.js").Point[]} points @param {number | null} target @param {number} to
 */
function columns(points, target, to) {
  const from = to - SHORTEST_MS;
  const all = points.length === 0 || points[0].at > from ? [{ at: from, value: null }, ...points] : points;
  if (points.length === 0) return [[from / 1000, to / 1000], [null, null], [target, target]];
  return [all.map(({ at }) => at / 1000), all.map(({ value }) => value), all.map(() => target)];
}

/** Some air above and below, and never a range of nothing. @param {number} low @param {number} high */
function padded(low, high) {
  const air = Math.max((high - low) * 0.1, Math.abs(high) * 0.002, 1);
  return [low - air, high + air];
}

/** @param {any} _ @param {number[]} all seconds since 1970 */
function times(_, all) {
  const options = /** @type {Intl.DateTimeFormatOptions} */ ({ hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(all[1] - all[0] < 60 && { second: "2-digit" }) });
  return all.map((at) => new Date(at * 1000).toLocaleTimeString([], options));
}

/** As many digits as the grid's step has. @param {any} _ @param {number[]} all @param {number} _axis @param {number} _space @param {number} step */
function amounts(_, all, _axis, _space, step) {
  let digits = 1;
  while (digits < 6 && !Number.isInteger((step * 10 ** digits) / 1e6)) digits += 1;
  return all.map((value) => (Math.abs(value) < 1e6 ? euros(value) : millions(value, digits)));
}

/** A colour as a canvas takes it: custom properties are not resolved there, those of an element are. @param {string} name */
function resolved(name) {
  return () => {
    const probe = byId("color-probe");
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
}

function afterPaint() {
  return new Promise((resolve) => {
    const idle = /** @type {any} */ (globalThis).requestIdleCallback ?? ((/** @type {() => void} */ then) => setTimeout(then, 200));
    requestAnimationFrame(() => idle(resolve, { timeout: 1_000 }));
  });
}

function loadUplot() {
  const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/vendor/uplot/uPlot.min.css" });
  const script = Object.assign(document.createElement("script"), { src: "/vendor/uplot/uPlot.iife.min.js" });
  // Drawn before its styles are there, the plot would jump to its place.
  const all = [sheet, script].map((each) => new Promise((resolve, reject) => {
    each.onload = resolve;
    each.onerror = reject;
  }));
  document.head.append(sheet, script);
  return Promise.all(all);
}
