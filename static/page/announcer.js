/**
 * Tells screen readers what changed, a sentence at a time and not more often than one can listen: who comes and goes is
 * summed up, numbers are never read out.
 */

const EVERY_MS = 2_000;

export class Announcer {
  #region;
  #everyMs;
  /** @type {string[]} */
  #waiting = [];
  /** @type {{ joined: string[], left: string[] }} */
  #people = { joined: [], left: [] };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {{ textContent: string | null }} region with `role=status`, in the page from the start @param {number} [everyMs] */
  constructor(region, everyMs = EVERY_MS) {
    this.#region = region;
    this.#everyMs = everyMs;
  }

  /** @param {string} sentence */
  say(sentence) {
    this.#waiting.push(sentence);
    this.#arm();
  }

  /** @param {string} name @param {"joined" | "left"} what */
  person(name, what) {
    this.#people[what].push(name);
    this.#arm();
  }

  #arm() {
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#tell(), this.#everyMs);
  }

  #tell() {
    this.#timer = undefined;
    const people = /** @type {const} */ (["joined", "left"]).flatMap((what) => {
      const names = this.#people[what];
      return names.length === 0 ? [] : [names.length === 1 ? `${names[0]} ${what}` : `${names.length} people ${what}`];
    });
    const [first, ...rest] = [...this.#waiting, ...people];
    this.#waiting = [];
    this.#people = { joined: [], left: [] };
    this.#region.textContent = rest.length > 2 ? `${first}, and ${rest.length} more changes` : [first, ...rest].join(". ");
  }
}
