/**
 * Who this page is: a token that somebody brings, or a guest whose own token is kept in the browser.
 *
 * A refused token is never tried twice in a row, so a server that refuses is asked once, not hammered.
 */

import { errorOf } from "./errors.js";

/** @typedef {import("./types.js").TokenSource} TokenSource */

export class Identity {
  /** @type {TokenSource | undefined} */
  #source;
  #guest;
  #keep;
  /** The last one that was brought. @type {string | null} */
  #token = null;
  /** @type {string | null} */
  #refused = null;
  #isRefused = false;

  /**
   * @param {TokenSource | undefined} source
   * @param {{ name: string } | undefined} guest
   * @param {import("./storage.js").Keep} keep
   */
  constructor(source, guest, keep) {
    this.#source = source;
    this.#guest = guest;
    this.#keep = keep;
  }

  /** @param {TokenSource} source takes the place of what was there */
  replace(source) {
    this.#source = source;
    this.#isRefused = false;
    this.#refused = null;
  }

  /** What `connect` says. @returns {Promise<Record<string, unknown> | null>} null when signed out, or with nothing new to try */
  async credentials() {
    if (this.#source === undefined) {
      const token = this.#keep.get("guest");
      this.#token = typeof token === "string" ? token : null;
      return { ...(this.#token !== null && { token: this.#token }), ...(this.#guest && { guest: this.#guest }) };
    }
    const token = await this.fresh();
    if (token === null || token === this.#refused) return null;
    return { token };
  }

  /** A token for `refresh`, or for HTTP. @returns {Promise<string | null>} */
  async fresh() {
    if (this.#source === undefined) return this.#token ?? this.#keep.get("guest") ?? null;
    const source = this.#source;
    const token = typeof source === "function" ? await source({ refused: this.#isRefused }) : source;
    if (token !== null && (typeof token !== "string" || token === "")) {
      throw errorOf("unauthorized", "token() has to give a string that is not empty, or null");
    }
    this.#token = token;
    return token;
  }

  /** @returns {boolean} false when there is nothing else to try */
  refuse() {
    if (this.#source === undefined) {
      // A guest's token that no longer holds: once more without it.
      if (this.#token === null) return false;
      this.#keep.set("guest", undefined);
      return true;
    }
    const isAgain = this.#isRefused;
    this.#refused = this.#token;
    this.#isRefused = true;
    return typeof this.#source === "function" && !isAgain;
  }

  /** @param {Record<string, any>} connected */
  accept({ guest_token }) {
    this.#isRefused = false;
    this.#refused = null;
    if (this.#source === undefined && typeof guest_token === "string") {
      this.#token = guest_token;
      this.#keep.set("guest", guest_token);
    }
  }
}
