/**
 * The client: what an application holds in its hand. Nothing is decided here; what happens behind it is in engine.js.
 */

import { Engine } from "./engine.js";
import { errorOf, handed, UsageError } from "./errors.js";
import { checkName, isOfClient } from "./events.js";

/** @typedef {import("./types.js").Registered} Registered */
/** @typedef {import("./types.js").ConnectionStatus} ConnectionStatus */

/** @template {object} [T=Registered] */
export class Client {
  #engine;

  /** @param {import("./types.js").ClientOptions} [options] @param {import("./parts.js").Parts} [parts] */
  constructor(options = {}, parts = {}) {
    this.#engine = new Engine(options, parts);
    /** As `status`, for `subscribe(listener)` and `useSyncExternalStore`. @type {() => ConnectionStatus} */
    this.getSnapshot = this.#engine.shown.getSnapshot;
    this.getServerSnapshot = this.#engine.shown.getServerSnapshot;
  }

  /** What waits to be sent. */
  get outbox() {
    return handed(this.#engine.outbox, "Outbox");
  }

  /** Toasts, inbox, preferences. */
  get notifications() {
    return handed(this.#engine.notifications, "Notifications");
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

  /** Now, whatever the backoff says, and anew, whatever an attempt is waiting for. @returns {Promise<void>} */
  reconnect() {
    if (["connected", "reconnecting", "offline"].includes(this.connectionState)) this.#engine.connection.restart("reconnect() was called");
    return this.connect();
  }

  get isConnected() {
    return this.connectionState === "connected";
  }

  get connectionState() {
    return this.status.state;
  }

  get lastConnected() {
    return this.status.lastConnected;
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

  /** @param {"auto" | "websocket"} transport the server has no others yet, so both are the same; rejects for any other */
  async setTransport(transport) {
    if (transport !== "auto" && transport !== "websocket") {
      throw errorOf("transport_unavailable", `"${transport}" is no transport of this server`);
    }
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
    if (this.isConnected) await this.#engine.refresh();
    else if (this.connectionState === "failed") await this.connect();
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

  /** The room of `emit` and `subscribe`, where the option `room` names one. @returns {import("./room.js").Room<T> | null} */
  get defaultRoom() {
    const { room } = this.#engine.options;
    return room === undefined ? null : this.room(room);
  }

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
    if (typeof event === "function") return this.#engine.shown.subscribe(event);
    if (typeof handler !== "function") throw new UsageError(`subscribe("${event}") needs a handler`);
    const off = this.#engine.emitter.on(event, handler, options);
    const offRoom = isOfClient(event) ? null : this.defaultRoom?.subscribe(event, handler, options);
    return () => {
      off();
      offRoom?.();
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
    this.defaultRoom?.unsubscribe(event, handler);
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
    const room = this.defaultRoom;
    if (!room) throw new UsageError("emit() needs the option `room`");
    /** @type {Promise<unknown>} */
    let done;
    if (event === "user:activity") {
      if (typeof data?.action !== "string") throw new UsageError('emit("user:activity") needs { action }');
      done = room.activity.track(data.action, data.target, data.metadata);
    } else if (event === "requestDashboardData") {
      const { emit } = this.#engine;
      done = room.refresh().then(() => emit("dashboardDataUpdate", room.state.all()), ({ message }) => emit("dashboardDataError", { message }));
    } else {
      checkName(event);
      done = room.publish(event, data);
    }
    done.catch(this.#engine.onError);
  }

  // --- Looking inside, and the end ---

  /** @returns {import("./types.js").Inspection} a plain value, for people and for tests */
  inspect() {
    const { session, user, rooms, counters, connection, outbox } = this.#engine;
    const { size = 0, bytes = 0, oldest = null } = outbox ?? {};
    const seen = [...rooms].map(([name, { status, cursor, counts, presence }]) => [name, { status, cursor, members: presence.count, ...counts }]);
    return {
      status: this.status, session: session?.session ?? null, node: session?.node ?? null, user,
      rooms: Object.fromEntries(seen),
      outbox: { size, bytes, oldest },
      counters: { ...counters, nonsense: (counters.nonsense ?? 0) + connection.nonsense },
    };
  }

  /** Ends everything: connection, listeners, timers. */
  dispose() {
    this.#engine.dispose();
  }
}
