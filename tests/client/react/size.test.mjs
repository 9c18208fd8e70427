/** What hooks and elements add to a page that has the client (and React), minified and compressed. */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { test } from "node:test";

import { build } from "../node_modules/esbuild/lib/main.js";

/** Bytes: 3 KB for every hook there is; the hooks that were asked for alone have what is reached, so that nothing grows unseen. */
const ASKED_MAX = 2_150;
const ALL_MAX = 3_072;
/** All elements, and each of them as a page loads it that has no other: what is reached, so that nothing grows unseen. */
const UI_MAX = 10_600;
const UI_ALONE = { provider: 750, status: 3_020, activity: 3_070, cursors: 3_180, avatars: 3_880, toasts: 4_080, inbox: 5_780 };
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

test("the elements stay small", async (context) => {
  const bytes = async (/** @type {string} */ name) => {
    const entryPoints = [new URL(`../ui/${name}.js`, `file://${folder}`).pathname];
    const { outputFiles } = await build({ entryPoints, bundle: true, minify: true, format: "esm", target: "es2022", write: false, external: ["../index.js"] });
    return gzipSync(outputFiles[0].text, { level: 9 }).length;
  };
  for (const [name, most] of Object.entries({ index: UI_MAX, ...UI_ALONE })) {
    const length = await bytes(name);
    context.diagnostic(`${name === "index" ? "all elements" : `<cp-${name}> alone`} ${length} bytes, minified and gzipped`);
    assert.ok(length <= most, `${name}: ${length} bytes`);
  }
});
