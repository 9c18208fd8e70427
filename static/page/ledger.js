/**
 * The proof: which offsets of a room's log arrived here, computed from what was received and nothing else.
 *
 * A log numbers its entries without a hole, so a number that was passed over is a loss and one that comes again is a
 * double. What the server said openly that it could not recover is neither: the count starts anew there.
 */

/**
 * @typedef {object} Counts
 * @property {number} received entries, each counted once
 * @property {number} missing offsets passed over and not filled since
 * @property {number} twice entries that had been received before
 * @property {number | null} last the highest offset known of
 */

export class Ledger {
  #received = 0;
  #twice = 0;
  /** @type {number | null} */
  #last = null;
  /** @type {[number, number][]} first and last offset of each hole */
  #holes = [];

  /** @returns {Counts} */
  get counts() {
    const missing = this.#holes.reduce((sum, [from, to]) => sum + to - from + 1, 0);
    return { received: this.#received, missing, twice: this.#twice, last: this.#last };
  }

  /**
   * A new picture: everything up to `offset` is in it.
   *
   * @param {number} offset
   */
  begin(offset) {
    this.#last = offset;
    this.#holes = [];
  }

  /**
   * An entry arrived.
   *
   * @param {number} offset
   * @returns {"new" | "late" | "twice"} `late` filled a hole
   */
  take(offset) {
    if (this.#last === null || offset === this.#last + 1) {
      this.#last = offset;
      this.#received += 1;
      return "new";
    }
    if (offset > this.#last) {
      this.#passOver(offset - 1);
      this.#last = offset;
      this.#received += 1;
      return "new";
    }
    const at = this.#holes.findIndex(([from, to]) => from <= offset && offset <= to);
    if (at < 0) {
      this.#twice += 1;
      return "twice";
    }
    const [from, to] = this.#holes[at];
    const rest = /** @type {[number, number][]} */ ([[from, offset - 1], [offset + 1, to]]);
    this.#holes.splice(at, 1, ...rest.filter(([first, last]) => first <= last));
    this.#received += 1;
    return "late";
  }

  /**
   * The server says that all entries up to `offset` were handed over; those that were not are missing.
   *
   * @param {number} offset
   */
  reach(offset) {
    if (this.#last === null) this.#last = offset;
    if (offset > this.#last) {
      this.#passOver(offset);
      this.#last = offset;
    }
  }

  /** A plain value that {@link Ledger.restore} takes back after a reload. */
  save() {
    return { received: this.#received, twice: this.#twice, last: this.#last, holes: this.#holes };
  }

  /** @param {unknown} saved whatever was found in storage */
  restore(saved) {
    const { received, twice, last, holes } = /** @type {Record<string, unknown>} */ (saved ?? {});
    if (!isCount(received) || !isCount(twice) || !isCount(last) || !Array.isArray(holes)) return;
    if (!holes.every((hole) => Array.isArray(hole) && hole.length === 2 && hole.every(isCount))) return;
    this.#received = received;
    this.#twice = twice;
    this.#last = last;
    this.#holes = holes;
  }

  /** @param {number} to the last offset of the hole */
  #passOver(to) {
    this.#holes.push([/** @type {number} */ (this.#last) + 1, to]);
    // A server that sends nonsense must not fill the memory: the oldest holes become one, which never counts less.
    if (this.#holes.length > 1000) {
      const [first, second, ...rest] = this.#holes;
      this.#holes = [[first[0], second[1]], ...rest];
    }
  }
}

/** @param {unknown} value @returns {value is number} */
export function isCount(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0;
}
