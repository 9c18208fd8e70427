/**
 * A room's state: values by key, as the log has them, with our own writes on top until the log has those too.
 *
 *   confirmed (true at the cursor) + pending writes = what is shown;   a refused write is taken off again
 */

import { UsageError } from "./errors.js";
import { readList } from "./recovery.js";
import { Store } from "./store.js";

/** @typedef {{ set: Record<string, unknown>, removed: readonly string[] }} Change */
/** @typedef {import("./types.js").Published} Published */
/** @typedef {import("./types.js").WriteOptions & { ifOffset?: number }} SetOptions */

export class RoomState {
  #room;
  /** Keys are anybody's strings, so a Map, in which `__proto__` is a key like others. @type {Map<string, unknown>} */
  #confirmed = new Map();
  /** Oldest first; infinite until the server said where in the log it is. @type {(Change & { offset: number })[]} */
  #pending = [];
  /** @type {Store<Readonly<Record<string, any>>>} */
  #shown = new Store({});
  getSnapshot = this.#shown.getSnapshot;
  /** Up to where the log is in it. */
  offset = 0;

  /** @param {import("./room.js").Room<any>} room */
  constructor(room) {
    this.#room = room;
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
   * @param {SetOptions} [options] `ifOffset` refuses the write (ConflictError) when one of its keys was written after that offset
   * @returns {Promise<Published>}
   */
  set(patch, options) {
    return this.#change({ set: { ...patch }, removed: [] }, options);
  }

  /** @param {...string} keys @returns {Promise<Published>} */
  remove(...keys) {
    return this.#change({ set: {}, removed: keys });
  }

  /**
   * @param {string | readonly string[] | (() => void)} keys these only, or a function for all
   * @param {() => void} [listener]
   * @returns {() => void} ends it
   */
  subscribe(keys, listener) {
    if (typeof keys === "function") return this.#shown.subscribe(keys);
    if (!listener) throw new UsageError("state.subscribe(keys, listener) needs a listener");
    const read = () => [keys].flat().map((key) => this.get(key));
    let before = read();
    return this.#shown.subscribe(() => {
      const now = read();
      const isSame = now.every((value, at) => Object.is(value, before[at]));
      before = now;
      if (!isSame) listener();
    });
  }

  /** A new picture, true at `offset`. @param {Record<string, unknown>} all @param {number} offset */
  replace(all, offset) {
    this.#confirmed = new Map(Object.entries(all));
    // Offsets of another epoch don't compare, so what was answered before counts as in the picture.
    this.#pending = this.#pending.filter((each) => each.offset === Infinity);
    this.offset = offset;
    this.#show();
  }

  /** @param {{ offset: number, set?: any, removed?: any }} entry */
  apply(entry) {
    alter(this.#confirmed, entry);
    this.offset = Math.max(this.offset, entry.offset);
    this.#show();
  }

  /** What is confirmed, for a snapshot over a reload. */
  save() {
    return Object.fromEntries(this.#confirmed);
  }

  /** @param {Change} change @param {SetOptions} [options] */
  async #change(change, { ifOffset, ...options } = {}) {
    const pending = { ...change, offset: Infinity };
    this.#pending.push(pending);
    this.#show();
    try {
      const published = await this.#room.write({ type: "set", set: change.set, remove: change.removed, if_offset: ifOffset }, options);
      pending.offset = published.offset;
      return published;
    } catch (error) {
      pending.offset = 0;
      throw error;
    } finally {
      this.#show();
    }
  }

  #show() {
    // The reply may come before the entry: until the log is here, the write stays on top.
    this.#pending = this.#pending.filter(({ offset }) => offset > this.offset);
    const shown = new Map(this.#confirmed);
    for (const change of this.#pending) alter(shown, change);
    const before = this.getSnapshot();
    const isSame = shown.size === Object.keys(before).length && [...shown].every(([key, value]) => Object.hasOwn(before, key) && Object.is(before[key], value));
    if (!isSame) this.#shown.set(Object.fromEntries(shown));
  }
}

/** @param {Map<string, unknown>} values @param {{ set?: any, removed?: any }} change by whoever, so of any form */
export function alter(values, { set, removed }) {
  for (const [key, value] of Object.entries(set ?? {})) values.set(key, value);
  for (const key of readList(removed)) values.delete(key);
}
