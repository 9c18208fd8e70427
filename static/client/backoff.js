/**
 * How long to wait before the next attempt: full jitter, so that a thousand clients that lost one server don't come
 * back in one wave (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */

/** @typedef {import("./types.js").ReconnectOptions} ReconnectOptions */

/** @type {Readonly<Required<ReconnectOptions>>} times in milliseconds */
export const RECONNECT = {
  enabled: true,
  minDelay: 250,
  maxDelay: 15_000,
  factor: 2,
  jitter: 1,
  maxAttempts: Infinity,
  stableAfter: 5_000,
};

/** People forgive a few seconds: within the first minute of a loss no wait is longer. */
const EARLY_MS = 60_000;
const EARLY_DELAY_MS = 4_000;

/**
 * @param {number} attempt 0 for the first one after a loss
 * @param {Required<ReconnectOptions>} options
 * @param {() => number} random
 * @param {number} lostForMs since the connection was lost
 * @returns {number} milliseconds
 */
export function backoffMs(attempt, { minDelay, maxDelay, factor, jitter }, random, lostForMs) {
  const most = lostForMs < EARLY_MS ? Math.min(maxDelay, EARLY_DELAY_MS) : maxDelay;
  // The exponent is bounded, or after a long night the power is Infinity.
  const ceiling = Math.min(most, minDelay * factor ** Math.min(attempt, 30));
  return ceiling * (1 - jitter + jitter * random());
}
