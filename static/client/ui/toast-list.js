/** The toasts themselves, with what can be done to them: `<cp-toasts>` loads this when the first one comes. */

import { NOTICE_LABELS, Notices } from "./notice.js";

/** @typedef {import("../types.js").Notification} Notification */

export const TOAST_LABELS = { ...NOTICE_LABELS, close: "Dismiss: {title}", more: "{count} more" };
const CSS = `
ul{display:grid;gap:var(--cp-gap,8px)}
li{pointer-events:auto;position:relative;overflow:hidden;animation:in var(--cp-speed,160ms)}
.close{border:0;padding:0;margin:-4px -4px 0 0;color:var(--_muted)}
.progress{position:absolute;inset:auto 0 0;height:3px;background:var(--_tone);transform-origin:left;animation:run linear both}
:host(:dir(rtl)) .progress{transform-origin:right}
:is(.hover,.focus,.hidden) .progress{animation-play-state:paused}
.more{width:fit-content;padding:2px 12px;margin-top:var(--cp-gap,8px)}
.more:empty{display:none}
@media (prefers-reduced-motion:reduce){.progress{display:none}}
@keyframes in{from{opacity:0;transform:translateY(8px)}}
@keyframes run{to{transform:scaleX(0)}}`;

export class ToastList extends Notices {
  #region;
  #list;
  #more;

  /** @param {import("./toasts.js").CpToasts} host @param {HTMLElement} region where they stand @param {import("./base.js").Tools} tools */
  constructor(host, region, tools) {
    super(host, tools, CSS);
    const { h } = tools;
    this.toasts = host;
    this.#region = region;
    this.#list = h("ul", "region");
    this.#more = h("div", "more raised");
    for (const [event, reason, isHeld] of /** @type {const} */ ([["pointerenter", "hover", true], ["pointerleave", "hover", false], ["focusin", "focus", true], ["focusout", "focus", false]])) {
      this.#list.addEventListener(event, () => host.hold(reason, isHeld));
    }
    region.append(this.#list, this.#more);
  }

  /** @param {readonly Notification[]} all oldest first */
  render(all) {
    const { host } = this;
    const shown = all.slice(-host.number("max", 3)).reverse();
    const rest = all.length - shown.length;
    const hadFocus = host.root.activeElement;
    this.tools.keyed(this.#list, shown, ({ id }) => id, () => this.tools.h("li", "toast raised"), (element, item) => this.draw(element, item));
    // The button under the focus went with its toast: the region keeps the place.
    if (hadFocus && !host.root.activeElement && shown.length > 0) this.#region.focus();
    if (shown.length === 0) for (const reason of ["hover", "focus"]) this.toasts.hold(reason, false);
    this.#more.textContent = rest > 0 ? host.say("more", { count: rest }) : "";
  }

  /** @param {Notification} item @override */
  extras({ id, title }) {
    const { button, h } = this.tools;
    const close = button("close", () => this.toasts.dismiss(id, "button"), "✕");
    close.ariaLabel = this.host.say("close", { title });
    const left = this.host.core.notifications.timeLeft(id);
    const bar = h("div", "progress");
    bar.style.animationDuration = `${left}ms`;
    return left < Infinity ? [close, bar] : [close];
  }
}
