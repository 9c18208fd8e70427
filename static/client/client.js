/**
 * The client: what an application holds in its hand. Nothing is decided here; what happens behind it is in engine.js.
 */

import { Engine } from "./engine.js";
import { UsageError } from "./errors.js";
import { checkName, isOfClient } from "./events.js";

/** @typedef {import("./types.js").Registered} Registered */
/** @typedef {import("./types.js").ConnectionStatus} ConnectionStatus */

/** @template {object} [T=Registered] */
export class Client {
  #engine;

  /** @param {import("./types.js").ClientOptions} [options] */
  constructor(options = {}) {
    this.#engine = new Engine(options);
    /** As `status`, for `subscribe(listener)` and `useSyncExternalStore`. @type {() => ConnectionStatus} */
    this.getSnapshot = this.#engine.status.getSnapshot;
  }

  // --- Connection ---

  /** @returns {Promise<void>} resolves at `connected`; rejects when that is given up, never for a mere delay */
  connect() {
    return this.#engine.connect();
  }

  /** A clean goodbye: others see it at once, what waits in the outbox stays. */
  disconnect() {
    this.#engine.stop();
  }

  /** Now, whatever the backoff says. @returns {Promise<void>} */
  reconnect() {
    if (this.isConnected) this.#engine.connection.restart("reconnect() was called");
    return this.connect();
  }

  get isConnected() {
    return this.connectionState === "connected";
  }

  get connectionState() {
    return this.#engine.connection.status.state;
  }

  get lastConnected() {
    return this.#engine.connection.status.lastConnected;
  }

  /** An immutable snapshot. @returns {ConnectionStatus} */
  get status() {
    return this.getSnapshot();
  }

  /** Who this page is; from the last visit until the server said so again. */
  get user() {
    return this.#engine.user;
  }

  /** @param {import("./types.js").ReconnectOptions} options */
  setReconnectOptions(options) {
    this.#engine.connection.setReconnect(options);
  }

  /** Pings of our own, beside the server's. @param {number} interval ms; 0 leaves it to the server */
  enableHeartbeat(interval) {
    this.#engine.connection.setHeartbeat(interval);
  }

  /** @returns {Promise<number>} ms of a round trip */
  ping() {
    return this.#engine.connection.ping();
  }

  /**
   * A new token: of the same user in band, of another one by a new session.
   *
   * @param {import("./types.js").TokenSource} source
   */
  async setToken(source) {
    this.#engine.identity.replace(source);
    if (!this.isConnected) {
      if (this.connectionState === "failed") await this.connect();
      return;
    }
    await this.#engine.refresh();
  }

  /** What others see; `auto` goes by what this page sees. @param {"online" | "busy" | "away" | "auto"} status */
  setStatus(status) {
    this.#engine.attention.wish(status);
  }

  // --- Realtime on and off, as the user likes ---

  get isRealtimeEnabled() {
    return this.#engine.isRealtime;
  }

  /** Remembered in this browser. */
  enableRealtime() {
    this.#engine.setRealtime(true);
  }

  /** Closes the connection; data come by fetch. Remembered in this browser. */
  disableRealtime() {
    this.#engine.setRealtime(false);
  }

  // --- Rooms and events ---

  /**
   * The same object for the same name.
   *
   * @param {string} name
   * @param {import("./types.js").RoomOptions} [options] of its first use
   * @returns {import("./room.js").Room<T>}
   */
  room(name, options) {
    return this.#engine.room(name, options);
  }

  /**
   * Hears an event: the client's own, or one of the default room. With a function alone: hears that `status` changed.
   *
   * @template {string} E
   * @overload
   * @param {E} event
   * @param {import("./types.js").EventHandler<import("./types.js").EventData<T, E>>} handler
   * @param {{ signal?: AbortSignal, once?: boolean }} [options]
   * @returns {() => void} ends it
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
    if (typeof event === "function") return this.#engine.status.subscribe(event);
    if (typeof handler !== "function") throw new UsageError(`subscribe("${event}") needs a handler`);
    const off = this.#engine.emitter.on(event, handler, options);
    if (isOfClient(event) || this.#engine.options.room === undefined) return off;
    const offRoom = this.room(this.#engine.options.room).subscribe(event, handler, options);
    return () => {
      off();
      offRoom();
    };
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
    this.#engine.emitter.off(event, handler);
    if (this.#engine.options.room !== undefined) this.room(this.#engine.options.room).unsubscribe(event, handler);
  }

  /** As `unsubscribe`. @param {string} event @param {import("./types.js").EventHandler} handler */
  off(event, handler) {
    this.unsubscribe(event, handler);
  }

  /**
   * To the default room, without asking what becomes of it; failures go to `error`. `room.publish()` tells.
   *
   * @param {string} event
   * @param {any} [data]
   */
  emit(event, data) {
    if (this.#engine.options.room === undefined) throw new UsageError("emit() needs the option `room`; or use room(name).publish()");
    const room = this.room(this.#engine.options.room);
    /** @type {Promise<unknown>} */
    let done;
    if (event === "user:activity") {
      if (typeof data?.action !== "string") throw new UsageError('emit("user:activity") needs { action }');
      done = room.activity.track(data.action, data.target, data.metadata);
    } else if (event === "requestDashboardData") {
      done = this.#requestData(room);
    } else {
      checkName(event);
      done = room.publish(event, data);
    }
    // What the outbox refuses it tells itself.
    done.catch((error) => this.#engine.emitError(error));
  }

  /** What waits to be sent. */
  get outbox() {
    return this.#engine.delivery.outbox;
  }

  /** Toasts, inbox, preferences. */
  get notifications() {
    return this.#engine.notifications;
  }

  // --- Looking inside, and the end ---

  /** @returns {import("./types.js").Inspection} a plain value, for people and for tests */
  inspect() {
    const rooms = [...this.#engine.rooms].map(([name, room]) => {
      const { status, cursor, counts, presence } = room;
      return [name, { status, cursor, members: presence.count, ...counts }];
    });
    const { size, bytes, oldest } = this.outbox;
    return {
      status: this.status,
      session: this.#engine.session?.session ?? null,
      node: this.#engine.session?.node ?? null,
      user: this.#engine.user,
      rooms: Object.fromEntries(rooms),
      outbox: { size, bytes, oldest },
      counters: { ...this.#engine.counters, nonsense: (this.#engine.counters.nonsense ?? 0) + this.#engine.connection.nonsense },
    };
  }

  /** Ends everything: connection, listeners, timers. */
  dispose() {
    this.#engine.dispose();
  }

  /** @param {import("./room.js").Room<any>} room */
  async #requestData(room) {
    try {
      await room.refresh();
      this.#engine.emitter.emit("dashboardDataUpdate", room.state.all());
    } catch (error) {
      this.#engine.emitter.emit("dashboardDataError", { message: /** @type {Error} */ (error).message });
    }
  }
}
