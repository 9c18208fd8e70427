/** The examples of docs/examples/ do what they show, against a real node: as they stand, in Chromium, Node and a shell. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { provide, Server, until, Window } from "./support.mjs";

const EXAMPLES = new URL("../../docs/examples/", import.meta.url);
const ROOT = new URL("../../", import.meta.url);
const path = (name, base = EXAMPLES) => fileURLToPath(new URL(name, base));
const run = promisify(execFile);

let server;
let browser;
provide((given) => ({ server, browser } = given), {
  // The room of the examples is the demo's, and here they are by themselves.
  settings: "[demo]\nenabled = false\n[session]\ngrace_s = 1",
  // The pages are given by the tests, so they have no address, and one without may not open sockets to this machine.
  args: ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-features=LocalNetworkAccessChecks"],
});

/** A person's own browser with these files under /example/, as the node's own host would serve them. */
async function open(t, files, name, { url } = server) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const window = new Window(page, url);
  for (const [file, [contentType, body]] of Object.entries(files)) {
    await page.route(`${url}/example/${file}`, (route) => route.fulfill({ contentType, body: body.replaceAll("Ada", name) }));
  }
  await page.goto(`${url}/example/`);
  return { context, page, window };
}

const plain = async () => ({ "": ["text/html", await readFile(path("plain/index.html"), "utf8")] });

/** As the README of the examples says to build it, with the client out of this repository. */
async function react() {
  const esbuild = path("tests/client/node_modules/esbuild/lib/main.js", ROOT);
  const installed = path("tests/client/react/node_modules", ROOT);
  for (const each of [esbuild, installed]) await access(each).catch(() => assert.fail(`${each} is missing: tests/client/run and tests/client/react/run install it`));
  const { build } = createRequire(import.meta.url)(esbuild);
  const client = (file) => path(`static/client/${file}`, ROOT);
  const { outputFiles, warnings } = await build({
    entryPoints: [path("react/main.jsx")], bundle: true, jsx: "automatic", format: "esm", write: false, logLevel: "silent", nodePaths: [installed],
    alias: { copresence: client("index.js"), "copresence/react": client("react/index.js") },
  });
  assert.deepEqual(warnings, []);
  return { "": ["text/html", await readFile(path("react/index.html"), "utf8")], "main.js": ["text/javascript", outputFiles[0].text] };
}

const target = (page) => page.locator("output").textContent();
const notes = (page) => page.getByRole("list", { name: "Notes" }).locator("li").allTextContents();
const backend = (file, ...args) => run(file, args, {
  env: { PATH: process.env.PATH, COPRESENCE_URL: server.url, COPRESENCE_KEY: server.backend.authorization.replace("Bearer ", "") },
  timeout: 20_000,
});

test("two on the plain page see each other, raise one target, talk, and hear what the backends say", async (t) => {
  const files = await plain();
  const ada = await open(t, files, "Ada");
  const bob = await open(t, files, "Bob");
  const people = ({ page }) => page.locator("cp-avatars button").evaluateAll((all) => all.map(({ ariaLabel }) => ariaLabel).sort());
  await until(() => people(ada), (names) => names.join() === "Ada (you), online,Bob, online", { what: "two people" });
  await until(() => people(bob), (names) => names.join() === "Ada, online,Bob (you), online", { what: "two people" });

  await ada.page.getByRole("button", { name: "Raise it" }).click();
  await until(() => target(bob.page), (value) => value === "10000");
  await bob.page.getByRole("button", { name: "Raise it" }).click();
  await until(() => target(ada.page), (value) => value === "20000");
  await until(() => ada.page.locator("cp-activity").evaluate((list) => list.shadowRoot.textContent), (text) => /Bob.*raised/s.test(text));

  await ada.page.getByRole("textbox", { name: "Note" }).fill("<b>hello</b>");
  await ada.page.keyboard.press("Enter");
  await until(() => notes(bob.page), (all) => all.join() === "Ada: <b>hello</b>");
  await bob.page.locator("main").hover();
  await until(() => ada.page.locator("cp-cursors").evaluate((area) => area.shadowRoot.querySelectorAll(".cursor").length), (count) => count === 1, { what: "Bob's pointer" });

  const { stdout } = await backend(process.execPath, path("backend/backend.mjs"));
  assert.match(stdout, /^published at \d+\ntold 2\n$/);
  for (const each of [ada, bob]) {
    await until(() => notes(each.page), (all) => all[0] === "The backend: Order 4711 is paid");
    await until(() => target(each.page), (value) => value === "1300000");
    await each.page.locator("cp-toasts .title", { hasText: "Order 4711 is paid" }).waitFor();
  }
  // What is repeated under its keys is done once.
  const first = await backend(path("backend/backend.sh"));
  const again = await backend(path("backend/backend.sh"));
  const answers = ({ stdout: text }) => text.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(answers(first).map(({ duplicate }) => duplicate), [false, false]);
  assert.deepEqual(answers(again).map(({ duplicate }) => duplicate), [true, true]);
  await until(() => notes(ada.page), (all) => all[0] === "The backend: Order 4712 is paid");
  assert.equal((await notes(ada.page)).length, 3);

  for (const { window } of [ada, bob]) assert.deepEqual(window.unexpected(), []);
});

test("the React board shows who is here, and what one raises and says the other sees", async (t) => {
  const files = await react();
  const ada = await open(t, files, "Ada");
  const bob = await open(t, files, "Bob");
  const status = ({ page }) => page.locator("p[role=status]").textContent();
  await until(() => status(ada), (text) => text === "connected; here: Bob");
  await until(() => status(bob), (text) => text === "connected; here: Ada");

  const raised = Number(await target(ada.page));
  await ada.page.getByRole("button", { name: "Raise it" }).click();
  await until(() => target(bob.page), (value) => Number(value) === raised + 10_000);
  await bob.page.getByRole("textbox", { name: "Note" }).fill("<i>seen</i>");
  await bob.page.keyboard.press("Enter");
  for (const each of [ada, bob]) await until(() => notes(each.page), (all) => all.join() === "<i>seen</i>");

  // A page of another kind in the same room: one protocol, one room.
  const grace = await open(t, await plain(), "Grace");
  await until(() => target(grace.page), (value) => Number(value) === raised + 10_000);
  await until(() => status(ada), (text) => text === "connected; here: Bob, Grace");
  await grace.context.close();
  await until(() => status(ada), (text) => text === "connected; here: Bob");
  for (const { window } of [ada, bob]) assert.deepEqual(window.unexpected(), []);
});

test("a backend with a key that is none says so and gives up", async () => {
  const failure = await run(process.execPath, [path("backend/backend.mjs")], {
    env: { PATH: process.env.PATH, COPRESENCE_URL: server.url, COPRESENCE_KEY: "wrong" }, timeout: 20_000,
  }).then(() => assert.fail("it was taken"), (error) => error);
  assert.equal(failure.code, 1);
  assert.match(failure.stderr, /unauthorized/);
});

test("on a node as it comes, the plain page has a colleague at once: by name, with a pointer that moves, and busy", async (t) => {
  const demo = await Server.start();
  t.after(() => demo.stop());
  assert.deepEqual(await (await fetch(`${demo.url}/demo.json`)).json(), { room: "dashboard:sales", robot: true, chaos: true, node: "n1" });
  const { page, window } = await open(t, await plain(), "Ada", demo);
  await page.locator("cp-avatars").getByRole("button", { name: "Grace, online" }).waitFor();
  const pointer = () => page.locator("cp-cursors").evaluate((area) => [...area.shadowRoot.querySelectorAll(".cursor")].map(({ style, textContent }) => [textContent, style.cssText]));
  const [[name, first]] = await until(pointer, (all) => all.length === 1, { what: "a pointer" });
  assert.equal(name, "Grace");
  await until(pointer, (all) => all.length === 1 && all[0][1] !== first, { what: "a pointer that moves" });
  await until(() => target(page), (value) => Number(value) >= 1_200_000);
  await until(() => page.locator("cp-activity").evaluate((list) => list.shadowRoot.textContent), (text) => /Grace.*set.*target/s.test(text));
  assert.deepEqual(window.unexpected(), []);
});
