/**
 * The numbers on the tiles: the room's state, which everybody can change.
 *
 * A change names what it was made on (`if_offset`). Who comes too late hears what is there now and adds to that, so that
 * of two who press at once neither is lost.
 */

import { setText } from "./dom.js";

/** After so many lost races in a row the person is told instead. */
const TRIES_MAX = 20;
/** Presses that follow each other within this time are one activity. */
const TOLD_AFTER_MS = 700;

/** @typedef {{ value: unknown, offset: number }} Seen */

/**
 * @typedef {object} KpiOptions
 * @property {(key: string) => Seen} see the value of a key, and the offset up to which this page knows the room
 * @property {(key: string, value: number, ifOffset: number) => Promise<unknown>} write rejects with a Refusal
 * @property {(key: string, from: number, to: number) => Promise<unknown>} tell what was done
 * @property {(problem: string) => void} onProblem
 */

export class Kpis {
  /** @type {KpiOptions} */
  #options;
  /** @type {Map<string, number>} presses that are not written yet */
  #waiting = new Map();
  /** @type {Set<string>} keys with a write on its way */
  #busy = new Set();
  /** @type {Map<string, { from: number, to: number, timer: ReturnType<typeof setTimeout> }>} */
  #untold = new Map();

  /** @param {KpiOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** @param {string} key @param {number} by */
  async change(key, by) {
    this.#waiting.set(key, (this.#waiting.get(key) ?? 0) + by);
    if (this.#busy.has(key)) return;
    this.#busy.add(key);
    try {
      for (let step = this.#take(key); step !== 0; step = this.#take(key)) await this.#write(key, step);
    } catch (refusal) {
      this.#waiting.delete(key);
      this.#options.onProblem(/** @type {import("./outbox.js").Refusal} */ (refusal).message);
    } finally {
      this.#busy.delete(key);
    }
  }

  /** @param {string} key */
  #take(key) {
    const step = this.#waiting.get(key) ?? 0;
    this.#waiting.delete(key);
    return step;
  }

  /** @param {string} key @param {number} step */
  async #write(key, step) {
    let seen = this.#options.see(key);
    for (let tries = 1; ; tries += 1) {
      const from = number(seen.value);
      try {
        await this.#options.write(key, from + step, seen.offset);
        this.#tell(key, from, from + step);
        return;
      } catch (refusal) {
        const now = /** @type {import("./outbox.js").Refusal} */ (refusal).current?.[key];
        if (tries >= TRIES_MAX || !Number.isSafeInteger(now?.offset)) throw refusal;
        seen = { value: now.value, offset: now.offset };
      }
    }
  }

  /** @param {string} key @param {number} from @param {number} to */
  #tell(key, from, to) {
    const before = this.#untold.get(key);
    clearTimeout(before?.timer);
    const first = before?.from ?? from;
    const timer = setTimeout(() => {
      this.#untold.delete(key);
      // The change itself is written; that nobody reads of it is no problem worth words.
      this.#options.tell(key, first, to).catch(() => {});
    }, TOLD_AFTER_MS);
    this.#untold.set(key, { from: first, to, timer });
  }
}

/** Whatever somebody wrote there, a press counts on from a number. @param {unknown} value @returns {number} */
export function number(value) {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : 0;
}

/**
 * @param {HTMLElement} tiles
 * @param {(key: string, by: number) => void} change
 */
export function watchSteps(tiles, change) {
  tiles.addEventListener("click", (event) => {
    const step = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-change]"));
    if (step?.dataset.change) change(step.dataset.change, Number(step.dataset.by));
  });
}

/**
 * @param {HTMLElement} tiles
 * @param {ReadonlyMap<string, unknown>} state
 * @param {boolean} isChange whether it is news, and not a picture that was just loaded
 */
export function drawKpis(tiles, state, isChange) {
  for (const node of tiles.querySelectorAll("[data-value]")) {
    const text = String(number(state.get(/** @type {HTMLElement} */ (node).dataset.value ?? "")));
    const isOther = node.textContent !== text;
    setText(node, text);
    const tile = node.closest(".tile");
    if (!isOther || !isChange || !tile) continue;
    tile.classList.remove("changed");
    // A class taken away and put back within one frame starts no animation anew.
    requestAnimationFrame(() => tile.classList.add("changed"));
  }
}
