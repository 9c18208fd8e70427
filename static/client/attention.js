/**
 * Whether somebody is there: `away` after a while without input, or with the page out of sight. What a person sets
 * themselves goes before what the page sees.
 */

/** @typedef {import("./types.js").MemberStatus} MemberStatus */

const INPUTS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];

export class Attention {
  #env;
  #options;
  #onChange;
  /** What a person set. @type {MemberStatus | null} */
  #wished = null;
  #seenAt;
  #hiddenAt = Infinity;
  /** @type {MemberStatus} */
  status = "online";
  #cancel = () => {};
  #stop = new AbortController();

  /**
   * @param {import("./environment.js").Environment} env
   * @param {import("./types.js").PresenceOptions} options
   * @param {(status: MemberStatus) => void} onChange
   */
  constructor(env, { awayAfter = 300_000, awayWhenHidden = 30_000 }, onChange) {
    const { document, window } = env;
    this.#env = env;
    this.#options = { awayAfter, awayWhenHidden };
    this.#onChange = onChange;
    this.#seenAt = env.now();
    const listening = { signal: this.#stop.signal, passive: true, capture: true };
    for (const input of INPUTS) window?.addEventListener(input, () => this.#seen(), listening);
    document?.addEventListener("visibilitychange", () => this.#sight(), listening);
    this.#sight();
  }

  /** @param {MemberStatus | "auto"} status */
  wish(status) {
    this.#wished = status === "auto" ? null : status;
    this.#look();
  }

  dispose() {
    this.#stop.abort();
    this.#cancel();
  }

  #seen() {
    this.#seenAt = this.#env.now();
    // Pointers move often; only who was away has to be looked at.
    if (this.status === "away") this.#look();
  }

  #sight() {
    const isHidden = this.#env.document?.visibilityState === "hidden";
    this.#hiddenAt = isHidden ? this.#env.now() : Infinity;
    if (!isHidden) this.#seenAt = this.#env.now();
    this.#look();
  }

  #look() {
    this.#cancel();
    const { now, after, document } = this.#env;
    const { awayAfter, awayWhenHidden } = this.#options;
    const left = Math.min(this.#seenAt + awayAfter, this.#hiddenAt + awayWhenHidden) - now();
    const status = this.#wished ?? (left > 0 ? "online" : "away");
    // Outside of pages nobody is seen, and a timer would keep the process alive.
    if (document && !this.#wished && left > 0) this.#cancel = after(left, () => this.#look());
    if (status === this.status) return;
    this.status = status;
    this.#onChange(status);
  }
}
