/**
 * What may be lost and is soon stale, such as where a pointer is: at most one of a name each 33 ms, the newest wins, and
 * none while there is no connection or the network is behind.
 */

export const SIGNAL_MS = 33;
/** More than this on its way, and a signal would be stale on arrival. */
const BUFFERED_BYTES_MAX = 64 * 1024;

export class Signals {
  #options;
  /** What waits for its turn, by name. @type {Map<string, { data: unknown }>} */
  #waiting = new Map();
  /** When a name may be sent again. @type {Map<string, number>} */
  #freeAt = new Map();
  /** @type {(() => void) | null} */
  #cancel = null;

  /**
   * @param {object} options
   * @param {(event: string, data: unknown) => void} options.send
   * @param {() => number} options.buffered
   * @param {Pick<import("./environment.js").Environment, "now" | "after">} options.env
   * @param {number} [options.every] ms
   */
  constructor({ every = SIGNAL_MS, ...options }) {
    this.#options = { every, ...options };
  }

  /** @param {string} event @param {unknown} data */
  put(event, data) {
    this.#waiting.set(event, { data });
    this.#flush();
  }

  clear() {
    this.#waiting.clear();
    this.#freeAt.clear();
    this.#cancel?.();
    this.#cancel = null;
  }

  #flush() {
    const { env, every, send, buffered } = this.#options;
    const now = env.now();
    let soonest = Infinity;
    for (const [event, { data }] of [...this.#waiting]) {
      const free = this.#freeAt.get(event) ?? 0;
      if (now < free || buffered() > BUFFERED_BYTES_MAX) {
        soonest = Math.min(soonest, Math.max(free - now, 1));
      } else {
        this.#waiting.delete(event);
        this.#freeAt.set(event, now + every);
        send(event, data);
      }
    }
    if (soonest === Infinity || this.#cancel) return;
    this.#cancel = env.after(soonest, () => {
      this.#cancel = null;
      this.#flush();
    });
  }
}
