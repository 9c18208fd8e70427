/**
 * Draws toasts. Two silent regions, in the page from the start, tell screen readers of them; the toasts themselves are
 * not read out by themselves, for buttons in between would be read out too.
 */

import { Announcer } from "./announcer.js";
import { byId, element, setText } from "./dom.js";
import { levelIcon, levelWord, linkElements, readLevel } from "./levels.js";

const STATUS_EVERY_MS = 1_000;
const ALERT_EVERY_MS = 250;
const KEY = "F8";
/** Between toasts and panel, in pixels. */
const GAP = 8;

/**
 * @typedef {object} ToastActions
 * @property {(id: string) => void} onDismiss
 * @property {(id: string) => void} onAcknowledge
 * @property {(id: string) => void} onFollow a link of it was followed
 * @property {() => void} onMore
 */

export class ToastsView {
  /** @type {import("./toasts.js").Toasts} */
  #toasts;
  /** @type {ToastActions} */
  #actions;
  #region = byId("toasts");
  #list = byId("toast-list");
  /** @type {Map<number, HTMLElement>} */
  #byKey = new Map();
  #status = new Announcer(byId("toast-status"), STATUS_EVERY_MS);
  #alert = new Announcer(byId("toast-alert"), ALERT_EVERY_MS);
  /** @type {HTMLElement | null} where the focus was before it came here */
  #cameFrom = null;

  /** @param {import("./toasts.js").Toasts} toasts @param {ToastActions} actions */
  constructor(toasts, actions) {
    this.#toasts = toasts;
    this.#actions = actions;
    this.#watchHolds();
    this.#watchKeys();
    byId("toast-more").addEventListener("click", () => actions.onMore());
  }

  /** @param {Record<string, any>} notification */
  announce(notification) {
    const region = notification.critical === true || notification.level === "error" ? this.#alert : this.#status;
    region.say([levelWord(notification), notification.title, notification.message].filter(Boolean).join(": "));
  }

  draw() {
    const { shown, waiting } = this.#toasts;
    const keys = new Set(shown.map(({ key }) => key));
    const focused = this.#focusedKey();
    // The focus goes first, or removing its element would throw it to the top of the page.
    if (focused !== null && !keys.has(focused)) this.#moveFocus(shown);
    for (const [key, node] of this.#byKey) {
      if (keys.has(key)) continue;
      node.remove();
      this.#byKey.delete(key);
    }
    for (const toast of shown) {
      let node = this.#byKey.get(toast.key);
      if (!node) {
        node = this.#build(toast.key);
        this.#byKey.set(toast.key, node);
        // In the order in which they came, also when one comes back to the front.
        const after = shown[shown.indexOf(toast) + 1];
        this.#list.insertBefore(node, (after && this.#byKey.get(after.key)) ?? null);
      }
      this.#fill(node, toast);
    }
    const more = byId("toast-more");
    setText(more, `${waiting} more in the inbox`);
    more.hidden = waiting === 0;
    this.#region.hidden = shown.length === 0;
    // Where they don't all fit the newest is in sight, and the panel ends above them.
    this.#list.scrollTop = this.#list.scrollHeight;
    const height = shown.length === 0 ? 0 : this.#region.offsetHeight + GAP;
    document.documentElement.style.setProperty("--toasts-height", `${height}px`);
    // What is no longer under the pointer can't be left by it.
    if (shown.length === 0) for (const reason of ["pointer", "focus"]) this.#toasts.hold(reason, false);
  }

  /** @param {number} key */
  #build(key) {
    const close = element("button", { class: "toast-close", text: "×" });
    close.setAttribute("type", "button");
    const acknowledge = element("button", { class: "plain toast-ack", text: "Acknowledge" });
    acknowledge.setAttribute("type", "button");
    const node = element("li", { class: "toast" }, [
      element("span", { class: "toast-icon" }),
      element("div", { class: "toast-text" }, [
        element("span", { class: "level-word" }),
        element("strong", { class: "toast-title" }),
        element("p", { class: "toast-message" }),
        element("div", { class: "toast-actions" }, [element("span", { class: "toast-links" }), acknowledge]),
      ]),
      close,
    ]);
    node.dataset.key = String(key);
    const id = () => this.#toasts.shown.find((toast) => toast.key === key)?.id ?? "";
    close.addEventListener("click", () => this.#actions.onDismiss(id()));
    acknowledge.addEventListener("click", () => this.#actions.onAcknowledge(id()));
    return node;
  }

  /** Writes only what became another, so that a button keeps the focus. @param {HTMLElement} node @param {import("./toasts.js").Toast} toast */
  #fill(node, { id, notification }) {
    const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (node.querySelector(`.${name}`));
    if (node.dataset.id === id && node.dataset.drawn === JSON.stringify(notification)) return;
    node.dataset.id = id;
    node.dataset.drawn = JSON.stringify(notification);
    node.dataset.level = readLevel(notification.level);
    node.classList.toggle("is-critical", notification.critical === true);
    part("toast-icon").replaceChildren(levelIcon(notification.level));
    setText(part("level-word"), levelWord(notification));
    setText(part("toast-title"), String(notification.title ?? ""));
    setText(part("toast-message"), String(notification.message ?? ""));
    const links = linkElements(notification.actions, () => this.#actions.onFollow(id));
    part("toast-links").replaceChildren(...links);
    part("toast-ack").hidden = notification.critical !== true;
    part("toast-actions").hidden = links.length === 0 && notification.critical !== true;
    part("toast-close").setAttribute("aria-label", `Close: ${notification.title ?? ""}`);
  }

  #focusedKey() {
    const key = document.activeElement?.closest(".toast")?.getAttribute("data-key");
    return key ? Number(key) : null;
  }

  /** @param {import("./toasts.js").Toast[]} shown */
  #moveFocus(shown) {
    const next = shown.map(({ key }) => this.#byKey.get(key)).findLast((node) => node !== undefined);
    const target = next?.querySelector(".toast-close") ?? (this.#cameFrom?.isConnected ? this.#cameFrom : null);
    /** @type {HTMLElement | null} */ (target)?.focus();
  }

  #watchHolds() {
    const region = this.#region;
    region.addEventListener("pointerenter", () => this.#toasts.hold("pointer", true));
    region.addEventListener("pointerleave", () => this.#toasts.hold("pointer", false));
    region.addEventListener("focusin", (/** @type {FocusEvent} */ event) => {
      const from = /** @type {HTMLElement | null} */ (event.relatedTarget);
      if (from && !region.contains(from)) this.#cameFrom = from;
      this.#toasts.hold("focus", true);
    });
    region.addEventListener("focusout", (/** @type {FocusEvent} */ event) => {
      if (!region.contains(/** @type {Node | null} */ (event.relatedTarget))) this.#toasts.hold("focus", false);
    });
    const look = () => this.#toasts.hold("hidden", document.hidden);
    document.addEventListener("visibilitychange", look);
    look();
  }

  #watchKeys() {
    document.addEventListener("keydown", (event) => {
      if (event.key !== KEY || this.#region.hidden) return;
      event.preventDefault();
      /** @type {HTMLElement | null} */ (this.#list.querySelector(".toast:last-child .toast-close"))?.focus();
    });
    this.#region.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const id = /** @type {HTMLElement} */ (event.target).closest(".toast")?.getAttribute("data-id");
      if (event.key !== "Escape" || !id) return;
      event.stopPropagation();
      this.#actions.onDismiss(id);
    });
  }
}
