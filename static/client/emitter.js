/** Handlers by event name. A handler that throws stops neither the others nor the client. */

import { aborted } from "./errors.js";
import { guarded } from "./store.js";

/** @typedef {(data: any, meta?: any) => void} AnyHandler */

export class Emitter {
  /** @type {Map<string, Set<{ handler: AnyHandler, off: () => void }>>} */
  #byName = new Map();

  /**
   * @param {string} event
   * @param {AnyHandler} handler
   * @param {{ signal?: AbortSignal, once?: boolean, onOff?: () => void }} [options]
   * @returns {() => void} ends the subscription; once more does nothing
   */
  on(event, handler, { signal, once = false, onOff } = {}) {
    let isOn = true;
    const off = () => {
      if (!isOn) return;
      isOn = false;
      signal?.removeEventListener("abort", off);
      const entries = this.#byName.get(event);
      entries?.delete(entry);
      if (entries?.size === 0) this.#byName.delete(event);
      onOff?.();
    };
    /** @type {AnyHandler} */
    const heard = (data, meta) => {
      if (!isOn) return;
      if (once) off();
      handler(data, meta);
    };
    const entry = { handler, heard, off };
    const entries = this.#byName.get(event) ?? new Set();
    entries.add(entry);
    this.#byName.set(event, entries);
    if (signal?.aborted) off();
    else signal?.addEventListener("abort", off, { once: true });
    return off;
  }

  /** Ends every subscription of this handler to this event. @param {string} event @param {AnyHandler} handler */
  off(event, handler) {
    for (const entry of [...(this.#byName.get(event) ?? [])]) if (entry.handler === handler) entry.off();
  }

  /** @param {string} event @param {unknown} data @param {unknown} [meta] */
  emit(event, data, meta) {
    for (const entry of [...(this.#byName.get(event) ?? [])]) {
      guarded(() => /** @type {any} */ (entry).heard(data, meta));
    }
  }

  clear() {
    for (const entries of [...this.#byName.values()]) for (const entry of [...entries]) entry.off();
  }
}

/**
 * The first event of a name, as a promise.
 *
 * @param {Emitter} emitter
 * @param {string} event
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export function next(emitter, event, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted(signal));
    emitter.on(event, resolve, { once: true, ...(signal ? { signal } : {}) });
    signal?.addEventListener("abort", () => reject(aborted(signal)), { once: true });
  });
}
