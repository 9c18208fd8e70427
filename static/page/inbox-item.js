/** One line of the inbox. */

import { element } from "./dom.js";
import { isOpen } from "./inbox-list.js";
import { levelIcon, levelWord, linkElements, readLevel } from "./levels.js";
import { snoozes } from "./inbox.js";

/** @typedef {"read" | "unread" | "archived" | "unarchived" | "ack" | "follow" | { snooze: Date }} Deed */

/**
 * @param {import("./inbox-list.js").Item} item
 * @param {(deed: Deed) => void} onDeed
 * @returns {Node[]} what stands in the line
 */
export function itemParts(item, onDeed) {
  const isRead = (item.read ?? null) !== null;
  return [
    element("span", { class: "toast-icon" }, [levelIcon(item.level)]),
    element("div", { class: "item-text" }, [
      element("div", { class: "item-head" }, [
        element("span", { class: "level-word", text: levelWord(item) }),
        isRead ? null : element("span", { class: "item-unread", text: "Unread" }),
        moment(item.at),
      ]),
      element("strong", { class: "item-title", text: String(item.title ?? "") }),
      item.message ? element("p", { class: "item-message", text: String(item.message) }) : null,
      about(item),
      element("div", { class: "item-deeds" }, [...linkElements(item.actions, () => onDeed("follow")), ...deeds(item, isRead, onDeed)]),
    ]),
  ];
}

/** @param {HTMLElement} node the line @param {import("./inbox-list.js").Item} item */
export function markLine(node, item) {
  node.dataset.level = readLevel(item.level);
  node.classList.toggle("is-unread", (item.read ?? null) === null);
  node.classList.toggle("is-critical", isOpen(item));
}

/** @param {import("./inbox-list.js").Item} item @param {boolean} isRead @param {(deed: Deed) => void} onDeed */
function deeds(item, isRead, onDeed) {
  const acknowledge = isOpen(item) ? [button("ack", "Acknowledge", () => onDeed("ack"))] : [];
  if (item.archived) return [...acknowledge, button("unarchived", "Back to the inbox", () => onDeed("unarchived"))];
  if (item.snoozed_until) return [...acknowledge, button("unarchived", "Back now", () => onDeed("unarchived"))];
  const read = isRead
    ? button("unread", "Mark unread", () => onDeed("unread"))
    : button("read", "Mark read", () => onDeed("read"));
  return [...acknowledge, read, button("archived", "Archive", () => onDeed("archived")), snooze(onDeed)];
}

/** @param {(deed: Deed) => void} onDeed */
function snooze(onDeed) {
  const until = (/** @type {"hour" | "morning"} */ which) => () => onDeed({ snooze: snoozes(new Date())[which] });
  const summary = element("summary", { class: "deed", text: "Snooze" });
  summary.dataset.deed = "snooze";
  return element("details", { class: "snooze" }, [
    summary,
    button("hour", "For an hour", until("hour")),
    button("morning", "Until tomorrow morning", until("morning")),
  ]);
}

/** @param {string} deed @param {string} text @param {() => void} act */
function button(deed, text, act) {
  const node = element("button", { class: "deed", text });
  node.setAttribute("type", "button");
  node.dataset.deed = deed;
  node.addEventListener("click", act);
  return node;
}

/** @param {import("./inbox-list.js").Item} item what it is about, and when it comes back */
function about({ topic, room, snoozed_until: until }) {
  const words = [topic, room, until ? `snoozed until ${whole(new Date(until))}` : null];
  const text = words.filter(Boolean).join(" · ");
  return text === "" ? null : element("p", { class: "item-about", text });
}

/** @param {unknown} at */
function moment(at) {
  const date = new Date(String(at));
  if (Number.isNaN(date.getTime())) return null;
  const isToday = date.toDateString() === new Date().toDateString();
  const text = isToday
    ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleDateString([], { day: "numeric", month: "short" });
  const time = element("time", { text });
  time.setAttribute("datetime", date.toISOString());
  time.title = whole(date);
  return time;
}

/** @param {Date} date */
function whole(date) {
  return date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
