/**
 * A number that several people count down at once. A change names what it was made on (`ifOffset`); who comes too late hears
 * so, looks again and counts from there, so that of two who press at the same moment neither is lost.
 */

/** After so many lost races in a row the person is told instead. */
const TRIES_MAX = 20;

/**
 * @typedef {object} CounterOptions
 * @property {string} key
 * @property {() => { value: unknown, offset: number }} see what is there
 * @property {(value: number, ifOffset: number) => Promise<unknown>} write rejects with `code` "conflict" for a lost race
 * @property {() => void} onChange what waits is more or less
 * @property {(problem: string) => void} onProblem
 */

export class Counter {
  #options;
  /** Presses that no write has yet. */
  waiting = 0;
  #isBusy = false;

  /** @param {CounterOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** @param {number} by */
  async change(by) {
    this.#wait(this.waiting + by);
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      while (this.waiting !== 0) await this.#write();
    } catch (error) {
      this.#wait(0);
      this.#options.onProblem(/** @type {Error} */ (error).message);
    } finally {
      this.#isBusy = false;
    }
  }

  async #write() {
    const step = this.waiting;
    let seen = this.#options.see();
    for (let tries = 1; ; tries += 1) {
      this.#wait(this.waiting - step);
      try {
        return void (await this.#options.write(number(seen.value) + step, seen.offset));
      } catch (error) {
        const { code, current } = /** @type {any} */ (error);
        if (code !== "conflict" || tries >= TRIES_MAX) throw error;
        const now = current?.[this.#options.key];
        seen = Number.isSafeInteger(now?.offset) ? now : this.#options.see();
        // Taken off the screen by the refusal, so it waits again.
        this.#wait(this.waiting + step);
      }
    }
  }

  /** @param {number} waiting */
  #wait(waiting) {
    this.waiting = waiting;
    this.#options.onChange();
  }
}

/** Whatever somebody wrote there, a press counts on from a number. @param {unknown} value @returns {number} */
export function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
