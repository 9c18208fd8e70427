/** The bell and the panel below it: opens, closes, gives the focus back, and shows how many were not seen. */

import { byId, setText } from "./dom.js";

const COUNT_MAX = 99;

export class Bell {
  #button = byId("bell");
  #panel = byId("inbox");
  #onTurn;

  /** @param {(isOpen: boolean) => void} onTurn */
  constructor(onTurn) {
    this.#onTurn = onTurn;
    this.#button.addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    byId("inbox-close").addEventListener("click", () => this.close());
    this.#panel.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") this.close();
    });
    document.addEventListener("pointerdown", (event) => {
      if (this.isOpen && !this.#isOurs(event.target)) this.#shut();
    });
    // What has the focus must not lie below the panel.
    document.addEventListener("focusin", (event) => {
      if (this.isOpen && !this.#isOurs(event.target)) this.#shut();
    });
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  open() {
    this.#panel.hidden = false;
    this.#button.setAttribute("aria-expanded", "true");
    this.#panel.focus();
    this.#onTurn(true);
  }

  close() {
    this.#button.focus();
    this.#shut();
  }

  /** @param {number} unseen the server's own number */
  count(unseen) {
    this.#button.setAttribute("aria-label", unseen === 0 ? "Notifications" : `Notifications, ${unseen} unseen`);
    const badge = byId("bell-count");
    badge.hidden = unseen === 0;
    setText(badge, unseen > COUNT_MAX ? `${COUNT_MAX}+` : String(unseen));
  }

  #shut() {
    if (!this.isOpen) return;
    this.#panel.hidden = true;
    this.#button.setAttribute("aria-expanded", "false");
    this.#onTurn(false);
  }

  /** @param {EventTarget | null} target */
  #isOurs(target) {
    const node = /** @type {Element | null} */ (target);
    // A toast is about the same things, and closing one should not close what it is in front of.
    return Boolean(node?.closest?.("#bell, #inbox, #toasts")) || node?.isConnected === false;
  }
}
