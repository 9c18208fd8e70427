/** What `npm pack` makes can be installed, imported, read by TypeScript and bundled, away from this repository. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { build } from "esbuild";
import { build as viteBuild } from "vite";

const client = new URL("../../static/client/", import.meta.url).pathname;
const installed = new URL("node_modules/", import.meta.url).pathname;
const run = (command, given, cwd) => execFileSync(command, given, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 120_000 });

/** An application that has the package, and nothing of this repository. */
let place;
let names;

before(() => {
  place = mkdtempSync(join(tmpdir(), "copresence-package-"));
  const [{ filename, files }] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", place], client));
  names = files.map(({ path }) => path);
  run("tar", ["-xzf", filename], place);
  mkdirSync(join(place, "node_modules/@types"), { recursive: true });
  symlinkSync(join(place, "package"), join(place, "node_modules/copresence"));
  symlinkSync(join(installed, "@types/react"), join(place, "node_modules/@types/react"));
  writeFileSync(join(place, "package.json"), '{"type":"module"}');
  writeFileSync(join(place, "app.js"), `
    import { createClient } from "copresence";
    import { CopresenceProvider, useOthers } from "copresence/react";
    import "copresence/ui";
    export const client = createClient({ room: "board" });
    export const parts = [CopresenceProvider, useOthers];
  `);
});
after(() => rmSync(place, { recursive: true, force: true }));

/** Application code that TypeScript has to accept, with `@ts-expect-error` where it must not. */
function check(name, text) {
  writeFileSync(join(place, name), text);
  run(join(installed, ".bin/tsc"), ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom", name], place);
}

test("every entry has its files and its types, and packing leaves nothing behind", () => {
  const { exports } = JSON.parse(readFileSync(join(place, "package/package.json"), "utf8"));
  for (const entry of Object.values(exports)) {
    for (const path of typeof entry === "string" ? [entry] : Object.values(entry)) assert.ok(names.includes(path.slice(2)), path);
    assert.ok(typeof entry !== "string" || entry.endsWith(".json"), `${entry} has no types`);
  }
  for (const name of ["LICENSE", "README.md"]) assert.ok(names.includes(name), name);
  assert.deepEqual(readdirSync(client, { recursive: true }).filter((name) => name.endsWith(".d.ts")), ["types.d.ts"]);
});

test("it imports in Node, which starts nothing", () => {
  writeFileSync(join(place, "use.mjs"), 'import { createClient, errorOf } from "copresence"; import * as ui from "copresence/ui"; console.log(typeof createClient, errorOf("conflict", "x").name, typeof ui.CpStatus);');
  assert.equal(run("node", ["use.mjs"], place), "function ConflictError function\n", "and it ends");
});

test("TypeScript reads the client, and what is declared once is known everywhere", () => {
  check("use.ts", `
    import { createClient, type ConnectionStatus } from "copresence";
    declare module "copresence" { interface Register { types: { events: { note: { text: string } } } } }
    const client = createClient({ url: "http://127.0.0.1/v1" });
    client.status satisfies ConnectionStatus;
    client.subscribe("note", (data) => data.text satisfies string);
    client.room("r").on("note", (data) => data.text satisfies string);
    // @ts-expect-error: no such field
    client.room("r").on("note", (data) => data.txt);
  `);
});

test("TypeScript reads the hooks and the elements", () => {
  check("page.ts", `
    import { createElement } from "react";
    import { createClient } from "copresence";
    import { CopresenceProvider, RoomProvider, useNotifications, useOthers, useRealtimeData, useRoomState, useWebSocket } from "copresence/react";
    import { useSelf } from "copresence/react/suspense";
    import { CpStatus } from "copresence/ui";
    const client = createClient({ room: "board" });
    export function Board() {
      const names = useOthers((others) => others.map(({ name }) => name));
      const [target, setTarget] = useRoomState<number>("target");
      const { data } = useRealtimeData<{ id: string }>("orders");
      useSelf().name satisfies string;
      const { subscribe, connectionState } = useWebSocket();
      useNotifications().showNotification({ title: "Saved" });
      subscribe("note", () => {});
      connectionState satisfies string;
      void setTarget(target + 1);
      // @ts-expect-error: orders have no total
      data[0].total;
      // @ts-expect-error: a hook of another library
      return createElement("p", null, names.join(), useOthers().id);
    }
    createElement(CopresenceProvider, { client }, createElement(RoomProvider, { name: "board" }, createElement(Board)));
    // @ts-expect-error: a provider has a client
    createElement(CopresenceProvider, {});
    const status = new CpStatus();
    status satisfies HTMLElement;
    status.client = client;
  `);
});

/** What a bundler has to keep of an application that uses all three entries. */
function holds(text) {
  for (const needed of ["cp-status", "cp-toasts", "copresence.v1", "useSyncExternalStore"]) assert.ok(text.includes(needed), needed);
  const wanted = [...text.matchAll(/\bfrom\s*"([^"]+)"/g)].map(([, name]) => name).filter((name) => !name.startsWith("./"));
  assert.deepEqual([...new Set(wanted)], ["react"], "React alone is left out");
}

test("esbuild bundles an application of client, hooks and elements", async () => {
  const { outputFiles, warnings } = await build({
    entryPoints: [join(place, "app.js")], bundle: true, minify: true, format: "esm", target: "es2022", external: ["react"], write: false, outdir: place,
    preserveSymlinks: true,
  });
  assert.deepEqual(warnings, []);
  holds(outputFiles[0].text);
});

test("Vite bundles it, too", async () => {
  const onwarn = ({ code, message }) => {
    // What "use client" means is for frameworks that render on a server; here it only marks where their client begins.
    if (code !== "MODULE_LEVEL_DIRECTIVE") assert.fail(message);
  };
  const lib = { entry: "app.js", formats: ["es"], fileName: "app" };
  const built = await viteBuild({
    root: place, configFile: false, logLevel: "silent", build: { write: false, target: "es2022", lib, rollupOptions: { external: ["react"], onwarn } },
  });
  holds([built].flat()[0].output.map(({ code }) => code).join("\n"));
});
