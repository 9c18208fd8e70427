/**
 * The four numbers: what each is, how it went, who looks at it, how old it is when it does not come by itself.
 *
 *   room.state ──▶ value, change, sparkline        presence.state.selected ──▶ rings        Approve ──▶ Counter ──▶ room.state
 */

import { Counter, number } from "./counter.js";
import { element, setText } from "./dom.js";
import { ago, count, euros, percent } from "./format.js";
import { drawSparkline } from "./sparkline.js";

/** How a number is read, and how its change is said. @type {Record<string, { words: (value: unknown) => string, change: (from: number, to: number) => string }>} */
export const FIGURES = {
  revenue: { words: euros, change: (from, to) => `${arrow(to - from)} ${percent(from === 0 ? 0 : Math.abs((to - from) / from) * 100)}` },
  orders: { words: count, change: (from, to) => `${arrow(to - from)} ${count(Math.abs(to - from))}` },
  conversion: { words: percent, change: (from, to) => `${arrow(to - from)} ${percent(Math.abs(to - from)).replace(" %", " pt")}` },
  approvals: { words: count, change: (from, to) => `${arrow(to - from)} ${count(Math.abs(to - from))}` },
};
export const KEYS = Object.keys(FIGURES);

/** The sparklines' width in time. */
const SPARK_MS = 5 * 60_000;

export class Tiles {
  #room;
  #data;
  /** @type {Map<string, Record<string, any>>} by key, the parts that change */
  #parts = new Map();
  #counter;
  #onSelect;
  /** @type {string | null} */
  selected = null;

  /**
   * @param {import("/client/index.js").Room<any>} room
   * @param {import("./figures.js").Figures} data
   * @param {{ onSelect: (tile: string | null) => void, onProblem: (problem: string) => void }} events
   */
  constructor(room, data, { onSelect, onProblem }) {
    this.#room = room;
    this.#data = data;
    this.#onSelect = onSelect;
    for (const key of KEYS) this.#find(key);
    this.#counter = new Counter({
      key: "approvals",
      see: () => ({ value: room.state.get("approvals"), offset: room.state.offset }),
      write: (value, ifOffset) => room.state.set({ approvals: Math.max(0, value) }, { ifOffset }),
      onChange: () => this.draw(),
      onProblem,
    });
    const approve = /** @type {HTMLButtonElement} */ (document.getElementById("approve"));
    approve.addEventListener("click", () => this.#approve());
    room.state.subscribe(() => this.draw());
    room.presence.subscribe(() => this.#drawPeople());
  }

  /** @param {string} key */
  #find(key) {
    const tile = /** @type {HTMLElement} */ (document.querySelector(`[data-tile=${key}]`));
    const part = (/** @type {string} */ name) => /** @type {any} */ (tile.querySelector(`.tile-${name}`));
    this.#parts.set(key, { tile, pick: part("pick"), value: part("value"), change: part("change"), spark: part("spark"), people: part("people"), age: part("age") });
    part("pick").disabled = false;
    part("pick").addEventListener("click", () => {
      this.selected = this.selected === key ? null : key;
      for (const [each, { pick }] of this.#parts) pick.setAttribute("aria-pressed", String(each === this.selected));
      this.#onSelect(this.selected);
    });
  }

  #approve() {
    const left = number(this.#room.state.get("approvals")) + this.#counter.waiting;
    if (left < 1) return;
    void this.#counter.change(-1);
    // One entry a press: who reads the activity sees each, and offline each waits in the outbox.
    this.#room.activity.track("approved", "an order").catch(() => {});
  }

  /** Values, changes and lines, as the room's state and log have them now. */
  draw() {
    const now = this.#data.now();
    for (const [key, { tile, value, change, spark }] of this.#parts) {
      const own = key === "approvals" ? this.#counter.waiting : 0;
      const known = this.#room.state.get(key);
      const words = FIGURES[key].words(typeof known === "number" ? known + own : known);
      if (value.textContent !== words) {
        const isNews = value.textContent !== "" && value.textContent !== "–" && words !== "–";
        setText(value, words);
        if (isNews) tint(tile);
      }
      const points = this.#data.series[key].between(now - SPARK_MS, now);
      drawSparkline(spark, points);
      const from = points[0]?.value;
      const to = points.at(-1)?.value;
      setText(change, from === undefined || to === undefined ? "no past yet" : from === to ? "±0 in 5 min" : `${FIGURES[key].change(from, to)} in 5 min`);
    }
    const approve = /** @type {HTMLButtonElement} */ (document.getElementById("approve"));
    // Not `disabled`, which would take the focus away from whoever approves the last one.
    approve.setAttribute("aria-disabled", String(number(this.#room.state.get("approvals")) + this.#counter.waiting < 1));
  }

  /** Who looks at what: a ring in their colour, and their names. */
  #drawPeople() {
    const { others } = this.#room.presence.getSnapshot();
    for (const [key, { tile, people }] of this.#parts) {
      const here = others.filter(({ state }) => state?.selected === key);
      tile.classList.toggle("is-watched", here.length > 0);
      if (here[0]) tile.style.setProperty("--who", colorOf(here[0]));
      const names = here.map(({ name }) => name).join("\n");
      if (people.dataset.names === names) continue;
      people.dataset.names = names;
      people.replaceChildren();
      if (here[0]) people.append(dot(here[0]), element("bdi", { text: here[0].name }), here.length > 1 ? ` +${here.length - 1}` : "");
    }
  }

  /** Without realtime a number says how old it is. @param {number | null} lookedAt ms since 1970; null while it is live */
  drawAge(lookedAt) {
    for (const { age, change } of this.#parts.values()) {
      age.hidden = lookedAt === null;
      change.hidden = lookedAt !== null;
      if (lookedAt !== null) setText(age, `updated ${ago(Date.now() - lookedAt)}`);
    }
  }
}

/** A colour of a person as the server gives it, and no other text. @param {{ color?: unknown }} member */
export function colorOf({ color }) {
  return typeof color === "string" && /^#[0-9a-f]{6}$/i.test(color) ? color : "#5b6470";
}

/** @param {{ color?: unknown }} member */
function dot(member) {
  return element("span", { class: "dot", who: colorOf(member) });
}

/** @param {number} by */
function arrow(by) {
  return by < 0 ? "▼" : "▲";
}

/** @param {HTMLElement} tile */
function tint(tile) {
  tile.classList.remove("is-changed");
  // A class taken away and put back within one frame starts no animation anew.
  requestAnimationFrame(() => tile.classList.add("is-changed"));
}
