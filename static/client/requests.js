/** Commands that wait for their one reply. Every promise ends: by the reply, in time, by its signal or with the connection. */

import { aborted, errorOf, fromWire, TimeoutError } from "./errors.js";

/** @typedef {{ timeout?: number | undefined, signal?: AbortSignal | undefined }} RequestOptions `timeout` in ms */
/** @typedef {{ room: string | undefined, end: (outcome: { reply: any } | { error: unknown }) => void }} Waiting */

export class Requests {
  #after;
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  #nextId = 1;

  /** @param {import("./environment.js").Environment["after"]} after */
  constructor(after) {
    this.#after = after;
  }

  get size() {
    return this.#waiting.size;
  }

  /**
   * @param {Record<string, unknown>} message a command without `id`
   * @param {(message: Record<string, unknown>) => boolean} write false when there is no connection
   * @param {number} timeout ms
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>} the reply
   */
  ask(message, write, timeout, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted(signal));
      const id = this.#nextId++;
      const room = typeof message.room === "string" ? message.room : undefined;
      if (!write({ ...message, id })) return reject(closed(room));
      const onAbort = () => end({ error: aborted(signal) });
      const cancel = this.#after(timeout, () => {
        const words = `the server did not answer ${message.type} within ${timeout} ms, so its outcome is unknown`;
        end({ error: new TimeoutError("timeout", words, room === undefined ? {} : { room }) });
      });
      /** @type {Waiting["end"]} */
      const end = (outcome) => {
        this.#waiting.delete(id);
        cancel();
        signal?.removeEventListener("abort", onAbort);
        if ("reply" in outcome) resolve(outcome.reply);
        else reject(outcome.error);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.set(id, { room, end });
    });
  }

  /** @param {Record<string, any>} reply @returns {boolean} whether somebody waited for it */
  settle(reply) {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return false;
    waiting.end(reply.type === "error" ? { error: fromWire(reply, waiting.room) } : { reply });
    return true;
  }

  /** The connection is gone; what became of them is not known here. */
  lose() {
    for (const { room, end } of [...this.#waiting.values()]) end({ error: closed(room) });
  }
}

/** @param {string} [room] */
export function closed(room) {
  return errorOf("closed", "there is no connection to the server", room === undefined ? {} : { room });
}
