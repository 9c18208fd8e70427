/**
 * A value that can be read and watched: `getSnapshot` is the same object until something changed, `subscribe` tells that
 * it did. That is all that React, Svelte, Solid, Lit or a plain page need to bind to it.
 */

/** @template T */
export class Store {
  /** @type {T} */
  #value;
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** @param {T} value */
  constructor(value) {
    this.#value = value;
    this.getSnapshot = () => this.#value;
    /** @type {(listener: () => void) => () => void} */
    this.subscribe = (listener) => {
      // Wrapped, so that one function given twice is two subscriptions.
      const own = () => listener();
      this.#listeners.add(own);
      return () => void this.#listeners.delete(own);
    };
  }

  /** @param {T} value a new object when anything in it changed */
  set(value) {
    if (value === this.#value) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) guarded(listener);
  }
}

/**
 * Runs what somebody else wrote; what it throws is reported, and stops nothing of ours.
 *
 * @param {() => unknown} action
 */
export function guarded(action) {
  try {
    action();
  } catch (error) {
    (globalThis.reportError ?? console.error)(error);
  }
}
