/**
 * `<cp-cursors names="hover" hide-after="10000" off>…</cp-cursors>`: others' pointers over what it wraps, and this one's to
 * them. Decoration for the eye alone: hidden from screen readers, and `off` neither shows nor sends.
 */

import { define, h, keyed, paint, Widget, write } from "./base.js";

/** @typedef {import("../types.js").CursorPosition} CursorPosition */

/** A longer gap than this is a jump, not a movement. */
const SNAP_MS = 500;

export class CpCursors extends Widget {
  static joins = true;
  static observedAttributes = ["room", "off"];
  static css = `
:host{display:block;position:relative}
.layer{position:absolute;inset:0;overflow:hidden;pointer-events:none;z-index:1}
.cursor{position:absolute;transition:opacity .3s}
.shape{display:block;width:var(--_cursor-size);height:var(--_cursor-size);background:var(--_color);clip-path:polygon(0 0,100% 40%,45% 50%,35% 100%)}
.idle{opacity:0}
.label{position:absolute;top:14px;left:12px;border-radius:6px;padding:0 6px;font-size:12px;white-space:nowrap;max-width:12em;overflow:hidden;text-overflow:ellipsis}
:host(:not([names=always]):not(:hover)) .label{visibility:hidden}`;

  // Places are those of the pointer, from the left, whichever way is written.
  #layer = h("div", "layer", { dir: "ltr", ariaHidden: "true" });

  constructor() {
    super();
    this.root.append(h("slot"), this.#layer);
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (name === "off") this.restart();
    else super.attributeChangedCallback(name);
  }

  begin() {
    this.#layer.replaceChildren();
    if (this.hasAttribute("off")) return;
    this.watch(this.room.cursors, this.room.presence);
    this.onEnd(this.room.cursors.attach(this));
  }

  render() {
    const { cursors, presence } = this.room;
    const make = () => h("div", "cursor", {}, h("span", "shape"), h("bdi", "label ink"));
    keyed(this.#layer, this.hasAttribute("off") ? [] : [...cursors.others.values()], ({ session }) => session, make, (element, position) => {
      const member = presence.members.find(({ user }) => user === position.user);
      paint(element, member ?? position);
      write(element.lastChild, member?.name ?? position.user);
      if (element.cpAt !== position.at) this.#move(element, position);
    });
  }

  /** @param {any} element @param {CursorPosition} position */
  #move(element, { user, x, y, at, interval }) {
    element.cpAt = at;
    // Along the way that it took between the last two, in the time that this took: late by one, but smooth.
    const ms = interval > 0 && interval <= SNAP_MS ? Math.round(interval) : 0;
    Object.assign(element.style, { transition: ms > 0 ? `left ${ms}ms linear, top ${ms}ms linear, opacity 300ms` : "", left: `${x * 100}%`, top: `${y * 100}%` });
    element.classList.remove("idle");
    clearTimeout(element.cpTimer);
    element.cpTimer = setTimeout(() => element.classList.add("idle"), this.number("hide-after", 10_000));
    this.tell("cursor", { user, x, y });
  }
}

define("cp-cursors", CpCursors);
