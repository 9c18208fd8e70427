import assert from "node:assert/strict";
import { test } from "node:test";

import { Identity } from "../../../static/page/identity.js";
import { openStore } from "../../../static/page/storage.js";
import { memoryStorage } from "./support.mjs";

const storeOf = (storage, person = 1) => openStore(() => storage, `copresence.${person}.`);
const connected = (name, token) => ({ type: "connected", user: { id: "guest-1", name }, guest_token: token });

test("a newcomer gets a name that stays, and a token that is sent from then on", () => {
  const storage = memoryStorage();
  const identity = new Identity(storeOf(storage));
  const { name } = identity;
  assert.deepEqual(identity.credentials(), { guest: { name } });
  identity.keep(connected(name, "token-1"));
  assert.deepEqual(identity.credentials(), { token: "token-1" });
  assert.equal(new Identity(storeOf(storage)).name, name);
  assert.deepEqual(new Identity(storeOf(storage, 2)).credentials().token, undefined, "another person shares nothing");
});

test("a new name is asked for beside the token until the server has answered, whatever it makes of it", () => {
  const storage = memoryStorage();
  const identity = new Identity(storeOf(storage));
  identity.keep(connected("Ada", "token-1"));
  identity.rename("Countess");
  assert.equal(identity.name, "Countess");
  assert.deepEqual(new Identity(storeOf(storage)).credentials(), { token: "token-1", guest: { name: "Countess" } });
  identity.credentials();
  identity.keep(connected("Count", "token-2"));
  assert.equal(identity.name, "Count");
  assert.deepEqual(identity.credentials(), { token: "token-2" });
});

test("a wish that came while the answer was on its way is not lost", () => {
  const identity = new Identity(storeOf(memoryStorage()));
  identity.keep(connected("Ada", "token-1"));
  identity.rename("First");
  identity.credentials();
  identity.rename("Second");
  identity.keep(connected("First", "token-2"));
  assert.deepEqual(identity.credentials(), { token: "token-2", guest: { name: "Second" } });
});

test("a refused token is dropped once, a newer one is tried, and without any it is the end", () => {
  const storage = memoryStorage();
  const identity = new Identity(storeOf(storage));
  identity.keep(connected("Ada", "old"));
  identity.credentials();
  new Identity(storeOf(storage)).keep(connected("Ada", "newer"));
  assert.equal(identity.dropToken(), true);
  assert.equal(identity.credentials().token, "newer");
  assert.equal(identity.dropToken(), true);
  assert.deepEqual(identity.credentials(), { guest: { name: "Ada" } });
  assert.equal(identity.dropToken(), false);
});
