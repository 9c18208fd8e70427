/**
 * What the browser tests stand on: the real server, a wire that can be cut, and people with windows.
 *
 * Nothing sleeps and hopes: `until` asks again and again until its deadline, and its error says what it saw last.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach } from "node:test";

import { chromium } from "playwright-core";

/** Long, because only a test that fails uses it up: two cores under load must not look like a bug. */
const DEADLINE_MS = 30_000;
/** The key of the backend that tests play. */
const KEY = "a-key-of-a-backend-in-tests-5b0c6f1e";
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const ARTIFACTS = new URL("./artifacts/", import.meta.url).pathname;

/**
 * @template T
 * @param {() => Promise<T> | T} look
 * @param {(seen: T) => boolean} [isRight]
 * @param {{ what?: string, within?: number }} [options]
 * @returns {Promise<T>} what was seen when it was right
 */
export async function until(look, isRight = Boolean, { what = isRight.toString(), within = DEADLINE_MS } = {}) {
  const end = Date.now() + within;
  for (;;) {
    const seen = await look();
    if (isRight(seen)) return seen;
    if (Date.now() > end) assert.fail(`not within ${within} ms: ${what}; last seen: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The server as people start it, with a store and a port of its own. */
export class Server {
  #directory = "";
  #process = null;
  #log = "";
  port = 0;
  /** Headers of a backend's calls. */
  backend = { authorization: `Bearer ${KEY}` };

  /** @param {string} [settings] what its `config.toml` says besides the backend's key */
  static async start(settings = "") {
    const server = new Server();
    server.#directory = await mkdtemp(join(tmpdir(), "copresence-browser-"));
    await writeFile(join(server.#directory, "config.toml"), `${settings}\n[[auth.api_keys]]\nname = "tests"\nkey = "${KEY}"\n`);
    server.port = await freePort();
    await server.up();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it, on the same port and store as before, and waits until it is ready. */
  async up() {
    const binary = process.env.COPRESENCE_BIN;
    assert.ok(binary, "COPRESENCE_BIN names the server's binary");
    const child = spawn(binary, ["serve", "--bind", `127.0.0.1:${this.port}`], {
      cwd: this.#directory,
      env: { ...foreignEnvironment(), COPRESENCE_STORE__PATH: join(this.#directory, "copresence.db") },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text) => {
        this.#log = (this.#log + text).slice(-8_000);
      });
    }
    let ended = null;
    child.on("error", (error) => (ended = error.message));
    child.on("exit", (code, signal) => (ended ??= `exit ${code ?? signal}`));
    this.#process = child;
    const isReady = async () => {
      assert.equal(ended, null, `the server ended: ${this.#log}`);
      return fetch(`${this.url}/readyz`).then(({ status }) => status, () => 0);
    };
    await until(isReady, (status) => status === 200, { what: "ready" });
  }

  /**
   * What a backend does to tell somebody something.
   *
   * @param {string} user @param {Record<string, unknown>} notification
   * @returns {Promise<string>} the notification's id
   */
  async notify(user, notification) {
    return (await this.#call("/v1/notifications", { to: { users: [user] }, notification })).notification;
  }

  /** What a backend writes into a room's state. @param {string} room @param {Record<string, unknown>} set */
  set(room, set) {
    return this.#call(`/v1/rooms/${room}/state`, { set });
  }

  /**
   * A feed as the robot's: numbered entries of one run.
   *
   * @param {string} room @param {number} from @param {number} to
   */
  async feed(room, from, to) {
    for (let n = from; n <= to; n += 1) await this.#call(`/v1/rooms/${room}/events`, { event: "feed", data: { run: "tests", n } });
  }

  /** @param {string} room @param {string} event @param {unknown} data */
  publish(room, event, data) {
    return this.#call(`/v1/rooms/${room}/events`, { event, data });
  }

  /** What a user does to the own inbox elsewhere. @param {string} user @param {Record<string, unknown>} mark */
  mark(user, mark) {
    return this.#call(`/v1/users/${user}/inbox/mark`, mark);
  }

  /** @param {string} path @param {unknown} body @returns {Promise<any>} the answer */
  async #call(path, body) {
    const response = await fetch(this.url + path, { method: "POST", headers: this.backend, body: JSON.stringify(body) });
    const text = await response.text();
    assert.ok(response.ok, `${response.status}: ${text}`);
    return JSON.parse(text);
  }

  /** Ends it as a power cut would. */
  kill() {
    return this.#end("SIGKILL");
  }

  /** Ends it as whoever updates it does: it sends its clients away first. */
  drain() {
    return this.#end("SIGTERM");
  }

  /** @param {NodeJS.Signals} signal */
  async #end(signal) {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const isGone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await isGone;
  }

  async stop() {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** A wire between browser and server that can be cut, held and mended. */
export class Wire {
  /** @type {Set<{ near: net.Socket, far: net.Socket }>} */
  #pairs = new Set();
  #isCut = false;
  #listener = net.createServer((near) => this.#join(near));

  /** @param {number} to the server's port */
  static async to(to) {
    const wire = new Wire();
    wire.to = to;
    await new Promise((resolve) => wire.#listener.listen(0, "127.0.0.1", resolve));
    return wire;
  }

  get url() {
    return `http://127.0.0.1:${this.#listener.address().port}`;
  }

  /** Breaks every connection and takes no new one. */
  cut() {
    this.#isCut = true;
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  /** Swallows what goes over the present connections, without a word to either end. New ones work. */
  hang() {
    for (const { near, far } of this.#pairs) {
      near.unpipe(far);
      far.unpipe(near);
      near.resume();
      far.resume();
    }
  }

  /** Swallows what the server says over the present connections; what the browser says still arrives there. */
  deafen() {
    for (const { near, far } of this.#pairs) {
      far.unpipe(near);
      far.resume();
    }
  }

  up() {
    this.#isCut = false;
  }

  stop() {
    this.cut();
    this.#listener.close();
  }

  /** @param {net.Socket} near */
  #join(near) {
    near.on("error", () => {});
    if (this.#isCut) {
      near.destroy();
      return;
    }
    const far = net.connect(this.to, "127.0.0.1");
    const pair = { near, far };
    this.#pairs.add(pair);
    far.on("error", () => near.destroy());
    for (const [one, other] of [[near, far], [far, near]]) {
      one.pipe(other);
      one.on("close", () => {
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
  }
}

/** @param {object} [options] for `launch` */
export function launch(options = {}) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM_BIN ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
      "--disable-sync",
    ],
    ...options,
  });
}

/**
 * A node and a browser for all tests of a file, ended behind them.
 *
 * @typedef {object} Given
 * @property {Server} server
 * @property {import("playwright-core").Browser} browser
 * @property {Wire} wire to the server, where one is wanted; whole again before each test
 * @property {import("playwright-core").BrowserContext} context of one test, where its options are given
 * @property {number} serial of the test, from 1
 *
 * @param {(given: Given) => void} take before the first test, and anew before each
 * @param {{ settings?: string, wire?: boolean, context?: object, [launch: string]: unknown }} [options] `settings` of the server,
 *   `context` for each test's; the rest is for `launch`
 */
export function provide(take, { settings, wire: isWired = false, context: own, ...options } = {}) {
  const given = /** @type {Given} */ ({ serial: 0 });
  before(async () => {
    given.server = await Server.start(settings);
    if (isWired) given.wire = await Wire.to(given.server.port);
    given.browser = await launch(options);
    take(given);
  });
  after(async () => {
    await given.browser?.close();
    given.wire?.stop();
    await given.server?.stop();
  });
  beforeEach(async () => {
    given.serial += 1;
    given.wire?.up();
    if (own) given.context = await given.browser.newContext(own);
    take(given);
  });
  afterEach(() => own && given.context?.close());
}

/** For `provide`: the browser's cache for going back is what people have; Playwright switches it off otherwise. */
export const WITH_BACK_CACHE = { ignoreDefaultArgs: ["--disable-back-forward-cache"] };

/** One window, and what may be read from it. */
export class Window {
  /** Whatever a person who opens the developer tools would be alarmed by. */
  alarms = [];
  /** Every `connected` that came down the window's sockets. */
  connected = [];
  /** Close codes can't be seen from here; how many sockets there were can. */
  sockets = 0;

  /** @param {import("playwright-core").Page} page @param {string} origin */
  constructor(page, origin) {
    this.page = page;
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.alarms.push(message.text());
    });
    page.on("pageerror", (error) => this.alarms.push(`thrown: ${error.stack}`));
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== origin) this.alarms.push(`request elsewhere: ${request.url()}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) this.alarms.push(`${response.status()}: ${response.url()}`);
    });
    page.on("websocket", (socket) => {
      this.sockets += 1;
      if (new URL(socket.url()).host !== new URL(origin).host) this.alarms.push(`socket elsewhere: ${socket.url()}`);
      socket.on("framereceived", ({ payload }) => {
        const message = JSON.parse(String(payload));
        if (message.type === "connected") this.connected.push(message);
      });
    });
  }

  /** @param {import("playwright-core").BrowserContext} context @param {string} url */
  static async open(context, url) {
    const window = new Window(await context.newPage(), new URL(url).origin);
    await window.page.goto(url);
    await window.live();
    return window;
  }

  /** Waits until the window is in the room. */
  live(within = DEADLINE_MS) {
    return until(() => this.pill(), ({ state, isBusy }) => state === "connected" && isBusy === "false", { what: "live", within });
  }

  /** @returns {Promise<{ state: string, text: string, isBusy: string }>} */
  pill() {
    return this.page.evaluate(() => ({
      state: document.documentElement.dataset.connection,
      text: document.querySelector("cp-status")?.shadowRoot?.querySelector("[part=label]")?.textContent ?? "",
      isBusy: document.getElementById("main")?.getAttribute("aria-busy"),
    }));
  }

  name() {
    return this.page.locator("#me-text").textContent();
  }

  /** @returns {Promise<string[]>} who is here, as the avatars say it: "Ada (you), online" */
  people() {
    return this.page.locator("#avatars button").evaluateAll((all) => all.map(({ ariaLabel }) => ariaLabel));
  }

  /** @returns {Promise<{ name: string, x: number, y: number }[]>} others' pointers, 0 to 1 of the board */
  cursors() {
    return this.page.locator("#cursors .cursor").evaluateAll((nodes) => nodes.map((node) => (
      { name: node.textContent, x: Number.parseFloat(node.style.getPropertyValue("--_x")) / 100, y: Number.parseFloat(node.style.getPropertyValue("--_y")) / 100 })));
  }

  /** @returns {Promise<Record<string, string>>} */
  proof() {
    return this.page.locator("[id^=proof-]:is(dd)").evaluateAll((nodes) => {
      return Object.fromEntries(nodes.map((node) => [node.id.slice("proof-".length), node.textContent]));
    });
  }

  /** @param {string} key of a tile */
  value(key) {
    return this.page.textContent(`[data-tile=${key}] .tile-value`);
  }

  /** Who looks at a tile, besides us. @param {string} key */
  watchers(key) {
    return this.page.textContent(`[data-tile=${key}] .tile-people`);
  }

  /** @param {string} key */
  pick(key) {
    return this.page.click(`[data-tile=${key}] .tile-pick`);
  }

  /** @returns {Promise<string[]>} what people did, newest first */
  activity() {
    return this.page.locator("cp-activity li").allTextContents();
  }

  /** @returns {string} the user's id */
  get user() {
    return this.connected.at(-1).user.id;
  }

  /** @returns {Promise<string[]>} titles of the toasts on the screen */
  toasts() {
    return this.page.locator("cp-toasts .title").allTextContents();
  }

  /** @returns {Promise<number>} what the bell says, which is the number of those that nobody has seen */
  badge() {
    return this.page.locator("cp-inbox .badge").evaluate((badge) => (badge.hidden ? 0 : Number(badge.textContent)));
  }

  openInbox() {
    return this.page.locator("cp-inbox .bell").click();
  }

  /** @returns {Promise<string[]>} titles in the inbox, unread ones with a star */
  inbox() {
    return this.page.locator("cp-inbox li").evaluateAll((all) => all.map((line) => {
      return (line.classList.contains("is-read") ? "" : "*") + line.querySelector(".title").textContent;
    }));
  }

  /** @param {string} name */
  async rename(name) {
    await this.page.click("#me-name");
    await this.page.fill("#me-input", name);
    await this.page.press("#me-input", "Enter");
  }

  /** Moves the pointer to a place on the board, 0 to 1. @param {number} x @param {number} y */
  async point(x, y) {
    const { width, height } = await this.page.locator("#cursors").boundingBox();
    await this.page.locator("#cursors").hover({ position: { x: width * x, y: height * y }, force: true });
  }

  /** Alarms but for those that a killed server or a cut wire must cause. */
  unexpected() {
    return this.alarms.filter((alarm) => !/WebSocket connection to .* failed|ERR_CONNECTION_REFUSED/.test(alarm));
  }

  /** @param {string} name of the picture @param {boolean} [fullPage] what is below the window as well */
  async picture(name, fullPage = true) {
    await mkdir(ARTIFACTS, { recursive: true });
    await this.page.screenshot({ path: join(ARTIFACTS, `${name}.png`), fullPage });
  }
}

/**
 * What axe has to say about a page, and where. Its script comes as a file of the page's own origin, for the policy lets no other in.
 *
 * @param {import("playwright-core").Page} page
 * @returns {Promise<string[]>}
 */
export async function findings(page) {
  const url = new URL("/axe.js", page.url()).href;
  await page.route(url, async (route) => route.fulfill({ contentType: "text/javascript", body: await readFile(AXE, "utf8") }));
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.addScriptTag({ url });
  return page.evaluate(async () => {
    const { violations } = await globalThis.axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`);
  });
}

/** Ours without what the server would read as its own settings, and refuse when it knows no such key. */
function foreignEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("COPRESENCE_")));
}

/** @returns {Promise<number>} a port that nobody listens on */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
