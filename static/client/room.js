/**
 * One room: joins when it is first used, goes on by cursor after a loss, hands on what happened, each entry once.
 *
 *   idle ─▶ joining ─▶ joined ─▶ rejoining ─▶ joined …      refused: the server said no; the next join() asks again
 *
 * What `joined` brings is applied while its message is handled, ahead of the next message, so what is pushed afterwards
 * always meets the picture that it belongs to.
 */

import { readAction, RoomActivity } from "./activity.js";
import { Collection } from "./collection.js";
import { RoomCursors } from "./cursors.js";
import { Emitter } from "./emitter.js";
import { aborted, errorOf, UsageError } from "./errors.js";
import { checkName, isReserved, readData } from "./events.js";
import { advance, isCount, isObject, judge, readCursor, readEntries, readEntry, readJoined, readSource } from "./recovery.js";
import { RoomPresence } from "./room-presence.js";
import { Signals } from "./signals.js";
import { RoomState } from "./state.js";
import { Store } from "./store.js";

/** @typedef {import("./types.js").Registered} Registered */
/** @typedef {import("./types.js").Cursor} Cursor */
/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").Published} Published */
/** @typedef {import("./types.js").WriteOptions} WriteOptions */
/** @typedef {import("./types.js").MemberStatus} MemberStatus */
/** @typedef {import("./errors.js").CopresenceError} CopresenceError */

/**
 * What a room needs of its client.
 *
 * @typedef {object} RoomHost
 * @property {import("./environment.js").Environment} env
 * @property {() => import("./connection.js").Link} link
 * @property {() => void} use somebody uses something: connect, if that is wished
 * @property {() => string | null} selfId the user's
 * @property {() => MemberStatus} status the session's
 * @property {(room: string, message: Record<string, unknown>, options?: WriteOptions) => Promise<Published>} write
 * @property {(what: string) => void} count passed over, for `inspect()`
 * @property {(event: string, data: unknown, meta: import("./types.js").EventMeta) => void} onEvent of an application
 * @property {(error: CopresenceError) => void} onError nobody waits for
 * @property {number} signalMs
 */

const JOIN_RETRY_MS = 1_000;
const PASSING = new Set(["timeout", "unavailable", "rate_limited", "disabled", "closed"]);

/** @template {object} [T=Registered] */
export class Room {
  #host;
  #options;
  #emitter = new Emitter();
  /** @type {Store<import("./types.js").RoomSnapshot>} */
  #snapshot = new Store(Object.freeze({ status: "idle", cursor: null, error: null, source: null, updated: null }));
  /** @type {Cursor | null} */
  #cursor = null;
  #signals;
  /** How many want to be here. */
  #uses = 0;
  /** Raised whenever an older join must not go on. */
  #turn = 0;
  /** @type {{ resolve: (joined: any) => void, reject: (error: unknown) => void }[]} */
  #waiting = [];
  /** @type {{ status?: MemberStatus, state: Record<string, unknown> }} */
  #shown = { state: {} };
  /** What came, for `inspect()` and for whoever has to prove something. */
  counts = { received: 0, twice: 0, gaps: 0, resets: 0 };

  /** @param {string} name @param {RoomHost} host @param {import("./types.js").RoomOptions} [options] */
  constructor(name, host, options = {}) {
    this.#options = options;
    /** @readonly */
    this.name = name;
    this.#host = host;
    const { env } = host;
    const on = (/** @type {string} */ event, /** @type {import("./emitter.js").AnyHandler} */ handler) => this.on(event, handler);
    const write = this.#write.bind(this);
    this.state = new RoomState(write);
    this.presence = new RoomPresence({ env, selfId: host.selfId, show: (change) => this.#show(change) });
    this.activity = new RoomActivity({ write, history: (query) => this.history(query), on });
    this.cursors = new RoomCursors((event, data) => this.signal(event, data), env);
    this.#signals = new Signals({
      env,
      every: host.signalMs,
      buffered: () => host.link().buffered,
      send: (event, data) => {
        if (this.status === "joined") host.link().send({ type: "signal", room: name, event, data });
      },
    });
    this.getSnapshot = this.#snapshot.getSnapshot;
  }

  get status() {
    return this.getSnapshot().status;
  }

  /** Where this page is in the room's log. */
  get cursor() {
    return this.#cursor;
  }

  /** Whether anybody here wants to be in the room. */
  get isUsed() {
    return this.#uses > 0;
  }

  /**
   * Counted: as many `leave()` as `join()`.
   *
   * @returns {Promise<import("./types.js").Joined>} rejects when the server says no; a lost connection it outlives
   */
  join() {
    this.#uses += 1;
    this.#host.use();
    const { status, cursor } = this.getSnapshot();
    if (status === "joined" && cursor) return Promise.resolve({ recovered: true, reason: null, cursor, count: this.presence.count });
    const { state, error } = this.#host.link().status;
    const joined = new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    // Many join without asking how it went.
    joined.catch(() => {});
    if (state === "failed") this.#reject(error);
    else if (status === "idle" || status === "refused") this.#ask();
    return joined;
  }

  /** The last one acts a tick later, so that whoever leaves to join again costs nothing. */
  leave() {
    if (this.#uses === 0) return;
    this.#uses -= 1;
    if (this.#uses === 0) this.#host.env.after(0, () => this.#uses === 0 && this.#leave());
  }

  /**
   * Hears an event, and is in the room for as long as it does. With a function alone: hears that `getSnapshot()` changed.
   *
   * @template {string} E
   * @overload
   * @param {E} event
   * @param {import("./types.js").EventHandler<import("./types.js").EventData<T, E>>} handler
   * @param {{ signal?: AbortSignal, once?: boolean }} [options]
   * @returns {() => void}
   */
  /**
   * @overload
   * @param {() => void} listener
   * @returns {() => void}
   */
  /**
   * @param {any} event
   * @param {any} [handler]
   * @param {{ signal?: AbortSignal, once?: boolean }} [options]
   * @returns {() => void}
   */
  subscribe(event, handler, options) {
    if (typeof event === "function") return this.#snapshot.subscribe(event);
    if (typeof handler !== "function") throw new UsageError(`subscribe("${event}") needs a handler`);
    void this.join();
    return this.#emitter.on(event, handler, { ...options, onOff: () => this.leave() });
  }

  /**
   * As `subscribe`.
   *
   * @template {string} E
   * @param {E} event
   * @param {import("./types.js").EventHandler<import("./types.js").EventData<T, E>>} handler
   * @param {{ signal?: AbortSignal }} [options]
   */
  on(event, handler, options) {
    return this.subscribe(event, handler, options);
  }

  /**
   * @template {string} E
   * @param {E} event
   * @param {import("./types.js").EventHandler<import("./types.js").EventData<T, E>>} handler
   * @param {{ signal?: AbortSignal }} [options]
   */
  once(event, handler, options) {
    return this.subscribe(event, handler, { ...options, once: true });
  }

  /** @param {string} event @param {import("./types.js").EventHandler} handler */
  unsubscribe(event, handler) {
    this.#emitter.off(event, handler);
  }

  /**
   * Writes an event into the room's log: at least once, and under its key once only. Without a connection it waits in the
   * outbox, over a reload too.
   *
   * @param {string} event
   * @param {unknown} [data] any JSON
   * @param {WriteOptions} [options]
   * @returns {Promise<Published>}
   */
  async publish(event, data = null, options = {}) {
    checkName(event);
    return this.#write({ type: "publish", event, data }, options);
  }

  /** May be lost, the newest wins. @param {string} event @param {unknown} data */
  signal(event, data) {
    checkName(event);
    this.#host.use();
    if (this.status === "joined") this.#signals.put(event, data);
  }

  /**
   * Entries of the past; one need not be in the room.
   *
   * @param {{ before?: number, after?: number, limit?: number, kinds?: string[] }} [query]
   * @returns {Promise<import("./types.js").Page>} ascending
   */
  async history(query = {}) {
    const page = await this.#host.link().request({ type: "history", room: this.name, ...query });
    const cursor = readCursor(page.cursor) ?? { epoch: "", offset: 0, entry: null };
    return { entries: readEntries(page.entries), cursor, oldest: isCount(page.oldest) ? page.oldest : 0, more: page.more === true };
  }

  /**
   * Documents of one collection, kept current by this room's `collection:*` events.
   *
   * @template [D=any]
   * @param {string} name
   * @param {import("./types.js").CollectionOptions<D>} [options]
   * @returns {import("./types.js").Collection<D>} its `dispose()` ends it
   */
  collection(name, options = {}) {
    return new Collection(name, { room: this, env: this.#host.env, isLive: () => this.status === "joined" }, options);
  }

  /** Asks the room's source, where it has one, to be read now. */
  async refresh() {
    await this.join();
    try {
      await this.#host.link().request({ type: "refresh_state", room: this.name });
    } finally {
      this.leave();
    }
  }

  // --- What the client tells its rooms; nobody else calls these ---

  /** There is a connection: join, or join again from the cursor. */
  begin() {
    if (this.#uses > 0) this.#ask();
  }

  /** There is none; what was learned stays. */
  lose() {
    this.#turn += 1;
    this.#signals.clear();
    if (this.status === "joined") this.presence.lose();
    if (this.status === "joined" || this.status === "joining") this.#enter({ status: this.#cursor ? "rejoining" : "joining" });
  }

  /** There will be none. @param {unknown} error */
  fail(error) {
    this.#reject(error);
  }

  /** Another user: nothing of the one before stays. */
  forget() {
    this.#cursor = null;
    this.state.replace({}, 0);
    this.activity.replace([]);
    this.presence.clear();
    this.cursors.clear();
  }

  save() {
    return this.#cursor && { cursor: this.#cursor, state: this.state.save(), activity: this.activity.items.slice(0, 20) };
  }

  /** After a reload: goes on where the page was. @param {any} saved whatever was found in storage */
  restore(saved) {
    const cursor = readCursor(saved?.cursor);
    if (cursor === null || this.#cursor !== null) return;
    this.#cursor = cursor;
    if (isObject(saved.state)) this.state.replace(saved.state, cursor.offset);
    const items = Array.isArray(saved.activity) ? saved.activity : [];
    this.activity.merge(readEntries(items.map((/** @type {any} */ item) => (
      { ...item, type: "activity", room: this.name, from: { user: item?.userId }, at: item?.timestamp }))));
  }

  /** @param {Record<string, any>} message of this room, whatever its type */
  receive(message) {
    switch (message.type) {
      case "joined": return this.#take(message);
      case "presence": return this.#people(message);
      case "signals": return this.#hear(message.signals);
      case "left": return this.#refused(message);
      case "source": return this.#enter({ source: readSource(message) });
    }
    const entry = readEntry(message);
    // Between a loss and the next `joined` nothing is pushed; what comes anyway belongs to a room that was left.
    if (entry === null || this.status !== "joined") this.#host.count(entry === null ? "nonsense" : "late");
    else this.#push(entry);
  }

  /** By fetch instead of push: the same entries, the same care. @param {Record<string, any>} joined */
  takeFetched(joined) {
    this.#take({ ...joined, type: "joined" }, false);
  }

  // --- Inside ---

  #ask() {
    const link = this.#host.link();
    this.#turn += 1;
    this.#enter({ status: this.#cursor ? "rejoining" : "joining", error: null });
    if (link.status.state === "connected") void this.#join(this.#turn, link);
  }

  /** @param {number} turn @param {import("./connection.js").Link} link */
  async #join(turn, link) {
    try {
      /** @type {any} */
      let page;
      do {
        const since = this.#cursor ? { since: this.#cursor } : {};
        const { presence: isMember = true, receive = ["entries", "presence", "signals"] } = this.#options;
        const presence = isMember && { ...this.#shown, status: this.#shown.status ?? this.#host.status() };
        page = await link.request({ type: "join", room: this.name, presence, receive, ...since });
      } while (page.more === true && turn === this.#turn);
    } catch (error) {
      if (turn === this.#turn) this.#joinFailed(/** @type {CopresenceError} */ (error), turn);
    }
  }

  /** @param {CopresenceError} error @param {number} turn */
  #joinFailed(error, turn) {
    // The next connection asks again by itself.
    if (error.code === "closed") return;
    if (error.code === "bad_message" && this.#cursor) {
      // A cursor out of storage that the server can't read is worth nothing: start anew.
      this.#cursor = null;
      this.#ask();
    } else if (PASSING.has(error.code)) {
      this.#enter({ error });
      this.#host.env.after(error.retryAfter === null ? JOIN_RETRY_MS : error.retryAfter * 1000, () => turn === this.#turn && this.#ask());
    } else {
      this.#enter({ status: "refused", error });
      if (this.#waiting.length === 0) this.#host.onError(error);
      this.#reject(error);
    }
  }

  #leave() {
    this.#turn += 1;
    const wasIn = this.status !== "idle" && this.status !== "refused";
    this.#enter({ status: "idle", error: null });
    this.#signals.clear();
    this.forget();
    this.#reject(aborted());
    if (wasIn) this.#host.link().request({ type: "leave", room: this.name }).catch(() => {});
  }

  /** @param {Record<string, any>} message @param {boolean} [isPushed] whether we are a member from here on */
  #take(message, isPushed = true) {
    const joined = readJoined(message);
    if (joined === null || this.#uses === 0) return this.#host.count(joined === null ? "nonsense" : "late");
    const had = this.#cursor;
    if (joined.recovered) {
      for (const entry of joined.entries) if (!this.#push(entry, true)) break;
    } else {
      this.state.replace(joined.state, joined.cursor.offset);
      this.activity.replace(joined.activity);
    }
    this.#cursor = joined.cursor;
    if (joined.more) return;
    if (isPushed) this.#enter({ status: "joined", error: null });
    else this.#enter({});
    this.#people(message);
    const reason = joined.recovered ? null : (joined.reason ?? (had ? "a new picture" : null));
    if (reason !== null) {
      this.counts.resets += 1;
      this.#emitter.emit("reset", { reason });
    }
    this.#emitter.emit("state", { set: this.state.all(), removed: [] });
    if (isPushed) this.#resolve({ recovered: joined.recovered, reason });
  }

  /** @param {Entry} entry @param {boolean} [isPage] a page of what was missed @returns {boolean} whether the next one can follow */
  #push(entry, isPage = false) {
    const verdict = judge(this.#cursor, entry);
    if (verdict === "known") {
      this.counts.twice += 1;
      return true;
    }
    if (verdict === "gap") {
      // The server promises that there is none. Should there be one, asking again from the cursor heals it.
      this.counts.gaps += 1;
      if (!isPage) this.#ask();
      return false;
    }
    this.#cursor = this.#cursor && advance(this.#cursor, entry);
    this.counts.received += 1;
    this.#apply(entry);
    return true;
  }

  /** @param {Entry} entry */
  #apply(entry) {
    const { offset, id, from, at } = entry;
    const meta = Object.freeze({ room: this.name, offset, id, from, at });
    this.#enter({ updated: new Date(this.#host.env.date()) });
    if (entry.type === "event" && typeof entry.event === "string") {
      if (isReserved(entry.event)) this.#host.count("reserved");
      else {
        const data = readData(entry.event, entry.data);
        this.#emitter.emit(entry.event, data, meta);
        this.#host.onEvent(entry.event, data, meta);
      }
    } else if (entry.type === "state") {
      this.state.apply({ offset, set: entry.set, removed: entry.removed });
      this.#emitter.emit("state", { set: entry.set ?? {}, removed: entry.removed ?? [] }, meta);
    } else if (entry.type === "activity") {
      this.activity.merge([entry]);
      const action = readAction(entry);
      this.#emitter.emit("activity", action, meta);
      this.#emitter.emit("user:activity", action, meta);
    } else if (entry.type !== "hidden") {
      this.#host.count("unknown");
    }
  }

  /** @param {Record<string, any>} message `joined` or `presence` */
  #people(message) {
    const difference = this.presence.receive(message);
    if (!this.presence.getSnapshot().large) this.cursors.keep(this.presence.byUser);
    const { joined, updated, left } = difference;
    if (joined.length + updated.length + left.length === 0) return;
    this.#emitter.emit("presence", difference);
    const timestamp = new Date(this.#host.env.date());
    for (const { user } of joined) this.#emitter.emit("user:login", { userId: user, timestamp });
    for (const { user } of left) this.#emitter.emit("user:logout", { userId: user, timestamp });
  }

  /** @param {unknown} list */
  #hear(list) {
    const signals = (Array.isArray(list) ? list : []).filter((each) => typeof each?.session === "string" && typeof each.event === "string");
    if (signals.length === 0) return;
    this.cursors.receive(signals);
    this.#emitter.emit("signals", signals);
  }

  /** The server took the room away. @param {Record<string, any>} message */
  #refused(message) {
    this.#turn += 1;
    this.#signals.clear();
    this.presence.clear();
    this.cursors.clear();
    const words = typeof message.message === "string" ? message.message : "the server took the room away";
    this.#joinFailed(errorOf(String(message.code ?? "forbidden"), words, { room: this.name }), this.#turn);
  }

  /** @param {{ status?: MemberStatus, state?: Record<string, unknown> }} change */
  #show(change) {
    this.#shown = { ...this.#shown, ...change };
    if (this.status !== "joined") return;
    const status = this.#shown.status ?? this.#host.status();
    // Lost or refused for being too fast, the next join brings it, or the next change.
    this.#host.link().request({ type: "presence", room: this.name, state: this.#shown.state, status }).catch((error) => {
      if (!error.retryable) this.#host.onError(error);
    });
  }

  /** @param {Record<string, unknown>} message @param {WriteOptions} [options] */
  #write(message, options) {
    this.#host.use();
    return this.#host.write(this.name, message, options);
  }

  /** @param {{ recovered: boolean, reason: string | null }} how */
  #resolve(how) {
    const joined = { ...how, cursor: this.#cursor, count: this.presence.count };
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve } of waiting) resolve(joined);
    this.#emitter.emit("joined", joined);
  }

  /** @param {unknown} error */
  #reject(error) {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(error);
  }

  /** @param {Partial<import("./types.js").RoomSnapshot>} change */
  #enter(change) {
    this.#snapshot.set(Object.freeze({ ...this.getSnapshot(), ...change, cursor: this.#cursor }));
  }
}
