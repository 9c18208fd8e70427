/**
 * What is behind the bell: `<cp-inbox>` loads this when it is first opened.
 *
 * The panel is a dialog that keeps nobody in: the page goes on beside it. One stop for Tab in the list: ↑ and ↓ walk, Enter
 * opens, E archives, U turns read into unread. What an app puts inside the element (such as preferences) stands under the
 * list.
 */

import { NOTICE_LABELS, Notices } from "./notice.js";

/** @typedef {import("../types.js").Notification} Notification */
/** @typedef {import("../types.js").NotificationAction} Action */

/** As long as an archived one can be taken back. */
const UNDO_MS = 10_000;
const HOUR_MS = 3_600_000;
/** Seconds of each unit, the largest that fits is said. @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

export const PANEL_LABELS = {
  ...NOTICE_LABELS, close: "Close", all: "All", unread: "Unread", readAll: "Mark all read", archive: "Archive", read: "Mark read", again: "Mark unread", snooze: "In an hour",
  acknowledge: "Acknowledge", more: "Show more", empty: "Nothing here.", archived: "Archived.", readed: "Marked as read.", snoozed: "Comes back in an hour.", undo: "Undo", now: "now",
  failed: "That did not work: {why}",
};
const CSS = `
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.panel{overflow:auto;outline-offset:-2px}
@media (width<=480px){.panel{max-height:85vh;border-end-start-radius:0;border-end-end-radius:0}}
@media (width>480px){.panel{position:absolute;inset:calc(100% + 8px) 0 auto auto;width:min(400px,calc(100vw - 24px));max-height:min(620px,80vh)}.left{right:auto;left:0}}
.row{display:flex;flex-wrap:wrap;align-items:center;gap:var(--cp-gap,8px)}
.panel>.row:not(.sr){padding:8px 12px}
.head,.undo{position:sticky;inset-block:0;background:inherit;z-index:1}
h2,.said{font:inherit;margin:0;flex:1}
h2,[aria-selected=true]{font-weight:600}
[aria-selected=true]{background:var(--_bg)}
.head button,.tabs button,.own{border-color:transparent}
.readall{margin-inline-start:auto}
.readall,.own,.empty,time,.is-read .title{color:var(--_muted)}
li{border-top:1px solid var(--_line);border-inline-start:3px solid var(--_accent);outline-offset:-2px}
.is-read{border-inline-start:0;padding-inline-start:15px}
.is-read .title{font-weight:400}
time,.actions button{font-size:13px}
.own{padding-inline:4px}
.own:first-child{margin-inline-start:-5px}`;

export class InboxPanel extends Notices {
  /** The item that Tab stops at. */
  #at = "";
  /** How many are shown at most. */
  #limit = 0;
  #timer = 0;

  #panel;
  #heading;
  #close;
  #tabs;
  #readAll;
  #list;
  #empty;
  #more;
  #said;
  #undo;
  #foot;

  /** @param {import("./inbox.js").CpInbox} host @param {HTMLElement} panel to be filled @param {import("./base.js").Tools} tools */
  constructor(host, panel, tools) {
    super(host, tools, CSS);
    const { button, h } = tools;
    this.#panel = panel;
    this.#heading = h("h2");
    this.#close = button("", () => host.removeAttribute("open"), "✕");
    this.#tabs = ["all", "unread"].map((name) => Object.assign(button("", () => host.setAttribute("filter", name)), { role: "tab", name }));
    this.#readAll = button("readall", () => this.#do(() => this.#read("all"), "readed"));
    this.#list = h("ul", "list", { role: "list", onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event), onclick: (/** @type {any} */ { target }) => this.#open(target.closest("button,li")?.cpShown) });
    this.#empty = h("p", "empty row");
    this.#more = button("", () => this.#older());
    this.#said = h("span", "said", { role: "status" });
    this.#undo = button("", () => {
      this.#do(() => host.core.notifications.undo());
      this.#report();
    });
    this.#foot = h("div", "undo row", {}, this.#said, this.#undo);
    panel.replaceChildren(
      h("div", "head row", {}, this.#heading, this.#close),
      h("div", "tabs row", {}, h("div", "row", { role: "tablist", onkeydown: (/** @type {KeyboardEvent} */ event) => this.#turn(event) }, ...this.#tabs), this.#readAll),
      this.#list, this.#empty, h("div", "row", {}, this.#more), h("slot"), this.#foot);
    this.begin();
  }

  /** Once for each client. */
  begin() {
    this.#limit = this.host.number("page-size", 20);
    addEventListener("resize", this.host.update);
    this.host.onEnd(() => {
      removeEventListener("resize", this.host.update);
      clearTimeout(this.#timer);
    });
    this.#report();
  }

  render() {
    const { host } = this;
    const { left, right } = host.getBoundingClientRect();
    // To where there is room.
    this.#panel.classList.toggle("left", left + right < innerWidth);
    const { history, unreadCount, hasMore } = host.core.notifications.getSnapshot();
    const filter = host.getAttribute("filter") === "unread" ? "unread" : "all";
    const fitting = filter === "all" ? history : history.filter(({ read }) => !read);
    const items = fitting.slice(0, this.#limit);
    this.#heading.textContent = host.say("title");
    this.#close.ariaLabel = host.say("close");
    this.#readAll.textContent = host.say("readAll");
    this.#readAll.hidden = unreadCount === 0;
    this.#undo.textContent = host.say("undo");
    this.#empty.textContent = host.say("empty");
    this.#empty.hidden = items.length > 0;
    this.#more.textContent = host.say("more");
    /** @type {HTMLElement} */ (this.#more.parentNode).hidden = !hasMore && fitting.length <= items.length;
    for (const tab of this.#tabs) {
      tab.textContent = host.say(tab.name);
      tab.ariaSelected = String(tab.name === filter);
      tab.tabIndex = tab.name === filter ? 0 : -1;
    }
    const held = this.#focused();
    const { children } = this.#list;
    const place = [...children].indexOf(held);
    this.tools.keyed(this.#list, items, ({ id }) => id, () => this.tools.h("li", "item"), (element, item) => this.draw(element, item));
    // What had the focus went: its neighbour takes it.
    if (held && !held.isConnected) /** @type {HTMLElement} */ (children[Math.min(place, items.length - 1)] ?? this.#panel).focus();
    if (!items.some(({ id }) => id === this.#at)) this.#at = items[0]?.id ?? "";
    this.#stop();
  }

  /** @param {any} element @param {Notification} item @override */
  draw(element, item) {
    element.querySelector("time")?.replaceWith(this.#time(item));
    element.classList.toggle("is-read", item.read);
    super.draw(element, item);
  }

  /** @param {Notification} item @override */
  extras(item) {
    const { id, read, critical, acked } = item;
    const { button } = this.tools;
    const { notifications } = this.host.core;
    const own = (/** @type {string} */ label, /** @type {() => Promise<unknown>} */ act, said = "") => button(label === "acknowledge" ? "primary" : "own", () => this.#do(act, said), this.host.say(label));
    return [
      this.#time(item), ...(critical && !acked ? [own("acknowledge", () => notifications.acknowledge(id))] : []),
      read ? own("again", () => notifications.markUnread([id])) : own("read", () => this.#read([id])),
      own("archive", () => notifications.archive([id]), "archived"), own("snooze", () => notifications.snooze([id], new Date(Date.now() + HOUR_MS)), "snoozed"),
    ];
  }

  /** @param {Notification} item */
  #time({ timestamp }) {
    return this.tools.h("time", "", { dateTime: timestamp.toISOString(), title: timestamp.toLocaleString() }, ago(timestamp, this.host.say("now")));
  }

  /** @param {string[] | "all"} ids */
  #read(ids) {
    this.host.tell("read", { ids });
    return this.host.core.notifications.markRead(ids);
  }

  /** Does it, and offers to take it back. @param {() => Promise<unknown>} act @param {string} [said] */
  #do(act, said) {
    act().then(() => said && this.#report(this.host.say(said), true), ({ message }) => this.#report(this.host.say("failed", { why: message })));
  }

  /** @param {string} [text] nothing puts the row away @param {boolean} [canUndo] */
  #report(text = "", canUndo = false) {
    clearTimeout(this.#timer);
    if (this.host.root.activeElement === this.#undo && !canUndo) this.#panel.focus();
    this.#said.textContent = text;
    this.#undo.hidden = !canUndo;
    this.#foot.classList.toggle("sr", !text);
    if (text) this.#timer = setTimeout(() => this.#report(), UNDO_MS);
  }

  #older() {
    this.#limit += this.host.number("page-size", 20);
    const { history, hasMore } = this.host.core.notifications.getSnapshot();
    if (hasMore && history.length < this.#limit) this.#do(() => this.host.core.notifications.loadMore());
    this.host.update();
  }

  /** @param {Notification} item @param {Action} action @override */
  act(item, action) {
    this.#do(() => this.#read([item.id]));
    super.act(item, action);
  }

  /** @returns {any} the line that the focus is in */
  #focused() {
    return this.host.root.activeElement?.closest("li");
  }

  /** Tab stops at one line and at what is in it. */
  #stop() {
    for (const line of /** @type {Iterable<any>} */ (this.#list.children)) {
      for (const each of [line, ...line.querySelectorAll("button")]) each.tabIndex = line.cpKey === this.#at ? 0 : -1;
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const line = this.#focused();
    if (!line || event.ctrlKey || event.altKey || event.metaKey) return;
    const { notifications } = this.host.core;
    const item = line.cpShown;
    const key = event.key.toLowerCase();
    /** @type {Record<string, any>} */
    const steps = { arrowdown: line.nextElementSibling, arrowup: line.previousElementSibling, home: this.#list.firstElementChild, end: this.#list.lastElementChild };
    if (key in steps) {
      event.preventDefault();
      const next = steps[key];
      if (!next) return;
      this.#at = next.cpKey;
      this.#stop();
      next.focus();
    } else if (key === "enter" && this.host.root.activeElement === line) this.#open(item);
    else if (key === "e") this.#do(() => notifications.archive([item.id]), "archived");
    else if (key === "u") this.#do(() => (item.read ? notifications.markUnread([item.id]) : this.#read([item.id])));
  }

  /** @param {Notification | undefined} item nothing for a button's own place */
  #open(item) {
    if (!item || !this.host.tell("select", { notification: item })) return;
    const link = item.actions?.find(({ url }) => url);
    if (link) this.act(item, link);
    else this.#do(() => this.#read([item.id]));
  }

  /** @param {KeyboardEvent} event */
  #turn({ key }) {
    if (!/^Arrow[LR]/.test(key)) return;
    const next = this.#tabs.find(({ ariaSelected }) => ariaSelected !== "true");
    next?.click();
    next?.focus();
  }
}

/** @param {Date} date @param {string} now what stands for less than a minute */
function ago(date, now) {
  const seconds = (date.getTime() - Date.now()) / 1_000;
  const [unit, length] = UNITS.find(([, each]) => -seconds >= each) ?? [];
  return unit && length ? new Intl.RelativeTimeFormat(document.documentElement.lang || undefined, { numeric: "auto", style: "short" }).format(Math.round(seconds / length), unit) : now;
}
