/** Stand-ins for the browser's parts, and a way to let promises run without waiting. */

/** Lets `turns` rounds of promises settle. Nothing here uses a timer, so no round takes time. */
export async function settle(turns = 20) {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** @returns {any} what `localStorage` does, keys as own properties as there */
export function memoryStorage() {
  const hidden = (value) => ({ value, enumerable: false });
  return Object.defineProperties({}, {
    getItem: hidden(function (key) { return Object.hasOwn(this, key) && this.propertyIsEnumerable(key) ? this[key] : null; }),
    setItem: hidden(function (key, value) { this[key] = String(value); }),
    removeItem: hidden(function (key) { delete this[key]; }),
    length: { get() { return Object.keys(this).length; } },
  });
}

/** @returns {any} the storage of a browser that forbids it */
export function forbiddenStorage() {
  return new Proxy({}, {
    get() { throw new Error("access is denied"); },
    ownKeys() { throw new Error("access is denied"); },
  });
}

/** A clock that moves when told to, and the timers that it wakes. */
export class Clock {
  now = 1;
  #timers = new Set();

  after = (ms, action) => {
    const timer = { at: this.now + ms, action };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  /** Moves on by `ms`, waking timers in their order and letting promises settle after each. */
  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      const next = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers.delete(next);
      this.now = next.at;
      next.action();
      await settle(2);
    }
    this.now = end;
    await settle(2);
  }
}
