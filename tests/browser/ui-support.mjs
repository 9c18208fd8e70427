/** A node, a browser, and people's pages with elements in them, under the policy of the node's own pages. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

import { launch, Server, until, Wire, Window } from "./support.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
export const HOSTILE = '<img src=x onerror="document.title=1">';

export class Stage {
  #serial = 0;

  static async begin() {
    const stage = new Stage();
    stage.server = await Server.start();
    stage.wire = await Wire.to(stage.server.port);
    // The page is given by the test, so it has no address, and one without may not open sockets to this machine.
    stage.browser = await launch({ args: ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-features=LocalNetworkAccessChecks"] });
    return stage;
  }

  async end() {
    await this.browser?.close();
    this.wire?.stop();
    await this.server?.stop();
  }

  /** A person's page with these elements in it, once it is connected. */
  async open(body, { room = `ui:${(this.#serial += 1)}`, name = "Ada Lovelace", attributes = "", html = "", document, ...options } = {}) {
    const { server, wire } = this;
    const context = await this.browser.newContext(options);
    const page = await context.newPage();
    const window = new Window(page, wire.url);
    const escaped = name.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
    const policy = (await fetch(`${server.url}/`)).headers.get("content-security-policy");
    assert.match(policy, /default-src 'self'/);
    await page.route(`${wire.url}/ui-test`, (route) => route.fulfill({
      contentType: "text/html",
      headers: { "content-security-policy": policy },
      body: document ?? `<!doctype html><html lang="en" ${html}><meta charset="utf-8"><meta name="color-scheme" content="light dark">
        <meta name="viewport" content="width=device-width"><title>Elements</title>
        <link rel="icon" href="/favicon.svg"><script type="module" src="/client/ui/index.js"></script>
        <main><h1>Elements</h1><cp-provider room="${room}" guest-name="${escaped}" ${attributes}>${body}</cp-provider></main></html>`,
    }));
    await page.route(`${wire.url}/axe.js`, async (route) => route.fulfill({ contentType: "text/javascript", body: await readFile(AXE, "utf8") }));
    await page.goto(`${wire.url}/ui-test`);
    const look = async () => ({ state: await page.evaluate(() => document.querySelector("cp-provider").client?.connectionState), alarms: window.alarms });
    await until(look, ({ state }) => state === "connected", { what: "connected" });
    return { context, page, window, room };
  }

  /** Tells the page's user something, as a backend does. @returns {Promise<string>} its id */
  notify(window, notification) {
    return this.server.notify(window.user, notification);
  }
}

/** Whatever axe has to say about a page. */
export async function findings(page) {
  await page.addScriptTag({ url: "/axe.js" });
  // It takes a page without a background for white, in the dark too.
  await page.evaluate(() => (document.body.style.background = "Canvas"));
  return page.evaluate(async () => (await window.axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => html + failureSummary).join("; ")}`));
}

/** A toast of this page alone. */
export const toast = (page, notification) => page.evaluate((each) => document.querySelector("cp-provider").client.notifications.showNotification(each), notification);

/** From now on the page keeps which of these events came, and what they said. */
export const keepEvents = (page, ...names) => page.evaluate((all) => {
  window.told = [];
  for (const name of all) document.addEventListener(name, ({ detail }) => window.told.push([name, detail]));
}, names);
