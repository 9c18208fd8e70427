/** The example of docs/react.md does what it shows. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import * as hooks from "../../../static/client/react/index.js";
import { act, h, scene } from "./support.mjs";

const text = await readFile(new URL("../../../docs/react.md", import.meta.url), "utf8");

test("the dashboard in small shows who is here and writes what is clicked", async () => {
  const [, source] = /```js\n(.*?)```/s.exec(text);
  const { App } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  const { server, client, container, show, calm, end } = scene();
  await show(h(App, { client }));
  assert.equal(container.textContent, "connected; here: nobody elseTarget 0");
  server.connection.push({ type: "presence", room: "dashboard:sales", joined: [server.member("grace")], updated: [], left: [], count: 2 });
  await calm();
  await act(async () => container.querySelector("button").dispatchEvent(new window.MouseEvent("click", { bubbles: true })));
  await calm(1_000);
  assert.equal(container.textContent, "connected; here: graceTarget 10");
  assert.deepEqual(server.heardOf("track").map(({ action }) => action), ["raised the target"]);
  await end();
});

test("the page of the hooks names every hook there is", () => {
  for (const name of Object.keys(hooks).filter((each) => each.startsWith("use"))) assert.ok(text.includes(`\`${name}(`), name);
});
