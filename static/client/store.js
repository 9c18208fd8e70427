/**
 * A value that can be read and watched: `getSnapshot` is the same object until something changed, `subscribe` tells that
 * it did. That is all that React, Svelte, Solid, Lit or a plain page need to bind to it.
 */

/** @template T */
export class Readable {
  /** @type {T} */
  #value;
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** @param {T} value */
  constructor(value) {
    this.#value = Object.freeze(value);
    /** The first one, which pages that a server rendered begin with. @type {() => T} */
    this.getServerSnapshot = () => value;
  }

  getSnapshot = () => this.#value;

  /** @param {() => void} listener @returns {() => void} ends it */
  subscribe = (listener) => {
    // Wrapped, so that one function given twice is two subscriptions.
    const own = () => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  };

  /** @protected @param {T} value a new object when anything in it changed; nobody changes it any more */
  show(value) {
    if (Object.is(value, this.#value)) return;
    this.#value = Object.freeze(value);
    for (const listener of [...this.#listeners]) guarded(listener);
  }
}

/** A value that its owner sets from outside. @template T @extends {Readable<T>} */
export class Store extends Readable {
  /** @param {T} value as for `show` */
  set(value) {
    this.show(value);
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
