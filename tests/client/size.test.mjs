/** What a page has to load: minified and compressed, as a bundler and a server would. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

/** Bytes. The goals are 10 and 14 KB; these hold what is reached, so that nothing grows unseen. */
const CORE_MAX = 14_250;
const ALL_MAX = 20_640;
/** What a page loads besides once there is a second tab, and a worker beside the modules that the client has anyway. */
const TABS_MAX = 4_650;
const WORKER_MAX = 1_024;

const client = new URL("../../static/client/", import.meta.url).pathname;

/** @returns bytes, gzipped, of the entry with everything that it loads at first; `without` is loaded later, or by who uses it */
async function size(without = [], entry = "index") {
  const { outputFiles, metafile } = await build({
    entryPoints: [`${client}${entry}.js`], bundle: true, splitting: true, outdir: "/size", minify: true, format: "esm", target: "es2022",
    write: false, metafile: true, absWorkingDir: "/", external: without.map((name) => `./${name}.js`),
  });
  const needed = new Set([`size/${entry}.js`]);
  // A set grows while it is walked.
  for (const name of needed) for (const { path, kind } of metafile.outputs[name]?.imports ?? []) if (kind === "import-statement") needed.add(path);
  const texts = outputFiles.filter(({ path }) => needed.has(path.slice(1))).map(({ text }) => text);
  assert.ok(texts.length > 0);
  return gzipSync(texts.join("\n"), { level: 9 }).length;
}

test("the client stays small", async (context) => {
  const all = await size();
  const core = await size(["members", "room-presence", "activity", "cursors", "attention", "notifications", "collection", "tab-link"]);
  const modules = ["codes", "connection", "environment", "errors", "leadership", "requests", "timers"];
  const tabs = await size(modules, "shared-link");
  const worker = await size([...modules, "hub"], "worker");
  context.diagnostic(`beside them: for many tabs ${tabs}, a worker ${worker}`);
  assert.ok(tabs <= TABS_MAX, `tabs: ${tabs} bytes`);
  assert.ok(worker <= WORKER_MAX, `worker: ${worker} bytes`);
  context.diagnostic(`core ${core} bytes, all headless ${all} bytes, minified and gzipped`);
  assert.ok(core <= CORE_MAX, `core: ${core} bytes`);
  assert.ok(all <= ALL_MAX, `all headless: ${all} bytes`);
});

test("no file depends on anything but its neighbours, and nothing is loaded from elsewhere", () => {
  for (const name of readdirSync(client).filter((file) => file.endsWith(".js"))) {
    const text = readFileSync(client + name, "utf8");
    for (const [, from] of text.matchAll(/^(?:import|export)[^;]*? from "([^"]+)"/gm)) assert.match(from, /^\.\/[a-z-]+\.js$/, name);
    assert.doesNotMatch(text, /\beval\(|new Function\(|innerHTML|document\.write/, name);
  }
});
