/**
 * The proof: which numbers of the feed arrived here, computed from what was received and nothing else.
 *
 * A feed numbers its entries 1, 2, 3 … within a run, so a number that was passed over is a loss and one that comes again is
 * a double. A run that begins while we watch begins at 1; of the first one after a new picture of the room we take the
 * number that we meet, for what was before it nobody promised us.
 */

/**
 * @typedef {object} Counts
 * @property {number} received entries, each counted once
 * @property {number} recovered those of them that came after the connection was lost
 * @property {number} missing numbers passed over and not filled since
 * @property {number} twice entries that had been received before
 */

/** @typedef {{ last: number, holes: [number, number][] }} Track the highest number, and first and last of each hole */

/** Runs whose numbers are still looked at; a server that starts anew begins another one. */
const RUNS_MAX = 8;
const HOLES_MAX = 1000;

export class Ledger {
  #received = 0;
  #recovered = 0;
  #twice = 0;
  /** What was missing of runs that are no longer looked at. */
  #lostBefore = 0;
  /** @type {Map<string, Track>} by run, the newest last */
  #tracks = new Map();
  #isFresh = true;

  /** @returns {Counts} */
  get counts() {
    const open = [...this.#tracks.values()].reduce((sum, { holes }) => sum + missingIn(holes), 0);
    return { received: this.#received, recovered: this.#recovered, missing: open + this.#lostBefore, twice: this.#twice };
  }

  /** A new picture of the room: what came before it was not promised. What is missing so far stays missing. */
  begin() {
    this.#lostBefore = this.counts.missing;
    this.#tracks.clear();
    this.#isFresh = true;
  }

  /**
   * @param {unknown} run @param {unknown} n
   * @param {boolean} [isRecovered] it came with what was missed
   * @returns {"new" | "late" | "twice" | "nonsense"} `late` filled a hole
   */
  take(run, n, isRecovered = false) {
    if (typeof run !== "string" || run.length > 200 || !isNumber(n)) return "nonsense";
    const verdict = this.#place(this.#track(run, n), n);
    if (verdict === "twice") this.#twice += 1;
    else this.#received += 1;
    if (isRecovered && verdict !== "twice") this.#recovered += 1;
    return verdict;
  }

  /** A plain value that {@link Ledger.restore} takes back after a reload. */
  save() {
    return { ...this.counts, isFresh: this.#isFresh, lostBefore: this.#lostBefore, tracks: [...this.#tracks] };
  }

  /** @param {unknown} saved whatever was found in storage */
  restore(saved) {
    const { received, recovered, twice, lostBefore, tracks } = /** @type {Record<string, any>} */ (saved ?? {});
    if (![received, recovered, twice, lostBefore].every(isCount) || !Array.isArray(tracks)) return;
    if (!tracks.every((track) => Array.isArray(track) && typeof track[0] === "string" && isTrack(track[1]))) return;
    this.#received = received;
    this.#recovered = recovered;
    this.#twice = twice;
    this.#lostBefore = lostBefore;
    this.#tracks = new Map(tracks);
    this.#isFresh = tracks.length === 0;
  }

  /** @param {string} run @param {number} n @returns {Track} */
  #track(run, n) {
    const known = this.#tracks.get(run);
    if (known) return known;
    const track = { last: this.#isFresh ? n - 1 : 0, holes: /** @type {[number, number][]} */ ([]) };
    this.#isFresh = false;
    this.#tracks.set(run, track);
    if (this.#tracks.size > RUNS_MAX) {
      const [[oldest, { holes }]] = this.#tracks;
      this.#lostBefore += missingIn(holes);
      this.#tracks.delete(oldest);
    }
    return track;
  }

  /** @param {Track} track @param {number} n @returns {"new" | "late" | "twice"} */
  #place(track, n) {
    if (n > track.last) {
      if (n > track.last + 1) track.holes.push([track.last + 1, n - 1]);
      // A feed of nonsense must not fill the memory: the oldest holes become one, which never counts less.
      if (track.holes.length > HOLES_MAX) track.holes.splice(0, 2, [track.holes[0][0], track.holes[1][1]]);
      track.last = n;
      return "new";
    }
    const at = track.holes.findIndex(([from, to]) => from <= n && n <= to);
    if (at < 0) return "twice";
    const [from, to] = track.holes[at];
    const rest = /** @type {[number, number][]} */ ([[from, n - 1], [n + 1, to]]);
    track.holes.splice(at, 1, ...rest.filter(([first, last]) => first <= last));
    return "late";
  }
}

/** @param {[number, number][]} holes */
function missingIn(holes) {
  return holes.reduce((sum, [from, to]) => sum + to - from + 1, 0);
}

/** @param {unknown} value @returns {value is number} */
function isNumber(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) > 0;
}

/** @param {unknown} value @returns {value is number} */
function isCount(value) {
  return value === 0 || isNumber(value);
}

/** @param {any} track */
function isTrack(track) {
  return isCount(track?.last) && Array.isArray(track.holes)
    && track.holes.every((/** @type {unknown} */ hole) => Array.isArray(hole) && hole.length === 2 && hole.every(isCount));
}
