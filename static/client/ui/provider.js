/**
 * `<cp-provider url token-url room guest-name theme="auto">`: makes a client for the elements in it, and ends it when it
 * leaves the page. A client of the page's own is given by its `client` property.
 */

import { createClient } from "../index.js";
import { Base, define, retryWaiting, takeGiven } from "./base.js";

export class CpProvider extends Base {
  static observedAttributes = ["theme"];

  /** @type {import("../client.js").Client<any> | null} */
  #client = null;
  #isOwn = false;

  get client() {
    return this.#client;
  }

  set client(client) {
    this.#end();
    this.#client = client;
    retryWaiting();
  }

  connectedCallback() {
    this.style.display = "contents";
    takeGiven(this);
    if (this.#client) return;
    const [url, tokenUrl, room, guest] = ["url", "token-url", "room", "guest-name"].map((name) => this.getAttribute(name));
    this.#client = createClient({
      ...(url && { url }), ...(room && { room }), ...(guest && { guest: { name: guest } }), ...(tokenUrl && { token: () => fetchToken(tokenUrl) }),
    });
    this.#isOwn = true;
    // What goes wrong is in the status, for `<cp-status>` to show.
    if (this.#client.isRealtimeEnabled) this.#client.connect().catch(() => {});
    retryWaiting();
  }

  disconnectedCallback() {
    // Moved to another place it is back within the tick.
    queueMicrotask(() => !this.isConnected && this.#end());
  }

  attributeChangedCallback(/** @type {string} */ _name, /** @type {string | null} */ _old, /** @type {string | null} */ theme) {
    this.style.colorScheme = theme === "light" || theme === "dark" ? theme : "light dark";
  }

  #end() {
    if (!this.#isOwn) return;
    this.#client?.dispose();
    this.#client = null;
    this.#isOwn = false;
  }
}

/** @param {string} url @returns {Promise<string | null>} null for who is signed out */
async function fetchToken(url) {
  const response = await fetch(url, { credentials: "same-origin" });
  if (response.status === 401 || response.status === 403) return null;
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.text()).trim();
}

define("cp-provider", CpProvider);
