/**
 * The inside of a client: puts the parts together and tells what happens; the parts decide.
 *
 *   connection ◀─▶ engine ─▶ rooms (each with state, presence, activity, cursors)
 *                    └─▶ outbox, notifications: where the client was made with them (parts.js)
 *
 * It is the host of each of them, so what they need of it are fields here, functions that can be handed on.
 * Kept over a reload, by the tab: the session's secret and the rooms' cursors; by the browser: who one is, what waits.
 */

// What is alike stands together here and so in a bundle, for a compressor looks back 32 KB: 0.8 % less than by name.
import { CLOSE_FOR_NOW, GOODBYE } from "./codes.js";
import { environment, newKey } from "./environment.js";
import { errorOf, fromWire, UsageError } from "./errors.js";
import { Emitter } from "./emitter.js";
import { isReply, TIMEOUT_MS } from "./requests.js";
import { Keep, textOf } from "./storage.js";
import { Store } from "./store.js";
import { apiUrl } from "./url.js";
import { watchPage } from "./wake.js";
import { Room } from "./room.js";
import { Attention } from "./attention.js";
import { Connection } from "./connection.js";
import { Sending } from "./sending.js";
import { claimsOf, Identity } from "./identity.js";

/** @typedef {import("./types.js").ClientOptions} ClientOptions */
/** @typedef {import("./types.js").ConnectionStatus} ConnectionStatus */
/** @typedef {import("./types.js").LinkStatus} LinkStatus */
/** @typedef {import("./errors.js").CopresenceError} CopresenceError */

const ROOM_MESSAGES = ["joined", "presence", "signals", "left", "source", "event", "state", "activity", "hidden"];
/** Taken care of where they are heard. */
const LINK_MESSAGES = ["closing", "moving", "error"];

export class Engine {
  emitter = new Emitter();
  /** @type {Map<string, Room<any>>} */
  rooms = new Map();
  /** The last `connected`. @type {Record<string, any> | null} */
  session = null;
  /** What was passed over, by what it was. @type {Record<string, number>} */
  counters = {};
  /** Of this browser, for this API. */
  #kept;
  /** Of this tab. */
  #keptByTab;
  /** What the page before the reload left behind. @type {Record<string, any>} */
  #restored;
  /** Proves that the session is ours. @type {string | undefined} */
  #secret;
  /** It was connected, and goes on as soon as it may. */
  #isPaused = false;
  /** Somebody said goodbye: nothing but connect() brings it back. */
  #isStopped = false;
  /** @type {number | null} when the connection was lost, in `now()`, until its return is told */
  #lostAt = null;
  /** @type {{ resolve: () => void, reject: (error: unknown) => void }[]} who waits in connect() */
  #connecting = [];
  /** Loaded when it is needed, which for most is never. @type {Promise<import("./polling.js").Polling | void> | null} */
  #polling = null;
  /** While realtime is off. @type {import("./polling.js").Polling | null} */
  #http = null;
  #ended = new AbortController();
  /** @type {CopresenceError | null} */
  #lastError = null;

  /** @param {ClientOptions} options @param {import("./parts.js").Parts} parts */
  constructor(options, parts) {
    this.options = options;
    this.parts = parts;
    const env = (this.env = environment(options.environment));
    this.url = apiUrl(options.url, env);
    const prefix = `copresence:${options.storageKey ?? ""}:${this.url}:`;
    this.#kept = new Keep(env.local, prefix);
    this.#keptByTab = new Keep(env.session, prefix);
    const { secret, tab, rooms = {} } = this.#keptByTab.take("tab") ?? {};
    this.#secret = textOf(secret);
    this.tab = textOf(tab) ?? newKey(env);
    this.#restored = rooms;
    /** @type {import("./types.js").User | null} */
    this.user = this.#kept.get("user") ?? null;
    this.isRealtime = this.#kept.get("realtime") !== false;
    this.identity = new Identity(options.token, options.guest, this.#kept);
    /** @type {Connection | import("./shared-link.js").SharedLink} */
    this.connection = this.#link();
    this.notifications = parts.Notifications ? new parts.Notifications(this) : null;
    this.sending = new Sending(this);
    const outbox = (this.outbox = parts.Outbox ? new parts.Outbox(this) : null);
    outbox?.subscribe(() => {
      this.#restate();
      const { size, oldest } = outbox;
      this.emit("outbox", { size, oldest });
    });
    /** @type {Store<ConnectionStatus>} */
    this.shown = new Store({ ...this.#compose(), realtime: true });
    // First what a server renders, which knows nothing of what is kept here.
    this.#restate();
    this.attention = new Attention(env, options.presence ?? {}, (status) => {
      this.connection.send({ type: "presence", status });
    });
    watchPage(env, this.#ended.signal, {
      onWake: () => (this.isRealtime ? this.connection.wake() : this.use()),
      onHide: (isKept) => this.#hide(isKept),
      onShow: () => {
        this.#keptByTab.take("tab");
        this.#followSwitch();
        if (this.isRealtime) this.#goOn();
        this.use();
      },
      // A toast that nobody can see waits.
      onSight: (isHidden) => this.notifications?.[isHidden ? "hold" : "release"]("hidden"),
    });
    env.window?.addEventListener("storage", () => this.#followSwitch(), { signal: this.#ended.signal });
  }

  /** @returns {Connection} one for all tabs, where the browser can; else one of this tab's own */
  #link() {
    const { options, env, url, identity, parts: { TabLink } } = this;
    const { tabs = "auto", storageKey = "" } = options;
    const how = {
      ...options, url, env,
      tabs: typeof tabs === "string" ? {} : tabs,
      name: async () => `${storageKey}:${url}:${await identity.subject()}`,
      credentials: async () => {
        const known = await identity.credentials();
        if (identity.isOther(known?.token)) return this.#changeUser();
        return known && { ...known, ...this.notifications?.since(), ...(this.#secret && { secret: this.#secret }) };
      },
      onRefused: () => identity.refuse(),
    };
    const canShare = env.BroadcastChannel && (env.locks || env.SharedWorker);
    return tabs !== "off" && canShare && TabLink ? new TabLink(how, this) : new Connection(how, this);
  }

  // --- What the parts ask of it ---

  writer = () => this.#http ?? this.connection;
  isLive = () => this.connection.status.state === "connected";
  limits = () => this.session?.limits ?? {};
  /** What this tab shows of its person. */
  status = () => this.attention.status;
  /** @param {Record<string, unknown>} message */
  request = (message) => this.connection.request(message);
  /** @type {import("./outbox.js").Outbox["write"]} */
  write = (...said) => (this.outbox ?? this.sending).write(...said);
  /** @param {string} event @param {unknown} data */
  emit = (event, data) => this.emitter.emit(event, data);
  /** @param {string} what */
  count = (what) => {
    this.counters[what] = (this.counters[what] ?? 0) + 1;
  };
  /** Errors that nobody waits for. @param {CopresenceError} error */
  onError = (error) => {
    // A refused write is told by the outbox, and again by whoever did not wait for it.
    if (error === this.#lastError) return;
    this.#lastError = error;
    this.options.logger?.(error.message, { code: error.code, room: error.room });
    this.emit("error", { error });
  };
  /** Somebody uses something. */
  use = () => {
    const { autoConnect = this.env.document !== null } = this.options;
    if (!this.isRealtime) void this.#poll();
    else if (autoConnect && !this.#isStopped && this.connection.status.state === "disconnected") this.connection.start();
  };

  // --- What the connection tells ---

  /** @param {LinkStatus} status @param {LinkStatus} previous */
  onStatus = (status, previous) => {
    const { emit } = this;
    const { state, reason, code, error, latency, transport, moving } = status;
    // Nothing was lost by a move, so nobody is told that anything was.
    const isQuiet = moving || previous.moving;
    if (!moving) this.#restate();
    if (latency !== null && latency !== previous.latency) emit("latency", { ms: latency });
    if (transport !== null && transport !== previous.transport) emit("transport", { name: transport });
    if (error && error !== previous.error) emit("connect_error", { error });
    if (state === previous.state) return;
    const timestamp = new Date(this.env.date());
    if (!isQuiet) emit("connection:state", { state, previous: previous.state, reason, code });
    if (previous.state === "connected") {
      this.outbox?.lose();
      for (const room of this.rooms.values()) room.lose();
      if (!isQuiet) {
        this.#lostAt = this.env.now();
        emit("disconnect", { timestamp, reason, code });
        if (state !== "disconnected") emit("connection:lost", { timestamp, reason, code });
      }
    }
    // Nobody answered: what waits from before a reload is shown all the same.
    if (previous.state === "connecting" && state !== "connected" && this.connection.isLeader) void this.outbox?.adopt();
    if (state === "connected") this.#live(timestamp, isQuiet);
    else if (state === "disconnected") {
      this.outbox?.end();
      this.#lostAt = null;
      this.notifications?.worry.end();
      this.#settle(errorOf("closed", reason ?? state));
    } else if (this.#lostAt !== null) this.notifications?.worry.begin();
    if (state === "failed") {
      this.#secret = undefined;
      for (const room of this.rooms.values()) room.fail(error);
      this.#settle(error);
      emit("connection:failed", { error });
    }
  };

  /** @param {Record<string, any>} connected */
  onConnected = (connected) => {
    const { user, secret } = connected;
    if (this.user && this.user.id !== user?.id) {
      // Another user: nothing of the one before is shown, and what they said waits for their return.
      this.#restored = {};
      this.notifications?.forget();
      for (const room of this.rooms.values()) room.forget();
    }
    this.session = connected;
    this.#secret = textOf(secret);
    this.user = textOf(user?.id) ? user : null;
    this.#kept.set("user", this.user ?? undefined);
    this.identity.accept(connected);
    this.notifications?.begin(connected);
  };

  /** @param {Record<string, any>} message */
  onMessage = (message) => {
    const { type, room: name } = message;
    const room = this.rooms.get(name);
    if (type === "expiring") {
      this.emit("token:expiring", { in: message.in });
      this.refresh().catch(this.onError);
    } else if (name === "@me") {
      if (type === "joined" || !isReply(message)) this.notifications?.receive(message);
    } else if (ROOM_MESSAGES.includes(type)) {
      if (room) room.receive(message);
      else if (type !== "joined") this.count("strange room");
    } else if (!isReply(message) && !LINK_MESSAGES.includes(type)) this.count("unknown");
  };

  /** The connection is another one from now on: that of all tabs, or of this tab again. @type {import("./tab-link.js").TabEvents["onLink"]} */
  onLink = (link) => {
    this.connection = link;
  };

  /** @param {import("./types.js").TabStatus} tabs */
  onTabs = (tabs) => {
    const { front } = this.shown.getSnapshot().tab;
    this.notifications?.front(tabs.front);
    this.#restate();
    if (this.isLive()) this.outbox?.share();
    // One session has one presence state: that of the tab which is looked at.
    if (tabs.front && !front) for (const room of this.rooms.values()) room.presence.update({});
    this.emit("tabs", tabs);
  };

  /** What another tab says. @param {Record<string, any>} word */
  onWord = ({ toast }) => {
    if (toast) this.notifications?.ended(toast);
  };

  // --- What the client asks ---

  /** @param {string} name @param {import("./types.js").RoomOptions} [options] of its first use @returns {Room<any>} */
  room(name, options) {
    const known = this.rooms.get(name);
    if (known) return known;
    if (typeof name !== "string" || !/^[A-Za-z0-9][\w.:-]{0,199}$/.test(name)) {
      throw new UsageError(`"${name}" is no name of a room`);
    }
    /** @type {Room<any>} */
    const room = new Room(name, this, options);
    room.restore(this.#restored[name]);
    this.rooms.set(name, room);
    return room;
  }

  /** @returns {Promise<void>} */
  async connect() {
    if (this.isLive()) return;
    if (!this.isRealtime) throw errorOf("disabled", "realtime is switched off");
    this.#isStopped = false;
    this.connection.start();
    return new Promise((resolve, reject) => this.#connecting.push({ resolve, reject }));
  }

  /** For good: the session ends with it. @param {string} [reason] */
  stop(reason) {
    this.#secret = undefined;
    this.#isStopped = true;
    this.connection.stop(GOODBYE, reason);
  }

  dispose() {
    this.stop();
    this.#stopPolling();
    this.#ended.abort();
    this.notifications?.clearAllNotifications();
    this.attention.dispose();
    this.outbox?.dispose();
    for (const room of this.rooms.values()) room.forget();
    this.emitter.clear();
  }

  /** By the user, here or in another tab. @param {boolean} isOn */
  setRealtime(isOn) {
    if (isOn === this.isRealtime) return;
    this.isRealtime = isOn;
    this.#kept.set("realtime", isOn ? undefined : false);
    if (isOn) {
      this.#stopPolling();
      this.#goOn();
    } else {
      this.#isPaused = this.connection.status.state !== "disconnected";
      this.stop("realtime is switched off");
    }
    this.#isStopped = false;
    this.#restate();
    this.use();
  }

  async refresh() {
    const token = await this.identity.fresh();
    if (token === null) throw errorOf("expired", "token() gave null: signed out");
    try {
      await this.request({ type: "refresh", token });
    } catch (error) {
      // Another user's token: another session. The same user's that is no good ends nothing before its time.
      if (/** @type {CopresenceError} */ (error).code !== "unauthorized" || claimsOf(token)?.sub === this.user?.id) throw error;
      void this.#changeUser();
    }
  }

  // --- Inside ---

  /** Begins anew under another user's name: tabs of the one before must not follow. @returns {Promise<null>} never */
  #changeUser() {
    this.#secret = undefined;
    queueMicrotask(() => {
      // Whoever waits in connect() is not let down by that.
      const waiting = this.#connecting.splice(0);
      this.connection.stop(GOODBYE, "another user's token");
      this.#connecting.push(...waiting);
      this.connection.start();
    });
    return new Promise(() => {});
  }

  /** @param {Date} timestamp @param {boolean | undefined} isQuiet */
  #live(timestamp, isQuiet) {
    this.#settle(null);
    this.notifications?.worry.end();
    this.notifications?.live();
    for (const room of this.rooms.values()) room.begin();
    // Behind the joins, so that what waits follows them.
    this.sending.reset();
    this.outbox?.live();
    // Set while the connection was made with the one before.
    if (this.identity.isNew) this.refresh().catch(this.onError);
    if (isQuiet) return;
    if (this.#lostAt !== null) return void this.#restore(timestamp, this.#lostAt);
    this.emit("connection:established", { timestamp });
    this.emit("connect", { timestamp });
  }

  /** Connects if it was connected before it was switched off, or put away. */
  #goOn() {
    if (this.#isPaused) this.connection.start();
    this.#isPaused = false;
  }

  /** As another tab left it, which need not be connected for that. */
  #followSwitch() {
    this.setRealtime(this.#kept.get("realtime") !== false);
  }

  /** Told when the rooms are back, because only then it is known whether everything came. @param {Date} timestamp @param {number} lostAt */
  async #restore(timestamp, lostAt) {
    const downtime = this.env.now() - lostAt;
    const used = [...this.rooms.values()].filter((room) => room.isUsed);
    const back = await Promise.all(used.map(async (room) => {
      const joined = await room.join().catch(() => null);
      room.leave();
      return joined?.recovered === true;
    }));
    // Cut short: the next return tells of itself.
    if (lostAt !== this.#lostAt) return;
    this.#lostAt = null;
    const restored = { timestamp, downtime, recovered: back.every(Boolean) };
    this.emit("connection:restored", restored);
    this.emit("reconnect", restored);
  }

  /** Whoever waits in connect(). @param {unknown} error null when connected */
  #settle(error) {
    for (const { resolve, reject } of this.#connecting.splice(0)) error === null ? resolve() : reject(error);
  }

  /** Data by fetch, while realtime is off; what waits goes the same way. */
  async #poll() {
    this.#polling ??= import("./polling.js").then(({ Polling }) => new Polling(this, { errorOf, fromWire, timeout: TIMEOUT_MS }), (cause) => {
      // The next use, or the network's return, tries again.
      this.#polling = null;
      this.onError(errorOf("unavailable", "what asks by fetch could not be loaded", { cause }));
    });
    const polling = await this.#polling;
    if (this.isRealtime || this.#ended.signal.aborted || !polling?.start()) return;
    this.#http = polling;
    this.outbox?.open();
  }

  #stopPolling() {
    if (!this.#http) return;
    this.#http.stop();
    this.#http = null;
    this.outbox?.close();
  }

  /** The page goes, or is put where the back button finds it. @param {boolean} isKept */
  #hide(isKept) {
    const rooms = Object.fromEntries([...this.rooms].map(([name, room]) => [name, room.save()]));
    this.#keptByTab.set("tab", { tab: this.tab, secret: this.#secret, rooms });
    // An open socket costs the place in the back/forward cache; others see nothing for four seconds.
    if (!isKept || this.connection.status.state === "disconnected") return;
    this.#isPaused = true;
    this.connection.stop(CLOSE_FOR_NOW, "the page is put away");
  }

  #restate() {
    this.shown?.set(this.#compose());
  }

  /** @returns {ConnectionStatus} */
  #compose() {
    const { status, tabs } = this.connection;
    const degraded = status.transport !== null && status.transport !== "websocket";
    return Object.freeze({ ...status, degraded, queued: this.outbox?.size ?? 0, tab: tabs, realtime: this.isRealtime });
  }
}
