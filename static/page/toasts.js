/**
 * Which toasts are on the screen, and for how long. Nothing here knows the page.
 *
 *   show ──▶ on screen, the newest few ──▶ lapsed, dismissed, or settled in the inbox: gone
 *                └── the others wait behind "N more", and their time runs as well, so that a flood ends
 *
 * Time stands still while somebody points at a toast, has the focus in one, or looks elsewhere (a hidden tab).
 */

/** Whoever looks back has at least this long. */
const LEFT_MIN_MS = 2_000;
/** Ids of what was dismissed, so that its replacement stays silent. */
const DISMISSED_MAX = 200;
const KEPT_MAX = 200;
/** A longer wait overflows the browser's timers, which then fire at once. */
const DURATION_MAX_MS = 2 ** 31 - 1;

/**
 * @typedef {object} Toast
 * @property {number} key stays when another notification takes the place
 * @property {string} id
 * @property {Record<string, any>} notification
 * @property {number} offset where it surfaced; 0 when that is not known
 * @property {number | null} leftMs null until it is dismissed
 */

/**
 * @typedef {object} ToastsOptions
 * @property {() => number} most how many are on the screen at once
 * @property {() => number} now milliseconds
 * @property {(ms: number, wake: () => void) => () => void} after a timer; returns its cancel
 * @property {() => void} onChange
 */

export class Toasts {
  /** @type {ToastsOptions} */
  #options;
  /** @type {Toast[]} oldest first */
  #list = [];
  /** @type {Set<string>} oldest first */
  #dismissed = new Set();
  /** @type {Set<string>} why time stands still */
  #holds = new Set();
  #nextKey = 1;
  #tickedAt = 0;
  /** @type {(() => void) | null} */
  #cancel = null;

  /** @param {ToastsOptions} options */
  constructor(options) {
    this.#options = options;
    this.#tickedAt = options.now();
  }

  /** The newest, in the order in which they came; a critical one is always among them when there is any. */
  get shown() {
    const shown = this.#list.slice(-this.#options.most());
    const isCritical = (/** @type {Toast} */ toast) => toast.notification.critical === true;
    const urgent = this.#list.filter(isCritical).at(-1);
    if (urgent && !shown.includes(urgent)) shown[0] = urgent;
    return shown;
  }

  /** How many wait behind those. */
  get waiting() {
    return Math.max(0, this.#list.length - this.#options.most());
  }

  /**
   * Shows a notification, in the place of the one that has its id or that it `replaces`.
   *
   * @param {Record<string, any>} notification
   * @param {{ offset?: number, replaces?: unknown, durationMs: number | null }} how
   * @returns {boolean} whether anything new is to be seen
   */
  show(notification, { offset = 0, replaces, durationMs }) {
    const { id } = notification;
    const isSilent = typeof replaces === "string" && this.#dismissed.has(replaces) && notification.critical !== true;
    if (isSilent) {
      this.#note(id);
      return false;
    }
    this.#tick();
    const leftMs = durationMs === null ? null : Math.min(durationMs, DURATION_MAX_MS);
    const present = this.#list.find((toast) => toast.id === id || toast.id === replaces);
    const isNews = JSON.stringify(present?.notification) !== JSON.stringify(notification);
    if (present) {
      Object.assign(present, { id, notification, leftMs, offset: offset || present.offset });
    } else {
      this.#list.push({ key: this.#nextKey++, id, notification, offset, leftMs });
      // The oldest goes first; it is in the inbox as well.
      if (this.#list.length > KEPT_MAX) this.#list.shift();
    }
    this.#dismissed.delete(id);
    this.#changed();
    return isNews;
  }

  /** A person closed it. @param {string} id */
  dismiss(id) {
    this.#note(id);
    this.remove((toast) => toast.id === id);
  }

  /** @param {(toast: Toast) => boolean} isOver what became of it elsewhere */
  remove(isOver) {
    this.#tick();
    const left = this.#list.filter((toast) => !isOver(toast));
    if (left.length === this.#list.length) return;
    this.#list = left;
    this.#changed();
  }

  /** Stops time, or lets it go on. @param {string} reason @param {boolean} isHeld */
  hold(reason, isHeld) {
    if (this.#holds.has(reason) === isHeld) return;
    this.#tick();
    if (isHeld) this.#holds.add(reason);
    else this.#holds.delete(reason);
    if (this.#holds.size === 0) {
      for (const toast of this.#list) if (toast.leftMs !== null) toast.leftMs = Math.max(toast.leftMs, LEFT_MIN_MS);
    }
    this.#arm();
  }

  /** @param {string} id */
  #note(id) {
    this.#dismissed.add(id);
    const [oldest] = this.#dismissed;
    if (this.#dismissed.size > DISMISSED_MAX) this.#dismissed.delete(oldest);
  }

  #changed() {
    this.#arm();
    this.#options.onChange();
  }

  /** Takes the time that went by off what each has left. */
  #tick() {
    const now = this.#options.now();
    const passed = now - this.#tickedAt;
    this.#tickedAt = now;
    if (this.#holds.size > 0) return;
    for (const toast of this.#list) if (toast.leftMs !== null) toast.leftMs -= passed;
  }

  #arm() {
    this.#cancel?.();
    this.#cancel = null;
    const left = this.#list.flatMap(({ leftMs }) => (leftMs === null ? [] : [leftMs]));
    if (this.#holds.size > 0 || left.length === 0) return;
    this.#cancel = this.#options.after(Math.max(0, Math.ceil(Math.min(...left))), () => {
      this.remove(({ leftMs }) => leftMs !== null && leftMs <= 0);
      // Timers may wake a moment early.
      this.#arm();
    });
  }
}
