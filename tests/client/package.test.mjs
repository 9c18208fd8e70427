/** What `npm pack` makes can be installed, imported and read by TypeScript, away from this repository. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const client = new URL("../../static/client/", import.meta.url).pathname;
const tsc = new URL("node_modules/.bin/tsc", import.meta.url).pathname;
const run = (command, given, cwd) => execFileSync(command, given, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 120_000 });

test("the package imports in Node, has its types, and leaves nothing behind", async () => {
  const place = mkdtempSync(join(tmpdir(), "copresence-package-"));
  try {
    const [{ filename, files }] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", place], client));
    const names = files.map(({ path }) => path);
    for (const name of ["index.js", "index.d.ts", "types.d.ts", "client.d.ts", "LICENSE", "README.md", "package.json"]) assert.ok(names.includes(name), name);
    run("tar", ["-xzf", filename], place);
    mkdirSync(join(place, "node_modules"));
    symlinkSync(join(place, "package"), join(place, "node_modules/copresence"));
    writeFileSync(join(place, "package.json"), '{"type":"module"}');
    writeFileSync(join(place, "use.mjs"), 'import { createClient, errorOf } from "copresence"; console.log(typeof createClient, errorOf("conflict", "x").name);');
    assert.equal(run("node", ["use.mjs"], place), "function ConflictError\n", "and it ends: importing starts nothing");
    writeFileSync(join(place, "use.ts"), `
      import { createClient, type ConnectionStatus } from "copresence";
      declare module "copresence" { interface Register { types: { events: { note: { text: string } } } } }
      const client = createClient({ url: "http://127.0.0.1/v1" });
      client.status satisfies ConnectionStatus;
      client.room("r").on("note", (data) => data.text satisfies string);
      // @ts-expect-error: declared once, it is known everywhere
      client.room("r").on("note", (data) => data.txt);
    `);
    run(tsc, ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom", "use.ts"], place);
    assert.deepEqual(readdirSync(client).filter((name) => name.endsWith(".d.ts")), ["types.d.ts"]);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});
