/**
 * Who this page is: a token that somebody brings, or a guest whose own token is kept in the browser.
 *
 * A refused token is never tried twice in a row, so a server that refuses is asked once, not hammered.
 */

import { attempt } from "./environment.js";
import { errorOf } from "./errors.js";
import { textOf } from "./storage.js";

/** @typedef {import("./types.js").TokenSource} TokenSource */

export class Identity {
  /** @type {TokenSource | undefined} */
  #source;
  #guest;
  #keep;
  /** The last one that was brought. @type {string | null} */
  #token = null;
  /** The source is a new one, and what it brings was not said yet. */
  isNew = false;
  /** Not tried again. @type {string | null} */
  #refused = null;
  /** Brought a moment ago to know whose it is; not asked for twice. @type {string | null} */
  #ready = null;
  /** Whose tabs share the connection, when that is known. @type {string | null} */
  #subject = null;

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
    this.isNew = true;
    this.#refused = this.#ready = null;
  }

  /** Whose tabs share a connection. @returns {Promise<string>} the token's subject; rejects when signed out */
  async subject() {
    if (this.#source === undefined) return "guest";
    const token = (this.#ready = await this.fresh());
    if (token === null) throw errorOf("expired", "token() gave null: signed out");
    return (this.#subject = subjectOf(token) ?? token);
  }

  /** Whether a token is of another user than its tabs are known by. @param {unknown} token */
  isOther(token) {
    const subject = subjectOf(String(token));
    return this.#subject !== null && subject !== null && subject !== this.#subject;
  }

  /** What `connect` says. @returns {Promise<Record<string, unknown> | null>} null when signed out, or with nothing new to try */
  async credentials() {
    const token = this.#ready ?? (await this.fresh());
    this.#ready = null;
    if (this.#source === undefined) return { ...(token && { token }), ...(this.#guest && { guest: this.#guest }) };
    return token === null || token === this.#refused ? null : { token };
  }

  /** A token for `refresh`, or for HTTP. @returns {Promise<string | null>} */
  async fresh() {
    const source = this.#source ?? textOf(this.#keep.get("guest")) ?? null;
    const token = typeof source === "function" ? await source({ refused: this.#refused !== null }) : source;
    // Replaced while it was asked: what it brings is of no use any more.
    if (typeof source === "function" && source !== this.#source) return this.fresh();
    this.isNew = false;
    if (token !== null && !textOf(token)) throw errorOf("unauthorized", "token() gave neither a string nor null");
    return (this.#token = token);
  }

  /** @returns {boolean} false when there is nothing else to try */
  refuse() {
    if (this.#source === undefined) {
      // A guest's token that no longer holds: once more without it.
      this.#keep.set("guest", undefined);
      return this.#token !== null;
    }
    const isAgain = this.#refused !== null;
    this.#refused = this.#token;
    return typeof this.#source === "function" && !isAgain;
  }

  /** @param {Record<string, any>} connected */
  accept({ guest_token }) {
    this.#refused = null;
    if (this.#source === undefined && textOf(guest_token)) this.#keep.set("guest", guest_token);
  }
}

/** Whose a token says it is. @param {string} token @returns {string | null} null when it does not say so */
function subjectOf(token) {
  const { sub, tenant = "" } = claimsOf(token) ?? {};
  return sub ? `${tenant}/${sub}` : null;
}

/** What a token says of itself; only the server knows whether it holds. @param {string} token @returns {any} null for what is none */
export function claimsOf(token) {
  return attempt(() => JSON.parse(atob(/** @type {string} */ (token.split(".")[1]).replaceAll("-", "+").replaceAll("_", "/"))));
}
