/**
 * Whether somebody is there: `away` after a while without input, or with the page out of sight. What a person sets
 * themselves goes before what the page sees.
 */

/** @typedef {import("./types.js").MemberStatus} MemberStatus */

/** @type {Required<import("./types.js").PresenceOptions>} ms */
export const PRESENCE = { idleAfter: 60_000, awayAfter: 300_000, awayWhenHidden: 30_000 };
const INPUTS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];

export class Attention {
  #env;
  #options;
  #onChange;
  /** @type {MemberStatus | "auto"} */
  #wished = "auto";
  #seenAt;
  /** @type {number | null} */
  #hiddenAt = null;
  /** @type {MemberStatus} */
  #status = "online";
  #cancel = () => {};
  #stop = new AbortController();

  /**
   * @param {import("./environment.js").Environment} env
   * @param {Partial<import("./types.js").PresenceOptions>} options
   * @param {(status: MemberStatus) => void} onChange
   */
  constructor(env, options, onChange) {
    this.#env = env;
    this.#options = { ...PRESENCE, ...options };
    this.#onChange = onChange;
    this.#seenAt = env.now();
    const { document, window } = env;
    const listening = { signal: this.#stop.signal, passive: true, capture: true };
    for (const input of INPUTS) window?.addEventListener(input, () => this.#seen(), listening);
    document?.addEventListener("visibilitychange", () => {
      this.#hiddenAt = document.visibilityState === "hidden" ? env.now() : null;
      if (this.#hiddenAt === null) this.#seen();
      else this.#look();
    }, listening);
    if (document?.visibilityState === "hidden") this.#hiddenAt = env.now();
    if (document) this.#look();
  }

  get status() {
    return this.#status;
  }

  /** Nobody touched anything for a while, which only this page itself knows. */
  get isIdle() {
    return this.#env.now() - this.#seenAt > this.#options.idleAfter;
  }

  /** @param {MemberStatus | "auto"} status */
  wish(status) {
    this.#wished = status;
    this.#look();
  }

  dispose() {
    this.#stop.abort();
    this.#cancel();
  }

  #seen() {
    this.#seenAt = this.#env.now();
    // Pointers move often; only who was away has to be looked at.
    if (this.#status === "away" || this.#hiddenAt !== null) this.#look();
  }

  #look() {
    this.#cancel();
    const { awayAfter, awayWhenHidden } = this.#options;
    const now = this.#env.now();
    const awayAt = Math.min(this.#seenAt + awayAfter, this.#hiddenAt === null ? Infinity : this.#hiddenAt + awayWhenHidden);
    const status = this.#wished !== "auto" ? this.#wished : now >= awayAt ? "away" : "online";
    if (this.#wished === "auto" && now < awayAt && this.#env.document) this.#cancel = this.#env.after(awayAt - now, () => this.#look());
    if (status === this.#status) return;
    this.#status = status;
    this.#onChange(status);
  }
}
