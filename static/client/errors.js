/**
 * Every way in which something can go wrong, as a class to catch and a code to compare. Codes are the wire's where the
 * server speaks; the message is then the server's own sentence. What to do about each is in docs/errors.md.
 */

/**
 * @typedef {object} Details
 * @property {string | null | undefined} [room]
 * @property {number | null | undefined} [retryAfter] seconds
 * @property {unknown} [cause]
 * @property {Record<string, unknown> | undefined} [current] what a refused write of state found in its place
 */

/** The same call may succeed later. A test holds the server's codes among them to the server's table. */
const RETRYABLE = ["unauthorized", "not_joined", "rate_limited", "unavailable", "disabled", "timeout", "closed", "transport_unavailable"];

export class CopresenceError extends Error {
  /** As the class is called here, whatever a minifier makes of it. @override */
  name = "CopresenceError";

  /**
   * @param {string} code
   * @param {string} message
   * @param {Details} [details]
   */
  constructor(code, message, { room = null, retryAfter = null, cause, current } = {}) {
    super(message, cause ? { cause } : undefined);
    /** The wire's where the server said it. */
    this.code = code;
    /** @type {string | null} */
    this.room = room;
    /** Seconds, when the server named them. @type {number | null} */
    this.retryAfter = retryAfter;
    /** Whether the same call may succeed later. */
    this.retryable = RETRYABLE.includes(code);
    /** Where it says what to do about it. */
    this.help = `docs/errors.md#${code}`;
    /** Of a conflict: what is there now, by key. @type {Record<string, { value?: unknown, offset: number }>} */
    this.current = /** @type {any} */ (current ?? {});
  }
}

/** There is no connection, or none can be had: `closed`, `transport_unavailable`, and the refusals of a whole node. */
export class ConnectionError extends CopresenceError {
  /** @override */
  name = "ConnectionError";
}
/** The token: `unauthorized`, `expired`. */
export class AuthError extends CopresenceError {
  /** @override */
  name = "AuthError";
}
/** This user may not do this here. */
export class ForbiddenError extends CopresenceError {
  /** @override */
  name = "ForbiddenError";
}
/** No answer in time: the outcome is unknown. */
export class TimeoutError extends CopresenceError {
  /** @override */
  name = "TimeoutError";
}
/** Too fast; `retryAfter` says when. */
export class RateLimitError extends CopresenceError {
  /** @override */
  name = "RateLimitError";
}
/** Somebody else was first, or the key was used for other content; `current` says what is there. */
export class ConflictError extends CopresenceError {
  /** @override */
  name = "ConflictError";
}
/** The outbox: `queue_full`, `queue_expired`. */
export class QueueError extends CopresenceError {
  /** @override */
  name = "QueueError";
}
/** The message itself: `bad_message`, `too_large`, `over_limit`, `not_joined`, `not_found`. */
export class ProtocolError extends CopresenceError {
  /** @override */
  name = "ProtocolError";
}
/** Not now: `unavailable`, `disabled`. */
export class UnavailableError extends CopresenceError {
  /** @override */
  name = "UnavailableError";
}
/** A bug in the calling code, thrown at once. */
export class UsageError extends CopresenceError {
  /** @override */
  name = "UsageError";

  /** @param {string} message */
  constructor(message) {
    super("usage", message);
  }
}

/** @type {Readonly<Record<string, typeof CopresenceError>>} */
const CLASSES = {
  // Nothing but these, whatever a server calls its errors.
  // @ts-expect-error
  __proto__: null,
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
 * @param {Record<string, any>} message an `error` from the wire; one without a code may be better next time
 * @param {string} [room] that the command was for
 */
export function fromWire({ code = "unavailable", message = code, retry_after, current, ...rest }, room) {
  return errorOf(String(code), String(message), { room: rest.room ?? room, retryAfter: seconds(retry_after), current });
}

/**
 * @template T
 * @param {T} part
 * @param {string} name
 * @returns {NonNullable<T>} throws where the client was made without it
 */
export function handed(part, name) {
  if (!part) throw new UsageError(`this client was made without ${name}`);
  return part;
}

/** The platform's own error for what was called off. @param {AbortSignal} [signal] */
export function aborted(signal) {
  return signal?.reason ?? new DOMException("aborted", "AbortError");
}

/** @param {unknown} value @returns {number | null} a wait that a sane server could mean */
export function seconds(value) {
  return typeof value === "number" && value >= 0 && value <= 86_400 ? value : null;
}
