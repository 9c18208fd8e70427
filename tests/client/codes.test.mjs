/** The client's tables are the server's. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { isFinal, TOKEN_REFUSED } from "../../static/client/codes.js";
import { errorOf } from "../../static/client/errors.js";
import { isReserved } from "../../static/client/events.js";

const source = readFileSync(new URL("../../src/protocol/codes.rs", import.meta.url), "utf8");
const snake = (name) => name.replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase();

test("every code of the server has a class, and may be tried again when the server says so", () => {
  const rows = [...source.matchAll(/Self::\w+ => \("(\w+)", \d+, Again::(\w+)\)/g)].map(([, code, again]) => [code, snake(again)]);
  assert.ok(rows.length >= 11);
  const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
  for (const [code, again] of rows) {
    const error = errorOf(code, "words");
    assert.equal(error.retryable, !["no", "after_reading"].includes(again), code);
    assert.notEqual(error.name, "ConnectionError", code);
    assert.equal(error.name, error.constructor.name);
    assert.equal(error.help, `docs/errors.md#${code}`);
    assert.match(page, new RegExp(`^## \`?${code}\`?$`, "m"), code);
  }
  for (const code of ["closed", "expired", "queue_full", "queue_expired", "timeout", "transport_unavailable", "usage"]) assert.ok(page.includes(`\n## ${code}\n`), code);
  for (const code of ["constructor", "__proto__", "brand_new"]) assert.equal(errorOf(code, "words").name, "ConnectionError", "whatever a server calls it");
});

test("which closes are final is what the server says", () => {
  const rows = [...source.matchAll(/Self::\w+ => \((\d{4}), "([^"]+)", Reconnect::(\w+)\)/g)].map(([, code, , again]) => [Number(code), snake(again)]);
  assert.ok(rows.length >= 14);
  for (const [code, again] of rows) assert.equal(isFinal(code), again === "no", String(code));
  assert.deepEqual(rows.filter(([, again]) => again === "with_new_token"), [[TOKEN_REFUSED, "with_new_token"]]);
  assert.equal(isFinal(1006), false);
});

test("the names that the server refuses to publish are those that the client keeps", () => {
  const fields = readFileSync(new URL("../../src/protocol/command/fields.rs", import.meta.url), "utf8");
  const from = fields.slice(fields.lastIndexOf("fn ", fields.indexOf('"disconnecting"')));
  const names = [...from.slice(0, from.indexOf("\n}")).matchAll(/"([a-z_]+:?)"/g)].map(([, name]) => name);
  assert.ok(names.length >= 14, String(names));
  for (const name of names) assert.equal(isReserved(name.endsWith(":") ? `${name}x` : name), true, name);
});
