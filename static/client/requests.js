/** Commands that wait for their one reply. Every promise ends: by the reply, in time, by its signal or with the connection. */

import { aborted, errorOf, fromWire } from "./errors.js";

/** How long anything may take that a server has to answer. */
export const TIMEOUT_MS = 10_000;

/** @typedef {{ timeout?: number | undefined, signal?: AbortSignal | undefined }} RequestOptions `timeout` in ms */
/** @typedef {(error: unknown, value?: any) => void} End with an error, or with a value */

/**
 * A promise that ends once: by whoever has its `end`, after `timeout`, or by its signal.
 *
 * @param {(end: End) => void} begin given its `end`; not called when the signal was there first
 * @param {RequestOptions & { after: import("./environment.js").Environment["after"], late: () => unknown, onEnd?: () => void }} options
 *   `late` makes the error of one that took too long
 * @returns {Promise<any>}
 */
export function waitFor(begin, { after, timeout, late, signal, onEnd }) {
  return new Promise((resolve, reject) => {
    /** @type {End} */
    const end = (error, value) => {
      cancel?.();
      signal?.removeEventListener("abort", abort);
      onEnd?.();
      if (error) reject(error);
      else resolve(value);
    };
    const abort = () => end(aborted(signal));
    const cancel = timeout === undefined ? undefined : after(timeout, () => end(late()));
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort);
    begin(end);
  });
}

/** Whether it answers a command: an entry's `id` is its own, and a reply has no offset beside a room. @param {Record<string, any>} message */
export function isReply(message) {
  return "id" in message && !("room" in message && "offset" in message);
}

export class Requests {
  #after;
  /** @type {Map<number, { room: string | undefined, end: End }>} */
  #waiting = new Map();
  #lastId = 0;

  /** @param {import("./environment.js").Environment["after"]} after */
  constructor(after) {
    this.#after = after;
  }

  /**
   * @param {Record<string, any>} message a command without `id`
   * @param {(message: Record<string, unknown>) => boolean} write false when there is no connection
   * @param {number} timeout ms
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>} the reply
   */
  ask(message, write, timeout, signal) {
    const { type, room } = message;
    const id = (this.#lastId += 1);
    return waitFor((end) => {
      this.#waiting.set(id, { room, end });
      if (!write({ ...message, id })) end(closed(room));
    }, {
      after: this.#after, timeout, signal,
      late: () => errorOf("timeout", `no answer to ${type} in ${timeout} ms: its outcome is unknown`, { room }),
      onEnd: () => this.#waiting.delete(id),
    });
  }

  /** @param {Record<string, any>} reply @returns {boolean} whether somebody waited for it */
  settle(reply) {
    const waiting = this.#waiting.get(reply.id);
    waiting?.end(reply.type === "error" && fromWire(reply, waiting.room), reply);
    return waiting !== undefined;
  }

  /** The connection is gone; what became of them is not known here. */
  lose() {
    for (const { room, end } of [...this.#waiting.values()]) end(closed(room));
  }
}

/** @param {string} [room] */
function closed(room) {
  return errorOf("closed", "there is no connection", { room });
}
