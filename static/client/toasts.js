/**
 * What is on screen: one toast an id, each for its time, which stands still while somebody looks at one or at nothing.
 */

import { Readable } from "./store.js";

/** @typedef {import("./types.js").Notification} Notification */

const TOASTS_MAX = 100;
/** ms by type; what asks for something stays until it is dismissed. */
const DURATIONS = { info: 5_000, success: 5_000, warning: 8_000, error: Infinity };
/** Whoever comes back to a hidden page still gets to read what is there. */
const RESUME_MS = 2_000;
const DISMISSED_MAX = 1_000;

/** @extends {Readable<readonly Notification[]>} */
export class Toasts extends Readable {
  #env;
  #onHide;
  /** How their clocks stand: the ms that were left when they began to run. @type {Map<string, { left: number, since: number, cancel: () => void }>} */
  #clocks = new Map();
  /** Who holds the clocks, by reason. @type {Set<string>} */
  #holders = new Set();
  /** Those whose time was over, or that somebody put away. @type {Set<unknown>} */
  #dismissed = new Set();

  /** @param {Pick<import("./environment.js").Environment, "now" | "after">} env @param {(id: string) => void} onHide */
  constructor(env, onHide) {
    super([]);
    this.#env = env;
    this.#onHide = onHide;
  }

  /** @param {string} [id] @returns {boolean} whether it was here and is put away */
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
  put(notification, scale, replaces = notification.id) {
    const { id, duration = timeOf(notification) } = notification;
    const list = this.getSnapshot();
    const isOld = (/** @type {Notification} */ each) => each.id === id || each.id === replaces;
    const at = list.findIndex(isOld);
    const next = list.filter((each) => !isOld(each));
    next.splice(at < 0 ? next.length : at, 0, notification);
    this.#stop(replaces);
    this.#stop(id);
    this.#dismissed.delete(id);
    this.show(next.slice(-TOASTS_MAX));
    const time = duration * (scale ?? Infinity);
    if (time < Infinity) this.#run(id, time);
  }

  /** @param {string} id */
  hide(id) {
    this.#dismissed.add(id);
    if (this.#dismissed.size > DISMISSED_MAX) this.#dismissed.delete(this.#dismissed.values().next().value);
    this.remove(id);
    this.#onHide(id);
  }

  /** Shows it no longer, which says nothing about whether somebody saw it. @param {string} id */
  remove(id) {
    this.#stop(id);
    const list = this.getSnapshot();
    if (list.some((each) => each.id === id)) this.show(list.filter((each) => each.id !== id));
  }

  clear() {
    for (const { id } of this.getSnapshot()) this.hide(id);
  }

  /** @param {string} id @returns {number} ms that it has left; Infinity for what stays */
  timeLeft(id) {
    const { left = Infinity, since = 0 } = this.#clocks.get(id) ?? {};
    return left - (this.#holders.size > 0 ? 0 : this.#env.now() - since);
  }

  /** Stops all clocks until everybody who holds them lets go. @param {string} reason such as `hover`, `focus`, `hidden` */
  hold(reason) {
    if (this.#holders.size === 0) {
      for (const clock of this.#clocks.values()) {
        clock.cancel();
        clock.left -= this.#env.now() - clock.since;
      }
    }
    this.#holders.add(reason);
  }

  /** @param {string} reason */
  release(reason) {
    if (!this.#holders.delete(reason) || this.#holders.size > 0) return;
    for (const [id, { left }] of [...this.#clocks]) this.#run(id, Math.max(left, RESUME_MS));
  }

  /** @param {string} id @param {number} left ms */
  #run(id, left) {
    const { now, after } = this.#env;
    this.#clocks.set(id, { left, since: now(), cancel: this.#holders.size > 0 ? () => {} : after(left, () => this.hide(id)) });
  }

  /** @param {string} id */
  #stop(id) {
    this.#clocks.get(id)?.cancel();
    this.#clocks.delete(id);
  }
}

/** @param {Notification} notification @returns {number} ms, where it does not say itself */
function timeOf({ type, critical, actions = [] }) {
  return critical || actions.length > 0 ? Infinity : DURATIONS[type];
}
