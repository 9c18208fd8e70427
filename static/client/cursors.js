/**
 * Where others point: 0 to 1 of an element's box, so that it fits on screens of any size, and the nearest
 * `data-cp-anchor` beside it. Positions are values here; drawing and smoothing them is a view's business.
 */

import { isObject } from "./recovery.js";
import { Store } from "./store.js";

/** @typedef {import("./types.js").CursorPosition} CursorPosition */

/** Nothing heard for so long, and the pointer is gone. */
const GONE_MS = 60_000;
const EVENT = "cursor";

export class RoomCursors {
  #send;
  #env;
  /** @type {Store<ReadonlyMap<string, CursorPosition>>} by session */
  #others = new Store(new Map());
  /** @type {(() => void) | null} */
  #cancelSweep = null;

  /**
   * @param {(event: string, data: unknown) => void} send
   * @param {Pick<import("./environment.js").Environment, "now" | "after">} env
   */
  constructor(send, env) {
    this.#send = send;
    this.#env = env;
    this.getSnapshot = this.#others.getSnapshot;
    this.subscribe = this.#others.subscribe;
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
    element.addEventListener("pointermove", (event) => {
      const box = element.getBoundingClientRect();
      if (box.width === 0 || box.height === 0) return;
      const anchor = event.target instanceof Element ? event.target.closest("[data-cp-anchor]") : null;
      const name = anchor?.getAttribute("data-cp-anchor") ?? undefined;
      this.move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, name);
    }, options);
    for (const event of ["pointerleave", "pointercancel"]) element.addEventListener(event, () => this.hide(), options);
    return () => {
      stop.abort();
      this.hide();
    };
  }

  /** @param {number} x 0 to 1 @param {number} y 0 to 1 @param {string} [anchor] */
  move(x, y, anchor) {
    // Four digits are a tenth of a pixel on a thousand.
    const short = (/** @type {number} */ value) => Math.round(Math.min(1, Math.max(0, value)) * 1e4) / 1e4;
    this.#send(EVENT, { x: short(x), y: short(y), ...(anchor !== undefined && { anchor }) });
  }

  hide() {
    this.#send(EVENT, null);
  }

  /** @param {import("./types.js").Signal[]} signals */
  receive(signals) {
    const own = signals.filter(({ event }) => event === EVENT);
    if (own.length === 0) return;
    const now = this.#env.now();
    const next = new Map(this.others);
    for (const { session, user, data } of own) {
      const before = next.get(session);
      if (!isObject(data) || !isShare(data.x) || !isShare(data.y)) next.delete(session);
      else {
        const anchor = typeof data.anchor === "string" ? data.anchor : null;
        next.set(session, { session, user, x: data.x, y: data.y, anchor, interval: before ? now - before.at : 0, at: now });
      }
    }
    this.#others.set(next);
    this.#cancelSweep ??= this.#env.after(GONE_MS, () => this.#sweep());
  }

  /** Who left takes the pointer along. @param {ReadonlyMap<string, unknown>} members by user; empty is all */
  keep(members) {
    const next = new Map([...this.others].filter(([, { user }]) => members.has(user)));
    if (next.size !== this.others.size) this.#others.set(next);
  }

  clear() {
    this.#cancelSweep?.();
    this.#cancelSweep = null;
    if (this.others.size > 0) this.#others.set(new Map());
  }

  #sweep() {
    const now = this.#env.now();
    const next = new Map([...this.others].filter(([, { at }]) => now - at < GONE_MS));
    if (next.size !== this.others.size) this.#others.set(next);
    this.#cancelSweep = next.size > 0 ? this.#env.after(GONE_MS / 6, () => this.#sweep()) : null;
  }
}

/** @param {unknown} value @returns {value is number} */
function isShare(value) {
  return typeof value === "number" && value >= 0 && value <= 1;
}
