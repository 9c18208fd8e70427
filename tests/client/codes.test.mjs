/** The client's tables are the server's. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { CLOSE_CODES, ERROR_CODES } from "../../static/client/codes.js";
import { errorOf } from "../../static/client/errors.js";
import { isReserved } from "../../static/client/events.js";

const source = readFileSync(new URL("../../src/protocol/codes.rs", import.meta.url), "utf8");
const snake = (name) => name.replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase();

test("error codes and whether to try again are those of the server", () => {
  const rows = [...source.matchAll(/Self::\w+ => \("(\w+)", \d+, Again::(\w+)\)/g)].map(([, code, again]) => [code, snake(again)]);
  assert.ok(rows.length >= 11);
  assert.deepEqual(ERROR_CODES, Object.fromEntries(rows));
});

test("close codes, their reasons and whether to come back are those of the server", () => {
  const rows = [...source.matchAll(/Self::\w+ => \((\d{4}), "([^"]+)", Reconnect::(\w+)\)/g)].map(([, code, reason, again]) => [code, [reason, snake(again)]]);
  assert.ok(rows.length >= 14);
  assert.deepEqual(CLOSE_CODES, Object.fromEntries(rows));
});

test("every code of the wire has a class, and whether it is retryable follows from the table", () => {
  for (const [code, again] of Object.entries(ERROR_CODES)) {
    const error = errorOf(code, "words");
    assert.notEqual(error.constructor.name, "ConnectionError", code);
    assert.equal(error.retryable, !["no", "after_reading"].includes(again), code);
    assert.equal(error.name, error.constructor.name);
  }
});

test("the names that the server refuses to publish are those that the client keeps", () => {
  const fields = readFileSync(new URL("../../src/protocol/command/fields.rs", import.meta.url), "utf8");
  const from = fields.slice(fields.lastIndexOf("fn ", fields.indexOf('"disconnecting"')));
  const names = [...from.slice(0, from.indexOf("\n}")).matchAll(/"([a-z_]+:?)"/g)].map(([, name]) => name);
  assert.ok(names.length >= 14, String(names));
  for (const name of names) assert.equal(isReserved(name.endsWith(":") ? `${name}x` : name), true, name);
});
