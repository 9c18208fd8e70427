/** `<cp-avatars max="5" size self follow>`: who is in the room, as a list with names and what each is up to. */

import { define, h, isLink, keyed, paint, Widget, write } from "./base.js";

/** @typedef {import("../types.js").Member} Member */

export class CpAvatars extends Widget {
  static joins = true;
  static observedAttributes = ["room", "max", "size", "self", "follow"];
  static labels = { list: "People here", online: "online", busy: "busy", away: "away", you: "{name} (you)", member: "{name}, {status}", more: "{count} more", follow: "Follow {name}, {status}" };
  static css = `
:host{--_size:var(--_avatar-size)}
.list{display:flex;gap:4px;align-items:center}
.list li{anchor-scope:--avatar}
.avatar{anchor-name:--avatar;position:relative;width:var(--_size);height:var(--_size);padding:0;border:0;border-radius:50%;font-weight:600;font-size:calc(var(--_size)*.4);background-color:var(--_color)}
.avatar::before{content:attr(data-initials)/""}
img{width:100%;height:100%;border-radius:50%;object-fit:cover}
.status{position:absolute;bottom:-2px;inset-inline-end:-2px;background:var(--_ok);outline:2px solid var(--_surface)}
[data-status=busy] .status{background:var(--_bad);border-radius:2px}
[data-status=away]{filter:saturate(.4)}
[data-status=away] .status{background:var(--_surface);border:2px solid var(--_muted)}
[aria-pressed=true]{outline:3px solid var(--_accent)}
.tooltip{display:none;position-anchor:--avatar;z-index:var(--_z);padding:2px 8px;font:13px var(--_font);color:var(--_text);white-space:nowrap}
.list:not(.quiet) :is(:hover,:focus-visible)>.tooltip{display:block}
.stale{opacity:.85}`;

  #followed = "";
  #list = h("ul", "list", { ariaLabel: "", onpointerover: () => this.#hush(false) });

  constructor() {
    super();
    this.#list.addEventListener("focusin", () => this.#hush(false));
    this.root.append(this.#list);
  }

  begin() {
    this.watch(this.room.presence);
    // What lies over something else has to go away without moving the pointer.
    this.listen("keydown", ({ key }) => key === "Escape" && this.#hush(true));
  }

  render() {
    const { members, others, self, count, stale } = this.room.presence.getSnapshot();
    const withSelf = this.hasAttribute("self");
    const people = withSelf ? members : others;
    const shown = people.slice(0, this.number("max", 5));
    const rest = Math.max(people.length, count - (self && !withSelf ? 1 : 0)) - shown.length;
    const size = this.number("size", 0);
    this.#list.style.setProperty("--_size", size > 0 ? `${size}px` : "");
    this.#list.classList.toggle("stale", stale);
    /** @type {(Member | null)[]} null is how many more there are */
    const items = rest > 0 ? [...shown, null] : shown;
    keyed(this.#list, items, (member) => member?.user ?? "", (member) => (member ? this.#make(member.user) : h("li", "overflow muted")), (element, member) => {
      if (member) return this.#draw(element.firstChild, member);
      element.textContent = `+${rest}`;
      element.title = this.say("more", { count: rest });
    });
  }

  /** @param {string} user */
  #make(user) {
    const button = h("button", "avatar ink", { onclick: () => this.#select(user) }, h("span"), h("span", "dot status"), h("bdi", "tooltip", { ariaHidden: "true" }));
    return h("li", "", {}, button);
  }

  /** @param {any} button @param {Member} member */
  #draw(button, member) {
    const { user, avatar } = member;
    const isSelf = user === this.room.presence.self?.user;
    const isFollow = this.hasAttribute("follow") && !isSelf;
    const values = { name: isSelf ? this.say("you", { name: member.name }) : member.name, status: this.say(member.status) };
    paint(button, member);
    button.dataset.status = member.status;
    button.ariaLabel = this.say(isFollow ? "follow" : "member", values);
    write(button.lastChild, this.say("member", values));
    button.ariaPressed = isFollow ? String(this.#followed === user) : null;
    // A picture that does not load, or that the page's policy forbids, leaves the initials.
    const src = avatar !== null && isLink(avatar) && button.cpBroken !== avatar ? avatar : "";
    button.dataset.initials = src ? "" : initials(member.name);
    if (button.cpSrc === src) return;
    button.cpSrc = src;
    const onerror = () => {
      button.cpBroken = src;
      this.update();
    };
    button.firstChild.replaceWith(src ? h("img", "", { src, alt: "", onerror }) : h("span"));
  }

  /** @param {boolean} isQuiet */
  #hush(isQuiet) {
    this.#list.classList.toggle("quiet", isQuiet);
  }

  /** @param {string} user */
  #select(user) {
    this.tell("select", { user });
    if (!this.hasAttribute("follow") || user === this.room.presence.self?.user) return;
    this.#followed = this.#followed === user ? "" : user;
    this.tell("follow", { user: this.#followed || null });
    this.update();
  }
}

/** The first letters of the first and the last word. @param {string} name */
function initials(name) {
  const letters = name.match(/(?<!\S)\S/gu) ?? ["?"];
  return letters.filter((_, at) => at === 0 || at === letters.length - 1).join("").toUpperCase();
}

define("cp-avatars", CpAvatars);
