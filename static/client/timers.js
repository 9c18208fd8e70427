/** Timers by name: armed again replaces, and nobody forgets one. */
export class Timers {
  #after;
  /** @type {Map<string, () => void>} cancel by name */
  #cancels = new Map();

  /** @param {import("./environment.js").Environment["after"]} after */
  constructor(after) {
    this.#after = after;
  }

  /** @param {string} name @param {number} ms @param {() => void} action */
  arm(name, ms, action) {
    this.stop(name);
    const cancel = this.#after(ms, () => {
      this.#cancels.delete(name);
      action();
    });
    this.#cancels.set(name, cancel);
  }

  /** @param {string} name @returns {boolean} */
  has(name) {
    return this.#cancels.has(name);
  }

  /** @param {string} name */
  stop(name) {
    this.#cancels.get(name)?.();
    this.#cancels.delete(name);
  }

  stopAll() {
    for (const name of [...this.#cancels.keys()]) this.stop(name);
  }
}
