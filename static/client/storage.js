/**
 * Small values under one prefix, as JSON. Storage may be missing, full or forbidden: then the values live as long as
 * the page, and nobody above has to know.
 */

import { attempt } from "./environment.js";

export class Keep {
  /** @type {Storage | null} */
  #area;
  #prefix;
  /** What the browser did not take. @type {Map<string, string>} */
  #memory = new Map();

  /** @param {Storage | null} area @param {string} prefix */
  constructor(area, prefix) {
    this.#area = area;
    this.#prefix = prefix;
  }

  /** @param {string} key @returns {any} undefined when there is nothing, or nothing readable */
  get(key) {
    const text = this.#memory.get(key) ?? attempt(() => this.#area?.getItem(this.#prefix + key));
    return text == null ? undefined : (attempt(() => JSON.parse(text)) ?? undefined);
  }

  /** @param {string} key @param {unknown} value undefined removes */
  set(key, value) {
    if (value === undefined) {
      this.#memory.delete(key);
      attempt(() => this.#area?.removeItem(this.#prefix + key));
      return;
    }
    const text = JSON.stringify(value);
    const isTaken = attempt(() => {
      this.#area?.setItem(this.#prefix + key, text);
      return this.#area !== null;
    });
    if (isTaken) this.#memory.delete(key);
    else this.#memory.set(key, text);
  }

  /** Reads and removes, so that a duplicated tab never shares it. @param {string} key @returns {any} */
  take(key) {
    const value = this.get(key);
    this.set(key, undefined);
    return value;
  }
}

/** @param {unknown} value of whatever storage or server @returns {string | undefined} */
export function textOf(value) {
  return typeof value === "string" ? value : undefined;
}
