/**
 * One node, one wire to it and one browser for all tests of a file, and for each test a room and a browser context of its
 * own. Ada is over the wire, Grace straight to the node; what is true is asked of the node, by a backend's key.
 */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { afterEach, beforeEach } from "node:test";

import { Tab } from "./client-support.mjs";
import { provide, until } from "./support.mjs";

/** Signs users' tokens, where a file's settings have {@link AUTH}. */
const SECRET = "a-secret-for-tests-that-is-long-enough-7f3a9c";
export const AUTH = `[auth]\nsecret = "${SECRET}"\n`;

export class Stage {
  #name;
  /** @type {import("playwright-core").BrowserContext[]} */
  #contexts = [];
  serial = 0;
  /** @type {import("./support.mjs").Server} */
  server;
  /** @type {import("./support.mjs").Wire} */
  wire;
  /** @type {import("playwright-core").Browser} */
  browser;
  /** Ada's. @type {import("playwright-core").BrowserContext} */
  context;

  /** @param {string} name of its rooms @param {string} [settings] of the node @param {object} [options] of the browser */
  constructor(name, settings = "", options = {}) {
    this.#name = name;
    provide((given) => Object.assign(this, given), { settings, wire: true, ...options });
    beforeEach(async () => {
      this.context = await this.newContext();
    });
    afterEach(async () => {
      for (const context of this.#contexts.splice(0)) await context.close();
    });
  }

  get room() {
    return `${this.#name}:${this.serial}`;
  }

  /** Closed with the test. */
  async newContext() {
    const context = await this.browser.newContext();
    this.#contexts.push(context);
    return context;
  }

  /**
   * @param {Record<string, unknown>} [options] of the client
   * @param {(page: import("playwright-core").Page) => Promise<unknown>} [prepare]
   */
  async ada(options = {}, prepare) {
    const tab = await Tab.open(this.context, this.wire.url, { room: this.room, guest: { name: "Ada" }, ...options }, prepare);
    if (options.autoConnect !== false) await tab.live();
    return tab;
  }

  /** In a browser of her own. @param {Record<string, unknown>} [options] */
  async grace(options = {}) {
    const tab = await Tab.open(await this.newContext(), this.server.url, { room: this.room, guest: { name: "Grace" }, ...options });
    await tab.live();
    return tab;
  }

  /** Ada and Grace, who see each other. @param {Record<string, unknown>} [options] of Ada's client */
  async both(options, prepare) {
    const grace = await this.grace();
    const ada = await this.ada(options, prepare);
    for (const { page } of [ada, grace]) await until(() => page.evaluate(() => globalThis.room.presence.count), (count) => count === 2, { what: "see each other" });
    return { ada, grace };
  }

  /**
   * As a backend.
   *
   * @param {string} method @param {string} path below /v1 @param {unknown} [body]
   * @returns {Promise<any>} the answer
   */
  async api(method, path, body) {
    const response = await fetch(`${this.server.url}/v1${path}`, {
      method, headers: this.server.backend, ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  /** What the node says of the room: `count`, `members`, `state`, `cursor`. */
  truth(room = this.room) {
    return this.api("GET", `/rooms/${room}`);
  }

  /** All that the log holds, as it is in its entries. @param {string} [room] @returns {Promise<any[]>} */
  async log(room = this.room) {
    const entries = [];
    for (let more = true; more; ) {
      const page = await this.api("GET", `/rooms/${room}/history?after=${entries.at(-1)?.offset ?? 0}&limit=200`);
      entries.push(...page.entries);
      more = page.more;
    }
    return entries;
  }

  /** One of the node's own figures. @param {string} name with its labels, which are there once they have been counted */
  async metric(name) {
    const text = await (await fetch(`${this.server.url}/metrics`, { headers: this.server.backend })).text();
    const lines = text.split("\n");
    assert.ok(lines.some((each) => each.startsWith(name.replace(/\{.*/, ""))), `${name} is one of them`);
    return Number(lines.find((each) => each.startsWith(`${name} `))?.slice(name.length + 1) ?? 0);
  }
}

/** A user's token, as an issuer makes it. @param {string} user @param {Record<string, unknown> & { lasts?: number }} [claims] `lasts`: seconds */
export function tokenOf(user, { lasts = 3600, ...claims } = {}) {
  const part = (/** @type {unknown} */ value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user, exp: Math.floor(Date.now() / 1000) + lasts, ...claims })}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

/** Numbers of a range, both ends included. @param {number} from @param {number} to */
export const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

/** Gives a page a clock that can be stopped. @param {import("playwright-core").Page} page */
export const clocked = (page) => page.clock.install();

/**
 * From here on the page's time goes on when a test says so. Stopping jumps ahead a little, by less than any heartbeat.
 *
 * @param {Tab} tab
 */
export async function stopClock({ page }) {
  await page.clock.pauseAt((await page.evaluate(() => Date.now())) + 3_000);
  await page.evaluate(() => globalThis.client.isConnected && globalThis.client.ping());
}

/**
 * Lets a page's stopped clock go on in steps, each with a round trip to the server behind it, so that no timer that waits
 * for the server fires because time went on without it.
 *
 * @param {Tab} tab @param {number} ms
 */
export async function pass({ page }, ms) {
  for (let left = ms; left > 0; left -= 4_000) {
    await page.clock.runFor(Math.min(left, 4_000));
    await page.evaluate(() => globalThis.client.isConnected && globalThis.client.ping());
  }
}
