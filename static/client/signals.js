/**
 * What may be lost and is soon stale, such as where a pointer is: at most one of a name each 33 ms, the newest wins, and
 * none while there is no connection or the network is behind.
 */

const SIGNAL_MS = 33;
/** More than this on its way, and a signal would be stale on arrival. */
const BUFFERED_BYTES_MAX = 64 * 1024;

export class Signals {
  #host;
  #room;
  /** What waits for its turn, by name. @type {Map<string, unknown>} */
  #waiting = new Map();
  /** When a name may be sent again. @type {Map<string, number>} */
  #freeAt = new Map();
  #cancel = () => {};

  /** @param {string} room @param {Pick<import("./room.js").RoomHost, "env" | "connection" | "options">} host */
  constructor(room, host) {
    this.#room = room;
    this.#host = host;
  }

  /** @param {string} event @param {unknown} data */
  put(event, data) {
    this.#waiting.set(event, data);
    this.#flush();
  }

  clear() {
    this.#waiting.clear();
    this.#freeAt.clear();
    this.#cancel();
  }

  #flush() {
    const { env, connection, options: { signals: every = SIGNAL_MS } } = this.#host;
    const now = env.now();
    this.#cancel();
    let soonest = Infinity;
    for (const [event, data] of this.#waiting) {
      const wait = (this.#freeAt.get(event) ?? now) - now;
      if (wait > 0 || connection.buffered > BUFFERED_BYTES_MAX) {
        soonest = Math.min(soonest, Math.max(wait, 1));
      } else {
        this.#waiting.delete(event);
        this.#freeAt.set(event, now + every);
        connection.send({ type: "signal", room: this.#room, event, data });
      }
    }
    if (soonest < Infinity) this.#cancel = env.after(soonest, () => this.#flush());
  }
}
