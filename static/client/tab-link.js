/**
 * One connection for all tabs of a browser and user. Every tab has one of these in place of a connection; the one that
 * leads has the connection behind it, and a switchboard for the others.
 *
 *   follower ── channel ──▶ leader: switchboard ──▶ connection ──▶ server
 *
 * What a tab says about itself it says to the leader; when the leader changes, each tab joins its rooms again from where it
 * is, so nothing is lost on the way. The session goes on, because the leader tells its secret to all.
 */

import { CLOSE_FOR_NOW, GOODBYE } from "./codes.js";
import { Connection, UNCONNECTED } from "./connection.js";
import { errorOf } from "./errors.js";
import { holdLock, standForLeader, watchLock } from "./leadership.js";
import { Requests } from "./requests.js";
import { Switchboard } from "./switchboard.js";
import { Timers } from "./timers.js";

/** @typedef {import("./types.js").LinkStatus} LinkStatus */
/** @typedef {import("./connection.js").Link} Link */

/** @typedef {(tabs: import("./types.js").TabStatus) => void} OnTabs */
/** @typedef {(word: Record<string, any>) => void} OnWord what another tab says to all */
/** @typedef {import("./connection.js").LinkEvents & { onTabs: OnTabs, onWord: OnWord }} TabEvents */
/** @typedef {{ connection: Connection, board: Switchboard, followers: Map<string, AbortController> }} Lead */

/** @type {Required<import("./types.js").TabOptions>} ms */
const TABS = { watchdog: 10_000, steal: 2_000 };
const BEAT_MS = 3_000;
/** The close that says that a newer connection has the session. */
const TAKEN_UP = 4409;

/** @implements {Link} */
export class TabLink {
  #options;
  #events;
  #env;
  #tab;
  #times;
  #timers;
  #requests;
  /** @type {LinkStatus} */
  #status = UNCONNECTED;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** @type {ReturnType<typeof standForLeader> | null} */
  #line = null;
  #releaseOwn = () => {};
  #isHeld = false;
  /** @type {Lead | null} */
  #lead = null;
  /** @type {string | null} who leads, as far as this tab knows */
  #leader = null;
  /** @type {Record<string, any> | null} the last `connected`, with `@me` as it is now */
  #connected = null;
  #count = 1;
  #isStarting = false;
  /** This tab follows another one as the leader, so for its people it comes back, not up. */
  #isTakeover = false;
  nonsense = 0;

  /**
   * @param {import("./connection.js").ConnectionOptions & { tab: string, name: () => Promise<string>, tabs: import("./types.js").TabOptions }} options
   * @param {TabEvents} events
   */
  constructor(options, events) {
    this.#options = options;
    this.#events = events;
    this.#env = options.env;
    this.#tab = options.tab;
    this.#times = { ...TABS, ...options.tabs };
    this.#timers = new Timers(this.#env.after);
    this.#requests = new Requests(this.#env.after);
  }

  get status() {
    return this.#status;
  }

  get buffered() {
    return this.#lead?.connection.buffered ?? 0;
  }

  get isLeader() {
    return this.#lead !== null;
  }

  start() {
    if (this.#lead) return this.#lead.connection.start();
    if (this.#channel) return this.#say({ kind: "do", what: "start" });
    if (!this.#isStarting) void this.#enterLine();
  }

  /** @param {number} [code] @param {string} [reason] */
  stop(code = GOODBYE, reason = "disconnect() was called") {
    this.#isStarting = false;
    this.#say({ kind: "bye" });
    // Others go on with the session, so that is no goodbye.
    this.#stepDown(this.#count > 1 ? CLOSE_FOR_NOW : code);
    this.#line?.leave();
    this.#line = null;
    this.#releaseOwn();
    this.#isHeld = false;
    this.#channel?.close();
    this.#channel = this.#leader = this.#connected = null;
    this.#timers.stopAll();
    this.#requests.lose();
    this.#enter({ ...UNCONNECTED, state: "disconnected", reason, code, lastConnected: this.#status.lastConnected });
  }

  restart(reason = "asked to connect anew") {
    if (this.#lead) this.#lead.connection.restart(reason);
    else this.#say({ kind: "do", what: "restart" });
  }

  wake() {
    if (this.#lead) this.#lead.connection.wake();
    else if (this.#channel) {
      this.#say({ kind: "do", what: "wake" });
      this.#doubt();
    }
  }

  /** @param {Partial<import("./types.js").ReconnectOptions>} options */
  setReconnect(options) {
    this.#options.reconnect = { ...this.#options.reconnect, ...options };
    this.#lead?.connection.setReconnect(options);
  }

  /** @param {number} ms */
  setHeartbeat(ms) {
    this.#lead?.connection.setHeartbeat(ms);
  }

  async ping() {
    const begun = this.#env.now();
    await this.request({ type: "ping" });
    return this.#env.now() - begun;
  }

  /** @param {Record<string, unknown>} message @param {import("./requests.js").RequestOptions} [options] @returns {Promise<any>} */
  async request(message, options = {}) {
    if (this.#lead) {
      const reply = await this.#lead.board.request(this.#tab, message, options);
      if (reply.type === "joined" && reply.room !== "@me") this.#events.onMessage(reply);
      return reply;
    }
    const write = (/** @type {Record<string, unknown>} */ full) => {
      if (this.#status.state !== "connected") return false;
      this.#say({ kind: "up", message: full });
      return true;
    };
    return this.#requests.ask(message, write, options.timeout ?? this.#options.timeout ?? 10_000, options.signal);
  }

  /** @param {Record<string, unknown>} message */
  send(message) {
    if (this.#lead) return this.#lead.board.send(this.#tab, message);
    if (this.#status.state !== "connected") return false;
    this.#say({ kind: "up", message });
    return true;
  }

  /** Tells all other tabs. @param {Record<string, unknown>} word */
  tell(word) {
    this.#say({ kind: "word", word });
  }

  async #enterLine() {
    this.#isStarting = true;
    this.#enter({ ...UNCONNECTED, state: "connecting", lastConnected: this.#status.lastConnected });
    const name = await this.#options.name().catch(() => null);
    if (!this.#isStarting) return;
    this.#isStarting = false;
    const { locks, BroadcastChannel } = this.#env;
    // Without a name there is no token, which the connection itself says best.
    const full = name ?? `copresence:nobody:${this.#tab}`;
    const channel = new /** @type {typeof globalThis.BroadcastChannel} */ (BroadcastChannel)(full);
    this.#channel = channel;
    channel.onmessage = ({ data }) => this.#hear(data, full);
    this.#releaseOwn = holdLock(/** @type {LockManager} */ (locks), `${full}:${this.#tab}`, () => {
      this.#isHeld = true;
      this.#greet();
    });
    this.#line = standForLeader(/** @type {LockManager} */ (locks), full, {
      onLead: () => this.#takeLead(),
      onRobbed: () => this.#robbed(),
    });
    this.#watch();
  }

  /** Makes this tab known to whoever leads; before its own lock is held that would end with a "gone". */
  #greet() {
    if (this.#isHeld && !this.#lead) this.#say({ kind: "hello" });
  }

  // --- As the leader ---

  #takeLead() {
    this.#timers.stop("watch");
    this.#timers.stop("steal");
    this.#requests.lose();
    this.#leader = this.#tab;
    this.#isTakeover = this.#status.state === "connected" || this.#status.state === "reconnecting";
    const connection = new Connection(this.#options, {
      onStatus: (status) => this.#lead?.connection === connection && this.#moved(status),
      onConnected: (connected) => {
        this.#connected = connected;
        this.#events.onConnected(connected);
        this.#say({ kind: "connected", message: connected });
      },
      onMessage: (message) => this.#fromServer(message),
      onError: (error) => this.#events.onError(error),
    });
    const board = new Switchboard(connection, (tab, message) => this.#toTab(tab, message));
    this.#lead = { connection, board, followers: new Map() };
    this.#say({ kind: "leader" });
    this.#beat();
    this.#tellTabs();
    connection.start();
  }

  #beat() {
    this.#say({ kind: "beat", count: this.#count });
    this.#timers.arm("beat", BEAT_MS, () => this.#beat());
  }

  /** @param {LinkStatus} status */
  #moved(status) {
    this.nonsense = this.#lead?.connection.nonsense ?? this.nonsense;
    this.#lead?.board.moved();
    if (status.code === TAKEN_UP && status.state === "failed") {
      // Probably by a tab that robbed this one; then the lock is gone as well, and that is heard in a moment.
      return this.#timers.arm("taken", this.#times.steal, () => this.#lead && this.#show(status));
    }
    this.#show(status);
  }

  /** @param {LinkStatus} status */
  #show(status) {
    const state = status.state === "connecting" && this.#isTakeover ? "reconnecting" : status.state;
    if (state !== "reconnecting") this.#isTakeover = false;
    this.#enter({ ...status, state });
    this.#say({ kind: "status", status: plain(this.#status) });
  }

  /** @param {Record<string, any>} message */
  #fromServer(message) {
    if (message.room === "@me" && typeof message.offset === "number" && this.#connected) {
      // Who comes later begins from here.
      const { unread, unseen, offset, id } = message;
      this.#connected = { ...this.#connected, entries: [], recovered: false, cursor: { ...this.#connected.cursor, offset, entry: id }, counts: { unread, unseen, offset } };
    }
    const isReply = message.id !== undefined && !("room" in message && "offset" in message);
    if (isReply && (message.type !== "joined" || message.room !== "@me")) return;
    if (message.room === "@me" || !("room" in message)) return this.#toTab(message.type === "expiring" ? this.#tab : null, message);
    this.#lead?.board.receive(message);
  }

  /** @param {string | null} tab @param {Record<string, any>} message */
  #toTab(tab, message) {
    if (tab === null || tab === this.#tab) this.#events.onMessage(message);
    if (tab !== this.#tab) this.#say({ kind: "down", message, ...(tab !== null && { to: tab }) });
  }

  /** @param {string} tab @param {string} name */
  #meet(tab, name) {
    const { followers, connection } = /** @type {Lead} */ (this.#lead);
    if (!followers.has(tab)) {
      const watching = new AbortController();
      followers.set(tab, watching);
      watchLock(/** @type {LockManager} */ (this.#env.locks), `${name}:${tab}`, () => this.#gone(tab), watching.signal);
    }
    this.#tellTabs();
    this.#say({ kind: "welcome", to: tab, status: plain(connection.status), connected: connection.status.state === "connected" ? this.#connected : null });
  }

  /** @param {string} tab */
  #gone(tab) {
    const watching = this.#lead?.followers.get(tab);
    if (!watching) return;
    watching.abort();
    this.#lead?.followers.delete(tab);
    this.#lead?.board.drop(tab);
    this.#tellTabs();
  }

  /** @param {string} tab @param {Record<string, any>} message @returns {Promise<void>} */
  async #serve(tab, { id, ...message }) {
    const board = this.#lead?.board;
    if (!board) return;
    if (id === undefined) return void board.send(tab, message);
    try {
      const reply = await board.request(tab, message);
      this.#say({ kind: "down", to: tab, message: { ...reply, id } });
    } catch (error) {
      const { code, message: words, retryAfter, room, current } = /** @type {any} */ (error);
      this.#say({ kind: "down", to: tab, message: { type: "error", id, code, message: words, retry_after: retryAfter, room, current } });
    }
  }

  /** Robbed, while this tab hung: somebody else has the session now. */
  #robbed() {
    this.#stepDown(CLOSE_FOR_NOW);
    this.#line = null;
    this.#enter({ ...this.#status, state: "reconnecting", reason: "another tab leads now" });
    const { locks } = this.#env;
    const name = this.#channel?.name;
    if (name === undefined) return;
    this.#line = standForLeader(/** @type {LockManager} */ (locks), name, { onLead: () => this.#takeLead(), onRobbed: () => this.#robbed() });
    this.#greet();
    this.#watch();
  }

  /** @param {number} code */
  #stepDown(code) {
    const lead = this.#lead;
    this.#lead = null;
    this.#timers.stop("beat");
    for (const watching of lead?.followers.values() ?? []) watching.abort();
    lead?.connection.stop(code, "another tab leads now");
  }

  // --- As a follower ---

  /** @param {any} heard @param {string} name */
  #hear(heard, name) {
    if (heard?.from === this.#tab || (heard?.to !== undefined && heard.to !== this.#tab)) return;
    if (heard.kind === "word") return this.#events.onWord(heard.word);
    if (this.#lead) return this.#hearFollower(heard, name);
    if (heard.kind === "bye" || heard.kind === "hello") return;
    if (heard.kind === "up" || heard.kind === "do" || heard.kind === "ask") return;
    this.#watch();
    if (heard.from !== this.#leader && heard.kind !== "welcome") {
      // Another one leads now, or was there before this tab.
      this.#lost("another tab leads now");
      this.#leader = heard.from;
      return this.#greet();
    }
    switch (heard.kind) {
      case "welcome":
        if (heard.from !== this.#leader) this.#lost("another tab leads now");
        this.#leader = heard.from;
        if (heard.connected) this.#events.onConnected(heard.connected);
        return this.#follow(heard.status);
      case "connected": return this.#events.onConnected(heard.message);
      case "status": return this.#follow(heard.status);
      case "beat": return this.#counted(heard.count);
      case "down":
        if (this.#status.state !== "connected") return;
        this.#events.onMessage(heard.message);
        if (!("room" in heard.message && "offset" in heard.message)) this.#requests.settle(heard.message);
    }
  }

  /** @param {any} heard @param {string} name */
  #hearFollower({ kind, from, message, what }, name) {
    if (kind === "hello") this.#meet(from, name);
    else if (kind === "bye") this.#gone(from);
    else if (kind === "up") void this.#serve(from, message);
    else if (kind === "ask") this.#beat();
    else if (kind === "do" && ["start", "wake", "restart"].includes(what)) {
      const connection = /** @type {any} */ (this.#lead?.connection);
      connection[what]();
    }
  }

  /** @param {any} status */
  #follow({ error, retryAt, since, lastConnected, ...rest }) {
    const date = (/** @type {number | null} */ at) => (at === null ? null : new Date(at));
    const full = { ...rest, since: new Date(since), retryAt: date(retryAt), lastConnected: date(lastConnected), error: error && errorOf(error.code, error.message) };
    if (full.state !== "connected") this.#requests.lose();
    this.#enter(full);
  }

  /** @param {string} reason */
  #lost(reason) {
    this.#requests.lose();
    if (this.#status.state === "connected") this.#enter({ ...this.#status, state: "reconnecting", reason, since: new Date(this.#env.date()) });
  }

  /** No beat for too long, and the leader is asked; no answer, and it is replaced. */
  #watch() {
    this.#timers.stop("steal");
    this.#timers.arm("watch", this.#times.watchdog, () => this.#doubt());
  }

  #doubt() {
    this.#say({ kind: "ask" });
    this.#timers.arm("steal", this.#times.steal, () => {
      if (this.#lead) return;
      this.#lost("the tab that led does not answer");
      this.#line?.steal();
    });
  }

  // --- Both ---

  /** @param {number} count */
  #counted(count) {
    if (count === this.#count) return;
    this.#count = count;
    this.#events.onTabs(this.tabs);
  }

  /** @returns {import("./types.js").TabStatus} */
  get tabs() {
    return { role: this.#lead ? "leader" : this.#channel ? "follower" : "alone", count: this.#count };
  }

  #tellTabs() {
    this.#count = 1 + (this.#lead?.followers.size ?? 0);
    this.#events.onTabs(this.tabs);
    this.#say({ kind: "beat", count: this.#count });
  }

  /** @param {Record<string, unknown>} word */
  #say(word) {
    this.#channel?.postMessage({ ...word, from: this.#tab });
  }

  /** @param {LinkStatus} status */
  #enter(status) {
    const previous = this.#status;
    this.#status = Object.freeze({ ...status });
    this.#events.onStatus(this.#status, previous);
  }
}

/** What a channel can carry. @param {LinkStatus} status */
function plain({ error, retryAt, since, lastConnected, ...rest }) {
  const told = error && { code: error.code, message: error.message };
  return { ...rest, error: told, since: since.getTime(), retryAt: retryAt?.getTime() ?? null, lastConnected: lastConnected?.getTime() ?? null };
}
