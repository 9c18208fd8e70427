/** What toasts and inbox have in common once there is something to show: how it looks, and what its buttons do. */

/** @typedef {import("../types.js").Notification} Notification */
/** @typedef {import("../types.js").NotificationAction} Action */

const ICONS = { info: "i", success: "✓", warning: "!", error: "×" };

export const NOTICE_LABELS = { info: "Information", success: "Success", warning: "Warning", error: "Error" };
export const NOTICE_CSS = `
li{display:grid;grid-template-columns:auto 1fr auto;gap:2px 10px;padding:12px}
[data-type=info]{--_tone:var(--_info)}[data-type=success]{--_tone:var(--_ok)}[data-type=warning]{--_tone:var(--_warn)}[data-type=error]{--_tone:var(--_bad)}
.icon{color:var(--_tone);background:color-mix(in srgb,var(--_tone) 12%,transparent);border-radius:50%;width:22px;font:700 13px/22px system-ui;text-align:center;grid-row:span 2;align-self:start}
.title{font-weight:600}
.title,.message{justify-self:start}
.message{color:var(--_muted)}
.message,.actions{grid-column:2 / -1}
.actions{display:flex;flex-wrap:wrap;gap:4px 6px;margin-top:4px}
.message:empty,.actions:empty{display:none}
.primary{border-color:currentColor;color:var(--_accent)}`;

/** A list of them, which an element makes when the first one comes. */
export class Notices {
  /** @param {import("./base.js").Widget} host whose list it is @param {import("./base.js").Tools} tools @param {string} css its own */
  constructor(host, tools, css) {
    this.host = host;
    this.tools = tools;
    host.wear(NOTICE_CSS + css);
  }

  /** @param {any} element @param {Notification} item */
  draw(element, item) {
    if (element.cpShown === item) return;
    element.cpShown = item;
    const { button, h } = this.tools;
    const { type, title, message, actions = [] } = item;
    const hadFocus = element.contains(this.host.root.activeElement);
    const [corner, ...own] = this.extras(item);
    element.dataset.type = type;
    element.replaceChildren(
      h("span", "icon", { role: "img", ariaLabel: this.host.say(type) }, ICONS[type]), h("span", "title", { dir: "auto" }, title),
      /** @type {Node} */ (corner), h("span", "message", { dir: "auto" }, message),
      h("div", "actions", {}, ...actions.map((action) => button("primary", () => this.act(item, action), action.label)), ...own));
    if (hadFocus) element.focus();
  }

  /** What stands in its corner, and behind its own buttons. @param {Notification} _item @returns {Node[]} */
  extras(_item) {
    return [];
  }

  /** @param {Notification} item @param {Action} action */
  act({ id }, { id: action, url }) {
    const goOn = this.host.tell("action", { id, action });
    this.host.core.notifications.act(id, action);
    if (goOn && url && this.tools.isSafe(url)) location.assign(url);
  }
}
