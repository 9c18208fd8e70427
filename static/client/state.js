/**
 * A room's state: values by key, as the log has them, with our own writes on top until the log has those too.
 *
 *   confirmed (true at the cursor) + pending writes = what is shown;   a refused write is taken off again
 */

import { UsageError } from "./errors.js";
import { guarded, Store } from "./store.js";

/** @typedef {{ set: Record<string, unknown>, remove: readonly string[], offset: number | null }} Pending */
/** @typedef {import("./types.js").Published} Published */

export class RoomState {
  /** Keys are anybody's strings, so a Map, in which `__proto__` is a key like others. @type {Map<string, unknown>} */
  #confirmed = new Map();
  /** @type {Pending[]} oldest first */
  #pending = [];
  /** @type {Store<Readonly<Record<string, any>>>} */
  #shown = new Store(Object.freeze({}));
  #write;
  #offset = 0;

  /** @param {(message: Record<string, unknown>, options?: import("./types.js").WriteOptions) => Promise<Published>} write */
  constructor(write) {
    this.#write = write;
    this.getSnapshot = this.#shown.getSnapshot;
  }

  /** Up to where the log is in it. */
  get offset() {
    return this.#offset;
  }

  /** @param {string} key @returns {any} */
  get(key) {
    const all = this.getSnapshot();
    return Object.hasOwn(all, key) ? all[key] : undefined;
  }

  /** @returns {Readonly<Record<string, any>>} the same object until something changed */
  all() {
    return this.getSnapshot();
  }

  /**
   * Shown at once, and taken back when it is refused.
   *
   * @param {Record<string, unknown>} patch
   * @param {import("./types.js").WriteOptions & { ifOffset?: number }} [options] `ifOffset` refuses the write (ConflictError) when one
   *   of its keys was written after that offset
   * @returns {Promise<Published>}
   */
  set(patch, options = {}) {
    return this.#change({ set: { ...patch }, remove: [], offset: null }, options);
  }

  /** @param {...string} keys @returns {Promise<Published>} */
  remove(...keys) {
    return this.#change({ set: {}, remove: keys, offset: null }, {});
  }

  /**
   * @param {string | readonly string[] | (() => void)} keys these only, or a function for all
   * @param {() => void} [listener]
   * @returns {() => void} ends it
   */
  subscribe(keys, listener) {
    if (typeof keys === "function") return this.#shown.subscribe(keys);
    if (!listener) throw new UsageError("state.subscribe(keys, listener) needs a listener");
    const watched = typeof keys === "string" ? [keys] : [...keys];
    let before = watched.map((key) => this.get(key));
    return this.#shown.subscribe(() => {
      const now = watched.map((key) => this.get(key));
      const isSame = now.every((value, at) => Object.is(value, before[at]));
      before = now;
      if (!isSame) guarded(listener);
    });
  }

  /** A new picture, true at `offset`. @param {Record<string, unknown>} all @param {number} offset */
  replace(all, offset) {
    this.#confirmed = new Map(Object.entries(all));
    // Offsets of another epoch don't compare, so what was answered before counts as in the picture.
    this.#offset = offset;
    this.#pending = this.#pending.filter((each) => each.offset === null);
    this.#show();
  }

  /** @param {{ offset: number, set?: any, removed?: any }} entry */
  apply({ offset, set, removed }) {
    for (const [key, value] of Object.entries(set ?? {})) this.#confirmed.set(key, value);
    for (const key of Array.isArray(removed) ? removed : []) this.#confirmed.delete(key);
    this.#reach(offset);
  }

  /** What is confirmed, for a snapshot over a reload. */
  save() {
    return Object.fromEntries(this.#confirmed);
  }

  /** @param {Pending} pending @param {import("./types.js").WriteOptions & { ifOffset?: number }} options */
  async #change(pending, { ifOffset, ...options }) {
    this.#pending.push(pending);
    this.#show();
    const { set, remove } = pending;
    const message = { type: "set", set, ...(remove.length && { remove }), ...(ifOffset !== undefined && { if_offset: ifOffset }) };
    try {
      const published = await this.#write(message, options);
      pending.offset = published.offset;
      this.#reach(this.#offset);
      return published;
    } catch (error) {
      this.#pending = this.#pending.filter((each) => each !== pending);
      this.#show();
      throw error;
    }
  }

  /** @param {number} offset */
  #reach(offset) {
    this.#offset = Math.max(this.#offset, offset);
    // The reply may come before the entry: until the log is here, the write stays on top.
    this.#pending = this.#pending.filter((each) => each.offset === null || each.offset > this.#offset);
    this.#show();
  }

  #show() {
    const shown = new Map(this.#confirmed);
    for (const { set, remove } of this.#pending) {
      for (const [key, value] of Object.entries(set)) shown.set(key, value);
      for (const key of remove) shown.delete(key);
    }
    const next = Object.fromEntries(shown);
    const before = this.getSnapshot();
    const keys = Object.keys(next);
    const isSame = keys.length === Object.keys(before).length && keys.every((key) => Object.hasOwn(before, key) && Object.is(before[key], next[key]));
    if (!isSame) this.#shown.set(Object.freeze(next));
  }
}
