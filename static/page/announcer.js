/** Tells screen readers what changed, in one sentence at a time and not more often than one can listen. */

const EVERY_MS = 2_000;

export class Announcer {
  /** @type {HTMLElement} */
  #region;
  #everyMs;
  /** @type {string[]} */
  #waiting = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {HTMLElement} region with `role=status` or `alert`, in the page from the start @param {number} [everyMs] */
  constructor(region, everyMs = EVERY_MS) {
    this.#region = region;
    this.#everyMs = everyMs;
  }

  /** @param {string} sentence */
  say(sentence) {
    this.#waiting.push(sentence);
    this.#timer ??= setTimeout(() => this.#tell(), this.#everyMs);
  }

  #tell() {
    this.#timer = undefined;
    const [first, ...rest] = this.#waiting;
    this.#waiting = [];
    this.#region.textContent = rest.length > 1 ? `${first}, and ${rest.length} more changes` : [first, ...rest].join(". ");
  }
}
