/**
 * `<cp-toasts position="bottom-end" max="3" duration-scale="2" hotkey="F8">`: what wants attention, for its time.
 *
 * What is read out are two lines that are in the page from the start; the toasts beside them hold the buttons, and are
 * loaded with the first one. Nothing takes the focus; the hotkey goes there, Escape puts one away. Clocks stand still while
 * somebody looks, or looks elsewhere, and with them the bars that show how long each stays.
 */

import { define, h, listen, RAISED, TOOLS, UNSEEN, Widget } from "./base.js";

/** @typedef {import("../types.js").Notification} Notification */

export class CpToasts extends Widget {
  static observedAttributes = ["position", "max", "hotkey", "duration-scale"];
  static labels = { region: "Notifications ({hotkey})" };
  static css = `${RAISED}${UNSEEN}
:host{position:fixed;z-index:var(--cp-z,1000);bottom:16px;inset-inline-end:16px;width:min(var(--cp-toast-width,360px),calc(100vw - 32px));pointer-events:none}
:host([position^=top]){inset-block:16px auto}
:host([position$=start]){inset-inline:16px auto}
:host([position$=center]){inset-inline:0;margin-inline:auto}
.plain{padding:12px;white-space:pre-line}`;

  /** @type {Set<string>} what was read out, and told by `cp-show` */
  #told = new Set();
  #polite = h("div", "sr", { role: "status" });
  #urgent = h("div", "sr", { role: "alert" });
  /** What stands there while the toasts cannot be loaded. It was read out already. */
  #plain = h("div", "plain raised", { ariaHidden: "true", hidden: true });
  #region = h("section", "", { tabIndex: -1 }, this.#plain);
  /** @type {import("./toast-list.js").ToastList | null} */
  #list = null;
  #isLoading = false;

  constructor() {
    super();
    this.root.append(this.#polite, this.#urgent, this.#region);
  }

  begin() {
    // With the connection comes what could not be loaded without.
    this.watch(this.core.notifications, this.core);
    const look = () => this.hold("hidden", document.hidden);
    listen(this, document, "visibilitychange", look);
    look();
    listen(this, document, "keydown", (event) => this.#key(event));
    this.onEnd(() => ["hover", "focus", "hidden"].forEach((reason) => this.hold(reason, false)));
  }

  render() {
    const { notifications } = this.core;
    notifications.durationScale = this.number("duration-scale", 1) || Infinity;
    const all = notifications.getSnapshot().notifications;
    this.#region.ariaLabel = this.say("region", { hotkey: this.#hotkey });
    if (this.#list) this.#list.render(all);
    else if (all.length > 0) this.#load();
    this.#plain.textContent = all.map(({ title, message }) => `${title} ${message}`).reverse().join("\n");
    if (all.length === 0) this.#plain.hidden = true;
    for (const each of all) if (!this.#told.has(each.id)) this.#tell(each);
    this.#told = new Set(all.map(({ id }) => id));
  }

  async #load() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      const { ToastList, TOAST_LABELS } = await import("./toast-list.js");
      Object.assign(CpToasts.labels, TOAST_LABELS);
      this.#plain.remove();
      this.#list = new ToastList(this, this.#region, TOOLS);
      this.update();
    } catch {
      this.#plain.hidden = false;
    }
    this.#isLoading = false;
  }

  get #hotkey() {
    return this.getAttribute("hotkey") ?? "F8";
  }

  /** @param {string} reason @param {boolean} isHeld whether clocks stand still for it, and bars */
  hold(reason, isHeld) {
    this.#region.classList.toggle(reason, isHeld);
    if (isHeld) this.core.notifications.hold(reason);
    else this.core.notifications.release(reason);
  }

  /** @param {Notification} item */
  #tell({ id, type, title, message }) {
    (type === "error" ? this.#urgent : this.#polite).textContent = `${title} ${message}`.trim();
    this.tell("show", { id });
  }

  /** @param {string} id @param {string} by */
  dismiss(id, by) {
    this.core.notifications.hideNotification(id);
    this.tell("dismiss", { id, by });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { activeElement } = this.root;
    if (event.key === this.#hotkey) {
      event.preventDefault();
      this.#region.focus();
    } else if (event.key === "Escape" && activeElement) {
      const id = /** @type {any} */ (activeElement.closest("li"))?.cpKey ?? this.core.notifications.getSnapshot().notifications.at(-1)?.id;
      if (id) this.dismiss(id, "escape");
    }
  }
}

define("cp-toasts", CpToasts);
