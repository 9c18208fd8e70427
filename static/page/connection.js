/**
 * One session with the server over a WebSocket: connects, answers pings, notices silence, and comes back.
 *
 *   connecting ──▶ live ──▶ reconnecting ──▶ live …        failed: only a person starts it again
 *
 * The wish to be connected survives every loss; each socket is tried once and thrown away. What the messages mean is
 * not decided here: all but ping and pong go up to `onMessage`, replies to their request as well.
 */

import { backoffMs } from "./backoff.js";
import { ending } from "./closes.js";

export const CONNECT_TIMEOUT_MS = 10_000;
export const REPLY_TIMEOUT_MS = 10_000;
export const PROBE_TIMEOUT_MS = 3_000;
const LATENCY_EVERY_MS = 5_000;
const LATENCY_AGAIN_MS = 1_000;
/** What the protocol adds to the heartbeat before silence is a loss. */
const SILENCE_MARGIN_S = 5;
/** After so long without a loss the next one is a new story, with short waits again. */
const STABLE_AFTER_MS = 5_000;
/** Signals are dropped while this much waits for the network: they would be stale on arrival. */
const BUFFERED_BYTES_MAX = 64 * 1024;
/** "Back in a moment": others see nothing for four seconds. */
const CLOSE_FOR_NOW = 4000;

/**
 * @typedef {object} State
 * @property {"idle" | "connecting" | "live" | "reconnecting" | "failed"} phase
 * @property {string | null} reason why it is not live, in words
 * @property {number | null} retryAt when the next attempt begins, as `now()` tells time
 * @property {number | null} latencyMs of the last round trip
 */

/**
 * @typedef {object} ConnectionOptions
 * @property {string} url
 * @property {() => Record<string, unknown>} credentials what `connect` says: `token`, `guest`, `secret`
 * @property {(state: State) => void} onState
 * @property {(message: Record<string, any>) => void} onMessage
 * @property {() => boolean} onTokenRefused drops the token; false when there was none to drop
 * @property {typeof WebSocket} [WebSocket]
 * @property {() => number} [now] milliseconds
 * @property {(ms: number, action: () => void) => () => void} [after] a timer; returns its cancel
 * @property {() => number} [random]
 */

export class Connection {
  /** @type {Required<ConnectionOptions>} */
  #options;
  /** @type {State} */
  #state = { phase: "idle", reason: null, retryAt: null, latencyMs: null };
  /** @type {WebSocket | null} */
  #socket = null;
  /** Losses in a row. */
  #attempt = 0;
  #liveSince = 0;
  #nextId = 1;
  /** @type {Map<number, { resolve: (reply: any) => void, reject: (refusal: any) => void, cancel: () => void }>} */
  #requests = new Map();
  /** @type {Map<string, () => void>} timers by name, each with its cancel */
  #timers = new Map();
  #heartbeatS = 10;
  /** @type {{ after: number | null, isFinal: boolean } | null} what `closing` or a refusal said ahead of the close */
  #announced = null;
  /** @type {string | null} the server's own sentence about the end */
  #told = null;

  /** @param {ConnectionOptions} options */
  constructor(options) {
    this.#options = {
      WebSocket: globalThis.WebSocket,
      now: () => performance.now(),
      random: Math.random,
      after(ms, action) {
        const timer = setTimeout(action, ms);
        return () => clearTimeout(timer);
      },
      ...options,
    };
  }

  get state() {
    return this.#state;
  }

  /** Connects now, whatever it was waiting for. Does nothing on a live or opening connection. */
  start() {
    if (this.#socket === null) this.#open();
  }

  /** Closes for now and connects again at once, such as to come back under another name. */
  restart() {
    this.#discard(CLOSE_FOR_NOW);
    this.#open();
  }

  /** Closes until {@link Connection.start}: the page is put away, but may come back. */
  pause() {
    this.#discard(CLOSE_FOR_NOW);
    this.#enter({ phase: "idle", reason: "the page is put away" });
  }

  /** The network or the page woke up: believe nothing, ask. */
  wake() {
    if (this.#state.phase === "reconnecting" && this.#socket === null) this.start();
    if (this.#state.phase !== "live") return;
    this.#arm("probe", PROBE_TIMEOUT_MS, () => this.#lose("the connection was dead on waking up"));
    this.#measure();
  }

  /**
   * @param {Record<string, unknown>} message a command without an `id`
   * @returns {Promise<any>} the reply; rejects with a Refusal: the server's error, `lost` or `timeout`
   */
  request(message) {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      if (!this.#write({ ...message, id })) {
        reject({ code: "lost", message: "there is no connection" });
        return;
      }
      const cancel = this.#options.after(REPLY_TIMEOUT_MS, () => {
        this.#requests.delete(id);
        reject({ code: "timeout", message: "the server did not answer in time" });
      });
      this.#requests.set(id, { resolve, reject, cancel });
    });
  }

  /**
   * Sends what may be lost.
   *
   * @param {Record<string, unknown>} message
   */
  signal(message) {
    if (this.#state.phase === "live" && (this.#socket?.bufferedAmount ?? 0) < BUFFERED_BYTES_MAX) this.#write(message);
  }

  #open() {
    this.#disarm("retry");
    this.#announced = null;
    this.#told = null;
    const isFirst = this.#attempt === 0 && (this.#state.phase === "idle" || this.#state.phase === "failed");
    this.#enter({ phase: isFirst ? "connecting" : "reconnecting", reason: this.#state.reason });
    /** @type {WebSocket} */
    let socket;
    try {
      socket = new this.#options.WebSocket(this.#options.url, "copresence.v1");
    } catch {
      this.#lose("the browser refused to connect");
      return;
    }
    this.#socket = socket;
    this.#arm("connect", CONNECT_TIMEOUT_MS, () => this.#lose("the server did not answer in time"));
    // A socket that was thrown away may still report; only the present one is heard.
    const whilePresent = (/** @type {(event: any) => void} */ hear) => (/** @type {any} */ event) => {
      if (socket === this.#socket) hear(event);
    };
    socket.onopen = whilePresent(() => this.#greet());
    socket.onmessage = whilePresent((event) => this.#hear(event.data));
    socket.onclose = whilePresent((event) => this.#closed(event.code));
  }

  #greet() {
    this.request({ type: "connect", client: "copresence-page/1.0", ...this.#options.credentials() }).catch((refusal) => {
      if (refusal.code === "lost" || refusal.code === "timeout") return;
      // The close that follows says what to do; these words say why.
      this.#told = refusal.message;
      const isFinal = ["bad_message", "forbidden"].includes(refusal.code);
      this.#announced = { after: refusal.retryAfter ?? null, isFinal };
      if (refusal.code === "unauthorized") this.#closed(4401);
    });
  }

  /** @param {unknown} text */
  #hear(text) {
    const message = parse(text);
    if (message === null) return;
    this.#disarm("probe");
    this.#listen();
    if (message.type === "ping") {
      this.#write({ type: "pong" });
      return;
    }
    if (message.type === "connected") this.#connected(message);
    if (message.type === "closing") {
      this.#announced = { after: seconds(message.after), isFinal: message.reconnect === false };
    }
    if (message.type === "moving") this.#arm("move", (seconds(message.after) ?? 0) * 1000, () => this.restart());
    if (message.type !== "pong") this.#options.onMessage(message);
    // An entry's `id` is its own; a reply has no offset beside a room.
    if (!("room" in message && "offset" in message)) this.#settle(message);
  }

  /** @param {Record<string, any>} message */
  #connected(message) {
    this.#disarm("connect");
    this.#heartbeatS = Math.max(1, seconds(message.heartbeat) ?? 10);
    this.#liveSince = this.#options.now();
    this.#listen();
    this.#enter({ phase: "live", reason: null });
    this.#measure();
  }

  /** Silence for longer than the heartbeat allows is a loss, whatever the socket says. */
  #listen() {
    if (this.#state.phase !== "live" && !this.#liveSince) return;
    const silenceMs = (this.#heartbeatS + SILENCE_MARGIN_S) * 1000;
    this.#arm("silence", silenceMs, () => this.#lose("nothing was heard from the server"));
  }

  #measure() {
    const begun = this.#options.now();
    // The first answer comes while the page is busy with drawing itself: ask again soon.
    const isFirst = this.#state.latencyMs === null;
    this.#arm("latency", isFirst ? LATENCY_AGAIN_MS : LATENCY_EVERY_MS, () => this.#measure());
    this.request({ type: "ping" }).then(
      () => this.#enter({ ...this.#state, latencyMs: this.#options.now() - begun }),
      () => {},
    );
  }

  /** @param {Record<string, any>} message */
  #settle(message) {
    const request = this.#requests.get(message.id);
    if (!request) return;
    this.#requests.delete(message.id);
    request.cancel();
    if (message.type === "error") request.reject(refusal(message));
    else request.resolve(message);
  }

  /** The server did not say goodbye. @param {string} reason in words */
  #lose(reason) {
    this.#discard(CLOSE_FOR_NOW);
    this.#retry(reason, null);
  }

  /** @param {number} code */
  #closed(code) {
    const { isFinal, reason, dropsToken } = ending(code);
    const announced = this.#announced;
    const words = this.#told ?? reason;
    this.#discard(CLOSE_FOR_NOW);
    if (dropsToken) {
      // Once without the token, and at once; refused without one, there is nothing left to try.
      if (this.#options.onTokenRefused()) this.#retry(words, 0);
      else this.#fail(words);
    } else if (isFinal || announced?.isFinal) {
      this.#fail(words);
    } else {
      this.#retry(words, announced?.after ?? null);
    }
  }

  /** @param {string} reason in words @param {number | null} afterS what the server asked for, in seconds */
  #retry(reason, afterS) {
    const { now, random } = this.#options;
    if (this.#liveSince && now() - this.#liveSince > STABLE_AFTER_MS) this.#attempt = 0;
    this.#liveSince = 0;
    const delay = afterS === null ? backoffMs(this.#attempt, random) : afterS * 1000;
    this.#attempt += 1;
    this.#enter({ phase: "reconnecting", reason, retryAt: now() + delay });
    this.#arm("retry", delay, () => this.#open());
  }

  /** @param {string} reason in words */
  #fail(reason) {
    this.#attempt = 0;
    this.#liveSince = 0;
    this.#enter({ phase: "failed", reason });
  }

  /** Throws the socket and everything that belongs to it away. @param {number} code */
  #discard(code) {
    const socket = this.#socket;
    this.#socket = null;
    for (const name of [...this.#timers.keys()]) this.#disarm(name);
    // Told first, so that nobody answers a lost request by sending the next one into the same hole.
    if (this.#state.phase === "live") this.#enter({ phase: "reconnecting", reason: this.#state.reason });
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const request of requests) {
      request.cancel();
      request.reject({ code: "lost", message: "the connection was lost" });
    }
    try {
      socket?.close(code);
    } catch {
      // Already closed, or still opening in a browser that minds.
    }
  }

  /** @param {Record<string, unknown>} message @returns {boolean} whether there was an open socket */
  #write(message) {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** @param {Partial<State> & { phase: State["phase"] }} state */
  #enter(state) {
    this.#state = { reason: null, retryAt: null, latencyMs: null, ...state };
    this.#options.onState(this.#state);
  }

  /** @param {string} name @param {number} ms @param {() => void} action */
  #arm(name, ms, action) {
    this.#disarm(name);
    const cancel = this.#options.after(ms, () => {
      this.#timers.delete(name);
      action();
    });
    this.#timers.set(name, cancel);
  }

  /** @param {string} name */
  #disarm(name) {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }
}

/** @param {unknown} text @returns {Record<string, any> | null} null for what is not a message */
function parse(text) {
  try {
    const value = JSON.parse(String(text));
    return value !== null && typeof value === "object" && typeof value.type === "string" ? value : null;
  } catch {
    return null;
  }
}

/** @param {unknown} value @returns {number | null} */
function seconds(value) {
  return typeof value === "number" && value >= 0 && value <= 86_400 ? value : null;
}

/** @param {Record<string, any>} error @returns {import("./outbox.js").Refusal} */
function refusal(error) {
  const retryAfter = seconds(error.retry_after) ?? undefined;
  const current = error.current === undefined ? {} : { current: error.current };
  return { code: String(error.code), message: String(error.message ?? error.code), retryAfter, ...current };
}
