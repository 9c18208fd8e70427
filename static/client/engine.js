/**
 * The inside of a client: puts the parts together and tells what happens; the parts decide.
 *
 *   connection ◀─▶ engine ─▶ rooms (each with state, presence, activity, cursors)
 *                    └─▶ delivery (the outbox)
 *
 * Kept over a reload, by the tab: the session's secret and the rooms' cursors; by the browser: who one is, what waits.
 */

import { Attention } from "./attention.js";
import { CLOSE_FOR_NOW, GOODBYE } from "./codes.js";
import { Connection } from "./connection.js";
import { Delivery } from "./delivery.js";
import { Emitter } from "./emitter.js";
import { environment, newKey } from "./environment.js";
import { AuthError, errorOf, UsageError } from "./errors.js";
import { claimsOf, Identity } from "./identity.js";
import { Room } from "./room.js";
import { SIGNAL_MS } from "./signals.js";
import { Notifications } from "./notifications.js";
import { Keep } from "./storage.js";
import { Store } from "./store.js";
import { TabLink } from "./tab-link.js";
import { apiUrl } from "./url.js";
import { watchWaking } from "./wake.js";

/** @typedef {import("./types.js").ClientOptions} ClientOptions */
/** @typedef {import("./types.js").ConnectionStatus} ConnectionStatus */
/** @typedef {import("./types.js").LinkStatus} LinkStatus */
/** @typedef {import("./errors.js").CopresenceError} CopresenceError */

const ROOM_MESSAGES = new Set(["joined", "presence", "signals", "left", "source", "event", "state", "activity", "hidden"]);
const ANSWERS = new Set([
  "ok", "published", "history", "refreshed", "pong", "error", "inbox", "preferences", "notified", "closing", "moving",
]);
/** Another tab's item that waits for longer was left behind by a tab that is gone. */
const LEFT_BEHIND_MS = 15_000;
const POLL_MS = 30_000;
const WORRY_MS = 10_000;
const LOST_ID = "copresence:connection";

export class Engine {
  options;
  env;
  emitter = new Emitter();
  identity;
  /** @type {Connection | TabLink} */
  connection;
  /** @type {Notifications} */
  notifications;
  delivery;
  attention;
  /** @type {Keep} of this browser, for this API */
  #kept;
  /** @type {Keep} of this tab */
  #keptByTab;
  /** @type {Map<string, Room<any>>} */
  rooms = new Map();
  /** @type {Store<ConnectionStatus>} */
  status;
  /** The last `connected`. @type {Record<string, any> | null} */
  session = null;
  /** Proves that the session is ours. @type {string | undefined} */
  secret;
  /** @type {import("./types.js").User | null} */
  user = null;
  #tab;
  /** The tab that people looked at last; null before anybody said so. @type {string | null} */
  #front = null;
  isRealtime;
  /** Somebody said goodbye: nothing but connect() brings it back. */
  #isStopped = false;
  /** @type {number | null} when the connection was lost, in `now()` */
  #lostAt = null;
  /** @type {{ resolve: () => void, reject: (error: unknown) => void }[]} who waits in connect() */
  connecting = [];
  /** What was passed over, by what it was. @type {Record<string, number>} */
  counters = {};
  /** What the page before the reload left behind. @type {Record<string, any>} */
  #restored;
  /** @type {(() => void) | null} */
  #cancelWorry = null;
  #unwatch;
  /** Loaded when it is needed, which for most is never. @type {Promise<import("./polling.js").Polling> | null} */
  #polling = null;
  #ended = new AbortController();

  /** @param {ClientOptions} [options] */
  constructor(options = {}) {
    this.options = options;
    this.env = environment(options.environment);
    const env = this.env;
    const url = (this.url = apiUrl(options.url, env));
    const prefix = `copresence:${options.storageKey ?? ""}:${url}:`;
    this.#kept = new Keep(env.local, prefix);
    this.#keptByTab = new Keep(env.session, prefix);
    const before = this.#keptByTab.take("tab") ?? {};
    this.secret = typeof before.secret === "string" ? before.secret : undefined;
    this.#tab = typeof before.tab === "string" ? before.tab : newKey(env);
    this.#restored = before.rooms ?? {};
    this.user = this.#kept.get("user") ?? null;
    this.isRealtime = this.#kept.get("realtime") !== false;
    this.identity = new Identity(options.token, options.guest, this.#kept);
    this.connection = this.#connectionOf(url);
    if (options.heartbeat) this.connection.setHeartbeat(options.heartbeat);
    this.notifications = new Notifications({
      env,
      request: (message) => this.connection.request(message),
      isLive: () => this.connection.status.state === "connected",
      isFront: () => this.#front === null || this.#front === this.#tab,
      emit: (event, data) => this.emitter.emit(event, data),
      onError: (error) => this.emitError(error),
      count: (what) => this.count(what),
    });
    this.delivery = new Delivery({
      env, url, tab: this.#tab,
      options: options.outbox ?? {},
      userId: () => this.user?.id ?? null,
      link: () => this.connection,
      room: (name) => this.rooms.get(name),
      limits: () => this.session?.limits ?? {},
      isOurs: (item) => this.#isOurs(item, url),
      // In the store first, then told: so a leader that crashes loses none.
      onAdded: () => this.#isFollower && this.#tell({ outbox: true }),
      onSettled: (item, outcome) => this.#settled(item, outcome),
    });
    this.delivery.outbox.subscribe(() => this.#queueChanged());
    this.status = new Store(this.#compose(this.connection.status));
    this.attention = new Attention(env, options.presence ?? {}, (status) => {
      this.connection.send({ type: "presence", status });
    });
    this.#unwatch = watchWaking(env, {
      onWake: () => this.connection.wake(),
      onHide: (isKept) => this.#hide(isKept),
      onShow: () => this.#show(),
    });
    this.#watchSight();
  }

  /** @param {string} url @returns {Connection | TabLink} one for all tabs, where the browser can; else one of this tab's own */
  #connectionOf(url) {
    const { options, env, identity } = this;
    const { tabs = "auto", storageKey = "" } = options;
    const how = {
      url, env, reconnect: options.reconnect ?? {},
      ...(options.timeout !== undefined && { timeout: options.timeout }),
      ...(options.connectTimeout !== undefined && { connectTimeout: options.connectTimeout }),
      credentials: async () => {
        const credentials = await identity.credentials();
        return credentials && { ...credentials, ...this.notifications.since(), ...(this.secret !== undefined && { secret: this.secret }) };
      },
      onRefused: () => identity.refuse(),
    };
    const events = {
      onStatus: (/** @type {LinkStatus} */ status, /** @type {LinkStatus} */ previous) => this.#moved(status, previous),
      onConnected: (/** @type {Record<string, any>} */ connected) => this.#connected(connected),
      onMessage: (/** @type {Record<string, any>} */ message) => this.#route(message),
      onError: (/** @type {CopresenceError} */ error) => this.emitError(error),
      onTabs: (/** @type {import("./types.js").TabStatus} */ status) => this.#tabsChanged(status),
      onWord: (/** @type {Record<string, any>} */ word) => this.#heardTab(word),
    };
    if (tabs === "off" || !env.locks || !env.BroadcastChannel) return new Connection(how, events);
    // The protocol's version is in the name, so that another version never talks to this one.
    const name = async () => `copresence:1:${storageKey}:${url}:${await identity.subject()}`;
    return new TabLink({ ...how, name, tab: this.#tab, tabs: tabs === "auto" ? {} : tabs }, events);
  }

  // --- Other tabs ---

  /** Whether another tab has the connection. */
  get #isFollower() {
    return this.connection instanceof TabLink && !this.connection.isLeader;
  }

  /** @param {Record<string, unknown>} word */
  #tell(word) {
    if (this.connection instanceof TabLink) this.connection.tell(word);
  }

  /** @param {import("./types.js").TabStatus} tabs */
  #tabsChanged(tabs) {
    // Should the tab in front be gone, toasts go on where the connection is.
    if (tabs.role === "leader" && tabs.count < this.status.getSnapshot().tab.count) this.#comeToFront();
    this.#restate();
    this.emitter.emit("tabs", tabs);
  }

  #comeToFront() {
    this.#front = this.#tab;
    this.#tell({ front: this.#tab });
    // One session has one presence state: that of the tab which is looked at.
    if (this.status.getSnapshot().tab.count > 1) for (const room of this.rooms.values()) room.presence.update({});
  }

  /** @param {Record<string, any>} word */
  #heardTab({ front, outbox, settled, published, error }) {
    if (front) this.#front = front;
    if (outbox && !this.#isFollower) void this.delivery.outbox.adopt();
    if (settled) this.delivery.outbox.settled(settled, published ? { published } : { error: errorOf(error.code, error.message, error) });
  }

  /** @param {import("./storage-idb.js").Item} item @param {import("./outbox.js").Outcome} outcome */
  #settled({ key }, outcome) {
    if ("published" in outcome) return this.#tell({ settled: key, ...outcome });
    const { code, message, retryAfter, room, current } = outcome.error;
    this.#tell({ settled: key, error: { code, message, retryAfter, room, current } });
    this.emitError(outcome.error);
  }

  /** A toast that nobody can see waits. */
  #watchSight() {
    const { document, window } = this.env;
    const look = () => (document?.visibilityState === "hidden" ? this.notifications.hold("hidden") : this.notifications.release("hidden"));
    document?.addEventListener("visibilitychange", look, { signal: this.#ended.signal });
    window?.addEventListener("focus", () => this.#comeToFront(), { signal: this.#ended.signal });
    look();
  }

  /** @param {string} name @param {import("./types.js").RoomOptions} [options] of its first use @returns {Room<any>} */
  room(name, options) {
    const known = this.rooms.get(name);
    if (known) return known;
    if (typeof name !== "string" || !/^[A-Za-z0-9][\w.:-]{0,199}$/.test(name)) {
      throw new UsageError(`"${name}" is no name of a room: 1 to 200 of A-Z a-z 0-9 _ . : -, first a letter or digit`);
    }
    /** @type {Room<any>} */
    const room = new Room(name, {
      env: this.env,
      link: () => this.connection,
      use: () => this.use(),
      selfId: () => this.user?.id ?? null,
      status: () => this.attention.status,
      write: (to, message, how) => this.delivery.write(to, message, how),
      count: (what) => this.count(what),
      onEvent: (event, data, meta) => this.notifications.tap(event, data, meta),
      onError: (error) => this.emitError(error),
      signalMs: this.options.signals ?? SIGNAL_MS,
    }, options);
    room.restore(this.#restored[name]);
    this.rooms.set(name, room);
    return room;
  }

  /** @returns {Promise<void>} */
  connect() {
    if (this.connection.status.state === "connected") return Promise.resolve();
    if (!this.isRealtime) return Promise.reject(errorOf("disabled", "realtime is switched off here: enableRealtime() first"));
    const connected = new Promise((/** @type {(nothing: void) => void} */ resolve, reject) => {
      this.connecting.push({ resolve: () => resolve(), reject });
    });
    this.#isStopped = false;
    this.connection.start();
    return connected;
  }

  /** For good: the session ends with it. @param {string} [reason] */
  stop(reason) {
    this.secret = undefined;
    this.#isStopped = true;
    this.connection.stop(GOODBYE, reason);
  }

  dispose() {
    this.stop();
    void this.#polling?.then((polling) => polling.stop());
    this.#unwatch();
    this.#ended.abort();
    this.notifications.clearAllNotifications();
    this.attention.dispose();
    this.delivery.outbox.dispose();
    for (const room of this.rooms.values()) room.forget();
    this.emitter.clear();
  }

  /** Data by fetch, while realtime is off. */
  async #poll() {
    const { env, identity, url, options } = this;
    this.#polling ??= import("./polling.js").then(({ Polling }) => new Polling({
      env, url, interval: options.pollInterval ?? POLL_MS,
      token: () => identity.fresh(),
      rooms: () => this.rooms.values(),
      onError: (error) => this.emitError(error),
    }));
    const polling = await this.#polling;
    if (!this.isRealtime && !this.#ended.signal.aborted) polling.start();
  }

  /** Somebody uses something. */
  use() {
    if (!this.isRealtime) return void this.#poll();
    const { autoConnect = this.env.document !== null } = this.options;
    if (autoConnect && this.isRealtime && !this.#isStopped && this.connection.status.state === "disconnected") this.connection.start();
  }

  /** @param {boolean} isOn */
  setRealtime(isOn) {
    this.isRealtime = isOn;
    if (isOn) {
      this.#isStopped = false;
      void this.#polling?.then((polling) => polling.stop());
    }
    this.#kept.set("realtime", isOn ? undefined : false);
    this.#restate();
  }

  /** @param {Record<string, any>} connected */
  #connected(connected) {
    const { user } = connected;
    if (this.user !== null && this.user.id !== user?.id) this.#signOut();
    this.session = connected;
    this.secret = typeof connected.secret === "string" ? connected.secret : undefined;
    this.user = typeof user?.id === "string" ? user : null;
    this.#kept.set("user", this.user ?? undefined);
    this.identity.accept(connected);
    this.notifications.begin(connected);
  }

  /** Another user: nothing of the one before is shown, and what they said waits for their return. */
  #signOut() {
    this.#restored = {};
    this.notifications.forget();
    for (const room of this.rooms.values()) room.forget();
  }

  /** @param {LinkStatus} status @param {LinkStatus} previous */
  #moved(status, previous) {
    this.#restate();
    if (status.latency !== null && status.latency !== previous.latency) this.emitter.emit("latency", { ms: status.latency });
    if (status.transport !== null && status.transport !== previous.transport) this.emitter.emit("transport", { name: status.transport });
    const { state, reason, code, error } = status;
    if (error && error !== previous.error) this.emitter.emit("connect_error", { error });
    if (state === previous.state) return;
    const timestamp = new Date(this.env.date());
    this.emitter.emit("connection:state", { state, previous: previous.state, reason, code });
    if (previous.state === "connected") {
      this.delivery.outbox.close();
      for (const room of this.rooms.values()) room.lose();
      this.emitter.emit("disconnect", { timestamp, reason, code });
      if (state !== "disconnected") {
        this.#lostAt = this.env.now();
        this.emitter.emit("connection:lost", { timestamp, reason: reason ?? "", code });
      }
    }
    // Nobody answered: what waits from before a reload is shown all the same.
    if (previous.state === "connecting" && state !== "connected" && !this.#isFollower) void this.delivery.outbox.adopt();
    if (state === "connected") this.#live(timestamp);
    else if (this.#lostAt !== null) this.#worry();
    if (state === "failed" && error) this.#failed(error);
    if (state === "disconnected") {
      this.#lostAt = null;
      this.#calm();
      this.#settleConnecting(errorOf("closed", reason ?? "disconnected"));
    }
  }

  /** @param {Date} timestamp */
  #live(timestamp) {
    this.#settleConnecting(null);
    this.#calm();
    this.notifications.live();
    for (const room of this.rooms.values()) room.begin();
    // Behind the joins, so that what waits follows them.
    this.delivery.outbox.release();
    // What is in the store the leading tab sends, for all of them.
    if (!this.#isFollower || !this.delivery.isShared) {
      this.delivery.begin();
      void this.delivery.outbox.adopt();
    }
    const lostAt = this.#lostAt;
    this.#lostAt = null;
    if (lostAt === null) {
      this.emitter.emit("connection:established", { timestamp });
      this.emitter.emit("connect", { timestamp });
    } else {
      void this.#restore(timestamp, this.env.now() - lostAt);
    }
  }

  /** What stays lost is said on screen; a blip or a restart of the server is not. */
  #worry() {
    this.#cancelWorry ??= this.env.after(WORRY_MS, () => {
      this.notifications.showNotification({
        id: LOST_ID, type: "warning", title: "Connection lost", message: "What you change is kept and sent when it is back.", duration: Infinity,
      });
    });
  }

  #calm() {
    this.#cancelWorry?.();
    this.#cancelWorry = null;
    this.notifications.hideNotification(LOST_ID);
  }

  /** Told when the rooms are back, because only then it is known whether everything came. @param {Date} timestamp @param {number} downtime ms */
  async #restore(timestamp, downtime) {
    const used = [...this.rooms.values()].filter((room) => room.isUsed);
    const back = await Promise.all(used.map(async (room) => {
      const joined = await room.join().catch(() => null);
      room.leave();
      return joined?.recovered === true;
    }));
    const restored = { timestamp, downtime, recovered: back.every(Boolean) };
    this.emitter.emit("connection:restored", restored);
    this.emitter.emit("reconnect", restored);
  }

  /** @param {CopresenceError} error */
  #failed(error) {
    this.secret = undefined;
    for (const room of this.rooms.values()) room.fail(error);
    this.#settleConnecting(error);
    this.emitter.emit("connection:failed", { error });
  }

  /** @param {unknown} error null when connected */
  #settleConnecting(error) {
    const connecting = this.connecting;
    this.connecting = [];
    for (const { resolve, reject } of connecting) error === null ? resolve() : reject(error);
  }

  /** @param {Record<string, any>} message */
  #route(message) {
    if (message.type === "expiring") {
      this.emitter.emit("token:expiring", { in: message.in });
      this.refresh().catch((error) => this.emitError(error));
    } else if (message.room === "@me") {
      if (!ANSWERS.has(message.type)) this.notifications.receive(message);
    } else if (ROOM_MESSAGES.has(message.type)) {
      const room = this.rooms.get(message.room);
      if (room) room.receive(message);
      else if (message.type !== "joined") this.count("strange room");
    } else if (!ANSWERS.has(message.type)) {
      this.count("unknown");
    }
  }

  async refresh() {
    const token = await this.identity.fresh();
    if (token === null) throw new AuthError("expired", "token() gave null, so the session ends with the old token");
    try {
      await this.connection.request({ type: "refresh", token });
    } catch (error) {
      // Another user's token: another session. The same user's that is no good ends nothing before its time.
      if (/** @type {CopresenceError} */ (error).code !== "unauthorized" || claimsOf(token)?.sub === this.user?.id) throw error;
      this.secret = undefined;
      this.connection.stop(GOODBYE, "another user's token");
      this.connection.start();
    }
  }

  /** @param {import("./storage-idb.js").Item} item @param {string} url */
  #isOurs(item, url) {
    const isMine = item.tab === this.#tab || this.connection instanceof TabLink || this.env.date() - item.at > LEFT_BEHIND_MS;
    return item.url === url && (item.user === null || item.user === this.user?.id) && isMine;
  }

  /** The page goes, or is put where the back button finds it. @param {boolean} isKept */
  #hide(isKept) {
    const rooms = [...this.rooms].flatMap(([name, room]) => (room.save() ? [[name, room.save()]] : []));
    this.#keptByTab.set("tab", { tab: this.#tab, secret: this.secret, rooms: Object.fromEntries(rooms) });
    // An open socket costs the place in the back/forward cache; others see nothing for four seconds.
    if (isKept && this.connection.status.state !== "disconnected") this.connection.stop(CLOSE_FOR_NOW, "the page is put away");
  }

  #show() {
    this.#keptByTab.take("tab");
    this.use();
  }

  #queueChanged() {
    this.#restate();
    const { size, oldest } = this.delivery.outbox;
    this.emitter.emit("outbox", { size, oldest });
  }

  #restate() {
    this.status?.set(this.#compose(this.connection.status));
  }

  /** @param {LinkStatus} link @returns {ConnectionStatus} */
  #compose(link) {
    const degraded = link.transport !== null && link.transport !== "websocket";
    const tab = this.connection instanceof TabLink ? this.connection.tabs : /** @type {const} */ ({ role: "alone", count: 1 });
    return Object.freeze({ ...link, degraded, queued: this.delivery.outbox.size, tab, realtime: this.isRealtime });
  }

  /** @param {string} what */
  count(what) {
    this.counters[what] = (this.counters[what] ?? 0) + 1;
  }

  /** @param {CopresenceError} error */
  emitError(error) {
    this.options.logger?.(error.message, { code: error.code, room: error.room });
    this.emitter.emit("error", { error });
  }
}
