/**
 * A scripted server and a world to run the client in: no network, no clock, nothing that depends on the machine.
 *
 *   const { server, world, clock } = stage();
 *   const client = new Client(world.options({ room: "r" }));
 *   await settle();                     // everything that is not waiting for time has happened
 *   await clock.tick(250);              // time goes on only so
 *
 * By itself the server keeps rooms with logs, answers `connect`, `join` (with recovery), `publish`, `set`, `track`,
 * `history`, `leave`, `ping` and the like as the real one does, and knows keys. To extend it:
 *
 *   - a new command: a line in `answers` below, `(server, message, connection) => reply`; the `id` is added by itself;
 *   - another answer in one test: `server.script("join", (message, connection) => reply)`. undefined goes on to the usual
 *     answer, null says nothing at all;
 *   - something out of the blue: `connection.push(message)`, or text that is no message: `connection.raw("nonsense")`;
 *   - what was said: `server.heard` has every message in order, `server.heardOf("publish")` those of a type;
 *   - the wire: `server.cut()`, `server.close(4401)`, `server.isRefusing = true`, `server.isSilent = true`.
 */

// What the client loads when it needs it is there already, so that no test waits for a file.
import "../../static/client/polling.js";
import "../../static/client/shared-link.js";

import { IDBFactory } from "fake-indexeddb";

import { createClient } from "../../static/client/index.js";

/** Lets everything run that waits for no time. fake-indexeddb and promises take several turns. */
export async function settle(turns = 12) {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export class Clock {
  /** ms that never jump. */
  time = 1_000;
  /** What `Date.now()` says beyond that. */
  offset = 1_800_000_000_000;
  #timers = new Set();

  now = () => this.time;
  date = () => this.time + this.offset;
  after = (ms, action) => {
    const timer = { at: this.time + ms, action };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  get pending() {
    return this.#timers.size;
  }

  async tick(ms) {
    const end = this.time + ms;
    for (;;) {
      await settle();
      const next = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.time = Math.max(this.time, next.at);
      this.#timers.delete(next);
      next.action();
    }
    this.time = end;
    await settle();
  }
}

class FakeStorage {
  items = new Map();
  isThrowing = false;
  #check() {
    if (this.isThrowing) throw new DOMException("denied", "SecurityError");
  }
  getItem(key) {
    this.#check();
    return this.items.get(key) ?? null;
  }
  setItem(key, value) {
    this.#check();
    this.items.set(key, String(value));
  }
  removeItem(key) {
    this.#check();
    this.items.delete(key);
  }
}

/** One client's socket, seen from the server. */
class FakeConnection {
  isOpen = true;
  session = null;
  user = null;
  rooms = new Set();
  constructor(socket) {
    this.socket = socket;
  }
  push(message) {
    this.raw(JSON.stringify(message));
  }
  raw(text) {
    this.#toSocket(() => this.isOpen && this.socket.readyState === 1 && this.socket.onmessage?.({ data: text }));
  }
  close(code, reason = "") {
    this.isOpen = false;
    this.socket.readyState = 3;
    this.#toSocket(() => this.socket.onclose?.({ code, reason }));
  }
  /** A tab that hangs hears nothing of its socket either. */
  #toSocket(action) {
    const { tab } = this.socket;
    if (tab) tab.world.toTab(tab, action);
    else setImmediate(action);
  }
}

export class FakeServer {
  heard = [];
  connections = [];
  rooms = new Map();
  sessions = new Map();
  isRefusing = false;
  isSilent = false;
  heartbeat = 10;
  limits = { message_bytes: 65_536, rooms: 100, publishes_per_s: 20, dedupe_s: 86_400 };
  #scripts = new Map();
  #serial = 0;

  constructor(clock) {
    this.clock = clock;
  }

  /** The class that takes the place of `WebSocket`. */
  get WebSocket() {
    const server = this;
    return class {
      readyState = 0;
      bufferedAmount = 0;
      closedWith = null;
      constructor(url, protocol) {
        this.url = url;
        this.protocol = protocol;
        setImmediate(() => server.#open(this));
      }
      send(text) {
        server.#receive(this.connection, JSON.parse(text));
      }
      close(code) {
        this.closedWith = code;
        this.readyState = 3;
        if (this.connection) server.#gone(this.connection, code);
      }
    };
  }

  /** The newest connection. */
  get connection() {
    return this.connections.at(-1);
  }

  heardOf(type) {
    return this.heard.filter((message) => message.type === type);
  }

  /** Answers of a test's own; `times` limits how often. */
  script(type, answer, times = Infinity) {
    this.#scripts.set(type, { answer, times });
  }

  cut() {
    this.close(1006);
  }

  close(code) {
    for (const connection of this.connections.filter(({ isOpen }) => isOpen)) connection.close(code);
  }

  room(name) {
    if (!this.rooms.has(name)) this.rooms.set(name, { epoch: `e-${name}`, entries: [], first: 1, state: {}, keys: new Map(), members: new Map() });
    return this.rooms.get(name);
  }

  cursor(name) {
    const { epoch, entries, first } = this.room(name);
    const offset = first - 1 + entries.length;
    return { epoch, offset, entry: offset === 0 ? null : (entries.at(-1)?.id ?? `n-${offset}`) };
  }

  /** Writes an entry and pushes it to who is there. */
  append(name, body, from = { user: "grace", session: "s-g" }) {
    const room = this.room(name);
    const offset = this.cursor(name).offset + 1;
    const entry = { room: name, offset, id: `n-${offset}`, from, at: new Date(this.clock.date()).toISOString(), ...body };
    room.entries.push(entry);
    if (entry.type === "state") {
      Object.assign(room.state, entry.set);
      for (const key of entry.removed ?? []) delete room.state[key];
    }
    for (const connection of this.connections) if (connection.isOpen && connection.rooms.has(name)) connection.push(entry);
    return entry;
  }

  member(user, extra = {}) {
    return { user, name: user, avatar: null, color: "#00639b", status: "online", since: "2026-11-21T06:50:01.007Z", sessions: [{ session: `s-${user}`, status: "online", state: {}, device: "desktop" }], ...extra };
  }

  #open(socket) {
    if (socket.readyState === 3) return;
    if (this.isRefusing) {
      socket.readyState = 3;
      socket.onclose?.({ code: 1006, reason: "" });
      return;
    }
    if (this.isSilent) return;
    socket.readyState = 1;
    socket.connection = new FakeConnection(socket);
    this.connections.push(socket.connection);
    socket.onopen?.();
  }

  #gone(connection, code) {
    connection.isOpen = false;
    connection.endedWith = code;
  }

  #receive(connection, message) {
    if (!connection?.isOpen) return;
    this.heard.push(message);
    const script = this.#scripts.get(message.type);
    let reply;
    if (script && script.times > 0) {
      script.times -= 1;
      reply = script.answer(message, connection);
    }
    if (reply === undefined) this.answer(message, connection);
    else if (reply !== null && message.id !== undefined) connection.push({ id: message.id, ...reply });
  }

  /** The usual answer, as it is now: for a script that held it back. */
  answer(message, connection) {
    const reply = answers[message.type]?.(this, message, connection) ?? (message.id === undefined ? null : { type: "ok" });
    if (reply !== null && message.id !== undefined) connection.push({ id: message.id, ...reply });
  }

  nextSession() {
    this.#serial += 1;
    return `s-${this.#serial}`;
  }
}

/** What the server says to each command. */
const answers = {
  connect(server, { token, secret, guest }, connection) {
    const name = guest?.name ?? "Ada";
    const id = typeof token === "string" && token.startsWith("user:") ? token.slice(5) : "ada";
    const resumed = server.sessions.has(secret) && server.sessions.get(secret) === id;
    const session = server.nextSession();
    const next = resumed ? secret : `secret-${session}`;
    server.sessions.set(next, id);
    connection.session = session;
    connection.user = id;
    return {
      type: "connected", session, secret: next, user: { id, name, avatar: null, color: "#00639b" }, tenant: "default", node: "n1",
      heartbeat: server.heartbeat, resumed, limits: server.limits, expires: null,
      counts: { unread: 0, unseen: 0, offset: 0 }, cursor: { epoch: "me", offset: 0, entry: null }, recovered: false, entries: [], more: false,
      ...(token === undefined && { guest_token: "guest-1" }),
    };
  },
  join(server, { room: name, since, presence }, connection) {
    const room = server.room(name);
    if (presence !== false) room.members.set(connection.user, server.member(connection.user));
    connection.rooms.add(name);
    const cursor = server.cursor(name);
    const picture = { state: { ...room.state }, activity: room.entries.filter(({ type }) => type === "activity").slice(-20) };
    const people = { members: [...room.members.values()], count: room.members.size, large: false };
    const base = { type: "joined", room: name, cursor, more: false, ...people };
    if (!since) return { ...base, recovered: false, entries: [], ...picture };
    if (since.epoch !== room.epoch) return { ...base, recovered: false, reason: "epoch_changed", entries: [], ...picture };
    if (since.offset < room.first - 1) return { ...base, recovered: false, reason: "too_old", entries: [], ...picture };
    return { ...base, recovered: true, entries: room.entries.filter(({ offset }) => offset > since.offset) };
  },
  leave(server, { room }, connection) {
    connection.rooms.delete(room);
    server.room(room).members.delete(connection.user);
    return { type: "ok" };
  },
  publish: (server, { room, event, data, key }, connection) => written(server, room, key, { type: "event", event, data }, connection),
  set: (server, { room, set, remove = [], key }, connection) => written(server, room, key, { type: "state", set, removed: remove }, connection),
  track: (server, { room, action, target, metadata, key }, connection) => written(server, room, key, { type: "activity", action, target, metadata }, connection),
  history(server, { room: name, before = Infinity, after = 0, limit = 50, kinds }) {
    const room = server.room(name);
    const found = room.entries.filter(({ offset, type }) => offset < before && offset > after && (!kinds || kinds.includes(type)));
    const entries = after > 0 ? found.slice(0, limit) : found.slice(-limit);
    return { type: "history", room: name, cursor: server.cursor(name), oldest: room.first, entries, more: found.length > entries.length };
  },
  ping: () => ({ type: "pong" }),
  pong: () => null,
  signal: () => null,
};

function written(server, name, key, body, connection) {
  const { keys } = server.room(name);
  if (!connection.rooms.has(name)) return { type: "error", code: "not_joined", message: "join first" };
  const known = keys.get(key);
  if (known) return { type: "published", offset: known.offset, entry: known.id, duplicate: true };
  const entry = server.append(name, body, { user: connection.user, session: connection.session });
  keys.set(key, entry);
  return { type: "published", offset: entry.offset, entry: entry.id, duplicate: false };
}

/** Web Locks of one browser: queues by name; `crash(tab)` is what the browser does when a tab is gone. */
class FakeLocks {
  #held = new Map();
  #queues = new Map();

  of(tab) {
    return { request: (name, ...rest) => this.#request(tab, name, rest.length > 1 ? rest[0] : {}, rest.at(-1)) };
  }

  crash(tab) {
    for (const [name, queue] of this.#queues) this.#queues.set(name, queue.filter((each) => each.tab !== tab));
    for (const [name, holder] of [...this.#held]) if (holder.tab === tab) this.#free(name, holder);
  }

  #request(tab, name, { signal, steal, ifAvailable }, callback) {
    return new Promise((resolve, reject) => {
      const wanted = { tab, callback, resolve, reject };
      const abort = () => new DOMException("aborted", "AbortError");
      if (signal?.aborted) return reject(abort());
      if (steal) {
        const robbed = this.#held.get(name);
        this.#held.delete(name);
        // A tab that hangs hears of it when it wakes up.
        if (robbed) tab.world.toTab(robbed.tab, () => robbed.reject(abort()));
        return this.#grant(name, wanted);
      }
      const queue = this.#queues.get(name) ?? [];
      if (ifAvailable && (this.#held.has(name) || queue.length > 0)) return setImmediate(async () => resolve(await callback(null)));
      queue.push(wanted);
      this.#queues.set(name, queue);
      signal?.addEventListener("abort", () => {
        const waiting = this.#queues.get(name) ?? [];
        if (!waiting.includes(wanted)) return;
        this.#queues.set(name, waiting.filter((each) => each !== wanted));
        reject(abort());
      });
      setImmediate(() => this.#next(name));
    });
  }

  #next(name) {
    const queue = this.#queues.get(name) ?? [];
    if (!this.#held.has(name) && queue.length > 0) this.#grant(name, queue.shift());
  }

  #grant(name, wanted) {
    this.#held.set(name, wanted);
    setImmediate(async () => {
      const result = await wanted.callback({ name });
      wanted.resolve(result);
      this.#free(name, wanted);
    });
  }

  #free(name, holder) {
    if (this.#held.get(name) !== holder) return;
    this.#held.delete(name);
    setImmediate(() => this.#next(name));
  }
}

/** A browser: what it keeps, and what happens to its windows. `tab()` opens one more of the same browser. */
export class World {
  local = new FakeStorage();
  indexedDB = new IDBFactory();
  locks = new FakeLocks();
  #channels = new Set();

  constructor(server, clock) {
    this.server = server;
    this.clock = clock;
    this.first = this.tab();
  }

  /** Does something in a tab, unless that is gone; when it hangs, later. */
  toTab(tab, action) {
    setImmediate(() => {
      if (tab.isGone) return;
      if (tab.isHanging) tab.held.push(action);
      else action();
    });
  }

  /** A tab with the browser's locks and channels, which others of `shared()` see. */
  shared() {
    const tab = this.tab();
    const channels = this.#channels;
    const { clock, locks } = this;
    Object.assign(tab, { world: this, isGone: false, isHanging: false, held: [] });
    const world = this;
    tab.environment.locks = locks.of(tab);
    tab.environment.after = (ms, action) => clock.after(ms, () => (tab.isHanging ? tab.held.push(action) : tab.isGone || action()));
    tab.environment.BroadcastChannel = class {
      onmessage = null;
      tab = tab;
      constructor(name) {
        this.name = name;
        channels.add(this);
      }
      postMessage(data) {
        const copy = structuredClone(data);
        for (const other of channels) if (other !== this && other.name === this.name) world.toTab(other.tab, () => channels.has(other) && other.onmessage?.({ data: copy }));
      }
      close() {
        channels.delete(this);
      }
    };
    const { WebSocket } = tab.environment;
    tab.sockets = [];
    tab.environment.WebSocket = class extends WebSocket {
      constructor(...given) {
        super(...given);
        this.tab = tab;
        tab.sockets.push(this);
      }
    };
    /** The renderer dies: no word from it, and the browser cleans up. */
    tab.crash = () => {
      tab.isGone = true;
      for (const channel of [...channels]) if (channel.tab === tab) channels.delete(channel);
      for (const socket of tab.sockets) if (socket.readyState === 1) socket.close(1001);
      locks.crash(tab);
    };
    tab.wake = () => {
      tab.isHanging = false;
      for (const action of tab.held.splice(0)) action();
    };
    return tab;
  }

  tab(session = new FakeStorage()) {
    const { server, clock, local, indexedDB } = this;
    const window = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
    const navigator = { onLine: true };
    const environment = {
      now: clock.now, date: clock.date, after: clock.after, random: () => 0.5, WebSocket: server.WebSocket, fetch: null, local, session, indexedDB,
      locks: null, BroadcastChannel: null, document, window, navigator, location: { origin: "http://node.test", protocol: "http:" },
    };
    const options = (more = {}) => ({ ...more, environment: { ...environment, ...more.environment } });
    const fire = (target, type, fields = {}) => target.dispatchEvent(Object.assign(new Event(type), fields));
    return { window, document, navigator, session, environment, options, fire };
  }

  options(more) {
    return this.first.options(more);
  }
}

export function stage() {
  const clock = new Clock();
  const server = new FakeServer(clock);
  return { clock, server, world: new World(server, clock) };
}

/** Connects, and lets what has to wait for time have it. */
export async function connected(client, clock, ms = 1_000) {
  const connecting = client.connect();
  connecting.catch(() => {});
  await clock.tick(ms);
  return connecting;
}

/** A client of the default room `r` that is connected, and what stands around it. */
export async function online(options) {
  const { server, world, clock } = stage();
  const client = createClient(world.options({ room: "r", ...options }));
  await connected(client, clock);
  return { server, world, clock, client, room: client.room("r") };
}

/** Every event of these names, in order. */
export function record(source, ...names) {
  const log = [];
  for (const name of names) source.on(name, (data, meta) => log.push({ name, data, meta }));
  return log;
}
