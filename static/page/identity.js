/**
 * Who this page is: a guest whose token is kept, under a name that was drawn first and may be typed later.
 *
 * Everything is read from storage anew, because another tab of the same person may have changed it.
 */

import { cleanName, drawName } from "./names.js";

export class Identity {
  /** @type {import("./storage.js").Store} */
  #store;
  /** What the connection on its way was opened with. */
  #tokenSent = /** @type {unknown} */ (undefined);
  #wishSent = /** @type {unknown} */ (undefined);

  /** @param {import("./storage.js").Store} store of this person, shared by their tabs */
  constructor(store) {
    this.#store = store;
    if (typeof store.get("name") !== "string") store.set("name", drawName());
  }

  /** The name to show until the server says which it is. */
  get name() {
    return cleanName(String(this.#store.get("wish") ?? this.#store.get("name") ?? "")) || "Guest";
  }

  /** @param {string} name to be taken on with the next connection, even after a reload */
  rename(name) {
    this.#store.set("wish", name);
  }

  /** What `connect` says about us. A name stands beside the token only when it is to change. */
  credentials() {
    const token = this.#store.get("token");
    this.#tokenSent = token;
    this.#wishSent = this.#store.get("wish");
    if (typeof token !== "string" || token === "") return { guest: { name: this.name } };
    return this.#wishSent === undefined ? { token } : { token, guest: { name: this.name } };
  }

  /** @param {Record<string, any>} connected */
  keep(connected) {
    if (typeof connected.guest_token === "string") this.#store.set("token", connected.guest_token);
    // Asked once: a server that makes another name of it has decided.
    if (this.#store.get("wish") === this.#wishSent) this.#store.remove("wish");
    this.called(connected.user?.name);
  }

  /** @param {unknown} name what the server calls us; another tab may have asked for it */
  called(name) {
    if (typeof name === "string" && name !== this.#store.get("name")) this.#store.set("name", name);
  }

  /** @returns {boolean} whether connecting again can end otherwise: without the refused token, or with a newer one */
  dropToken() {
    const kept = this.#store.get("token");
    // What another tab or a later `connected` brought meanwhile was not refused.
    if (kept !== undefined && kept === this.#tokenSent) this.#store.remove("token");
    return kept !== undefined || this.#tokenSent !== undefined;
  }
}
