/**
 * Pages of our own for the client: an empty document of the node's origin, in which a client is made. The wire between the
 * two can be cut; what is true is asked of the node as well.
 */

import { until } from "./support.mjs";

/** A tab with a client that keeps what it hears. */
export class Tab {
  /** Sockets that this page opened. */
  sockets = 0;
  /** `connected` messages that came down them. */
  connected = [];
  alarms = [];

  /** @param {import("playwright-core").Page} page @param {string} origin */
  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
    page.on("pageerror", (error) => this.alarms.push(String(error)));
    page.on("websocket", (socket) => {
      this.sockets += 1;
      socket.on("framereceived", ({ payload }) => {
        const message = JSON.parse(String(payload));
        if (message.type === "connected") this.connected.push(message);
      });
    });
  }

  /**
   * @param {import("playwright-core").BrowserContext} context
   * @param {string} origin
   * @param {Record<string, unknown>} options of the client, as JSON; what is none, `prepare` leaves in `globalThis.more`
   * @param {(page: import("playwright-core").Page) => Promise<unknown>} [prepare] ahead of the first script
   */
  static async open(context, origin, options = {}, prepare = async () => {}) {
    const tab = new Tab(await context.newPage(), origin);
    await prepare(tab.page);
    await Tab.prepare(tab.page, options);
    await tab.goto();
    return tab;
  }

  /** Gives a page its `begin`, before any script of its own and again after each reload. @param {import("playwright-core").Page} page @param {Record<string, unknown>} options */
  static async prepare(page, options) {
    await page.addInitScript((given) => {
      globalThis.begin = async () => {
        const { createClient } = await import("/client/index.js");
        const client = createClient({ room: "test", ...given, ...globalThis.more });
        const heard = { notes: [], offsets: [], states: [], resets: 0, reasons: [], came: [], left: [], errors: [], restored: [] };
        client.on("note", (data, { offset }) => {
          heard.notes.push(data);
          heard.offsets.push(offset);
        });
        client.on("reset", ({ reason }) => {
          heard.resets += 1;
          heard.reasons.push(reason);
        });
        client.on("connection:restored", ({ recovered }) => heard.restored.push(recovered));
        client.on("user:login", ({ userId }) => heard.came.push(userId));
        client.on("user:logout", ({ userId }) => heard.left.push(userId));
        client.on("connection:state", ({ state }) => heard.states.push(state));
        client.on("error", ({ error }) => heard.errors.push(error.code));
        Object.assign(globalThis, { client, heard, room: client.room(given.room ?? "test") });
      };
    }, options);
  }

  /** A page of the node without the demo: the server answers what is no page with JSON, in the same origin. */
  async goto() {
    await this.page.goto(`${this.origin}/favicon.svg`);
    await this.page.evaluate(() => globalThis.begin());
  }

  async reload() {
    await this.page.reload();
    await this.page.evaluate(() => globalThis.begin());
  }

  live(within = 20_000) {
    return until(() => this.page.evaluate(() => globalThis.room.status), (status) => status === "joined", { what: "joined", within });
  }

  /**
   * @returns {Promise<{ notes: unknown[], offsets: number[], states: string[], resets: number, reasons: string[],
   *   came: string[], left: string[], errors: string[], restored: boolean[] }>}
   */
  heard() {
    return this.page.evaluate(() => globalThis.heard);
  }

  notes() {
    return this.page.evaluate(() => globalThis.heard.notes);
  }

  inspect() {
    return this.page.evaluate(() => JSON.parse(JSON.stringify(globalThis.client.inspect())));
  }

  /** Says it without waiting for the answer. @param {unknown[]} notes */
  say(...notes) {
    return this.page.evaluate((all) => {
      for (const note of all) globalThis.client.emit("note", note);
    }, notes);
  }
}
