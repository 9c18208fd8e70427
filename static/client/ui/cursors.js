/**
 * `<cp-cursors names="hover" hide-after="10000" off>…</cp-cursors>`: others' pointers over what it wraps, and this one's to
 * them. Decoration for the eye alone: hidden from screen readers, and `off` neither shows nor sends.
 */

import { define, h, keyed, paint, Widget } from "./base.js";

/** @typedef {import("../types.js").CursorPosition} CursorPosition */

/** A longer gap than this is a jump, not a movement. */
const SNAP_MS = 500;

export class CpCursors extends Widget {
  static joins = true;
  static observedAttributes = ["room", "names", "hide-after", "off"];
  static css = `
:host{display:block;position:relative}
.layer{position:absolute;inset:0;overflow:hidden;pointer-events:none;z-index:1}
.cursor{position:absolute;inset:0;transform:translate(var(--_x),var(--_y));transition:opacity 300ms}
.cursor::before{content:"";display:block;width:var(--cp-cursor-size,16px);aspect-ratio:1;background:var(--_color);clip-path:polygon(0 0,100% 40%,45% 50%,35% 100%)}
.idle{opacity:0}
.label{position:absolute;top:14px;inset-inline-start:12px;background:var(--_color);border-radius:6px;padding:0 6px;font-size:12px;white-space:nowrap;max-width:12em;overflow:hidden;text-overflow:ellipsis}
:host(:not([names=always]):not(:hover)) .label{visibility:hidden}
@media (forced-colors:active){.cursor::before{background:CanvasText}.label{border:1px solid}}`;

  #layer = h("div", "layer", { dir: "ltr", ariaHidden: "true" });

  constructor() {
    super();
    this.root.append(h("slot"), this.#layer);
  }

  begin() {
    this.#layer.replaceChildren();
    if (this.hasAttribute("off")) return;
    const { cursors, presence } = this.joined;
    this.watch(cursors, presence);
    this.onEnd(cursors.attach(this));
  }

  render() {
    if (this.hasAttribute("off")) return;
    const { cursors, presence } = this.joined;
    const members = new Map(presence.members.map((member) => [member.user, member]));
    const make = () => h("div", "cursor", {}, h("span", "label"));
    keyed(this.#layer, [...cursors.others.values()], ({ session }) => session, make, (element, position) => {
      const member = members.get(position.user);
      element.firstChild.textContent = member?.name ?? position.user;
      paint(element, member?.color ?? colorOf(position.user));
      if (element.cpAt !== position.at) this.#move(element, position);
    });
  }

  /** @param {any} element @param {CursorPosition} position */
  #move(element, { user, x, y, at, interval }) {
    element.cpAt = at;
    // Along the way that it took between the last two, in the time that this took: late by one, but smooth.
    const ms = interval > 0 && interval <= SNAP_MS ? Math.round(interval) : 0;
    // By transform, which moves nothing else: left and top would lay the page out anew for each step, and count as its jumps.
    element.style.transition = ms > 0 ? `transform ${ms}ms linear, opacity 300ms` : "";
    element.style.setProperty("--_x", `${x * 100}%`);
    element.style.setProperty("--_y", `${y * 100}%`);
    element.classList.remove("idle");
    clearTimeout(element.cpTimer);
    element.cpTimer = setTimeout(() => element.classList.add("idle"), this.number("hide-after", 10_000));
    this.tell("cursor", { user, x, y });
  }
}

/** For whoever a large room does not list: the same each time, and none too light for white. @param {string} user */
function colorOf(user) {
  let hue = 0;
  for (const letter of user) hue = (hue * 31 + /** @type {number} */ (letter.codePointAt(0))) % 360;
  return `oklch(.5 .13 ${hue})`;
}

define("cp-cursors", CpCursors);
