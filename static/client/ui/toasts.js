/**
 * `<cp-toasts position="bottom-end" max="3" duration-scale="2" hotkey="F8">`: what wants attention, for its time.
 *
 * What is read out are two lines that are in the page from the start; the toasts beside them hold the buttons. Nothing takes
 * the focus; the hotkey goes there, Escape puts one away. Clocks stand still while somebody looks, or looks elsewhere, and
 * with them the bars that show how long each stays.
 */

import { button, define, h, keyed } from "./base.js";
import { NOTICE_CSS, NOTICE_LABELS, Notices } from "./notice.js";

/** @typedef {import("../types.js").Notification} Notification */

export class CpToasts extends Notices {
  static observedAttributes = ["position", "max", "hotkey", "duration-scale"];
  static labels = { ...NOTICE_LABELS, region: "Notifications ({hotkey})", close: "Dismiss: {title}", more: "{count} more" };
  static css = `${NOTICE_CSS}
:host{position:fixed;z-index:var(--_z);bottom:16px;inset-inline-end:16px;width:min(var(--cp-toast-width,360px),calc(100vw - 32px));pointer-events:none}
:host([position^=top]){inset-block:16px auto}
:host([position$=start]){inset-inline:16px auto}
:host([position$=center]){inset-inline:0;margin-inline:auto}
ul{display:grid;gap:var(--_gap)}
li{pointer-events:auto;position:relative;overflow:hidden;animation:in var(--_speed)}
.close{border:0;padding:0;margin:-4px -4px 0 0;color:var(--_muted)}
.progress{position:absolute;inset:auto 0 0;height:3px;background:var(--_tone);transform-origin:left;animation:run linear both}
:host(:dir(rtl)) .progress{transform-origin:right}
:is(.hover,.focus,.hidden) .progress{animation-play-state:paused}
.more{width:fit-content;padding:2px 12px;margin-top:var(--_gap)}
.more:empty{display:none}
@media (prefers-reduced-motion:reduce){.progress{display:none}}
@keyframes in{from{opacity:0;transform:translateY(8px)}}
@keyframes run{to{transform:scaleX(0)}}`;

  /** @type {Set<string>} what was read out, and told by `cp-show` */
  #told = new Set();
  #polite = h("div", "sr", { role: "status" });
  #urgent = h("div", "sr", { role: "alert" });
  #list = h("ul", "region", {
    onpointerenter: () => this.#hold("hover", true), onpointerleave: () => this.#hold("hover", false), onfocusin: () => this.#hold("focus", true), onfocusout: () => this.#hold("focus", false),
  });
  #more = h("div", "more raised");
  #region = h("section", "", { tabIndex: -1 }, this.#list, this.#more);

  constructor() {
    super();
    this.root.append(this.#polite, this.#urgent, this.#region);
  }

  begin() {
    this.watch(this.core.notifications);
    const look = () => this.#hold("hidden", document.hidden);
    this.listen(document, "visibilitychange", look);
    look();
    this.listen(document, "keydown", (event) => this.#key(event));
    this.onEnd(() => ["hover", "focus", "hidden"].forEach((reason) => this.#hold(reason, false)));
  }

  render() {
    const { notifications } = this.core;
    notifications.durationScale = this.number("duration-scale", 1) || Infinity;
    const all = notifications.getSnapshot().notifications;
    const shown = all.slice(-this.number("max", 3)).reverse();
    const rest = all.length - shown.length;
    const hadFocus = this.root.activeElement;
    this.#region.ariaLabel = this.say("region", { hotkey: this.#hotkey });
    keyed(this.#list, shown, ({ id }) => id, () => h("li", "toast raised"), (element, item) => this.draw(element, item));
    // The button under the focus went with its toast: the region keeps the place.
    if (hadFocus && !this.root.activeElement && shown.length > 0) this.#region.focus();
    if (shown.length === 0) for (const reason of ["hover", "focus"]) this.#hold(reason, false);
    this.#more.textContent = rest > 0 ? this.say("more", { count: rest }) : "";
    for (const each of all) if (!this.#told.has(each.id)) this.#tell(each);
    this.#told = new Set(all.map(({ id }) => id));
  }

  get #hotkey() {
    return this.getAttribute("hotkey") ?? "F8";
  }

  /** @param {string} reason @param {boolean} isHeld */
  #hold(reason, isHeld) {
    this.#list.classList.toggle(reason, isHeld);
    if (isHeld) this.core.notifications.hold(reason);
    else this.core.notifications.release(reason);
  }

  /** @param {Notification} item */
  extras({ id, title }) {
    const close = button("close", () => this.#dismiss(id, "button"), "✕");
    close.ariaLabel = this.say("close", { title });
    const left = this.core.notifications.timeLeft(id);
    const bar = h("div", "progress");
    bar.style.animationDuration = `${left}ms`;
    return left < Infinity ? [close, bar] : [close];
  }

  /** @param {Notification} item */
  #tell({ id, type, title, message }) {
    (type === "error" ? this.#urgent : this.#polite).textContent = `${title} ${message}`.trim();
    this.tell("show", { id });
  }

  /** @param {string} id @param {string} by */
  #dismiss(id, by) {
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
      const inside = /** @type {any} */ (activeElement.closest("li") ?? this.#list.firstElementChild);
      if (inside) this.#dismiss(inside.cpKey, "escape");
    }
  }
}

define("cp-toasts", CpToasts);
