/**
 * Pointers over the board: ours goes out as a signal, theirs are drawn. Places are 0 to 1 of the board's box, so they
 * mean the same on a phone and on a wall.
 */

import { arrow, element } from "./dom.js";

/** As often as the server hands signals on; more would only be replaced. */
const SEND_EVERY_MS = 33;
const IDLE_AFTER_MS = 5_000;
const GONE_AFTER_MS = 60_000;
/** A cursor that was still for longer jumps to its new place instead of sliding across the board. */
const JUMP_AFTER_MS = 500;
const CURSORS_MAX = 50;

/**
 * Tells where the pointer is over `board`.
 *
 * @param {HTMLElement} board
 * @param {(place: { x: number, y: number } | null) => void} send
 */
export function watchPointer(board, send) {
  /** @type {{ x: number, y: number } | null} */
  let newest = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let sentAt = -Infinity;

  const flush = () => {
    timer = undefined;
    sentAt = performance.now();
    send(newest);
  };
  const move = (/** @type {PointerEvent} */ event) => {
    const box = board.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) return;
    newest = { x: share((event.clientX - box.left) / box.width), y: share((event.clientY - box.top) / box.height) };
    timer ??= setTimeout(flush, Math.max(0, SEND_EVERY_MS - (performance.now() - sentAt)));
  };
  const leave = () => {
    if (newest === null) return;
    newest = null;
    timer ??= setTimeout(flush, Math.max(0, SEND_EVERY_MS - (performance.now() - sentAt)));
  };
  board.addEventListener("pointermove", move);
  for (const end of ["pointerleave", "pointercancel"]) board.addEventListener(end, leave);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) leave();
  });
}

export class Cursors {
  /** @type {HTMLElement} */
  #layer;
  /** @type {Map<string, { user: string, node: HTMLElement, name: HTMLElement, movedAt: number }>} by session */
  #bySession = new Map();

  /** @param {HTMLElement} layer as large as the board */
  constructor(layer) {
    this.#layer = layer;
    setInterval(() => this.#age(), 1_000);
  }

  /**
   * @param {Record<string, any>[]} signals
   * @param {(user: string) => { name: string, color: string } | undefined} who
   */
  take(signals, who) {
    for (const { session, user, event, data } of signals) {
      if (event !== "cursor" || typeof session !== "string" || typeof user !== "string") continue;
      if (Number.isFinite(data?.x) && Number.isFinite(data?.y)) this.#move(session, user, data, who(user));
      else this.#remove(session);
    }
  }

  /**
   * Follows the list of members: names change, and who is gone points at nothing.
   *
   * @param {import("./members.js").Members} members
   */
  follow(members) {
    for (const [session, { user, node, name }] of this.#bySession) {
      const member = members.get(user);
      if (!members.isLarge && !member?.sessions.some((each) => each.session === session)) this.#remove(session);
      else if (member) dress(node, name, member);
    }
  }

  clear() {
    for (const session of [...this.#bySession.keys()]) this.#remove(session);
  }

  /** @param {string} session @param {string} user @param {{ x: number, y: number }} place @param {{ name: string, color: string } | undefined} who */
  #move(session, user, place, who) {
    const now = performance.now();
    let cursor = this.#bySession.get(session);
    if (!cursor) {
      if (this.#bySession.size >= CURSORS_MAX) return;
      const name = element("span", { class: "cursor-name" });
      const node = element("div", { class: "cursor" }, [arrow(), name]);
      dress(node, name, who ?? { name: "…", color: "#5b6470" });
      node.dataset.session = session;
      this.#layer.append(node);
      cursor = { user, node, name, movedAt: -Infinity };
      this.#bySession.set(session, cursor);
    }
    const x = share(place.x);
    const y = share(place.y);
    const { node } = cursor;
    node.style.transitionDuration = now - cursor.movedAt > JUMP_AFTER_MS ? "0ms, 400ms" : "";
    node.style.transform = `translate(${x * 100}%, ${y * 100}%)`;
    node.classList.toggle("at-end", x > 0.5);
    node.classList.toggle("at-bottom", y > 0.88);
    node.classList.remove("idle");
    cursor.movedAt = now;
  }

  #age() {
    const now = performance.now();
    for (const [session, { node, movedAt }] of this.#bySession) {
      if (now - movedAt > GONE_AFTER_MS) this.#remove(session);
      else node.classList.toggle("idle", now - movedAt > IDLE_AFTER_MS);
    }
  }

  /** @param {string} session */
  #remove(session) {
    this.#bySession.get(session)?.node.remove();
    this.#bySession.delete(session);
  }
}

/** @param {HTMLElement} node @param {HTMLElement} label @param {{ name: string, color: string }} who */
function dress(node, label, { name, color }) {
  if (label.textContent !== name) label.textContent = name;
  node.style.setProperty("--who", color);
}

/** @param {number} value @returns {number} inside 0 to 1, to four digits: finer than any screen */
function share(value) {
  return Math.round(Math.min(1, Math.max(0, value)) * 10_000) / 10_000;
}
