/**
 * One room: joins when it is first used, goes on by cursor after a loss, hands on what happened, each entry once.
 *
 *   idle ─▶ joining ─▶ joined ─▶ rejoining ─▶ joined …      refused: the server said no; the next join() asks again
 *
 * What `joined` brings is applied while its message is handled, ahead of the next message, so what is pushed afterwards
 * always meets the picture that it belongs to.
 */

import { RoomActivity } from "./activity.js";
import { Emitter } from "./emitter.js";
import { aborted, errorOf, fromWire, handed, UsageError } from "./errors.js";
import { checkName, isReserved, readData } from "./events.js";
import { advance, isCount, judge, readCursor, readEntries, readEntry, readJoined, readList, readSource } from "./recovery.js";
import { RoomPresence } from "./room-presence.js";
import { Signals } from "./signals.js";
import { RoomState } from "./state.js";
import { Store } from "./store.js";

/** @typedef {import("./types.js").Registered} Registered */
/** @typedef {import("./types.js").Cursor} Cursor */
/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").Joined} Joined */
/** @typedef {import("./types.js").Published} Published */
/** @typedef {import("./types.js").WriteOptions} WriteOptions */
/** @typedef {import("./errors.js").CopresenceError} CopresenceError */

/**
 * What a room needs of its client.
 *
 * @typedef {Pick<import("./engine.js").Engine, "env" | "parts" | "connection" | "notifications" | "attention" | "user" | "options" | "use" | "write" | "count"
 *   | "onError">} RoomHost
 */

/** Before a refused join is tried again, where the server names no time. */
const RETRY_SECONDS = 1;
/** @type {import("./types.js").RoomSnapshot} */
const IDLE = { status: "idle", cursor: null, error: null, source: null, updated: null };

/** @template {object} [T=Registered] */
export class Room {
  #host;
  #options;
  #emitter = new Emitter();
  #snapshot = new Store(IDLE);
  getSnapshot = this.#snapshot.getSnapshot;
  #signals;
  #cursors;
  /** How many want to be here. */
  #uses = 0;
  /** Raised whenever an older join must not go on. */
  #turn = 0;
  /** @type {{ resolve: (joined: Joined) => void, reject: (error: unknown) => void }[]} */
  #waiting = [];
  /** What came, for `inspect()` and for whoever has to prove something. */
  counts = { received: 0, twice: 0, gaps: 0, resets: 0 };

  /** @param {string} name @param {RoomHost} host @param {import("./types.js").RoomOptions} [options] */
  constructor(name, host, options = {}) {
    /** @readonly */
    this.name = name;
    this.#host = host;
    this.#options = options;
    this.state = new RoomState(this);
    this.presence = new RoomPresence(this, host);
    this.activity = new RoomActivity(this);
    const { RoomCursors } = host.parts;
    this.#cursors = RoomCursors ? new RoomCursors(this, host.env) : null;
    this.#signals = new Signals(name, host);
  }

  /** Where others point. */
  get cursors() {
    return handed(this.#cursors, "RoomCursors");
  }

  get status() {
    return this.getSnapshot().status;
  }

  /** Where this page is in the room's log. */
  get cursor() {
    return this.getSnapshot().cursor;
  }

  /** Whether anybody here wants to be in the room. */
  get isUsed() {
    return this.#uses > 0;
  }

  /**
   * Counted: as many `leave()` as `join()`.
   *
   * @returns {Promise<Joined>} rejects when the server says no; a lost connection it outlives
   */
  join() {
    this.#uses += 1;
    this.#host.use();
    const { status } = this;
    if (status === "joined") return Promise.resolve(this.#joined(true, null));
    const { state, error } = this.#host.connection.status;
    const joined = new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    // Many join without asking how it went.
    joined.catch(() => {});
    if (state === "failed") this.fail(error);
    else if (status === "idle" || status === "refused") void this.#ask();
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
  async publish(event, data = null, options) {
    checkName(event);
    return this.write({ type: "publish", event, data }, options);
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
   * @param {{ before?: number | undefined, after?: number, limit?: number, kinds?: string[] }} [query]
   * @returns {Promise<import("./types.js").Page>} ascending
   */
  async history(query) {
    const { entries, cursor, oldest, more } = await this.request("history", query);
    return {
      entries: readEntries(entries), cursor: readCursor(cursor) ?? { epoch: "", offset: 0, entry: null }, oldest: isCount(oldest) ? oldest : 0,
      more: more === true,
    };
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
    const { parts, env } = this.#host;
    return new (handed(parts.Collection, "Collection"))(name, this, env, options);
  }

  /** Asks the room's source, where it has one, to be read now. */
  async refresh() {
    await this.join();
    try {
      await this.request("refresh_state");
    } finally {
      this.leave();
    }
  }

  // --- What the room's parts and the client tell it; nobody else calls these ---

  /** @param {string} type @param {object} [fields] @returns {Promise<any>} the reply */
  request(type, fields) {
    return this.#host.connection.request({ ...fields, type, room: this.name });
  }

  /** By way of the outbox. @param {Record<string, unknown>} message @param {WriteOptions} [options] */
  write(message, options) {
    this.#host.use();
    return this.#host.write(this.name, message, options);
  }

  /** There is a connection: join, or join again from the cursor. */
  begin() {
    if (this.#uses > 0) void this.#ask();
  }

  /** There is none; what was learned stays. */
  lose() {
    this.#halt();
    if (this.status !== "joined") return;
    this.presence.lose();
    this.#enter({ status: "rejoining" });
  }

  /** Nobody need wait in `join()` any more. @param {unknown} error */
  fail(error) {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Another user: nothing of the one before stays. */
  forget() {
    this.#begin(null, {}, []);
    this.presence.clear();
    this.#cursors?.clear();
  }

  /** A picture, in the form of a `joined`. */
  save() {
    const { cursor } = this;
    return cursor && { cursor, state: this.state.save(), activity: this.activity.save() };
  }

  /** After a reload: goes on where the page was. @param {any} saved whatever was found in storage */
  restore(saved) {
    const joined = readJoined(saved ?? {});
    if (joined && !this.cursor) this.#begin(joined.cursor, joined.state, joined.activity);
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
    if (entry && this.status === "joined") this.#push(entry);
    else this.#passOver(entry);
  }

  /** By fetch instead of push: the same entries, the same care. @param {Record<string, any>} joined */
  takeFetched(joined) {
    this.#take({ ...joined, type: "joined" }, false);
  }

  // --- Inside ---

  async #ask() {
    const turn = (this.#turn += 1);
    const { connection } = this.#host;
    const { presence = true, receive = ["entries", "presence", "signals"] } = this.#options;
    this.#enter({ status: this.cursor ? "rejoining" : "joining", error: null });
    if (connection.status.state !== "connected") return;
    try {
      for (let isMore = true; isMore && turn === this.#turn; ) {
        const { cursor } = this;
        const { more } = await this.request("join", { presence: presence && this.presence.own, receive, since: cursor ?? undefined });
        isMore = more === true;
        // A page that leads nowhere would be asked for for ever.
        if (isMore && this.cursor?.offset === cursor?.offset) throw errorOf("unavailable", "the server brings the same page again");
      }
    } catch (error) {
      if (turn === this.#turn) this.#joinFailed(/** @type {CopresenceError} */ (error));
    }
  }

  /** @param {CopresenceError} error */
  #joinFailed(error) {
    const turn = this.#turn;
    const { code, retryable, retryAfter } = error;
    // The next connection asks again by itself.
    if (code === "closed") return;
    if (code === "bad_message" && this.cursor) {
      // A cursor out of storage that the server can't read is worth nothing: start anew.
      this.#enter({ cursor: null });
      void this.#ask();
    } else if (retryable) {
      this.#enter({ error });
      this.#host.env.after((retryAfter ?? RETRY_SECONDS) * 1000, () => turn === this.#turn && this.#ask());
    } else {
      this.#enter({ status: "refused", error });
      if (this.#waiting.length === 0) this.#host.onError(error);
      this.fail(error);
    }
  }

  /** What is under way is of no use any more. */
  #halt() {
    this.#turn += 1;
    this.#signals.clear();
  }

  #leave() {
    const wasIn = this.status !== "idle" && this.status !== "refused";
    this.#halt();
    this.#enter({ status: "idle", error: null });
    this.forget();
    this.fail(aborted());
    if (wasIn) this.request("leave").catch(() => {});
  }

  /** From a new picture on. @param {Cursor | null} cursor @param {Record<string, unknown>} state @param {Entry[]} activity */
  #begin(cursor, state, activity) {
    this.#enter({ cursor });
    this.state.replace(state, cursor?.offset ?? 0);
    this.activity.replace(activity);
  }

  /** @param {unknown} read null when it could not be read; else it came too late */
  #passOver(read) {
    this.#host.count(read ? "late" : "nonsense");
  }

  /** @param {Record<string, any>} message @param {boolean} [isPushed] whether we are a member from here on */
  #take(message, isPushed = true) {
    const joined = readJoined(message);
    if (!joined || this.#uses === 0) return this.#passOver(joined);
    const { cursor, recovered, entries, state, activity, more } = joined;
    const reason = recovered ? null : (joined.reason ?? (this.cursor && "a new picture"));
    if (recovered) entries.every((entry) => this.#push(entry, true));
    else this.#begin(cursor, state, activity);
    this.#enter({ cursor, ...(isPushed && !more && { status: "joined", error: null }) });
    if (more) return;
    this.#people(message);
    if (reason !== null) {
      this.counts.resets += 1;
      this.#emitter.emit("reset", { reason });
    }
    this.#emitter.emit("state", { set: this.state.all(), removed: [] });
    if (!isPushed) return;
    const how = this.#joined(recovered, reason);
    for (const { resolve } of this.#waiting.splice(0)) resolve(how);
    this.#emitter.emit("joined", how);
  }

  /** @param {boolean} recovered @param {string | null} reason @returns {Joined} */
  #joined(recovered, reason) {
    return { recovered, reason, cursor: /** @type {Cursor} */ (this.cursor), count: this.presence.count };
  }

  /** @param {Entry} entry @param {boolean} [isPage] a page of what was missed @returns {boolean} whether the next one can follow */
  #push(entry, isPage) {
    const { cursor } = this;
    const verdict = judge(cursor, entry);
    if (verdict === "known") this.counts.twice += 1;
    else if (verdict === "gap") {
      // The server promises that there is none. Should there be one, asking again from the cursor heals it.
      this.counts.gaps += 1;
      if (!isPage) void this.#ask();
    } else {
      this.counts.received += 1;
      this.#enter({ cursor: cursor && advance(cursor, entry), updated: this.#now() });
      this.#apply(entry);
    }
    return verdict !== "gap";
  }

  /** @param {Entry} entry */
  #apply(entry) {
    const { type, event, data, set = {}, removed = [], offset, id, from, at } = entry;
    const meta = Object.freeze({ room: this.name, offset, id, from, at });
    const isEvent = type === "event" && typeof event === "string";
    if (isEvent && !isReserved(event)) {
      const read = readData(event, data);
      this.#emitter.emit(event, read, meta);
      this.#host.notifications?.tap(event, read, meta);
    } else if (type === "state") {
      this.state.apply(entry);
      this.#emitter.emit("state", { set, removed }, meta);
    } else if (type === "activity") {
      for (const action of this.activity.merge([entry])) {
        this.#emitter.emit("activity", action, meta);
        this.#emitter.emit("user:activity", action, meta);
      }
    } else if (type !== "hidden") {
      this.#host.count(isEvent ? "reserved" : "unknown");
    }
  }

  /** @param {Record<string, any>} message `joined` or `presence` */
  #people(message) {
    const difference = this.presence.receive(message);
    const { joined, updated, left } = difference;
    this.#cursors?.keep(({ user }) => this.presence.has(user));
    if (joined.length + updated.length + left.length === 0) return;
    this.#emitter.emit("presence", difference);
    const timestamp = this.#now();
    for (const { user } of joined) this.#emitter.emit("user:login", { userId: user, timestamp });
    for (const { user } of left) this.#emitter.emit("user:logout", { userId: user, timestamp });
  }

  /** @param {unknown} list */
  #hear(list) {
    const signals = readList(list).filter((each) => typeof each?.session === "string" && typeof each.event === "string");
    if (signals.length === 0) return;
    this.#cursors?.receive(signals);
    this.#emitter.emit("signals", signals);
  }

  /** The server took the room away. @param {Record<string, any>} message */
  #refused(message) {
    this.#halt();
    this.presence.clear();
    this.#cursors?.clear();
    this.#joinFailed(fromWire({ code: "forbidden", message: "the server took the room away", ...message }));
  }

  #now() {
    return new Date(this.#host.env.date());
  }

  /** @param {Partial<import("./types.js").RoomSnapshot>} change */
  #enter(change) {
    this.#snapshot.set({ ...this.getSnapshot(), ...change });
  }
}
