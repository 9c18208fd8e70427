/**
 * Draws the inbox and hears what is done in it. A line keeps its element as long as it is listed, so that the focus
 * stays where it is while everything around it changes.
 *
 * One stop for Tab: ↑ and ↓ go from line to line, Enter opens, E archives, U turns read into unread and back.
 */

import { byId, element, setText } from "./dom.js";
import { itemParts, markLine } from "./inbox-item.js";
import { links } from "./levels.js";

const NOTHING = { all: "Nothing here yet.", unread: "You have read everything.", archived: "Nothing is archived.", snoozed: "Nothing is snoozed." };
const UNDONE = { archived: "Archived.", snoozed: "Snoozed.", read: "All marked as read." };
const CONTROLS = "a, button, summary";

export class InboxView {
  /** @type {import("./inbox.js").Inbox} */
  #inbox;
  #list = byId("inbox-list");
  /** @type {Map<string, { node: HTMLElement, drawn: string }>} */
  #byId = new Map();
  /** The line that Tab stops at. */
  #current = "";

  /** @param {import("./inbox.js").Inbox} inbox */
  constructor(inbox) {
    this.#inbox = inbox;
    this.#watchTabs();
    this.#watchLines();
    byId("inbox-read-all").addEventListener("click", () => void inbox.readAll());
    byId("inbox-more").addEventListener("click", () => void inbox.more());
    byId("inbox-undo").addEventListener("click", () => {
      byId("inbox").focus();
      void inbox.undo();
    });
  }

  draw() {
    const { items, shelf, hasMore, isStale } = this.#inbox.list;
    const ids = new Set(items.map(({ id }) => id));
    const focused = this.#focusedLine();
    if (focused !== null && !ids.has(focused)) this.#leave(focused, items);
    if (!ids.has(this.#current)) this.#current = items[0]?.id ?? "";
    for (const [id, { node }] of this.#byId) {
      if (ids.has(id)) continue;
      node.remove();
      this.#byId.delete(id);
    }
    items.forEach((item, place) => {
      const { node } = this.#line(item);
      // Moved only when it has to be: moving an element takes the focus from it.
      if (this.#list.children[place] !== node) this.#list.insertBefore(node, this.#list.children[place] ?? null);
    });
    this.#stopAt(this.#current);
    const isEmpty = items.length === 0;
    byId("inbox-empty").hidden = !isEmpty;
    setText(byId("inbox-empty"), isStale ? "Loading…" : NOTHING[shelf]);
    byId("inbox-more").hidden = !hasMore;
    const canRead = items.some(({ read }) => (read ?? null) === null) && (shelf === "all" || shelf === "unread");
    byId("inbox-read-all").toggleAttribute("disabled", !canRead);
    this.#drawUndo();
    for (const tab of this.#tabs()) {
      const isOn = tab.dataset.shelf === shelf;
      tab.setAttribute("aria-selected", String(isOn));
      tab.tabIndex = isOn ? 0 : -1;
      if (isOn) byId("inbox-shelf").setAttribute("aria-labelledby", tab.id);
    }
  }

  #drawUndo() {
    const undoable = this.#inbox.undoable;
    setText(byId("inbox-undo-text"), undoable === null ? "" : UNDONE[/** @type {"read"} */ (undoable)] ?? "Done.");
    const undo = byId("inbox-undo");
    if (undoable === null && document.activeElement === undo) byId("inbox").focus();
    undo.hidden = undoable === null;
  }

  /** @param {import("./inbox-list.js").Item} item */
  #line(item) {
    const drawn = JSON.stringify(item);
    const line = this.#byId.get(item.id) ?? { node: element("li", { class: "item" }), drawn: "" };
    if (line.drawn === drawn) return line;
    const deed = line.node.contains(document.activeElement) ? document.activeElement?.getAttribute("data-deed") : null;
    line.drawn = drawn;
    line.node.dataset.id = item.id;
    line.node.replaceChildren(...itemParts(item, (what) => void this.#do(item.id, what)));
    markLine(line.node, item);
    this.#byId.set(item.id, line);
    // Read became unread under the focus: the line keeps it.
    if (deed) /** @type {HTMLElement} */ (line.node.querySelector(`[data-deed=${deed}]`) ?? line.node).focus();
    return line;
  }

  /** @param {string} id @param {import("./inbox-item.js").Deed} deed */
  async #do(id, deed) {
    if (typeof deed === "object") await this.#inbox.snooze(id, deed.snooze);
    else if (deed === "ack") await this.#inbox.acknowledge(id);
    else await this.#inbox.mark(id, deed === "follow" ? "read" : deed);
  }

  /** @param {string} id the line that Tab stops at; what is in the others is reached with the arrows and the pointer */
  #stopAt(id) {
    this.#current = id;
    for (const [each, { node }] of this.#byId) {
      const stop = each === id ? 0 : -1;
      for (const control of [node, ...node.querySelectorAll(CONTROLS)]) /** @type {HTMLElement} */ (control).tabIndex = stop;
    }
  }

  /** A line with the focus goes: the next one takes it. @param {string} id @param {import("./inbox-list.js").Item[]} items */
  #leave(id, items) {
    const kept = new Set(items.map((item) => item.id));
    const lines = /** @type {HTMLElement[]} */ ([...this.#list.children]);
    const place = lines.findIndex((node) => node.dataset.id === id);
    const stays = (/** @type {HTMLElement} */ node) => kept.has(String(node.dataset.id));
    const next = lines.slice(place).find(stays) ?? lines.slice(0, place).findLast(stays);
    if (next) this.#stopAt(String(next.dataset.id));
    (next ?? byId("inbox")).focus();
  }

  #focusedLine() {
    const id = document.activeElement?.closest("#inbox-list > li")?.getAttribute("data-id");
    return id ?? null;
  }

  #watchLines() {
    this.#list.addEventListener("focusin", () => {
      const id = this.#focusedLine();
      if (id !== null && id !== this.#current) this.#stopAt(id);
    });
    this.#list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const item = this.#inbox.list.items.find(({ id }) => id === this.#focusedLine());
      if (!item || event.ctrlKey || event.altKey || event.metaKey) return;
      const node = /** @type {HTMLElement} */ (this.#byId.get(item.id)?.node);
      const steps = { ArrowDown: node.nextElementSibling, ArrowUp: node.previousElementSibling, Home: this.#list.firstElementChild, End: this.#list.lastElementChild };
      if (Object.hasOwn(steps, event.key)) {
        event.preventDefault();
        /** @type {HTMLElement | null} */ (steps[/** @type {"End"} */ (event.key)])?.focus();
      } else if (event.key === "Enter" && event.target === node) {
        const [link] = links(item.actions);
        if (link) /** @type {HTMLElement | null} */ (node.querySelector("a"))?.click();
        else void this.#do(item.id, "read");
      } else if (event.key === "e" || event.key === "E") {
        void this.#do(item.id, item.archived || item.snoozed_until ? "unarchived" : "archived");
      } else if (event.key === "u" || event.key === "U") {
        void this.#do(item.id, (item.read ?? null) === null ? "read" : "unread");
      }
    });
  }

  #tabs() {
    return /** @type {HTMLElement[]} */ ([...byId("inbox-tabs").querySelectorAll("[data-shelf]")]);
  }

  #watchTabs() {
    const turn = (/** @type {HTMLElement | undefined} */ tab) => {
      if (tab) this.#inbox.turnTo(/** @type {any} */ (tab.dataset.shelf));
    };
    for (const tab of this.#tabs()) tab.addEventListener("click", () => turn(tab));
    byId("inbox-tabs").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const tabs = this.#tabs();
      const at = tabs.indexOf(/** @type {HTMLElement} */ (event.target));
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (at === -1 || step === undefined) return;
      event.preventDefault();
      const next = tabs[(at + step + tabs.length) % tabs.length];
      turn(next);
      next.focus();
    });
  }
}
