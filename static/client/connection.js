/**
 * One session with the server over one transport at a time: connects, answers pings, notices silence, comes back.
 *
 *   disconnected ─▶ connecting ─▶ connected ─▶ reconnecting ─▶ connected …
 *                                                  └▶ offline: the browser has no network, ask seldom
 *   failed: coming back by itself makes no sense; connect() or a new token starts it again
 *
 * Every change carries a reason, and a code where there was one. What messages mean is not decided here: all but pings
 * go up to `onMessage` first, replies too, and then to whoever asked. The heartbeat is answered where it is heard and
 * never by a timer, which browsers slow down in the background.
 */

import { backoffMs, RECONNECT } from "./backoff.js";
import { CLOSE_FOR_NOW, FULL, GOODBYE, isFinal, TAKEN_UP, TOKEN_REFUSED } from "./codes.js";
import { attempt } from "./environment.js";
import { errorOf, fromWire, seconds } from "./errors.js";
import { isReply, Requests, TIMEOUT_MS } from "./requests.js";
import { Timers } from "./timers.js";
import { openWebSocket } from "./transport-websocket.js";

/** @typedef {import("./types.js").LinkStatus} LinkStatus */
/** @typedef {import("./types.js").ReconnectOptions} ReconnectOptions */
/** @typedef {import("./errors.js").CopresenceError} CopresenceError */

/**
 * What carries commands up and messages down: a connection of our own, or the one of the tab that leads.
 *
 * @typedef {object} Link
 * @property {LinkStatus} status
 * @property {() => void} start connects now, whatever it was waiting for
 * @property {(code?: number, reason?: string) => void} stop
 * @property {() => void} wake something woke up: believe nothing, ask
 * @property {(message: Record<string, unknown>, options?: import("./requests.js").RequestOptions) => Promise<any>} request
 * @property {(message: Record<string, unknown>) => boolean} send what may be lost; false when it was not even sent
 * @property {number} buffered bytes that wait for the network
 * @property {boolean} isLeader whether what waits is sent from here, for all tabs
 * @property {boolean} hasStolen whether it leads in place of a tab that hangs
 * @property {import("./types.js").TabStatus} tabs
 * @property {(word: Record<string, unknown>) => void} tell says something to all other tabs
 */

/**
 * @typedef {object} LinkEvents
 * @property {(status: LinkStatus, previous: LinkStatus) => void} onStatus
 * @property {(connected: Record<string, any>) => void} onConnected ahead of the status
 * @property {(message: Record<string, any>) => void} onMessage
 * @property {(error: CopresenceError) => void} onError errors that answer nothing
 */

/**
 * @typedef {object} ConnectionOptions
 * @property {string} url the API's, http or https
 * @property {() => Promise<Record<string, unknown> | null>} credentials what `connect` says; null when signed out
 * @property {() => boolean} onRefused false when there is nothing else to try
 * @property {import("./environment.js").Environment} env
 * @property {Partial<ReconnectOptions>} [reconnect]
 * @property {number | undefined} [timeout] ms that a command waits for its reply
 * @property {number | undefined} [connectTimeout] ms
 * @property {number | undefined} [heartbeat] ms between pings of ours
 */

/** @typedef {import("./transport-websocket.js").Transport} Transport */

/** What the protocol adds to the heartbeat before silence is a loss. */
const SILENCE_MARGIN_S = 5;
const PROBE_MS = 3_000;
const OFFLINE_RETRY_MS = 30_000;
const LATENCY_FIRST_MS = 1_000;
const LATENCY_EVERY_MS = 15_000;

/** @type {LinkStatus} */
export const UNCONNECTED = Object.freeze({
  state: "disconnected", transport: null, latency: null, attempt: 0, retryAt: null, since: new Date(0), lastConnected: null,
  reason: null, code: null, error: null, paused: false,
});

/** @implements {Link} */
export class Connection {
  /** @type {LinkStatus} */
  status = UNCONNECTED;
  /** What came that was no message. */
  nonsense = 0;
  /** As the link of all tabs has them: here there is no other. */
  isLeader = true;
  hasStolen = false;
  /** @type {import("./types.js").TabStatus} */
  tabs = { role: "alone", count: 1, front: true };
  tell() {}
  #options;
  #events;
  #env;
  #timers;
  #requests;
  /** @type {Required<ReconnectOptions>} */
  #reconnect;
  /** @type {Transport | null} */
  #transport = null;
  /** The one that takes over as soon as it is connected. @type {Transport | null} */
  #next = null;
  /** Whoever takes the session up is this client itself. */
  #isMoving = false;
  /** Raised with every attempt, so that what belongs to an older one is not heard. */
  #turn = 0;
  #silenceMs = Infinity;
  /** ms between pings of ours; 0 leaves it to the server. */
  #pingMs;
  #liveSince = Infinity;
  /** @type {number | null} */
  #lostAt = null;
  #attempt = 0;
  /** What the server said ahead of the close: whether and in how many seconds to come back. @type {Record<string, any>} */
  #closing = {};
  /** Its own sentence about why it ends. @type {CopresenceError | null} */
  #told = null;

  /** @param {ConnectionOptions} options @param {LinkEvents} events */
  constructor(options, events) {
    this.#options = options;
    this.#env = options.env;
    this.#events = events;
    this.#reconnect = { ...RECONNECT, ...options.reconnect };
    this.#pingMs = options.heartbeat ?? 0;
    this.#timers = new Timers(this.#env.after);
    this.#requests = new Requests(this.#env.after);
  }

  get buffered() {
    return this.#transport?.buffered ?? 0;
  }

  /** An attempt that is under way is joined. */
  start() {
    if (this.status.state !== "connected" && !this.#timers.has("connect")) void this.#open();
  }

  /** Closes for now and opens again at once, as the same session. */
  restart(reason = "asked to connect anew") {
    this.#lostAt ??= this.#env.now();
    void this.#open(reason);
  }

  stop(code = GOODBYE, reason = "disconnect() was called") {
    this.#end({ state: "disconnected", reason, code }, code);
  }

  wake() {
    const { state } = this.status;
    if (state === "reconnecting" || state === "offline") this.start();
    if (state === "connected") this.#probe(PROBE_MS);
  }

  /** @param {Record<string, unknown>} message @param {import("./requests.js").RequestOptions} [options] */
  request(message, { timeout = this.#options.timeout ?? TIMEOUT_MS, signal } = {}) {
    return this.#requests.ask(message, (full) => this.send(full), timeout, signal);
  }

  /** @param {Record<string, unknown>} message */
  send(message) {
    return this.status.state === "connected" && this.#write(message);
  }

  /** @param {Partial<ReconnectOptions>} options */
  setReconnect(options) {
    Object.assign(this.#reconnect, options);
  }

  /** @param {number} ms 0 leaves it to the server */
  setHeartbeat(ms) {
    this.#pingMs = ms;
    if (this.status.state === "connected") this.#measure();
  }

  /** @returns {Promise<number>} ms of one round trip */
  async ping() {
    const begun = this.#env.now();
    await this.request({ type: "ping" });
    const latency = this.#env.now() - begun;
    if (this.status.state === "connected") this.#enter({ ...this.status, latency });
    return latency;
  }

  async #open(reason = this.status.reason) {
    this.#discard();
    this.#closing = {};
    this.#told = null;
    this.#isMoving = false;
    const attempt = this.#attempt;
    const state = attempt === 0 && this.#lostAt === null ? "connecting" : "reconnecting";
    this.#enter({ ...this.status, state, reason, transport: null, latency: null, retryAt: null, attempt });
    this.#timers.arm("connect", this.#options.connectTimeout ?? TIMEOUT_MS, () => this.#lose(null, "no answer in time"));
    const turn = this.#turn;
    try {
      await this.#dial((transport) => (this.#transport = transport));
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#told = /** @type {CopresenceError} */ (error);
      this.#lose(null);
    }
  }

  /** Opens a transport and says who we are. @param {(transport: Transport) => void} keep */
  async #dial(keep) {
    const { credentials, url } = this.#options;
    const turn = this.#turn;
    const known = await credentials().catch((cause) => {
      throw errorOf("unauthorized", "token() failed", { cause });
    });
    if (turn !== this.#turn) return;
    if (known === null) throw errorOf("expired", "token() gave null: signed out");
    const hello = JSON.stringify({ type: "connect", id: 0, client: "copresence-js/0.1", ...known });
    const transport = openWebSocket(url, this.#env, {
      onOpen: () => transport.send(hello),
      onMessage: (text) => this.#hear(text, transport === this.#next),
      onClose: (code, reason) => {
        if (transport === this.#next) this.#next = null;
        else this.#transport = null;
        // As long as there is one of them the session lives.
        if (!this.#transport && !this.#next) this.#lose(code === TAKEN_UP && this.#isMoving ? null : code, reason);
      },
    });
    keep(transport);
  }

  /** @param {unknown} text @param {boolean} isNext from the transport that is to take over */
  #hear(text, isNext) {
    const message = parse(text);
    if (message === null) return void (this.nonsense += 1);
    const { type } = message;
    if (isNext) return type === "connected" && this.#takeOver(message);
    this.#listen();
    // Whatever arrives proves that the other side is there, the answer to our own question or not.
    this.#timers.stop("probe");
    if (type === "ping") return this.#write({ type: "pong" });
    if (type === "closing") this.#closing = message;
    if (this.status.state !== "connected") {
      if (type === "connected") this.#connected(message);
      if (type === "error") {
        // The close that follows says what to do, these words say why.
        this.#told = fromWire(message);
        if (this.#told.code === "unauthorized") this.#lose(TOKEN_REFUSED);
      }
      return;
    }
    if (type === "moving") this.#timers.arm("move", (seconds(message.after) ?? 0) * 1000, () => this.#move());
    this.#events.onMessage(message);
    const isAnswer = isReply(message) && this.#requests.settle(message);
    if (type === "error" && !isAnswer) this.#events.onError(fromWire(message));
  }

  /** @param {Record<string, any>} message */
  #connected(message) {
    this.#timers.stop("connect");
    this.#silenceMs = (Math.max(1, seconds(message.heartbeat) ?? 10) + SILENCE_MARGIN_S) * 1000;
    this.#liveSince = this.#env.now();
    this.#lostAt = null;
    this.#isMoving = false;
    this.#events.onConnected(message);
    this.#enter({ state: "connected", transport: this.#transport?.name ?? null, lastConnected: new Date(this.#env.date()) });
    this.#listen();
    this.#measure(this.#pingMs || LATENCY_FIRST_MS);
  }

  /** Make before break: the old transport is heard until the next one is connected. Should that fail, it goes on until it is closed. */
  #move() {
    this.#isMoving = true;
    this.#dial((transport) => {
      // Asked to move while it moves, it begins anew.
      this.#next?.close(CLOSE_FOR_NOW);
      this.#next = transport;
    }).catch(() => {});
  }

  /** @param {Record<string, any>} message */
  #takeOver(message) {
    this.#transport?.close(CLOSE_FOR_NOW);
    this.#transport = this.#next;
    this.#next = null;
    this.#enter({ ...this.status, state: "reconnecting", moving: true });
    this.#requests.lose();
    this.#connected(message);
  }

  /** Silence for longer than the heartbeat allows is a loss, whatever the socket says. */
  #listen() {
    this.#timers.arm("silence", this.#silenceMs, () => this.#lose(4410, "the server is silent"));
  }

  #measure(againMs = this.#pingMs || LATENCY_EVERY_MS) {
    this.#timers.arm("latency", againMs, () => this.#measure());
    this.#probe(this.#pingMs && Math.max(1_000, this.#pingMs));
  }

  /** @param {number} ms until it is a loss that nothing came; 0 for never */
  #probe(ms) {
    if (ms && !this.#timers.has("probe")) this.#timers.arm("probe", ms, () => this.#lose(4410, "a ping was not answered"));
    this.ping().catch(() => {});
  }

  /** The connection is gone: to come back, or for good. @param {number | null} code of the close @param {string} [words] */
  #lose(code, words) {
    const { now, date, random, navigator } = this.#env;
    const { enabled, maxAttempts, stableAfter } = this.#reconnect;
    const isRefused = code === TOKEN_REFUSED;
    const reason = this.#told?.message ?? (words || "the connection was lost");
    const error = this.#told ?? (isRefused ? errorOf("unauthorized", reason) : null);
    if (now() - this.#liveSince > stableAfter) this.#attempt = 0;
    this.#liveSince = Infinity;
    // What is over for one token may go on with the next.
    const isOver = (this.#closing.reconnect === false && !isRefused) || isFinal(code) || error?.retryable === false || !enabled || this.#attempt >= maxAttempts;
    if (isOver || (isRefused && !this.#options.onRefused())) {
      return this.#end({ state: "failed", reason, code, error: error ?? errorOf("closed", reason) });
    }
    this.#discard();
    this.#lostAt ??= now();
    const isOffline = navigator?.onLine === false;
    const backoff = isOffline ? OFFLINE_RETRY_MS : backoffMs(this.#attempt, this.#reconnect, random, now() - this.#lostAt);
    const after = isRefused ? 0 : (error?.retryAfter ?? seconds(this.#closing.after));
    const delay = after === null ? backoff : after * 1000;
    this.#attempt += 1;
    const retryAt = new Date(date() + delay);
    this.#enter({ state: isOffline ? "offline" : "reconnecting", reason, code, error, attempt: this.#attempt, retryAt, paused: code === FULL });
    this.#timers.arm("retry", delay, () => void this.#open());
  }

  /** Until somebody asks for more. @param {Partial<LinkStatus> & { state: LinkStatus["state"] }} status @param {number} [code] */
  #end(status, code) {
    this.#discard(code);
    this.#attempt = 0;
    this.#lostAt = null;
    this.#enter(status);
  }

  /** Throws the transports and all that belongs to them away. */
  #discard(code = CLOSE_FOR_NOW) {
    this.#turn += 1;
    this.#timers.stopAll();
    for (const transport of [this.#transport, this.#next]) transport?.close(code);
    this.#transport = this.#next = null;
    this.#requests.lose();
  }

  /** @param {Record<string, unknown>} message */
  #write(message) {
    return this.#transport?.send(JSON.stringify(message)) ?? false;
  }

  /** @param {Partial<LinkStatus> & { state: LinkStatus["state"] }} change */
  #enter(change) {
    const previous = this.status;
    const since = change.state === previous.state ? previous.since : new Date(this.#env.date());
    this.status = Object.freeze({ ...UNCONNECTED, lastConnected: previous.lastConnected, ...change, since });
    this.#events.onStatus(this.status, previous);
  }
}

/** @param {unknown} text @returns {Record<string, any> | null} null for what is not a message */
function parse(text) {
  const value = attempt(() => JSON.parse(/** @type {string} */ (text)));
  return typeof value?.type === "string" ? value : null;
}
