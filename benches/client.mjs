#!/usr/bin/env node
/**
 * What one message costs the browser's client, from the text on the socket to the last handler: `node benches/client.mjs`.
 *
 * The client is the real one, in Node, on a socket that is none; each kind of message is given to it in rounds, in turns
 * with `JSON.parse` of the same texts alone, which nobody could do without. No rendering, no network: what a page makes of
 * an event is not in here.
 */

import { createClient } from "../static/client/index.js";

const MESSAGES = 2_000;
const ROUNDS = 7;
/** As many as a room lists. */
const MEMBERS = 200;
const ROOM = "bench";
const EPOCH = "0123456789abcdef";

const user = (n) => ({ id: `user:${n}`, name: `Member ${n}`, color: "#0b62a3" });
const member = (n, page = "overview") => ({
  user: user(n).id, name: user(n).name, avatar: null, color: user(n).color, status: "online", since: "2026-11-21T12:00:00.000Z", idle_since: null,
  sessions: [{ session: `s${n}`, status: "online", state: { page }, device: "desktop", idle_since: null }],
});

/** Stands for a socket; what the client sends is answered as the node would. */
class Socket {
  static last;
  readyState = 0;
  bufferedAmount = 0;
  constructor() {
    Socket.last = this;
    setImmediate(() => {
      this.readyState = 1;
      this.onopen?.();
    });
  }
  send(text) {
    const { type, id } = JSON.parse(text);
    const answers = {
      connect: { type: "connected", user: user(0), session: "s0", secret: "none", heartbeat: 3_600, limits: {} },
      join: { type: "joined", room: ROOM, cursor: { epoch: EPOCH, offset: 0, entry: null }, recovered: false, entries: [], activity: [], state: {}, count: MEMBERS, members: Array.from({ length: MEMBERS }, (_, n) => member(n)) },
    };
    setImmediate(() => this.onmessage?.({ data: JSON.stringify({ type: "done", ...answers[type], id }) }));
  }
  close() {
    this.readyState = 3;
  }
}

let offset = 0;
const entry = (body) => {
  offset += 1;
  return { room: ROOM, offset, id: `${EPOCH}-${offset}`, epoch: EPOCH, from: { user: "user:3", session: "s3", name: "Member 3" }, at: "2026-11-21T12:00:00.000Z", ...body };
};

/** @type {Record<string, (n: number) => Record<string, unknown>>} a message of each kind, about 200 to 900 bytes as the node sends them */
const KINDS = {
  event: (n) => entry({ type: "event", event: "note", data: { text: `number ${n}`, x: n, y: n * 2, tags: ["a", "b", "c"] } }),
  state: (n) => entry({ type: "state", set: { revenue: n, orders: n * 3, visitors: n * 7 }, removed: [] }),
  activity: (n) => entry({ type: "activity", action: "moved", target: `tile:${n % 7}`, metadata: { n } }),
  "presence of 5": (n) => ({ type: "presence", room: ROOM, count: MEMBERS, joined: [], left: [], updated: Array.from({ length: 5 }, (_, at) => member(at, `page ${n}`)) }),
  "signals of 10": (n) => ({ type: "signals", room: ROOM, signals: Array.from({ length: 10 }, (_, at) => ({ session: `s${at}`, user: user(at).id, event: "cursor", data: { x: (n % 100) / 100, y: at / 10 } })) }),
};

const client = createClient({
  url: "http://127.0.0.1/v1", room: ROOM, autoConnect: true, tabs: "off", token: "none",
  environment: { WebSocket: Socket, document: null, window: null, local: null, session: null, indexedDB: null },
});
const room = client.room(ROOM);
let heard = 0;
const count = () => void (heard += 1);
for (const event of ["note", "state", "activity", "presence", "signals"]) room.subscribe(event, count);
room.state.subscribe(count);
room.presence.subscribe(count);
room.cursors.subscribe(count);
await room.join();
const socket = Socket.last;

const median = (all) => all.sort((a, b) => a - b)[all.length >> 1];
const timed = (texts, action) => {
  const begun = performance.now();
  for (const data of texts) action(data);
  return ((performance.now() - begun) * 1_000) / texts.length;
};

console.log(`${ROUNDS} rounds of ${MESSAGES} messages of each kind, medians, on Node ${process.versions.node}\n`);
console.log("message          bytes   JSON.parse   whole client   x");
for (const [kind, make] of Object.entries(KINDS)) {
  const parse = [];
  const whole = [];
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const texts = Array.from({ length: MESSAGES }, (_, n) => JSON.stringify(make(n)));
    bytes = texts.at(-1).length;
    parse.push(timed(texts, (text) => void JSON.parse(text)));
    const before = heard;
    whole.push(timed(texts, (data) => socket.onmessage({ data })));
    // What was passed over would look fast.
    if (heard - before < MESSAGES) throw new Error(`of ${MESSAGES} messages (${kind}) ${heard - before} were handed on`);
    // Timers and microtasks of the round belong to nobody's time but must not pile up.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [alone, all] = [median(parse), median(whole)];
  console.log(`${kind.padEnd(14)} ${String(bytes).padStart(7)} ${alone.toFixed(2).padStart(9)} µs ${all.toFixed(2).padStart(11)} µs ${(all / alone).toFixed(1).padStart(5)}`);
}
client.dispose();
process.exit(0);
