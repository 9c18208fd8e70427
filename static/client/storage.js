/**
 * Small values under one prefix, as JSON. Storage may be missing, full or forbidden: then the values live as long as
 * the page, and nobody above has to know.
 */

import { attempt } from "./environment.js";

export class Keep {
  #area;
  #prefix;
  /** What the browser did not take. @type {Record<string, string | null>} */
  #memory = {};

  /** @param {Storage | null} area @param {string} prefix */
  constructor(area, prefix) {
    this.#area = area;
    this.#prefix = prefix;
  }

  /** @param {string} key @returns {any} undefined when there is nothing, or nothing readable */
  get(key) {
    const text = this.#memory[key] ?? attempt(() => this.#area?.getItem(this.#prefix + key));
    return attempt(() => JSON.parse(/** @type {string} */ (text))) ?? undefined;
  }

  /** @param {string} key @param {unknown} value undefined removes */
  set(key, value) {
    const text = JSON.stringify(value);
    const name = this.#prefix + key;
    const isTaken = attempt(() => {
      if (text === undefined) this.#area?.removeItem(name);
      else this.#area?.setItem(name, text);
      return this.#area;
    });
    this.#memory[key] = isTaken ? null : text;
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
