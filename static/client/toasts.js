/**
 * What is on screen: one toast an id, each for its time, which stands still while somebody looks at one or at nothing.
 */

import { Store } from "./store.js";

/** @typedef {import("./types.js").Notification} Notification */

const TOASTS_MAX = 100;
/** ms by type; what asks for something stays until it is dismissed. */
const DURATIONS = { info: 5_000, success: 5_000, warning: 8_000, error: Infinity };
/** Whoever comes back to a hidden page still gets to read what is there. */
const RESUME_MS = 2_000;
const DISMISSED_MAX = 1_000;

/** @typedef {{ left: number, since: number, cancel: () => void }} Running */

export class Toasts {
  #env;
  /** @type {Store<readonly Notification[]>} */
  #shown = new Store(Object.freeze(/** @type {Notification[]} */ ([])));
  /** @type {Map<string, Running>} */
  #running = new Map();
  /** Who holds the clocks, by reason. @type {Set<string>} */
  #holders = new Set();
  /** @type {Set<string>} ids that somebody put away */
  #dismissed = new Set();

  /** @param {Pick<import("./environment.js").Environment, "now" | "after">} env */
  constructor(env) {
    this.#env = env;
    this.getSnapshot = this.#shown.getSnapshot;
    this.subscribe = this.#shown.subscribe;
  }

  /** @param {string} id @returns {boolean} whether it was here and is put away */
  wasDismissed(id) {
    return this.#dismissed.has(id);
  }

  /**
   * The same id is updated in place.
   *
   * @param {Notification} notification
   * @param {number | null} scale multiplies its time; null is for ever
   * @param {string} [replaces] the id of the one whose place it takes
   */
  show(notification, scale, replaces = notification.id) {
    const { id } = notification;
    const list = this.getSnapshot();
    const isThere = list.some((each) => each.id === replaces || each.id === id);
    const next = isThere ? list.map((each) => (each.id === replaces || each.id === id ? notification : each)) : [...list, notification];
    this.#stop(replaces);
    this.#dismissed.delete(id);
    this.#shown.set(Object.freeze(next.slice(-TOASTS_MAX)));
    const time = durationOf(notification) * (scale ?? Infinity);
    this.#stop(id);
    if (time !== Infinity) this.#running.set(id, this.#run(id, time));
  }

  /** @param {string} id */
  hide(id) {
    this.#stop(id);
    const list = this.getSnapshot();
    if (!list.some((each) => each.id === id)) return;
    this.#dismissed.add(id);
    if (this.#dismissed.size > DISMISSED_MAX) this.#dismissed.delete(/** @type {string} */ (this.#dismissed.values().next().value));
    this.#shown.set(Object.freeze(list.filter((each) => each.id !== id)));
  }

  clear() {
    for (const { id } of this.getSnapshot()) this.hide(id);
  }

  /** Stops all clocks until everybody who holds them lets go. @param {string} reason such as `hover`, `focus`, `hidden` */
  hold(reason) {
    if (this.#holders.size === 0) {
      for (const running of this.#running.values()) {
        running.cancel();
        running.left -= this.#env.now() - running.since;
      }
    }
    this.#holders.add(reason);
  }

  /** @param {string} reason */
  release(reason) {
    if (!this.#holders.delete(reason) || this.#holders.size > 0) return;
    for (const [id, { left }] of [...this.#running]) this.#running.set(id, this.#run(id, Math.max(left, RESUME_MS)));
  }

  /** @param {string} id @param {number} left ms @returns {Running} */
  #run(id, left) {
    const cancel = this.#holders.size > 0 ? () => {} : this.#env.after(left, () => this.hide(id));
    return { left, since: this.#env.now(), cancel };
  }

  /** @param {string} id */
  #stop(id) {
    this.#running.get(id)?.cancel();
    this.#running.delete(id);
  }
}

/** @param {Notification} notification @returns {number} ms */
export function durationOf({ duration, type, critical, actions }) {
  if (duration !== undefined) return duration;
  return critical || (actions?.length ?? 0) > 0 ? Infinity : DURATIONS[type];
}
