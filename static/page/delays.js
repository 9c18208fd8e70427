/**
 * How long entries take from the server's stamp to this page, though the two clocks differ: the quickest entry so far is
 * taken to have needed half a round trip, and all others are measured against it.
 */

/** So many of the newest are looked at. */
const KEPT = 200;

export class Delays {
  /** @type {number[]} receipt less stamp, in ms of two clocks */
  #raw = [];
  #quickest = Infinity;

  /** @param {Date} at the server's stamp @param {number} now ms since 1970, by this machine's clock */
  take(at, now) {
    const raw = now - at.getTime();
    if (!Number.isFinite(raw)) return;
    this.#quickest = Math.min(this.#quickest, raw);
    this.#raw.push(raw);
    if (this.#raw.length > KEPT) this.#raw.shift();
  }

  /** @param {number | null} latency ms of a round trip @returns {number | null} ms that 95 of 100 stay under; null before there is one */
  p95(latency) {
    if (this.#raw.length === 0) return null;
    const sorted = [...this.#raw].sort((a, b) => a - b);
    return sorted[Math.ceil(sorted.length * 0.95) - 1] - this.#quickest + (latency ?? 0) / 2;
  }

  /** What the server's clock shows, about. @param {number} now @returns {number} ms since 1970 */
  serverTime(now) {
    return this.#quickest === Infinity ? now : now - this.#quickest;
  }
}
