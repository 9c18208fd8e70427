/**
 * Every way in which something can go wrong, as a class to catch and a code to compare. Codes are the wire's where the
 * server speaks; the message is then the server's own sentence.
 */

import { ERROR_CODES } from "./codes.js";

/**
 * @typedef {object} Details
 * @property {string} [room]
 * @property {number | null} [retryAfter] seconds
 * @property {unknown} [cause]
 * @property {Record<string, unknown>} [current] what a refused write of state found in its place
 */

/** What a person who reads the console can do about it. @type {Readonly<Record<string, string>>} */
const HELP = {
  unauthorized: "Give `token` a function that brings a new token, or none to come as a guest.",
  forbidden: "The token's claim `rooms` has to name this right for this room.",
  not_joined: "Join the room first.",
  rate_limited: "Wait for `retryAfter` seconds; signals are for what changes many times a second.",
  timeout: "Whether it happened is unknown. Send it again under the same key: it is written once.",
  closed: "There is no connection now. Leave `queue` on, and it is sent when there is one.",
  queue_full: "Raise `outbox.max` or `outbox.maxBytes`, or show people that they are offline.",
  queue_expired: "It waited for longer than the server remembers keys, so sending it could write it twice.",
  conflict: "Somebody was first: read `current`, decide again, write again.",
};

export class CopresenceError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {Details} [details]
   */
  constructor(code, message, { room, retryAfter = null, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    /** The wire's where the server said it. */
    this.code = code;
    /** @type {string | null} */
    this.room = room ?? null;
    /** Seconds, when the server named them. @type {number | null} */
    this.retryAfter = retryAfter;
    /** Whether the same call may succeed later. */
    this.retryable = isRetryable(code);
    /** What to do about it. @type {string | null} */
    this.help = HELP[code] ?? null;
  }
}

/** There is no connection, or none can be had: `closed`, `transport_unavailable`, and the refusals of a whole node. */
export class ConnectionError extends CopresenceError {}
/** The token: `unauthorized`, `expired`. */
export class AuthError extends CopresenceError {}
/** This user may not do this here. */
export class ForbiddenError extends CopresenceError {}
/** No answer in time: the outcome is unknown. */
export class TimeoutError extends CopresenceError {}
/** Too fast; `retryAfter` says when. */
export class RateLimitError extends CopresenceError {}
/** The outbox: `queue_full`, `queue_expired`. */
export class QueueError extends CopresenceError {}
/** The message itself: `bad_message`, `too_large`, `over_limit`, `not_joined`, `not_found`. */
export class ProtocolError extends CopresenceError {}
/** Not now: `unavailable`, `disabled`. */
export class UnavailableError extends CopresenceError {}
/** A bug in the calling code, thrown at once. */
export class UsageError extends CopresenceError {
  /** @param {string} message */
  constructor(message) {
    super("usage", message);
  }
}

/** Somebody else was first, or the key was used for other content. */
export class ConflictError extends CopresenceError {
  /**
   * @param {string} code
   * @param {string} message
   * @param {Details} [details]
   */
  constructor(code, message, details = {}) {
    super(code, message, details);
    /** What is there now, by key. @type {Record<string, { value?: unknown, offset: number }>} */
    this.current = /** @type {any} */ (details.current ?? {});
  }
}

/** @type {Readonly<Record<string, new (code: string, message: string, details?: Details) => CopresenceError>>} */
const CLASSES = {
  unauthorized: AuthError,
  expired: AuthError,
  forbidden: ForbiddenError,
  timeout: TimeoutError,
  rate_limited: RateLimitError,
  conflict: ConflictError,
  queue_full: QueueError,
  queue_expired: QueueError,
  bad_message: ProtocolError,
  too_large: ProtocolError,
  over_limit: ProtocolError,
  not_joined: ProtocolError,
  not_found: ProtocolError,
  unavailable: UnavailableError,
  disabled: UnavailableError,
};

/**
 * @param {string} code
 * @param {string} message
 * @param {Details} [details]
 * @returns {CopresenceError} of the class that fits the code
 */
export function errorOf(code, message, details) {
  return new (CLASSES[code] ?? ConnectionError)(code, message, details);
}

/**
 * @param {Record<string, any>} message an `error` from the wire
 * @param {string} [room] that the command was for
 */
export function fromWire(message, room) {
  const details = { room: message.room ?? room, retryAfter: seconds(message.retry_after), current: message.current };
  return errorOf(String(message.code), String(message.message ?? message.code), details);
}

/** The platform's own error for what was called off. @param {AbortSignal} [signal] */
export function aborted(signal) {
  return signal?.reason ?? new DOMException("This operation was aborted", "AbortError");
}

/** @param {unknown} value @returns {number | null} a wait that a sane server could mean */
export function seconds(value) {
  return typeof value === "number" && value >= 0 && value <= 86_400 ? value : null;
}

/** @param {string} code */
function isRetryable(code) {
  const again = ERROR_CODES[code];
  if (again !== undefined) return again !== "no" && again !== "after_reading";
  return code === "timeout" || code === "closed" || code === "transport_unavailable";
}
