import assert from "node:assert/strict";
import { test } from "node:test";

import { Network } from "../../../static/page/network.js";

/** A browser's socket that the test plays the other end of. */
class FakeSocket {
  static all = [];
  readyState = 1;
  bufferedAmount = 0;
  sent = [];
  closed = null;

  constructor(url, protocol) {
    Object.assign(this, { url, protocol });
    FakeSocket.all.push(this);
  }

  send(text) {
    this.sent.push(text);
  }

  close(code) {
    this.closed = code ?? 1005;
  }
}

function setup(context) {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const browser = { onLine: true };
  const network = new Network({ WebSocket: FakeSocket, fetch: async (url) => ({ ok: !url.includes("404") }), navigator: browser, now: () => Date.now() });
  const { WebSocket, fetch, navigator } = network.environment;
  const open = () => {
    const heard = [];
    const line = new WebSocket("ws://h/v1/ws", "copresence.v1");
    line.onopen = () => heard.push("open");
    line.onmessage = ({ data }) => heard.push(data);
    line.onclose = ({ code }) => heard.push(`close ${code}`);
    return { line, heard, socket: FakeSocket.all.at(-1) };
  };
  return { network, open, fetch, navigator, browser, tick: (ms) => context.mock.timers.tick(ms) };
}

test("left alone it is the browser's network", (context) => {
  const { open } = setup(context);
  const { line, heard, socket } = open();
  assert.deepEqual([socket.url, socket.protocol, line.readyState], ["ws://h/v1/ws", "copresence.v1", 1]);
  socket.onopen();
  line.send("up");
  socket.onmessage({ data: "down" });
  socket.onclose({ code: 1001, reason: "" });
  assert.deepEqual([heard, socket.sent, line.readyState], [["open", "down", "close 1001"], ["up"], 3]);
});

test("cut, it closes what is open, lets nothing through, and leaves the session to whoever comes back", async (context) => {
  const { network, open, fetch, navigator, tick } = setup(context);
  const { line, heard, socket } = open();
  network.cut(true);
  assert.deepEqual([heard, socket.closed, navigator.onLine], [["close 1006"], 4000, false]);
  line.send("lost");
  assert.deepEqual(socket.sent, []);
  const sockets = FakeSocket.all.length;
  const second = open();
  tick(1);
  assert.deepEqual([second.heard, FakeSocket.all.length], [["close 1006"], sockets]);
  await assert.rejects(fetch("/v1/rooms/a"), TypeError);
  network.cut(false);
  assert.equal(navigator.onLine, true);
});

test("what the browser says of its own network is believed", (context) => {
  const { navigator, browser } = setup(context);
  browser.onLine = false;
  assert.equal(navigator.onLine, false);
});

test("slow, each way takes half of it, and nothing overtakes when it is quick again", (context) => {
  const { network, open, tick } = setup(context);
  const { line, heard, socket } = open();
  network.lagMs = 300;
  line.send("one");
  socket.onmessage({ data: "a" });
  tick(149);
  assert.deepEqual([socket.sent, heard], [[], []]);
  network.lagMs = 0;
  line.send("two");
  socket.onmessage({ data: "b" });
  assert.deepEqual([socket.sent, heard], [[], []]);
  tick(2);
  assert.deepEqual([socket.sent, heard], [["one", "two"], ["a", "b"]]);
  line.send("three");
  assert.deepEqual(socket.sent, ["one", "two", "three"]);
});

test("a goodbye goes behind what was said, and nothing is heard after it", (context) => {
  const { network, open, tick } = setup(context);
  const { line, heard, socket } = open();
  network.lagMs = 100;
  line.send("last words");
  line.close(1000);
  socket.onmessage({ data: "too late" });
  tick(60);
  assert.deepEqual([socket.sent, socket.closed, heard], [["last words"], 1000, []]);
});

test("it tells what was fetched with success", async (context) => {
  const { network, fetch } = setup(context);
  const told = [];
  network.onFetched = (path) => told.push(path);
  await fetch("/v1/rooms/a");
  await fetch("/404");
  assert.deepEqual(told, ["/v1/rooms/a"]);
});
