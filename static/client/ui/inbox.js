/**
 * `<cp-inbox open filter="unread" page-size="20" badge="unseen">`: a bell, and behind it what came while nobody looked.
 *
 * The panel is a dialog that keeps nobody in: the page goes on beside it, Escape and the bell close it, and the focus goes
 * back to the bell. One stop for Tab in the list: ↑ and ↓ walk, Enter opens, E archives, U turns read into unread. The
 * badge is the server's own number. What an app puts inside the element (such as preferences) stands under the list.
 */

import { define, fill, h, keyed, Widget } from "./base.js";

/** @typedef {import("../types.js").Notification} Notification */
/** @typedef {import("../types.js").NotificationAction} Action */

const ICONS = { info: "i", success: "✓", warning: "!", error: "×" };
/** As long as an archived one can be taken back. */
const UNDO_MS = 10_000;
const HOUR_MS = 3_600_000;
/** Seconds of each unit, the largest that fits is said. @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];
const SVG = "http://www.w3.org/2000/svg";

export class CpInbox extends Widget {
  static observedAttributes = ["open", "filter", "page-size", "badge"];
  static labels = {
    title: "Notifications", count: "{title}, {count} unread", close: "Close", all: "All", unread: "Unread", readAll: "Mark all read", archive: "Archive", read: "Mark read",
    again: "Mark unread", snooze: "In an hour", acknowledge: "Acknowledge", more: "Show more", empty: "Nothing here.", archived: "Archived.", readed: "Marked as read.",
    snoozed: "Comes back in an hour.", undo: "Undo", now: "now", info: "Information", success: "Success", warning: "Warning", error: "Error", failed: "That did not work: {why}",
  };
  static css = `
:host { display: inline-block; position: relative; }
.bell { position: relative; inline-size: 36px; block-size: 36px; padding: 0; display: grid; place-items: center; background: var(--_surface); }
svg { inline-size: 20px; block-size: 20px; fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linejoin: round; }
.badge { position: absolute; inset-block-start: -6px; inset-inline-end: -6px; min-inline-size: 20px; padding: 0 5px; border-radius: 99px; background: var(--_bad); color: var(--_surface); font: 600 12px/20px var(--cp-font, system-ui, sans-serif); text-align: center; font-variant-numeric: tabular-nums; }
.panel { position: absolute; z-index: var(--_z); inset-block-start: calc(100% + 8px); right: 0; inline-size: min(400px, calc(100vw - 24px)); max-block-size: min(620px, 80vh); overflow: auto; background: var(--_surface); border: 1px solid var(--_line); border-radius: var(--_radius); box-shadow: var(--_shadow); outline-offset: -2px; }
.panel.left { right: auto; left: 0; }
.row { display: flex; flex-wrap: wrap; align-items: center; gap: var(--_gap); padding: 8px 12px; }
.head { position: sticky; inset-block-start: 0; background: inherit; border-block-end: 1px solid var(--_line); z-index: 1; }
h2 { font: inherit; font-weight: 600; margin: 0; flex: 1; }
[role=tab][aria-selected=true] { border-color: var(--_accent); color: var(--_accent); font-weight: 600; }
li { display: grid; grid-template-columns: auto 1fr auto; gap: 2px 10px; padding: 10px 12px; border-block-end: 1px solid var(--_line); overflow-wrap: anywhere; outline-offset: -2px; }
.icon { color: var(--_tone); font-weight: 700; inline-size: 1em; text-align: center; }
[data-type=info] { --_tone: var(--_info); } [data-type=success] { --_tone: var(--_ok); } [data-type=warning] { --_tone: var(--_warn); } [data-type=error] { --_tone: var(--_bad); }
.title { font-weight: 600; }
.is-read .title { font-weight: 400; }
.message, time, .is-read .title, .empty { color: var(--_muted); }
.message, .actions { grid-column: 2 / -1; }
.actions { display: flex; flex-wrap: wrap; gap: 4px 6px; margin-block-start: 4px; }
.actions > * { font-size: 13px; padding: 1px 8px; }
.primary { border-color: var(--_accent); color: var(--_accent); }
@media (max-width: 480px) { .panel.panel { position: fixed; inset: auto 0 0; inline-size: auto; max-block-size: 85vh; border-end-start-radius: 0; border-end-end-radius: 0; } }`;

  /** The item that Tab stops at. */
  #at = "";
  /** How many are shown at most. */
  #limit = 0;
  #timer = 0;
  #wasOpen = false;

  build() {
    const root = /** @type {ShadowRoot} */ (this.shadowRoot);
    const bell = document.createElementNS(SVG, "svg");
    bell.setAttribute("viewBox", "0 0 20 20");
    bell.ariaHidden = "true";
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", "M10 2.5a5 5 0 0 0-5 5c0 4.5-2 5.5-2 7h14c0-1.5-2-2.5-2-7a5 5 0 0 0-5-5zM8 17a2 2 0 0 0 4 0");
    bell.append(path);
    this.badge = h("span", { className: "badge", part: "badge", ariaHidden: "true" });
    this.bell = button("bell", () => this.toggleAttribute("open"), { part: "bell", ariaHasPopup: "dialog" }, bell, this.badge);
    this.heading = h("h2");
    this.readAll = button("", () => this.#all(), {});
    this.close = button("", () => this.removeAttribute("open"), {}, "✕");
    this.tabs = ["all", "unread"].map((name) => button("", () => this.setAttribute("filter", name), { role: "tab", name }));
    this.said = h("span", { role: "status" });
    this.undo = button("", () => this.#undo(), { hidden: true });
    this.list = h("ul", { role: "list", onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event) });
    this.empty = h("p", { className: "row empty", part: "empty" });
    this.more = button("", () => this.#more(), {});
    const tabs = h("div", { className: "row", part: "tabs" }, h("div", { role: "tablist", className: "row-tabs", onkeydown: (/** @type {KeyboardEvent} */ event) => this.#turn(event) }, ...this.tabs), this.readAll);
    this.panel = h("section", { className: "panel", part: "panel", role: "dialog", tabIndex: -1, hidden: true },
      h("div", { className: "row head" }, this.heading, this.close), tabs,
      h("div", { className: "row", part: "undo" }, this.said, this.undo), this.list, this.empty, h("div", { className: "row" }, this.more), h("slot"));
    root.append(this.bell, this.panel);
    this.panel.addEventListener("keydown", (event) => event.key === "Escape" && this.removeAttribute("open"));
  }

  /** @param {import("./base.js").Client} client */
  begin(client) {
    this.#limit = this.number("page-size", 20);
    this.watch(client.notifications);
    this.onEnd(() => clearTimeout(this.#timer));
    this.listen(globalThis.window, "resize", () => this.update());
    this.listen(document, "pointerdown", (event) => !event.composedPath().includes(this) && this.removeAttribute("open"));
  }

  render() {
    const { client, labels, panel, bell, badge, list } = this;
    if (!client || !panel || !bell || !badge || !list) return;
    const { history, unreadCount, unseenCount, hasMore } = client.notifications.getSnapshot();
    const count = this.getAttribute("badge") === "unread" ? unreadCount : unseenCount;
    badge.hidden = count === 0;
    badge.textContent = count > 99 ? "99+" : String(count);
    const isOpen = this.hasAttribute("open");
    const filter = this.getAttribute("filter") === "unread" ? "unread" : "all";
    const fitting = filter === "unread" ? history.filter(({ read }) => !read) : history;
    const items = fitting.slice(0, this.#limit);
    const say = (/** @type {any} */ element, /** @type {string} */ text) => (element.textContent = text);
    say(this.heading, labels.title ?? "");
    bell.ariaLabel = unreadCount > 0 ? fill(String(labels.count), { title: labels.title, count: unreadCount }) : String(labels.title);
    panel.ariaLabel = String(labels.title);
    bell.ariaExpanded = String(isOpen);
    /** @type {any} */ (this.close).ariaLabel = labels.close;
    say(this.readAll, labels.readAll ?? "");
    /** @type {any} */ (this.readAll).disabled = unreadCount === 0;
    say(this.more, labels.more ?? "");
    /** @type {any} */ (this.more).hidden = !hasMore && fitting.length <= items.length;
    say(this.undo, labels.undo ?? "");
    say(this.empty, labels.empty ?? "");
    /** @type {any} */ (this.empty).hidden = items.length > 0;
    for (const tab of this.tabs ?? []) {
      say(tab, String(labels[tab.name]));
      tab.ariaSelected = String(tab.name === filter);
      tab.tabIndex = tab.name === filter ? 0 : -1;
    }
    const held = this.#focused();
    const place = [...list.children].indexOf(/** @type {any} */ (held));
    keyed(list, items, ({ id }) => id, () => h("li", { part: "item" }), (element, item) => this.#draw(element, item));
    // What had the focus went: its neighbour takes it.
    if (held && !held.isConnected) /** @type {HTMLElement} */ (list.children[Math.min(place, items.length - 1)] ?? panel).focus();
    if (!items.some(({ id }) => id === this.#at)) this.#at = items[0]?.id ?? "";
    this.#stop();
    const { left, right } = this.getBoundingClientRect();
    // To where there is room.
    panel.classList.toggle("left", left + right < innerWidth);
    panel.hidden = !isOpen;
    if (isOpen !== this.#wasOpen) this.#opened(isOpen);
  }

  /** @param {boolean} isOpen */
  #opened(isOpen) {
    this.#wasOpen = isOpen;
    this.tell(isOpen ? "open" : "close");
    if (isOpen) {
      this.panel?.focus();
      this.client?.notifications.markSeen().catch(() => {});
    } else if (this.shadowRoot?.activeElement || document.activeElement === document.body) this.bell?.focus();
  }

  /** @param {any} element @param {Notification} item */
  #draw(element, item) {
    const { id, type, title, message, timestamp, read, critical, acked, actions = [] } = item;
    const { labels } = this;
    const time = h("time", { dateTime: timestamp.toISOString(), title: timestamp.toLocaleString() }, ago(timestamp, String(labels.now)));
    element.querySelector("time")?.replaceWith(time);
    if (element.cpShown === item) return;
    element.cpShown = item;
    element.dataset.type = type;
    element.className = read ? "is-read" : "";
    const { notifications } = /** @type {import("./base.js").Client} */ (this.client);
    const icon = h("span", { className: "icon", role: "img", ariaLabel: labels[type] }, ICONS[type]);
    const own = (/** @type {string} */ label, /** @type {() => Promise<unknown>} */ act, said = "") => button("", () => this.#do(act, said), {}, String(labels[label]));
    const hadFocus = element.contains(this.shadowRoot?.activeElement);
    element.replaceChildren(icon, h("span", { className: "title", dir: "auto" }, title), time, h("span", { className: "message", dir: "auto" }, message),
      h("div", { className: "actions", part: "actions" },
        ...actions.map((action) => button("primary", () => this.#act(item, action), {}, action.label)),
        ...(critical && !acked ? [own("acknowledge", () => notifications.acknowledge(id))] : []),
        read ? own("again", () => notifications.markUnread([id])) : own("read", () => this.#read([id])),
        own("archive", () => notifications.archive([id]), "archived"), own("snooze", () => notifications.snooze([id], new Date(Date.now() + HOUR_MS)), "snoozed")));
    if (hadFocus) element.focus();
  }

  /** @param {string[] | "all"} ids */
  #read(ids) {
    this.tell("read", { ids });
    return /** @type {import("./base.js").Client} */ (this.client).notifications.markRead(ids);
  }

  #all() {
    this.#do(() => this.#read("all"), "readed");
  }

  /** Does it, and offers to take it back. @param {() => Promise<unknown>} act @param {string} [said] */
  #do(act, said) {
    act().then(() => said && this.#say(String(this.labels[said]), true), (error) => this.#say(fill(String(this.labels.failed), { why: error.message }), false));
  }

  /** @param {string} text @param {boolean} canUndo */
  #say(text, canUndo) {
    if (!this.said || !this.undo) return;
    clearTimeout(this.#timer);
    if (this.shadowRoot?.activeElement === this.undo && !canUndo) this.panel?.focus();
    this.said.textContent = text;
    this.undo.hidden = !canUndo;
    if (text) this.#timer = setTimeout(() => this.#say("", false), UNDO_MS);
  }

  #undo() {
    this.#do(() => /** @type {any} */ (this.client).notifications.undo());
    this.#say("", false);
  }

  #more() {
    this.#limit += this.number("page-size", 20);
    const { history, hasMore } = /** @type {import("./base.js").Client} */ (this.client).notifications.getSnapshot();
    if (hasMore && history.length < this.#limit) this.#do(() => /** @type {any} */ (this.client).notifications.loadMore());
    this.update();
  }

  /** @param {Notification} item @param {Action} action */
  #act({ id }, action) {
    const goOn = this.tell("action", { id, action: action.id });
    this.client?.notifications.act(id, action.id);
    this.#do(() => this.#read([id]));
    // The client lets only links through that lead to this place or to http.
    if (goOn && action.url) location.assign(action.url);
  }

  /** @returns {HTMLElement | null} the line that the focus is in */
  #focused() {
    return this.shadowRoot?.activeElement?.closest("li") ?? null;
  }

  /** Tab stops at one line and at what is in it. */
  #stop() {
    for (const line of /** @type {Iterable<any>} */ (this.list?.children ?? [])) {
      for (const each of [line, ...line.querySelectorAll("button")]) each.tabIndex = line.cpKey === this.#at ? 0 : -1;
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const line = /** @type {any} */ (this.#focused());
    const item = line?.cpShown;
    if (!item || event.ctrlKey || event.altKey || event.metaKey) return;
    const { notifications } = /** @type {import("./base.js").Client} */ (this.client);
    /** @type {Record<string, any>} */
    const steps = { ArrowDown: line.nextElementSibling, ArrowUp: line.previousElementSibling, Home: this.list?.firstElementChild, End: this.list?.lastElementChild };
    if (event.key in steps) {
      event.preventDefault();
      const next = steps[event.key];
      if (!next) return;
      this.#at = next.cpKey;
      this.#stop();
      next.focus();
    } else if (event.key === "Enter" && this.shadowRoot?.activeElement === line) {
      const link = item.actions?.find((/** @type {Action} */ { url }) => url);
      if (!this.tell("select", { notification: item })) return;
      if (link) this.#act(item, link);
      else this.#do(() => this.#read([item.id]));
    } else if (event.key.toLowerCase() === "e") this.#do(() => notifications.archive([item.id]), "archived");
    else if (event.key.toLowerCase() === "u") this.#do(() => (item.read ? notifications.markUnread([item.id]) : this.#read([item.id])));
  }

  /** @param {KeyboardEvent} event */
  #turn(event) {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const next = this.tabs?.find(({ ariaSelected }) => ariaSelected !== "true");
    next?.click();
    next?.focus();
  }
}

/** @param {string} className @param {() => void} onclick @param {Record<string, unknown>} props @param {...(Node | string)} children */
function button(className, onclick, props, ...children) {
  return h("button", { type: "button", className, onclick, ...props }, ...children);
}

/** @param {Date} date @param {string} now what stands for less than a minute */
function ago(date, now) {
  const seconds = (date.getTime() - Date.now()) / 1_000;
  const [unit, length] = UNITS.find(([, each]) => -seconds >= each) ?? [];
  return unit && length ? new Intl.RelativeTimeFormat(document.documentElement.lang || undefined, { numeric: "auto", style: "short" }).format(Math.round(seconds / length), unit) : now;
}

define("cp-inbox", CpInbox);
