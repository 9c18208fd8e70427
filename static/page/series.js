/** A number over time, as the room's log tells it: for sparklines, the chart and what changed. No drawing here. */

/** @typedef {{ at: number, value: number }} Point `at` in ms since 1970, by the server's clock */

/** Points that are kept; at one a second that is more than the longest range of the chart. */
const KEPT = 1200;

export class Series {
  /** @type {Point[]} in order of time */
  #points = [];

  get points() {
    return /** @type {readonly Point[]} */ (this.#points);
  }

  /** @param {unknown} value anything that somebody set; numbers alone are drawn @param {number} at */
  add(value, at) {
    if (typeof value !== "number" || !Number.isFinite(value) || !Number.isFinite(at)) return;
    let place = this.#points.length;
    while (place > 0 && this.#points[place - 1].at > at) place -= 1;
    // Read in history and pushed as well: one point.
    if (this.#points[place - 1]?.at === at) this.#points[place - 1].value = value;
    else this.#points.splice(place, 0, { at, value });
    if (this.#points.length > KEPT) this.#points.shift();
  }

  /**
   * What was true from `from` to `to`: the value that held at `from` first, the one that holds at `to` last.
   *
   * @param {number} from @param {number} to
   * @returns {Point[]}
   */
  between(from, to) {
    const inside = this.#points.filter(({ at }) => at >= from && at <= to);
    const before = this.#points.findLast(({ at }) => at < from);
    const all = before ? [{ at: from, value: before.value }, ...inside] : inside;
    const last = all.at(-1);
    return last && last.at < to ? [...all, { at: to, value: last.value }] : all;
  }
}

/**
 * About `count` points evenly over time, for a table.
 *
 * @param {readonly Point[]} points
 * @param {number} count at least 2
 * @returns {Point[]}
 */
export function sample(points, count) {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || first.at === last.at) return first ? [first] : [];
  const step = (last.at - first.at) / (count - 1);
  return Array.from({ length: count }, (_, n) => {
    const at = n === count - 1 ? last.at : first.at + step * n;
    return { at, value: /** @type {Point} */ (points.findLast((point) => point.at <= at)).value };
  });
}
