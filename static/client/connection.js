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
import { CLOSE_FOR_NOW, ending, GOODBYE } from "./codes.js";
import { AuthError, ConnectionError, errorOf, fromWire, seconds } from "./errors.js";
import { Requests } from "./requests.js";
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
 * @property {(error: CopresenceError) => boolean} onRefused false when there is nothing else to try
 * @property {import("./environment.js").Environment} env
 * @property {Partial<ReconnectOptions>} [reconnect]
 * @property {number} [timeout] ms that a command waits for its reply
 * @property {number} [connectTimeout] ms
 */

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
  #options;
  #events;
  #env;
  #timers;
  #requests;
  /** @type {LinkStatus} */
  #status = UNCONNECTED;
  /** @type {import("./transport-websocket.js").Transport | null} */
  #transport = null;
  /** Raised with every attempt, so that what belongs to an older one is not heard. */
  #turn = 0;
  /** @type {Required<ReconnectOptions>} */
  #reconnect;
  /** Whether commands may go up; the status is told a moment after it fell. */
  #isLive = false;
  #heartbeatS = 10;
  /** ms between pings of ours; 0 leaves it to the server. */
  #pingMs = 0;
  #liveSince = 0;
  /** @type {number | null} */
  #lostAt = null;
  #attempt = 0;
  /** What `closing` said ahead of the close. @type {{ after: number | null, isFinal: boolean } | null} */
  #announced = null;
  /** The server's own sentence about why it ends. @type {CopresenceError | null} */
  #told = null;
  /** What came that was no message. */
  nonsense = 0;

  /** @param {ConnectionOptions} options @param {LinkEvents} events */
  constructor(options, events) {
    this.#options = { timeout: 10_000, connectTimeout: 10_000, ...options };
    this.#env = options.env;
    this.#events = events;
    this.#reconnect = { ...RECONNECT, ...options.reconnect };
    this.#timers = new Timers(this.#env.after);
    this.#requests = new Requests(this.#env.after);
  }

  get status() {
    return this.#status;
  }

  get buffered() {
    return this.#transport?.buffered ?? 0;
  }

  start() {
    if (this.#status.state === "connected" || (this.#status.state === "connecting" && this.#timers.has("connect"))) return;
    if (this.#status.state === "disconnected" || this.#status.state === "failed") this.#attempt = 0;
    void this.#open();
  }

  /** Closes for now and opens again at once, as the same session. */
  restart(reason = "asked to connect anew") {
    this.#discard(CLOSE_FOR_NOW);
    this.#lostAt ??= this.#env.now();
    this.#enter({ state: "reconnecting", reason });
    void this.#open();
  }

  stop(code = GOODBYE, reason = "disconnect() was called") {
    this.#discard(code);
    this.#attempt = 0;
    this.#lostAt = null;
    this.#enter({ state: "disconnected", reason, code });
  }

  wake() {
    const { state } = this.#status;
    if ((state === "reconnecting" || state === "offline") && !this.#timers.has("connect")) void this.#open();
    if (state === "connected") this.#probe(PROBE_MS, "the connection was dead on waking up");
  }

  /** @param {Record<string, unknown>} message @param {import("./requests.js").RequestOptions} [options] */
  request(message, { timeout = this.#options.timeout, signal } = {}) {
    const write = (/** @type {Record<string, unknown>} */ full) => this.send(full);
    return this.#requests.ask(message, write, timeout, signal);
  }

  /** @param {Record<string, unknown>} message */
  send(message) {
    return this.#isLive && this.#write(message);
  }

  /** @param {Partial<ReconnectOptions>} options */
  setReconnect(options) {
    this.#reconnect = { ...this.#reconnect, ...options };
  }

  /** @param {number} ms 0 leaves it to the server */
  setHeartbeat(ms) {
    this.#pingMs = ms;
    if (this.#status.state === "connected") this.#measure(ms || LATENCY_EVERY_MS);
  }

  async #open() {
    this.#discard(CLOSE_FOR_NOW);
    const turn = this.#turn;
    this.#announced = this.#told = null;
    const state = this.#attempt === 0 && this.#lostAt === null ? "connecting" : "reconnecting";
    this.#enter({ ...this.#status, state, transport: null, latency: null, retryAt: null, attempt: this.#attempt });
    this.#timers.arm("connect", this.#options.connectTimeout, () => this.#lose("the server did not answer in time"));
    /** @type {Record<string, unknown> | null} */
    let credentials;
    try {
      credentials = await this.#options.credentials();
    } catch (cause) {
      if (turn !== this.#turn) return;
      this.#told = new AuthError("unauthorized", "token() failed", { cause });
      return this.#lose("token() failed");
    }
    if (turn !== this.#turn) return;
    if (credentials === null) return this.#fail(new AuthError("unauthorized", "token() gave null: signed out"), 4401);
    const hello = { type: "connect", id: 0, client: "copresence-js/0.1", ...credentials };
    try {
      this.#transport = openWebSocket(this.#options.url, this.#env, {
        onOpen: () => this.#write(hello),
        onMessage: (text) => this.#hear(text),
        onClose: (code) => this.#closed(code),
      });
    } catch (cause) {
      this.#told = errorOf("transport_unavailable", "no transport could be opened", { cause });
      this.#lose("no transport could be opened");
    }
  }

  /** @param {unknown} text */
  #hear(text) {
    const message = parse(text);
    if (message === null) {
      this.nonsense += 1;
      return;
    }
    this.#listen();
    // Whatever arrives proves that the other side is there, the answer to our own question or not.
    this.#timers.stop("probe");
    if (message.type === "ping") return void this.#write({ type: "pong" });
    const isEntry = "room" in message && "offset" in message;
    if (!this.#isLive) {
      if (message.type === "connected") this.#connected(message);
      else if (message.type === "error") this.#refuse(message);
      else if (message.type === "closing") this.#close(message);
      return;
    }
    if (message.type === "closing") this.#close(message);
    if (message.type === "moving") {
      this.#timers.arm("move", (seconds(message.after) ?? 0) * 1000, () => this.restart("the node moves its sessions"));
    }
    this.#events.onMessage(message);
    // An entry's `id` is its own; a reply has no offset beside a room.
    const isReply = !isEntry && this.#requests.settle(message);
    if (message.type === "error" && !isReply) this.#events.onError(fromWire(message));
  }

  /** @param {Record<string, any>} message */
  #connected(message) {
    this.#timers.stop("connect");
    this.#heartbeatS = Math.max(1, seconds(message.heartbeat) ?? 10);
    this.#liveSince = this.#env.now();
    this.#lostAt = null;
    this.#events.onConnected(message);
    this.#enter({ state: "connected", transport: this.#transport?.name ?? null, lastConnected: new Date(this.#env.date()) });
    this.#listen();
    this.#measure(this.#pingMs || LATENCY_FIRST_MS);
  }

  /** A refused `connect`; the close that follows says what to do, these words say why. @param {Record<string, any>} message */
  #refuse(message) {
    this.#told = fromWire(message);
    this.#announced = { after: this.#told.retryAfter, isFinal: ["bad_message", "forbidden"].includes(this.#told.code) };
    if (this.#told.code === "unauthorized") this.#closed(4401);
  }

  /** @param {Record<string, any>} message */
  #close(message) {
    this.#announced = { after: seconds(message.after), isFinal: message.reconnect === false };
  }

  /** Silence for longer than the heartbeat allows is a loss, whatever the socket says. */
  #listen() {
    if (!this.#isLive) return;
    const silenceMs = (this.#heartbeatS + SILENCE_MARGIN_S) * 1000;
    this.#timers.arm("silence", silenceMs, () => this.#lose("nothing was heard from the server", 4410));
  }

  /** @param {number} againMs */
  #measure(againMs) {
    this.#timers.arm("latency", againMs, () => this.#measure(this.#pingMs || LATENCY_EVERY_MS));
    if (this.#pingMs) this.#probe(Math.max(1_000, this.#pingMs), "a ping was not answered", 4410);
    else void this.ping().catch(() => {});
  }

  /** @param {number} ms @param {string} reason @param {number} [code] */
  #probe(ms, reason, code) {
    if (!this.#timers.has("probe")) this.#timers.arm("probe", ms, () => this.#lose(reason, code));
    void this.ping().catch(() => {});
  }

  /** @returns {Promise<number>} ms of one round trip */
  async ping() {
    const begun = this.#env.now();
    await this.request({ type: "ping" });
    const latency = this.#env.now() - begun;
    if (this.#isLive) this.#enter({ ...this.#status, latency });
    return latency;
  }

  /** @param {number} code of the transport's close */
  #closed(code) {
    const [reason, reconnect] = ending(code);
    const announced = this.#announced;
    const error = this.#told;
    const words = error?.message ?? reason;
    if (reconnect === "with_new_token") {
      const refusal = error ?? new AuthError("unauthorized", words);
      if (this.#options.onRefused(refusal)) this.#lose(words, code, { after: 0, error: refusal });
      else this.#fail(refusal, code);
    } else if (reconnect === "no" || announced?.isFinal) {
      this.#fail(error ?? new ConnectionError("closed", words), code);
    } else {
      this.#lose(words, code, { after: announced?.after ?? null, error });
    }
  }

  /**
   * @param {string} reason in words
   * @param {number | null} [code] of the close
   * @param {{ after?: number | null, error?: CopresenceError | null }} [said] seconds that the server asked for
   */
  #lose(reason, code = null, { after = null, error = this.#told } = {}) {
    const { now, date, random, navigator } = this.#env;
    this.#discard(CLOSE_FOR_NOW);
    if (this.#liveSince && now() - this.#liveSince > this.#reconnect.stableAfter) this.#attempt = 0;
    this.#liveSince = 0;
    this.#lostAt ??= now();
    if (!this.#reconnect.enabled || this.#attempt >= this.#reconnect.maxAttempts) {
      return this.#fail(error ?? new ConnectionError("closed", reason), code);
    }
    const isOffline = navigator?.onLine === false;
    const backoff = backoffMs(this.#attempt, this.#reconnect, random, now() - this.#lostAt);
    const delay = after !== null ? after * 1000 : isOffline ? OFFLINE_RETRY_MS : backoff;
    this.#attempt += 1;
    const retryAt = new Date(date() + delay);
    const state = isOffline ? "offline" : "reconnecting";
    this.#enter({ state, reason, code, error, attempt: this.#attempt, retryAt, paused: code === 4503 });
    this.#timers.arm("retry", delay, () => void this.#open());
  }

  /** @param {CopresenceError} error @param {number | null} code */
  #fail(error, code) {
    this.#discard(CLOSE_FOR_NOW);
    this.#attempt = 0;
    this.#liveSince = 0;
    this.#lostAt = null;
    this.#enter({ state: "failed", reason: error.message, code, error });
  }

  /** Throws the transport and all that belongs to it away. @param {number} code */
  #discard(code) {
    this.#turn += 1;
    const transport = this.#transport;
    this.#transport = null;
    this.#timers.stopAll();
    transport?.close(code);
    // Ahead of the requests, so that nobody answers a lost one by sending the next into the same hole.
    this.#isLive = false;
    this.#requests.lose();
  }

  /** @param {Record<string, unknown>} message */
  #write(message) {
    return this.#transport?.send(JSON.stringify(message)) ?? false;
  }

  /** @param {Partial<LinkStatus> & { state: LinkStatus["state"] }} change */
  #enter(change) {
    const previous = this.#status;
    const since = change.state === previous.state ? previous.since : new Date(this.#env.date());
    this.#isLive = change.state === "connected";
    this.#status = Object.freeze({ ...UNCONNECTED, lastConnected: previous.lastConnected, ...change, since });
    this.#events.onStatus(this.#status, previous);
  }
}

/** @param {unknown} text @returns {Record<string, any> | null} null for what is not a message */
function parse(text) {
  try {
    const value = JSON.parse(/** @type {string} */ (text));
    return value !== null && typeof value === "object" && typeof value.type === "string" ? value : null;
  } catch {
    return null;
  }
}
