/**
 * Who this page is: a token that somebody brings, or a guest whose own token is kept in the browser.
 *
 * A refused token is never tried twice in a row, so a server that refuses is asked once, not hammered.
 */

import { attempt } from "./environment.js";
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
  /** Brought a moment ago to know whose it is; not asked for twice. @type {string | null} */
  #ready = null;

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
    this.#refused = this.#ready = null;
  }

  /** Whose tabs share a connection. @returns {Promise<string>} the token's subject; rejects when signed out */
  async subject() {
    if (this.#source === undefined) return "guest";
    const token = await this.fresh();
    if (token === null) throw errorOf("unauthorized", "token() gave null: signed out");
    this.#ready = token;
    const claims = claimsOf(token);
    return typeof claims?.sub === "string" ? `${claims.tenant ?? ""}/${claims.sub}` : token;
  }

  /** What `connect` says. @returns {Promise<Record<string, unknown> | null>} null when signed out, or with nothing new to try */
  async credentials() {
    if (this.#source === undefined) {
      const token = this.#keep.get("guest");
      this.#token = typeof token === "string" ? token : null;
      return { ...(this.#token !== null && { token: this.#token }), ...(this.#guest && { guest: this.#guest }) };
    }
    const token = this.#ready ?? (await this.fresh());
    this.#ready = null;
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

/** What a token says of itself; only the server knows whether it holds. @param {string} token @returns {any} null for what is none */
export function claimsOf(token) {
  return attempt(() => JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"))));
}
