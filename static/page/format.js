/** Numbers and times as people read them. */

const NONE = "–";
const LARGE = 1e12;
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** @param {unknown} value @param {(number: number) => string} words */
function known(value, words) {
  if (typeof value !== "number" || !Number.isFinite(value)) return NONE;
  // Whatever somebody wrote there has to fit a tile.
  return Math.abs(value) < LARGE ? words(value) : value.toExponential(1);
}

export const count = (/** @type {unknown} */ value) => known(value, (number) => whole.format(number));
export const euros = (/** @type {unknown} */ value) => known(value, (number) => `€ ${whole.format(number)}`);
export const percent = (/** @type {unknown} */ value) => known(value, (number) => `${tenths.format(number)} %`);

/** @param {number} ms */
export function duration(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${tenths.format(ms / 1_000)} s`;
  return `${whole.format(Math.floor(ms / 60_000))} min ${whole.format(Math.round((ms % 60_000) / 1_000))} s`;
}

/** How long ago, coarse enough not to flicker. @param {number} ms */
export function ago(ms) {
  if (ms < 60_000) return `${Math.max(0, Math.round(ms / 1_000))} s ago`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min ago`;
  return `${Math.round(ms / 3_600_000)} h ago`;
}

/** @param {number} value @param {number} digits behind the point */
export function millions(value, digits) {
  return Math.abs(value) < LARGE ? `€ ${(value / 1e6).toFixed(digits)} M` : value.toExponential(1);
}
