/** Pages with elements in them, served under the policy of the node's own pages. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

import { launch, Server, until, Wire, Window } from "./support.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** A node, a wire to it and a browser, for the tests of one file. */
export class Stage {
  #serial = 0;

  static async start() {
    const stage = new Stage();
    stage.server = await Server.start();
    stage.wire = await Wire.to(stage.server.port);
    // The page is given by the test, so it has no address, and one without may not open sockets to this machine.
    stage.browser = await launch({ args: ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-features=LocalNetworkAccessChecks"] });
    return stage;
  }

  async stop() {
    await this.browser?.close();
    this.wire?.stop();
    await this.server?.stop();
  }

  newRoom() {
    return `ui:${(this.#serial += 1)}`;
  }

  /** A person's page with these elements in it. */
  async open(body, { room = this.newRoom(), name = "Ada Lovelace", attributes = "", html = "", document, ...options } = {}) {
    const context = await this.browser.newContext(options);
    return { ...(await this.tab(context, body, { room, name, attributes, html, document })), context };
  }

  /** One tab more of the same person. */
  async tab(context, body, { room, name = "Ada Lovelace", attributes = "", html = "", document }) {
    const page = await context.newPage();
    const window = new Window(page, this.wire.url);
    const escaped = name.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
    const policy = (await fetch(`${this.server.url}/`)).headers.get("content-security-policy");
    assert.match(policy, /default-src 'self'/);
    await page.route(`${this.wire.url}/ui-test`, (route) => route.fulfill({
      contentType: "text/html",
      headers: { "content-security-policy": policy },
      body: document ?? `<!doctype html><html lang="en" ${html}><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Elements</title>
      <link rel="icon" href="/favicon.svg"><script type="module" src="/client/ui/index.js"></script>
      <main><h1>Elements</h1><cp-provider room="${room}" guest-name="${escaped}" ${attributes}>${body}</cp-provider></main></html>`,
    }));
    await page.route(`${this.wire.url}/axe.js`, async (route) => route.fulfill({ contentType: "text/javascript", body: await readFile(AXE, "utf8") }));
    await page.goto(`${this.wire.url}/ui-test`);
    const look = async () => ({ state: await page.evaluate(() => document.querySelector("cp-provider").client?.connectionState), alarms: window.alarms });
    await until(look, ({ state }) => state === "connected", { what: "connected" });
    return { context, page, window, room };
  }
}

/** Whatever axe has to say about a page. */
export async function findings(page) {
  await page.addScriptTag({ url: "/axe.js" });
  return page.evaluate(async () => (await window.axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => html + failureSummary).join("; ")}`));
}
