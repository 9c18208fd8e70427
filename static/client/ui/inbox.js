/**
 * `<cp-inbox open filter="unread" page-size="20" badge="unseen">`: a bell, and behind it what came while nobody looked.
 *
 * The panel is a dialog that keeps nobody in: the page goes on beside it, Escape and the bell close it, and the focus goes
 * back to the bell. One stop for Tab in the list: ↑ and ↓ walk, Enter opens, E archives, U turns read into unread. The
 * badge is the server's own number. What an app puts inside the element (such as preferences) stands under the list.
 */

import { button, define, h, keyed } from "./base.js";
import { NOTICE_CSS, NOTICE_LABELS, Notices } from "./notice.js";

/** @typedef {import("../types.js").Notification} Notification */
/** @typedef {import("../types.js").NotificationAction} Action */

/** As long as an archived one can be taken back. */
const UNDO_MS = 10_000;
const HOUR_MS = 3_600_000;
/** Seconds of each unit, the largest that fits is said. @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

export class CpInbox extends Notices {
  static observedAttributes = ["open", "filter", "page-size", "badge"];
  static labels = {
    ...NOTICE_LABELS, title: "Notifications", count: "{title}, {count} unread", close: "Close", all: "All", unread: "Unread", readAll: "Mark all read", archive: "Archive", read: "Mark read",
    again: "Mark unread", snooze: "In an hour", acknowledge: "Acknowledge", more: "Show more", empty: "Nothing here.", archived: "Archived.", readed: "Marked as read.",
    snoozed: "Comes back in an hour.", undo: "Undo", now: "now", failed: "That did not work: {why}",
  };
  static css = `${NOTICE_CSS}
:host{display:inline-block;position:relative}
.bell{position:relative;width:36px;height:36px;padding:0;display:grid;place-items:center;background:var(--_surface)}
.bell::before{content:"";width:20px;height:20px;background:currentColor;clip-path:path("M10 2C6.8 2 4.7 4.4 4.7 7.4c0 4.2-2.2 5.2-2.2 7.2h15c0-2-2.2-3-2.2-7.2C15.3 4.4 13.2 2 10 2zM7.8 16a2.2 2.2 0 0 0 4.4 0z")}
.badge{position:absolute;top:-6px;inset-inline-end:-6px;min-width:20px;padding:0 5px;border-radius:99px;background:var(--_bad);color:var(--_surface);font:600 12px/20px system-ui}
.panel{position:absolute;z-index:var(--_z);top:calc(100% + 8px);right:0;width:min(400px,calc(100vw - 24px));max-height:min(620px,80vh);overflow:auto;outline-offset:-2px}
.left{right:auto;left:0}
.panel>.row:not(.sr){padding:8px 12px}
.head,.undo{position:sticky;inset-block:0;background:inherit;z-index:1}
h2,.said{font:inherit;margin:0;flex:1}
h2,[aria-selected=true]{font-weight:600}
[aria-selected=true]{background:var(--_bg)}
.head button,.tabs button,.own{border-color:transparent}
.readall{margin-inline-start:auto}
.readall,.own,time,.is-read .title{color:var(--_muted)}
li{border-top:1px solid var(--_line);border-inline-start:3px solid var(--_accent);outline-offset:-2px}
.is-read{border-inline-start:0;padding-inline-start:15px}
.is-read .title{font-weight:400}
time,.actions button{font-size:13px}
.own{padding-inline:4px}
.own:first-child{margin-inline-start:-5px}
@media (forced-colors:active){.bell::before{background:CanvasText}}
@media (max-width:480px){.panel.panel{position:fixed;inset:auto 0 0;width:auto;max-height:85vh;border-end-start-radius:0;border-end-end-radius:0}}`;

  /** The item that Tab stops at. */
  #at = "";
  /** How many are shown at most. */
  #limit = 0;
  #timer = 0;
  #wasOpen = false;

  #badge = h("span", "badge", { ariaHidden: "true" });
  #bell = button("bell", () => this.toggleAttribute("open"), this.#badge);
  #heading = h("h2");
  #close = button("", () => this.removeAttribute("open"), "✕");
  #tabs = ["all", "unread"].map((name) => Object.assign(button("", () => this.setAttribute("filter", name)), { role: "tab", name }));
  #readAll = button("readall", () => this.#do(() => this.#read("all"), "readed"));
  #list = h("ul", "list", { role: "list", onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event), onclick: (/** @type {any} */ { target }) => this.#open(target.closest("button,li")?.cpShown) });
  #empty = h("p", "empty row muted");
  #more = button("", () => this.#older());
  #said = h("span", "said", { role: "status" });
  #undo = button("", () => {
    this.#do(() => this.core.notifications.undo());
    this.#report();
  });
  #foot = h("div", "undo row", {}, this.#said, this.#undo);
  #panel = h("section", "panel raised", { role: "dialog", tabIndex: -1, hidden: true, onkeydown: (/** @type {KeyboardEvent} */ { key }) => key === "Escape" && this.removeAttribute("open") },
    h("div", "head row", {}, this.#heading, this.#close),
    h("div", "tabs row", {}, h("div", "row", { role: "tablist", onkeydown: (/** @type {KeyboardEvent} */ event) => this.#turn(event) }, ...this.#tabs), this.#readAll),
    this.#list, this.#empty, h("div", "row", {}, this.#more), h("slot"), this.#foot);

  constructor() {
    super();
    this.#bell.ariaHasPopup = "dialog";
    this.root.append(this.#bell, this.#panel);
  }

  begin() {
    this.#limit = this.number("page-size", 20);
    this.watch(this.core.notifications);
    this.onEnd(() => clearTimeout(this.#timer));
    this.listen(window, "resize", () => this.update());
    this.listen(document, "pointerdown", (event) => event.composedPath().includes(this) || this.removeAttribute("open"));
    this.#report();
  }

  render() {
    const { history, unreadCount, unseenCount, hasMore } = this.core.notifications.getSnapshot();
    const count = this.getAttribute("badge") === "unread" ? unreadCount : unseenCount;
    const isOpen = this.hasAttribute("open");
    const filter = this.getAttribute("filter") === "unread" ? "unread" : "all";
    const fitting = filter === "all" ? history : history.filter(({ read }) => !read);
    const items = fitting.slice(0, this.#limit);
    const title = this.say("title");
    this.#badge.hidden = count === 0;
    this.#badge.textContent = count > 99 ? "99+" : String(count);
    this.#bell.ariaLabel = unreadCount > 0 ? this.say("count", { title, count: unreadCount }) : title;
    this.#bell.ariaExpanded = String(isOpen);
    this.#heading.textContent = this.#panel.ariaLabel = title;
    this.#close.ariaLabel = this.say("close");
    this.#readAll.textContent = this.say("readAll");
    this.#readAll.hidden = unreadCount === 0;
    this.#undo.textContent = this.say("undo");
    this.#empty.textContent = this.say("empty");
    this.#empty.hidden = items.length > 0;
    this.#more.textContent = this.say("more");
    /** @type {HTMLElement} */ (this.#more.parentNode).hidden = !hasMore && fitting.length <= items.length;
    for (const tab of this.#tabs) {
      tab.textContent = this.say(tab.name);
      tab.ariaSelected = String(tab.name === filter);
      tab.tabIndex = tab.name === filter ? 0 : -1;
    }
    const held = this.#focused();
    const { children } = this.#list;
    const place = [...children].indexOf(held);
    keyed(this.#list, items, ({ id }) => id, () => h("li", "item"), (element, item) => this.draw(element, item));
    // What had the focus went: its neighbour takes it.
    if (held && !held.isConnected) /** @type {HTMLElement} */ (children[Math.min(place, items.length - 1)] ?? this.#panel).focus();
    if (!items.some(({ id }) => id === this.#at)) this.#at = items[0]?.id ?? "";
    this.#stop();
    const { left, right } = this.getBoundingClientRect();
    // To where there is room.
    this.#panel.classList.toggle("left", left + right < innerWidth);
    this.#panel.hidden = !isOpen;
    if (isOpen !== this.#wasOpen) this.#opened(isOpen);
  }

  /** @param {boolean} isOpen */
  #opened(isOpen) {
    this.#wasOpen = isOpen;
    this.tell(isOpen ? "open" : "close");
    if (isOpen) {
      this.#panel.focus();
      this.core.notifications.markSeen().catch(() => {});
    } else if (this.root.activeElement || document.activeElement === document.body) this.#bell.focus();
  }

  /** @param {any} element @param {Notification} item */
  draw(element, item) {
    element.querySelector("time")?.replaceWith(this.#time(item));
    element.classList.toggle("is-read", item.read);
    super.draw(element, item);
  }

  /** @param {Notification} item */
  extras(item) {
    const { id, read, critical, acked } = item;
    const { notifications } = this.core;
    const own = (/** @type {string} */ label, /** @type {() => Promise<unknown>} */ act, said = "") => button(label === "acknowledge" ? "primary" : "own", () => this.#do(act, said), this.say(label));
    return [
      this.#time(item), ...(critical && !acked ? [own("acknowledge", () => notifications.acknowledge(id))] : []),
      read ? own("again", () => notifications.markUnread([id])) : own("read", () => this.#read([id])),
      own("archive", () => notifications.archive([id]), "archived"), own("snooze", () => notifications.snooze([id], new Date(Date.now() + HOUR_MS)), "snoozed"),
    ];
  }

  /** @param {Notification} item */
  #time({ timestamp }) {
    return h("time", "", { dateTime: timestamp.toISOString(), title: timestamp.toLocaleString() }, ago(timestamp, this.say("now")));
  }

  /** @param {string[] | "all"} ids */
  #read(ids) {
    this.tell("read", { ids });
    return this.core.notifications.markRead(ids);
  }

  /** Does it, and offers to take it back. @param {() => Promise<unknown>} act @param {string} [said] */
  #do(act, said) {
    act().then(() => said && this.#report(this.say(said), true), ({ message }) => this.#report(this.say("failed", { why: message })));
  }

  /** @param {string} [text] nothing puts the row away @param {boolean} [canUndo] */
  #report(text = "", canUndo = false) {
    clearTimeout(this.#timer);
    if (this.root.activeElement === this.#undo && !canUndo) this.#panel.focus();
    this.#said.textContent = text;
    this.#undo.hidden = !canUndo;
    this.#foot.classList.toggle("sr", !text);
    if (text) this.#timer = setTimeout(() => this.#report(), UNDO_MS);
  }

  #older() {
    this.#limit += this.number("page-size", 20);
    const { history, hasMore } = this.core.notifications.getSnapshot();
    if (hasMore && history.length < this.#limit) this.#do(() => this.core.notifications.loadMore());
    this.update();
  }

  /** @param {Notification} item @param {Action} action */
  act(item, action) {
    this.#do(() => this.#read([item.id]));
    super.act(item, action);
  }

  /** @returns {any} the line that the focus is in */
  #focused() {
    return this.root.activeElement?.closest("li");
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
    const { notifications } = this.core;
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
    } else if (key === "enter" && this.root.activeElement === line) this.#open(item);
    else if (key === "e") this.#do(() => notifications.archive([item.id]), "archived");
    else if (key === "u") this.#do(() => (item.read ? notifications.markUnread([item.id]) : this.#read([item.id])));
  }

  /** @param {Notification | undefined} item nothing for a button's own place */
  #open(item) {
    if (!item || !this.tell("select", { notification: item })) return;
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

define("cp-inbox", CpInbox);
