import assert from "node:assert/strict";
import { test } from "node:test";

import { Connection } from "../../../static/page/connection.js";
import { Clock, settle } from "./support.mjs";

/** A socket that does what the test says. */
class Socket {
  readyState = 0;
  bufferedAmount = 0;
  sent = [];
  closedWith = null;

  open() {
    this.readyState = 1;
    this.onopen({});
  }

  say(message) {
    this.onmessage({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  /** Greets as the server does and returns the `connect` that it greeted. */
  welcome(more = {}) {
    this.open();
    const connect = this.sent[0];
    this.say({ type: "connected", id: connect.id, session: "s-1", secret: "x", heartbeat: 10, ...more });
    return connect;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.readyState = 3;
    this.closedWith = code;
  }

  end(code) {
    this.readyState = 3;
    this.onclose({ code });
  }
}

function world({ random = () => 0.5, credentials = () => ({}), hasToken = false } = {}) {
  const clock = new Clock();
  const sockets = [];
  const messages = [];
  let isTokenHeld = hasToken;
  const connection = new Connection({
    url: "ws://server/v1/ws",
    credentials,
    onState() {},
    onMessage: (message) => messages.push(message),
    onTokenRefused: () => {
      const had = isTokenHeld;
      isTokenHeld = false;
      return had;
    },
    WebSocket: class extends Socket {
      constructor() {
        super();
        sockets.push(this);
      }
    },
    now: () => clock.now,
    after: clock.after,
    random,
  });
  return { clock, sockets, messages, connection, get phase() { return connection.state.phase; } };
}

test("each loss waits a drawn part of a ceiling that doubles, and five good seconds start anew", async () => {
  const w = world();
  w.connection.start();
  w.sockets[0].welcome();
  await w.clock.pass(6_000);
  w.sockets.at(-1).end(1006);
  for (const ms of [125, 250, 500]) {
    assert.equal(w.connection.state.retryAt - w.clock.now, ms);
    await w.clock.pass(ms);
    w.sockets.at(-1).end(1006);
  }
  await w.clock.pass(1_000);
  w.sockets.at(-1).welcome();
  await w.clock.pass(6_000);
  w.sockets.at(-1).end(1006);
  assert.equal(w.connection.state.retryAt - w.clock.now, 125);
});

test("a ping is answered inside its own message", async () => {
  const w = world();
  w.connection.start();
  w.sockets[0].welcome();
  w.sockets[0].say({ type: "ping" });
  assert.deepEqual(w.sockets[0].sent.at(-1), { type: "pong" });
});

test("silence for the heartbeat and five seconds is a loss", async () => {
  const w = world();
  w.connection.start();
  w.sockets[0].welcome({ heartbeat: 10 });
  await w.clock.pass(14_999);
  assert.equal(w.phase, "live");
  w.sockets[0].say({ type: "ping" });
  await w.clock.pass(14_999);
  assert.equal(w.phase, "live");
  await w.clock.pass(1);
  assert.equal(w.phase, "reconnecting");
  assert.equal(w.sockets[0].closedWith, 4000);
});

test("on waking up a dead connection is noticed in three seconds, and a wait ends at once", async () => {
  const w = world();
  w.connection.start();
  w.sockets[0].welcome();
  w.connection.wake();
  await w.clock.pass(3_000);
  assert.equal(w.phase, "reconnecting");
  w.connection.wake();
  assert.equal(w.sockets.length, 2);
});

test("an answer to the probe keeps the connection", async () => {
  const w = world();
  w.connection.start();
  w.sockets[0].welcome();
  w.connection.wake();
  w.sockets[0].say({ type: "pong", id: w.sockets[0].sent.at(-1).id });
  await w.clock.pass(4_000);
  assert.equal(w.phase, "live");
});

test("the server's own wait is obeyed", () => {
  const w = world();
  w.connection.start();
  w.sockets[0].welcome();
  w.sockets[0].say({ type: "closing", code: 1012, reconnect: true, after: 2.5 });
  w.sockets[0].end(1012);
  assert.equal(w.connection.state.retryAt - w.clock.now, 2_500);
});

test("final closes are final, and all others come back", () => {
  const isFinal = (code) => {
    const w = world();
    w.connection.start();
    w.sockets[0].welcome();
    w.sockets[0].end(code);
    assert.ok(w.connection.state.reason);
    return w.phase === "failed";
  };
  const codes = [1000, 1001, 1002, 1005, 1006, 1007, 1011, 1012, 4400, 4403, 4408, 4409, 4410, 4413, 4429, 4431, 4503, 4999];
  assert.deepEqual(codes.filter(isFinal), [1000, 1002, 1007, 4400, 4403, 4409, 4413]);
});

test("a refused token is dropped and the page comes back without it, once", async () => {
  const w = world({ hasToken: true });
  w.connection.start();
  const refuse = async () => {
    const socket = w.sockets.at(-1);
    socket.open();
    socket.say({ type: "error", id: socket.sent[0].id, code: "unauthorized", message: "the token is invalid" });
    await settle();
  };
  await refuse();
  assert.equal(w.phase, "reconnecting");
  await w.clock.pass(0);
  assert.equal(w.sockets.length, 2);
  await refuse();
  assert.equal(w.phase, "failed");
  assert.equal(w.connection.state.reason, "the token is invalid");
});

test("every request ends: answered, refused, too late or lost", async () => {
  const w = world();
  w.connection.start();
  w.sockets[0].welcome();
  const outcome = (promise) => promise.then((reply) => reply.type, (refusal) => refusal.code);
  const asked = ["a", "b", "c", "d"].map((name) => outcome(w.connection.request({ type: name })));
  const ids = w.sockets[0].sent.slice(-4).map(({ id }) => id);
  w.sockets[0].say({ type: "ok", id: ids[0] });
  w.sockets[0].say({ type: "error", id: ids[1], code: "forbidden", message: "no" });
  // An entry whose id happens to be a number in flight answers nothing.
  w.sockets[0].say({ type: "event", room: "r", offset: 1, id: ids[2] });
  assert.deepEqual(await Promise.all(asked.slice(0, 2)), ["ok", "forbidden"]);
  await w.clock.pass(10_000);
  assert.deepEqual(await Promise.all(asked.slice(2)), ["timeout", "timeout"]);
  const last = outcome(w.connection.request({ type: "e" }));
  w.sockets[0].end(1006);
  assert.equal(await last, "lost");
  assert.equal(await outcome(w.connection.request({ type: "f" })), "lost");
});

test("nonsense from the server throws nothing and ends nothing", () => {
  const w = world();
  w.connection.start();
  w.sockets[0].welcome();
  for (const text of ["", "{", "null", "7", "[]", '"x"', '{"type":7}', '{"type":"nobody-knows","id":{}}', '{"type":"closing","after":"soon"}', '{"type":"error"}']) {
    w.sockets[0].say(text);
  }
  assert.equal(w.phase, "live");
});

test("what a thrown-away socket still says is not heard", () => {
  const w = world();
  w.connection.start();
  w.sockets[0].welcome();
  w.connection.restart();
  assert.equal(w.sockets[0].closedWith, 4000);
  w.sockets[0].end(4409);
  w.sockets[1].welcome();
  assert.equal(w.phase, "live");
});

test("a server that accepts and then says nothing is left after ten seconds", async () => {
  const w = world();
  w.connection.start();
  w.sockets[0].open();
  await w.clock.pass(10_000);
  assert.equal(w.phase, "reconnecting");
});
