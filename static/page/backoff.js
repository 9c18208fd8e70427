/**
 * How long to wait before the next attempt: full jitter, so that a thousand pages that lost one server don't return as
 * one (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */

export const DELAY_MIN_MS = 250;
export const DELAY_MAX_MS = 15_000;
const FACTOR = 2;

/**
 * @param {number} attempt 0 for the first one after a loss
 * @param {() => number} [random] from 0 up to, not including, 1
 * @returns {number} milliseconds, anything from 0 to the ceiling of this attempt
 */
export function backoffMs(attempt, random = Math.random) {
  // Far past the ceiling already at 2^30; the bound keeps the power from becoming Infinity.
  const ceiling = Math.min(DELAY_MAX_MS, DELAY_MIN_MS * FACTOR ** Math.min(attempt, 30));
  return Math.floor(random() * ceiling);
}
