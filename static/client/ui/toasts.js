/**
 * `<cp-toasts position="bottom-end" max="3" duration-scale="1" hotkey="F8">`: what wants attention, for its time.
 *
 * What is read out are two lines that are in the page from the start; the toasts beside them hold the buttons. Nothing takes
 * the focus; the hotkey goes there, Escape puts one away. Clocks stand still while somebody looks, or looks elsewhere.
 */

import { define, h, iconOf, keyed, Widget } from "./base.js";

/** @typedef {import("../types.js").Notification} Notification */

/** Whoever comes back to what stood still gets at least so long to read it. */
const RESUME_MS = 2_000;

export class CpToasts extends Widget {
  static observedAttributes = ["position", "max", "duration-scale", "hotkey"];
  static labels = { region: "Notifications ({hotkey})", close: "Dismiss: {title}", more: "{count} more", info: "Information", success: "Success", warning: "Warning", error: "Error" };
  static css = `
:host{position:fixed;z-index:var(--_z);inset-block-end:16px;inset-inline-end:16px;width:min(var(--_toast-width),100vw - 32px);pointer-events:none}
:host([position^=top]){inset-block:16px auto}
:host([position$=start]){inset-inline:16px auto}
:host([position$=center]){inset-inline:0;margin-inline:auto}
.region{display:grid;gap:var(--_gap)}
.toast{position:relative;overflow:hidden;pointer-events:auto;display:grid;grid-template-columns:auto 1fr auto;gap:4px 10px;border-inline-start:4px solid var(--_tone);animation:in var(--_speed)}
.text{display:grid;justify-items:start}
.actions{grid-column:2/-1}
.close{border:0;padding:0;margin:-4px -6px 0 0;align-self:start}
.progress{position:absolute;inset:auto 0 0;height:2px;background:var(--_tone);opacity:.6;transform-origin:0}
.more{margin-block-start:var(--_gap);width:fit-content;padding-block:2px}
@keyframes in{from{opacity:0;translate:0 8px}}`;

  /** Why the clocks stand still. @type {Set<string>} */
  #holders = new Set();
  #polite = h("div", "sr", { role: "status" });
  #urgent = h("div", "sr", { role: "alert" });
  #list = h("ul", "region", { onpointerenter: () => this.#hold("hover"), onpointerleave: () => this.#hold("hover", false) });
  #more = h("div", "more");
  #region = h("section", "", { tabIndex: -1 }, this.#list, this.#more);

  constructor() {
    super();
    this.#list.addEventListener("focusin", () => this.#hold("focus"));
    this.#list.addEventListener("focusout", () => this.#hold("focus", false));
    this.root.append(this.#polite, this.#urgent, this.#region);
  }

  /** @param {import("./base.js").Client} client */
  begin({ notifications }) {
    // The bars are the clocks here; the client's own would know neither the scale nor what is looked at.
    notifications.hold("cp-toasts");
    this.onEnd(() => notifications.release("cp-toasts"));
    this.watch(notifications);
    const look = () => this.#hold("hidden", document.hidden);
    this.listen("visibilitychange", look);
    look();
    this.listen("keydown", (event) => this.#key(event));
  }

  render() {
    const all = this.client.notifications.getSnapshot().notifications;
    const max = this.number("max", 3);
    const hotkey = this.#hotkey;
    this.#region.ariaLabel = this.say("region", { hotkey });
    const hadFocus = this.root.activeElement;
    /** @type {Notification[]} */
    const fresh = [];
    const make = (/** @type {Notification} */ notification) => {
      fresh.unshift(notification);
      return h("li", "toast");
    };
    keyed(this.#list, [...all].reverse(), ({ id }) => id, make, (element, notification) => this.#draw(element, notification));
    // Those that wait behind the others go with their time, too: nobody wants an hour of them one after the other.
    [...this.#list.children].forEach((element, at) => /** @type {HTMLElement} */ (element).hidden = at >= max);
    // The button under the focus went with its toast: the region keeps the place.
    if (hadFocus && !this.root.activeElement && all.length > 0) this.#region.focus();
    if (!this.#list.contains(this.root.activeElement)) this.#hold("focus", false);
    if (all.length === 0) this.#hold("hover", false);
    this.#more.hidden = all.length <= max;
    this.#more.textContent = this.say("more", { count: all.length - max });
    for (const { id, type, title, message } of fresh) {
      (type === "error" ? this.#urgent : this.#polite).textContent = `${title} ${message}`.trim();
      this.tell("show", { id });
    }
  }

  get #hotkey() {
    return this.getAttribute("hotkey") ?? "F8";
  }

  /** @param {any} element @param {Notification} notification */
  #draw(element, notification) {
    if (element.cpShown === notification) return;
    element.cpShown = notification;
    const { id, type, title, message } = notification;
    element.dataset.type = type;
    const actions = this.actions(notification);
    const progress = h("span", "progress");
    element.replaceChildren(
      iconOf(type, this.say(type)),
      h("div", "text", {}, h("bdi", "title", {}, title), h("bdi", "message", {}, message)),
      h("button", "close", { onclick: () => this.#dismiss(id, "button"), ariaLabel: this.say("close", { title }) }, "✕"),
      ...(actions.length > 0 ? [h("div", "actions", {}, ...actions)] : []), progress);
    const time = this.#timeOf(notification);
    progress.hidden = time === Infinity;
    if (progress.hidden) return;
    const clock = progress.animate({ scale: ["1", "0 1"] }, { duration: time, id: "clock" });
    clock.onfinish = () => this.#dismiss(id, "time");
    if (this.#holders.size > 0) clock.pause();
  }

  /** ms that it stays, as the client has them. @param {Notification} notification */
  #timeOf({ duration, type, critical, actions = [] }) {
    const stays = critical || actions.length > 0 || type === "error";
    return (duration ?? (stays ? Infinity : type === "warning" ? 8_000 : 5_000)) * this.number("duration-scale", 1) * (this.client.notifications.preferences.durations ?? Infinity);
  }

  /** @param {string} reason @param {boolean} [isHeld] */
  #hold(reason, isHeld = true) {
    const before = this.#holders.size;
    if (isHeld) this.#holders.add(reason);
    else this.#holders.delete(reason);
    if (!before === !this.#holders.size) return;
    for (const clock of /** @type {any[]} */ (this.#list.getAnimations({ subtree: true }))) {
      if (clock.id !== "clock") continue;
      if (isHeld) clock.pause();
      else {
        clock.currentTime = Math.min(clock.currentTime, clock.effect.getTiming().duration - RESUME_MS);
        clock.play();
      }
    }
  }

  /** @param {string} id @param {string} by */
  #dismiss(id, by) {
    this.client.notifications.hideNotification(id);
    this.tell("dismiss", { id, by });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { activeElement } = this.root;
    if (event.key === this.#hotkey) {
      event.preventDefault();
      this.#region.focus();
    } else if (event.key === "Escape" && activeElement) {
      const inside = /** @type {any} */ (activeElement.closest("li") ?? this.#list.firstElementChild);
      if (inside) this.#dismiss(inside.cpKey, "escape");
    }
  }
}

define("cp-toasts", CpToasts);
