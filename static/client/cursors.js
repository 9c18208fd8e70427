/**
 * Where others point: 0 to 1 of an element's box, so that it fits on screens of any size, and the nearest
 * `data-cp-anchor` beside it. Positions are values here; drawing and smoothing them is a view's business.
 */

import { readText } from "./recovery.js";
import { Readable } from "./store.js";

/** @typedef {import("./types.js").CursorPosition} CursorPosition */

/** Nothing heard for so long, and the pointer is gone. */
const GONE_MS = 60_000;
const EVENT = "cursor";
const ANCHOR = "data-cp-anchor";

/** By session. @extends {Readable<ReadonlyMap<string, CursorPosition>>} */
export class RoomCursors extends Readable {
  #room;
  #env;
  #cancelSweep = () => {};

  /** @param {import("./room.js").Room<any>} room @param {Pick<import("./environment.js").Environment, "now" | "after">} env */
  constructor(room, env) {
    super(new Map());
    this.#room = room;
    this.#env = env;
  }

  /** By session. */
  get others() {
    return this.getSnapshot();
  }

  /**
   * Sends where the pointer is over an element.
   *
   * @param {HTMLElement} element
   * @returns {() => void} stops it
   */
  attach(element) {
    const stop = new AbortController();
    const options = { signal: stop.signal, passive: true };
    const hide = () => this.hide();
    element.addEventListener("pointermove", ({ clientX, clientY, target }) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      const anchor = target instanceof Element ? target.closest(`[${ANCHOR}]`)?.getAttribute(ANCHOR) : null;
      if (width && height) this.move((clientX - left) / width, (clientY - top) / height, anchor ?? undefined);
    }, options);
    element.addEventListener("pointerleave", hide, options);
    element.addEventListener("pointercancel", hide, options);
    return () => {
      stop.abort();
      hide();
    };
  }

  /** @param {number} x 0 to 1 @param {number} y 0 to 1 @param {string} [anchor] */
  move(x, y, anchor) {
    // Four digits are a tenth of a pixel on a thousand.
    const short = (/** @type {number} */ value) => Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;
    this.#room.signal(EVENT, { x: short(x), y: short(y), anchor });
  }

  hide() {
    this.#room.signal(EVENT, null);
  }

  /** @param {import("./types.js").Signal[]} signals */
  receive(signals) {
    const own = signals.filter(({ event }) => event === EVENT);
    if (own.length === 0) return;
    const at = this.#env.now();
    const next = new Map(this.others);
    for (const { session, user, data } of own) {
      const before = next.get(session)?.at ?? at;
      if (isShare(data?.x) && isShare(data.y)) next.set(session, { session, user, x: data.x, y: data.y, anchor: readText(data.anchor), interval: at - before, at });
      else next.delete(session);
    }
    this.show(next);
    this.#sweep();
  }

  /** @param {(position: CursorPosition) => boolean} isKept the others are gone */
  keep(isKept) {
    const next = new Map([...this.others].filter(([, position]) => isKept(position)));
    if (next.size < this.others.size) this.show(next);
  }

  clear() {
    this.#cancelSweep();
    this.keep(() => false);
  }

  /** Looks for those that are gone, for as long as there are any. */
  #sweep() {
    this.#cancelSweep();
    const now = this.#env.now();
    this.keep(({ at }) => now - at < GONE_MS);
    if (this.others.size > 0) this.#cancelSweep = this.#env.after(GONE_MS / 6, () => this.#sweep());
  }
}

/** @param {unknown} value @returns {value is number} */
function isShare(value) {
  return typeof value === "number" && value >= 0 && value <= 1;
}
