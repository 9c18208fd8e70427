/**
 * Error and close codes: the client's mirror of the server's two tables. A test compares them with the server's own.
 */

/**
 * Whether the same message may be sent again.
 *
 * @typedef {"no" | "with_new_token" | "after_join" | "after_reading" | "after_pause" | "later_with_same_key" | "later"} Again
 */

/** @type {Readonly<Record<string, Again>>} */
export const ERROR_CODES = {
  bad_message: "no",
  too_large: "no",
  unauthorized: "with_new_token",
  forbidden: "no",
  not_joined: "after_join",
  not_found: "no",
  conflict: "after_reading",
  rate_limited: "after_pause",
  over_limit: "no",
  unavailable: "later_with_same_key",
  disabled: "later",
};

/**
 * Whether and how a client comes back after a close.
 *
 * @typedef {"no" | "yes" | "and_resume" | "with_new_token" | "after_pause"} Reconnect
 */

/** @type {Readonly<Record<number, readonly [reason: string, reconnect: Reconnect]>>} */
export const CLOSE_CODES = {
  1000: ["goodbye", "no"],
  1002: ["not WebSocket any more", "no"],
  1007: ["text that is not UTF-8", "no"],
  1012: ["this node drains or restarts", "and_resume"],
  4400: ["not this protocol", "no"],
  4401: ["token refused or expired", "with_new_token"],
  4403: ["ended by an operator or a backend", "no"],
  4408: ["no connect in time", "yes"],
  4409: ["this session was taken up by a newer connection", "no"],
  4410: ["heartbeat missed", "yes"],
  4413: ["message over the size limit", "no"],
  4429: ["kept on over a rate limit", "after_pause"],
  4431: ["too slow to read", "and_resume"],
  4503: ["node full or feature switched off", "after_pause"],
};

/** What the client says itself when it goes, but not for good: others see nothing for four seconds. */
export const CLOSE_FOR_NOW = 4000;
/** What the client says when it goes for good. */
export const GOODBYE = 1000;

/**
 * @param {number} code of a close event
 * @returns {readonly [reason: string, reconnect: Reconnect]} unknown codes are worth another try
 */
export function ending(code) {
  return CLOSE_CODES[code] ?? ["the connection was lost", "yes"];
}
