/**
 * What leads: one connection and one session for all tabs of a user. It lives in the tab that holds the lock, or in a
 * SharedWorker, and neither knows the other's way of bringing words.
 *
 *   tabs ─ commands ─▶ hub ─▶ connection ─▶ server
 *        ◀─ replies to who asked, pushes to who is in the room ─
 *
 * What tabs say is `{ do, from, given }`, a row of the table `WORDS` or a call of the connection. They hear two things:
 * `state`, always the whole of it, so that one which was missed costs nothing; and `down`, a message of the server's.
 *
 * Each tab has its own cursor in each room, and the server itself proves it: a join goes up, unless the same one is on
 * its way. So nobody here has to know what a room holds, and a tab that comes late recovers from the whole log.
 */

/** @typedef {import("./types.js").LinkStatus} LinkStatus */
/** @typedef {import("./types.js").Cursor} Cursor */
/** @typedef {import("./connection.js").Connection & { route: import("./connection.js").LinkEvents, connected?: Record<string, any> | null }} Shared its events go where `route` says */
/** @typedef {{ from: string, to?: string | undefined, [more: string]: any }} Word to tabs; without `to` to all */
/** @typedef {{ room?: any, since?: string, askers: { tab: string, id?: unknown }[] }} Asked */
/** @typedef {{ tabs: Map<string, boolean>, cursor: Cursor | null, isMember: boolean, pager: string | null }} Held who wants a
 *   room, true once it has its picture; how far those are; who is in the midst of pages */

/**
 * @typedef {object} HubHost
 * @property {string} id
 * @property {string} name of the channel, and with a tab's name behind it of that tab's lock
 * @property {(word: Word) => void} post
 * @property {number} term of its lead; a later one goes before
 * @property {string[]} [tabs] as the one that led before knew them
 * @property {(message: Record<string, any>) => void} [onStray] an answer to what was asked before there was a hub
 * @property {() => void} [onEmpty] the last one is gone, and the session with it
 */

const BEAT_MS = 3_000;
/** A tab that is gone may be about to reload: others see nothing for so long, as after a close with 1001. */
const LINGER_MS = 4_000;
/** Where no lock tells it: who is silent for longer is gone. */
const SILENT_MS = 10_000;
/** How long to ask whether a newer connection that has the session is one of ours. */
const DOUBT_MS = 2_000;
/** The most present wins. */
const STATUSES = ["online", "busy", "away"];
/** Who comes later begins where the others are. */
const NO_NEWS = { entries: [], recovered: false, more: false };
const ALL = ["entries", "presence", "signals"];

const WORDS = new Set(/** @type {const} */ (["hello", "ask", "bye", "front", "up"]));
const CALLS = new Set(/** @type {const} */ (["start", "restart", "wake", "setReconnect", "setHeartbeat"]));

export class Hub {
  #host;
  #tools;
  #env;
  #timers;
  /** @type {Map<string, { seenAt: number, unwatch: () => void }>} in the order in which they came */
  #tabs = new Map();
  /** @type {string[]} who was looked at last comes first */
  #order = [];
  /** @type {Map<string, Held>} */
  #rooms = new Map();
  /** What each tab sees of its person. @type {Map<string, string>} */
  #statuses = new Map();
  /** Commands on their way. @type {Map<string, Asked>} */
  #asked = new Map();
  #nextId = 0;
  /** @type {Record<string, any> | null} the last `connected`, with `@me` as it is now */
  #connected = null;
  #serial = 0;
  #version = 0;
  /** Another connection has the session, and whose it is was asked. */
  isInDoubt = false;
  /** Not begun, or over. */
  #isMute = true;

  /**
   * @param {Shared} connection @param {import("./environment.js").Environment} env
   * @param {Pick<typeof import("./tab-link.js").TOOLS, "CLOSE_FOR_NOW" | "TAKEN_UP" | "hold" | "nowOf" | "Timers">} tools @param {HubHost} host
   */
  constructor(connection, env, tools, host) {
    this.#tools = tools;
    this.#host = host;
    this.#env = env;
    this.#timers = new tools.Timers(env.after);
    /** @readonly */
    this.connection = connection;
    Object.assign(connection.route, {
      onStatus: (/** @type {LinkStatus} */ status) => this.#moved(status),
      onConnected: (/** @type {Record<string, any>} */ connected) => {
        this.#serial += 1;
        this.#connected = connected;
      },
      onMessage: (/** @type {Record<string, any>} */ message) => this.#receive(message),
      // What answers nobody comes as a message as well.
      onError() {},
    });
  }

  /**
   * @param {import("./tab-link.js").TabEvents | null} [solo] whose connection it was alone until now: its rooms are joined
   */
  begin(solo) {
    const { id, tabs = [] } = this.#host;
    // Whoever of them is gone, its lock says so at once.
    for (const tab of tabs) this.hello(tab);
    this.#isMute = false;
    if (!solo) return this.connection.start();
    const { status } = this.connection;
    const { connected = null } = this.connection;
    this.#connected = connected && { ...connected, ...NO_NEWS };
    this.#statuses.set(id, solo.attention.status);
    if (status.state === "connected") {
      for (const [name, { isUsed, cursor, presence }] of solo.rooms) {
        if (isUsed) this.#rooms.set(name, { tabs: new Map([[id, true]]), cursor, isMember: presence.self !== null, pager: null });
      }
    }
    this.#moved(status, false);
  }

  /** @param {any} word of a tab, or of what only looks like one */
  hear({ do: what, from, given = [] }) {
    const known = this.#tabs.get(from);
    if (known) known.seenAt = this.#env.now();
    // Who was taken for gone joins its rooms anew; until then what it says belongs to nothing.
    else if (what !== "hello" && what !== "ask") return;
    if (WORDS.has(what)) /** @type {any} */ (this)[what](from, ...given);
    else if (CALLS.has(what)) /** @type {any} */ (this.connection)[what](...given);
  }

  /** @param {number} code */
  stop(code) {
    this.#isMute = true;
    // Others go on with the session, so that is no goodbye.
    this.connection.stop(this.#tabs.size > 1 ? this.#tools.CLOSE_FOR_NOW : code, "another tab leads now");
    this.#timers.stopAll();
    for (const { unwatch } of this.#tabs.values()) unwatch();
  }

  /** The whole state, to all; it is the beat as well. */
  tell() {
    const { status } = this.connection;
    if (this.#isMute || this.isInDoubt) return;
    const { error } = status;
    const told = error && { code: error.code, message: error.message };
    const { id, term } = this.#host;
    this.#timers.arm("beat", BEAT_MS, () => this.#beat());
    this.#post({
      is: "state", term, version: this.#version, status: { ...status, error: told }, tabs: this.#order,
      sender: this.#tabs.has(id) ? id : [...this.#tabs.keys()][0],
      serial: this.#serial, connected: status.state === "connected" ? this.#connected : null,
    });
    if (this.#connected) this.#connected = { ...this.#connected, ...NO_NEWS };
  }

  // --- What tabs say: `WORDS` ---

  /** @param {string} tab */
  hello(tab) {
    if (this.#tabs.has(tab)) return;
    const { locks } = this.#env;
    const { id, name } = this.#host;
    const unwatch = locks && tab !== id ? this.#tools.hold(locks, `${name}:${tab}`, () => this.bye(tab, true)) : () => {};
    this.#tabs.set(tab, { seenAt: this.#env.now(), unwatch });
    this.#order.push(tab);
    this.#timers.stop(tab);
    this.tell();
  }

  ask() {
    this.tell();
  }

  /** @param {string} tab @param {boolean} [isForNow] it may be back in a moment, or its rooms may have another tab by then */
  bye(tab, isForNow = false) {
    const known = this.#tabs.get(tab);
    if (!known) return;
    known.unwatch();
    this.#tabs.delete(tab);
    this.#order = this.#order.filter((each) => each !== tab);
    if (isForNow) this.#timers.arm(tab, LINGER_MS, () => this.#drop(tab));
    else this.#drop(tab);
    this.tell();
  }

  /** Somebody looks at it. @param {string} tab */
  front(tab) {
    if (tab === this.#order[0]) return;
    this.#order = [tab, ...this.#order.filter((each) => each !== tab)];
    this.tell();
  }

  /** @param {string} tab @param {any} message */
  up(tab, message) {
    const { type, room, id } = message;
    const held = this.#rooms.get(room);
    const asker = { tab, id };
    if (type === "presence") this.#pass(this.#presence(tab, message), asker);
    else if (type === "leave" && held) this.#leave(tab, room, asker);
    else if (type !== "join" || room === "@me") this.#pass(message, asker);
    else if (message.receive?.length !== 0) this.#join(tab, message, asker);
    // A visit, to write something: who is in already need not.
    else if (held) this.#reply(asker, { type: "ok" });
    else this.#pass(message, asker);
  }

  // --- Inside ---

  #beat() {
    const { locks, now } = this.#env;
    for (const [tab, { seenAt }] of this.#tabs) {
      if (!locks && tab !== this.#host.id && now() - seenAt > SILENT_MS) this.bye(tab, true);
    }
    this.tell();
  }

  /** @param {LinkStatus} status @param {boolean} [isNews] */
  #moved({ state, code }, isNews = true) {
    this.#version += 1;
    if (isNews && state !== "connected") {
      // Tabs hear of it and join again, each from where it is.
      this.#rooms.clear();
      this.#asked.clear();
    }
    this.isInDoubt = state === "failed" && code === this.#tools.TAKEN_UP && !this.#isMute;
    if (!this.isInDoubt) return this.tell();
    // Perhaps by one that leads in our place; then it answers, and nothing failed.
    this.#post({ do: "ask" });
    this.#timers.arm("beat", DOUBT_MS, () => {
      this.isInDoubt = false;
      this.tell();
    });
  }

  /** A tab is gone for good, and all that it joined with it. @param {string} tab */
  #drop(tab) {
    const before = this.#status();
    this.#statuses.delete(tab);
    for (const room of [...this.#rooms.keys()]) this.#leave(tab, room);
    if (this.#tabs.size === 0) this.#host.onEmpty?.();
    else this.#restate(before);
  }

  /** @param {string} tab @param {any} message @param {Asked["askers"][0]} asker */
  #join(tab, { room, since, presence }, asker) {
    const held = this.#rooms.get(room) ?? { tabs: new Map(), cursor: null, isMember: false, pager: null };
    this.#rooms.set(room, held);
    const isFirst = !held.isMember;
    held.isMember ||= presence !== false;
    held.tabs.set(tab, held.tabs.get(tab) ?? false);
    const before = this.#status();
    const shown = this.#presence(tab, { room, ...presence });
    const place = JSON.stringify(since ?? null);
    // What is not said stays: a tab that nobody looks at changes nothing of what others see.
    const isSaid = isFirst || (presence !== false && shown.state);
    if (!isSaid) this.#restate(before);
    const same = !isSaid && [...this.#asked.values()].find((asked) => asked.room === room && asked.since === place);
    if (same) return void same.askers.push(asker);
    const { status, state } = shown;
    const said = isSaid && { presence: presence !== false && { status, ...(state && { state }) } };
    this.#send({ type: "join", room, receive: ALL, ...(since && { since }), ...said }, { room, since: place, askers: [asker] });
  }

  /** @param {string} tab @param {string} room @param {Asked["askers"][0]} [asker] */
  #leave(tab, room, asker = { tab }) {
    const held = /** @type {Held} */ (this.#rooms.get(room));
    const wasIn = held.tabs.delete(tab);
    if (held.tabs.size > 0) {
      if (held.pager === tab) this.#catchUp(room, held);
      this.#reply(asker, { type: "ok" });
    } else if (wasIn) {
      this.#rooms.delete(room);
      this.#pass({ type: "leave", room }, asker);
    }
  }

  /** Of one session others see one status, the most present, and one state, that of the tab that is looked at. @param {string} tab @param {any} message */
  #presence(tab, { state, ...message }) {
    if (STATUSES.includes(message.status)) this.#statuses.set(tab, message.status);
    const held = this.#rooms.get(message.room);
    const isSeen = (held && this.#order.find((each) => held.tabs.has(each))) === (held && tab);
    return { ...message, status: this.#status(), ...(isSeen && state && { state }) };
  }

  /** @param {string} before the status that others were told last */
  #restate(before) {
    const status = this.#status();
    if (status !== before) this.connection.send({ type: "presence", status });
  }

  #status() {
    const seen = [...this.#statuses.values()];
    return STATUSES.find((status) => seen.includes(status)) ?? "online";
  }

  /** @param {Record<string, unknown>} message @param {Asked["askers"][0]} asker without `id` it wants no reply */
  #pass(message, asker) {
    if (asker.id === undefined) this.connection.send(message);
    else this.#send(message, { askers: [asker] });
  }

  /** @param {Record<string, unknown>} message @param {Asked} asked */
  #send(message, asked) {
    // Not a number, which are the connection's own.
    const id = `h${(this.#nextId += 1)}`;
    this.#asked.set(id, asked);
    if (this.connection.send({ ...message, id })) return;
    this.#asked.delete(id);
    for (const asker of asked.askers) this.#reply(asker, { type: "error", code: "closed", message: "there is no connection to the server" });
  }

  /** An answer of our own; never while its question is still being asked. @param {Asked["askers"][0]} asker @param {Record<string, unknown>} message */
  #reply({ tab, id }, message) {
    if (id !== undefined) queueMicrotask(() => this.#down({ ...message, id }, tab));
  }

  /** @param {Record<string, any>} message from the server */
  #receive(message) {
    const { id, room, type } = message;
    const asked = this.#asked.get(id);
    if (asked) {
      this.#asked.delete(id);
      if (asked.room !== undefined) this.#joined(message, asked);
      for (const asker of asked.askers) this.#down({ ...message, id: asker.id }, asker.tab);
    } else if (id !== undefined && !("offset" in message)) {
      this.#host.onStray?.(message);
    } else if (room === "@me") {
      this.#connected = this.#tools.nowOf(this.#connected, message);
      this.#down(message);
    } else if (room === undefined || type === "error") {
      // One has to answer for all, and nobody slows down the tab that is looked at.
      this.#down(message, type === "expiring" || type === "error" ? this.#order[0] : undefined);
    } else this.#toRoom(message);
  }

  /** @param {Record<string, any>} message */
  #toRoom(message) {
    const { room, type, offset, id } = message;
    const held = this.#rooms.get(room);
    if (!held) return;
    if (type === "joined") held.cursor = message.cursor;
    else if (held.cursor && offset > held.cursor.offset) held.cursor = { ...held.cursor, offset, entry: id };
    for (const [tab, isIn] of held.tabs) if (isIn) this.#down(message, tab);
    if (type === "left") this.#rooms.delete(room);
  }

  /** An answer to a join, before its tabs have it. @param {Record<string, any>} message @param {Asked} asked */
  #joined({ type, more, cursor }, { room, askers }) {
    const held = this.#rooms.get(room);
    if (!held) return;
    for (const { tab } of askers) {
      if (type === "error" && held.tabs.get(tab) === false) held.tabs.delete(tab);
      if (held.tabs.has(tab) && type === "joined" && !more) held.tabs.set(tab, true);
    }
    if (held.tabs.size === 0) this.#rooms.delete(room);
    held.pager = more ? (askers[0]?.tab ?? null) : null;
    if (type !== "joined") return;
    // Tabs ask for their next page themselves, unless it was asked for them.
    if (more) return askers[0]?.id === undefined ? this.#send({ type: "join", room, since: cursor }, { room, askers }) : undefined;
    const before = held.cursor;
    held.cursor = cursor;
    const isAhead = before !== null && before.epoch === cursor.epoch && before.offset < cursor.offset;
    if (isAhead) this.#catchUp(room, held, before, askers.map(({ tab }) => tab));
  }

  /**
   * A join starts the session's entries anew, so one that is ahead of the other tabs, or was left halfway, may have
   * passed over some of theirs: they are asked for.
   *
   * @param {string} room @param {Held} held @param {Cursor | null} [since] @param {string[]} [done]
   */
  #catchUp(room, held, since = held.cursor, done = []) {
    const askers = [...held.tabs].flatMap(([tab, isIn]) => (isIn && !done.includes(tab) ? [{ tab }] : []));
    if (askers.length > 0 && since) this.#send({ type: "join", room, since }, { room, askers });
  }

  /** @param {Record<string, unknown>} message @param {string} [to] */
  #down(message, to) {
    this.#post({ is: "down", message, to });
  }

  /** @param {Omit<Word, "from">} word */
  #post(word) {
    this.#host.post(/** @type {Word} */ ({ ...word, from: this.#host.id }));
  }
}

