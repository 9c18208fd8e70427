/** What hooks and elements add to a page that has the client (and React), minified and compressed. */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { test } from "node:test";

import { build } from "../node_modules/esbuild/lib/main.js";

/** Bytes: less than 3 KB, in thousands as well, for every hook there is; the hooks that were asked for alone have what is reached, so that nothing grows unseen. */
const ASKED_MAX = 2_020;
const ALL_MAX = 3_000;
/**
 * What a page loads before anybody touches it, in bytes: 8 KB for all seven elements, 3 KB for one that has no other beside
 * it. That is all it takes to show who is here, whether it is live, what is unread, and to read a toast out.
 */
const UI_MAX = 8_192;
const UI_ALONE_MAX = 3_072;
const ELEMENTS = ["provider", "status", "activity", "cursors", "avatars", "toasts", "inbox"];
/** What is loaded besides, once it is needed, and the bytes that are reached, so that nothing grows unseen. */
const UI_LATER = {
  "tooltip.js": ["the first pointer or focus on an avatar", 680],
  "toast-list.js": ["the first toast", 1_100],
  "inbox-panel.js": ["the first opening of the inbox", 2_950],
  "notice.js": ["the first of these two", 900],
};
const ASKED = "CopresenceProvider, useWebSocket, useRealtimeData, useRealtimeCollections, useUserActivity, useConnectionStatus, useNotifications";

const folder = new URL("../../../static/client/react/", import.meta.url).pathname;

/** @param {string} names */
async function size(names) {
  const { outputFiles } = await build({
    stdin: { contents: `export ${names} from "./index.js"`, resolveDir: folder }, bundle: true, minify: true, format: "esm",
    target: "es2022", write: false, external: ["react", "../emitter.js", "../errors.js", "../events.js", "../store.js"],
  });
  return gzipSync(outputFiles[0].text, { level: 9 }).length;
}

test("the hooks stay small", async (context) => {
  const [asked, all] = [await size(`{ ${ASKED} }`), await size("*")];
  context.diagnostic(`those that were asked for ${asked} bytes, all ${all} bytes, minified and gzipped`);
  assert.ok(asked <= ASKED_MAX, `asked for: ${asked} bytes`);
  assert.ok(all <= ALL_MAX, `all: ${all} bytes`);
});

/** @param {string} name of a file of elements @returns bytes of what it loads at first, and by file of what it loads later */
async function weigh(name) {
  const { outputFiles, metafile } = await build({
    entryPoints: [new URL(`../ui/${name}.js`, `file://${folder}`).pathname], bundle: true, splitting: true, outdir: "/size", minify: true, format: "esm",
    target: "es2022", write: false, metafile: true, absWorkingDir: "/", external: ["../index.js"],
  });
  const needed = new Set([`size/${name}.js`]);
  // A set grows while it is walked.
  for (const each of needed) for (const { path, kind } of metafile.outputs[each]?.imports ?? []) if (kind === "import-statement") needed.add(path);
  const zipped = (/** @type {string[]} */ texts) => gzipSync(texts.join("\n"), { level: 9 }).length;
  const [first, later] = [true, false].map((isFirst) => outputFiles.filter(({ path }) => needed.has(path.slice(1)) === isFirst));
  const files = (/** @type {string} */ path) => Object.keys(metafile.outputs[path.slice(1)].inputs).map((each) => each.split("/").at(-1)).join();
  return { first: zipped(first.map(({ text }) => text)), later: Object.fromEntries(later.map(({ path, text }) => [files(path), zipped([text])])) };
}

test("the elements stay small: what a page loads at first", async (context) => {
  for (const [name, most] of [["index", UI_MAX], ...ELEMENTS.map((each) => [each, UI_ALONE_MAX])]) {
    const { first } = await weigh(name);
    context.diagnostic(`${name === "index" ? "all elements" : `<cp-${name}> alone`}: ${first} bytes at first, minified and gzipped`);
    assert.ok(first <= most, `${name}: ${first} bytes`);
  }
});

test("the elements stay small: what is loaded later, and that it is loaded only then", async (context) => {
  const { later } = await weigh("index");
  assert.deepEqual(Object.keys(later).sort(), Object.keys(UI_LATER).sort());
  for (const [file, [when, most]] of Object.entries(UI_LATER)) {
    context.diagnostic(`${file}, with ${when}: ${later[file]} bytes, minified and gzipped`);
    assert.ok(later[file] <= most, `${file}: ${later[file]} bytes`);
  }
});
