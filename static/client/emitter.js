/** Handlers by event name. A handler that throws stops neither the others nor the client. */

import { guarded } from "./store.js";

/** @typedef {(data: any, meta?: any) => void} AnyHandler */
/** @typedef {{ signal?: AbortSignal, once?: boolean, onOff?: () => void }} ListenOptions `onOff` hears once that it ended */

export class Emitter {
  /** @type {Set<{ event: string, handler: AnyHandler, once: boolean, off: () => void }>} */
  #all = new Set();

  /**
   * @param {string} event
   * @param {AnyHandler} handler
   * @param {ListenOptions} [options]
   * @returns {() => void} ends the subscription; once more does nothing
   */
  on(event, handler, { signal, once = false, onOff } = {}) {
    const off = () => {
      if (!this.#all.delete(entry)) return;
      signal?.removeEventListener("abort", off);
      onOff?.();
    };
    const entry = { event, handler, once, off };
    this.#all.add(entry);
    signal?.addEventListener("abort", off);
    if (signal?.aborted) off();
    return off;
  }

  /** Ends every subscription of this handler to this event. @param {string} event @param {AnyHandler} handler */
  off(event, handler) {
    for (const entry of this.#all) if (entry.event === event && entry.handler === handler) entry.off();
  }

  /** @param {string} event @param {unknown} data @param {unknown} [meta] */
  emit(event, data, meta) {
    for (const entry of [...this.#all]) {
      // What another handler ended meanwhile hears no more.
      if (entry.event !== event || !this.#all.has(entry)) continue;
      if (entry.once) entry.off();
      guarded(() => entry.handler(data, meta));
    }
  }

  clear() {
    for (const entry of this.#all) entry.off();
  }
}
