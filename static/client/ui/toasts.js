/**
 * `<cp-toasts position="bottom-end" max="3" hotkey="F8">`: what wants attention, for its time.
 *
 * What is read out are two lines that are in the page from the start; the toasts beside them hold the buttons. Nothing takes
 * the focus; the hotkey goes there, Escape puts one away. Clocks stand still while somebody looks, or looks elsewhere.
 */

import { define, fill, h, keyed, Widget } from "./base.js";

/** @typedef {import("../types.js").Notification} Notification */

const ICONS = { info: "i", success: "✓", warning: "!", error: "×" };

export class CpToasts extends Widget {
  static observedAttributes = ["position", "max", "hotkey"];
  static labels = { region: "Notifications ({hotkey})", close: "Dismiss: {title}", more: "{count} more", info: "Information", success: "Success", warning: "Warning", error: "Error" };
  static css = `
:host { position: fixed; z-index: var(--_z); inset-block-end: 16px; inset-inline-end: 16px; inline-size: min(var(--cp-toast-width, 360px), calc(100vw - 32px)); pointer-events: none; }
:host([position^=top]) { inset-block: 16px auto; }
:host([position$=start]) { inset-inline: 16px auto; }
:host([position$=center]) { inset-inline: 0; margin-inline: auto; }
ul { display: grid; gap: var(--_gap); }
li { pointer-events: auto; display: grid; grid-template-columns: auto 1fr auto; gap: 4px 10px; background: var(--_surface); border: 1px solid var(--_line); border-inline-start: 4px solid var(--_tone); border-radius: var(--_radius); box-shadow: var(--_shadow); padding: 10px 12px; animation: in var(--_speed); overflow-wrap: anywhere; }
[data-type=info] { --_tone: var(--_info); } [data-type=success] { --_tone: var(--_ok); } [data-type=warning] { --_tone: var(--_warn); } [data-type=error] { --_tone: var(--_bad); }
.icon { color: var(--_tone); font-weight: 700; inline-size: 1em; text-align: center; }
.title { font-weight: 600; }
.message { color: var(--_muted); }
.actions { display: flex; gap: var(--_gap); flex-wrap: wrap; grid-column: 2 / -1; }
.close { border: 0; padding: 0; }
.more { color: var(--_text); background: var(--_surface); border-radius: var(--_radius); padding: 2px 12px; justify-self: start; }
@keyframes in { from { opacity: 0; transform: translateY(8px); } }`;

  /** @type {Set<string>} what was read out, and told by `cp-show` */
  #told = new Set();

  build() {
    this.list = h("ul", { part: "region" });
    this.more = h("div", { className: "more", hidden: true });
    this.polite = h("div", { className: "sr", role: "status" });
    this.urgent = h("div", { className: "sr", role: "alert" });
    this.region = h("section", { tabIndex: -1 }, this.list, this.more);
    this.shadowRoot?.append(this.polite, this.urgent, this.region);
  }

  /** @param {import("./base.js").Client} client */
  begin(client) {
    const { notifications } = client;
    this.watch(notifications);
    const hold = (/** @type {string} */ reason, /** @type {boolean} */ isHeld) => (isHeld ? notifications.hold(reason) : notifications.release(reason));
    const list = /** @type {HTMLElement} */ (this.list);
    this.listen(list, "pointerenter", () => hold("hover", true));
    this.listen(list, "pointerleave", () => hold("hover", false));
    this.listen(list, "focusin", () => hold("focus", true));
    this.listen(list, "focusout", () => hold("focus", false));
    const look = () => hold("hidden", document.visibilityState === "hidden");
    this.listen(document, "visibilitychange", look);
    look();
    this.listen(document, "keydown", (event) => this.#key(event));
    this.onEnd(() => ["hover", "focus", "hidden"].forEach((reason) => void hold(reason, false)));
  }

  render() {
    const all = this.client?.notifications.getSnapshot().notifications ?? [];
    if (!this.list || !this.more || !this.region) return;
    const { labels } = this;
    const shown = all.slice(-this.number("max", 3)).reverse();
    this.region.ariaLabel = fill(String(labels.region), { hotkey: this.#hotkey });
    const hadFocus = this.shadowRoot?.activeElement;
    keyed(this.list, shown, ({ id }) => id, () => h("li", { part: "toast" }), (element, notification) => this.#draw(element, notification));
    // The button under the focus went with its toast: the region keeps the place.
    if (hadFocus && !this.shadowRoot?.activeElement && shown.length > 0) this.region.focus();
    if (shown.length === 0) for (const reason of ["hover", "focus"]) this.client?.notifications.release(reason);
    this.more.hidden = all.length <= shown.length;
    this.more.textContent = fill(String(labels.more), { count: all.length - shown.length });
    for (const each of all) if (!this.#told.has(each.id)) this.#tell(each);
    const there = new Set(all.map(({ id }) => id));
    for (const id of this.#told) if (!there.has(id)) this.#told.delete(id);
  }

  get #hotkey() {
    return this.getAttribute("hotkey") ?? "F8";
  }

  /** @param {any} element @param {Notification} notification */
  #draw(element, notification) {
    if (element.cpShown === notification) return;
    element.cpShown = notification;
    const { id, type, title, message, actions = [] } = notification;
    const { labels } = this;
    element.dataset.type = type;
    const icon = h("span", { className: "icon", part: "icon", role: "img" }, ICONS[type]);
    icon.ariaLabel = String(labels[type]);
    const close = h("button", { type: "button", className: "close", part: "close", onclick: () => this.#dismiss(id, "button") }, "✕");
    close.ariaLabel = fill(String(labels.close), { title });
    const text = h("div", {}, h("div", { className: "title", part: "title", dir: "auto" }, title), h("div", { className: "message", part: "message", dir: "auto" }, message));
    const buttons = actions.map((action) => h("button", { type: "button", onclick: () => this.#act(notification, action) }, action.label));
    element.replaceChildren(icon, text, close, ...(buttons.length > 0 ? [h("div", { className: "actions", part: "actions" }, ...buttons)] : []));
  }

  /** @param {Notification} notification */
  #tell({ id, type, title, message }) {
    this.#told.add(id);
    const line = type === "error" ? this.urgent : this.polite;
    if (line) line.textContent = `${title} ${message}`.trim();
    this.tell("show", { id });
  }

  /** @param {Notification} notification @param {import("../types.js").NotificationAction} action */
  #act({ id }, action) {
    const goOn = this.tell("action", { id, action: action.id });
    this.client?.notifications.act(id, action.id);
    // The client lets only links through that lead to this place or to http.
    if (goOn && action.url && /^(https?:\/\/|\/(?!\/))/.test(action.url)) location.assign(action.url);
  }

  /** @param {string} id @param {string} by */
  #dismiss(id, by) {
    this.client?.notifications.hideNotification(id);
    this.tell("dismiss", { id, by });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === this.#hotkey) {
      event.preventDefault();
      this.region?.focus();
    } else if (event.key === "Escape" && this.shadowRoot?.activeElement) {
      const inside = /** @type {any} */ (this.shadowRoot.activeElement.closest("li") ?? this.list?.firstElementChild);
      if (inside) this.#dismiss(inside.cpKey, "escape");
    }
  }
}

define("cp-toasts", CpToasts);
