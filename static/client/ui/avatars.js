/** `<cp-avatars max="5" size self follow>`: who is in the room, as a list with names and what each is up to. */

import { button, define, h, isSafe, keyed, paint, Widget } from "./base.js";

/** @typedef {import("../types.js").Member} Member */

export class CpAvatars extends Widget {
  static joins = true;
  static observedAttributes = ["room", "max", "size", "self", "follow"];
  static labels = { list: "People here", online: "online", busy: "busy", away: "away", you: "{name} (you)", member: "{name}, {status}", more: "{count} more", follow: "Follow {name}, {status}" };
  static css = `
:host{display:inline-block;--_size:var(--cp-avatar-size,32px)}
ul{display:flex;gap:4px;align-items:center}
li{position:relative}
.avatar{position:relative;width:var(--_size);height:var(--_size);min-width:24px;min-height:24px;padding:0;border-color:transparent;border-radius:50%;font-weight:600;font-size:calc(var(--_size) * .4);background:var(--_color);color:var(--_ink)}
.avatar::before{content:attr(data-initials) / ""}
img{position:absolute;inset:0;width:100%;height:100%;border-radius:50%;object-fit:cover;background:inherit}
.status{position:absolute;bottom:-2px;inset-inline-end:-2px;width:10px;height:10px;border-radius:50%;background:var(--_ok);border:2px solid var(--_surface)}
[data-status=busy] .status{background:var(--_bad);border-radius:2px}
[data-status=away]{filter:saturate(.4)}
[data-status=away] .status{background:var(--_surface);border-color:var(--_muted)}
[aria-pressed=true]{outline:3px solid var(--_accent)}
.tooltip{position:absolute;z-index:var(--_z);top:100%;left:0;padding:2px 10px;width:max-content;max-width:40vw;display:none}
.end .tooltip{left:auto;right:0}
ul:not(.quiet) li:is(:hover,:focus-within) .tooltip{display:block}
.overflow{color:var(--_muted);padding-inline:4px}
.stale{opacity:.85}`;

  #followed = "";
  #list = h("ul", "list", { onpointerenter: () => this.#place(), onfocusin: () => this.#place() });

  constructor() {
    super();
    this.root.append(this.#list);
  }

  begin() {
    this.watch(this.joined.presence);
    // What covers something can be put away; any other key, and a pointer that comes anew, brings it back.
    this.listen(document, "keydown", ({ key }) => this.#list.classList.toggle("quiet", key === "Escape"));
  }

  render() {
    const { members, others, self, count, stale } = this.joined.presence.getSnapshot();
    const isWithSelf = this.hasAttribute("self");
    const people = isWithSelf ? members : others;
    const shown = people.slice(0, this.number("max", 5));
    const rest = Math.max(people.length, count - (self && !isWithSelf ? 1 : 0)) - shown.length;
    const size = this.number("size", 0);
    if (size > 0) this.style.setProperty("--cp-avatar-size", `${size}px`);
    this.#list.classList.toggle("stale", stale);
    this.#list.ariaLabel = this.say("list");
    /** @type {(Member | null)[]} null is how many more there are */
    const items = rest > 0 ? [...shown, null] : shown;
    keyed(this.#list, items, (member) => (member ? `m${member.user}` : ""), (member) => (member ? this.#make(member.user) : h("li", "overflow")), (element, member) => {
      if (member) return this.#draw(element, member);
      element.textContent = `+${rest}`;
      element.title = this.say("more", { count: rest });
    });
  }

  /** Tooltips go to where there is room. */
  #place() {
    const { left, right } = this.getBoundingClientRect();
    this.#list.classList.remove("quiet");
    this.#list.classList.toggle("end", left + right > innerWidth);
  }

  /** @param {string} user */
  #make(user) {
    // A picture that does not load, or that the page's policy forbids, leaves the initials.
    const picture = h("img", "", { alt: "", hidden: true, onerror: () => (picture.hidden = true) });
    return h("li", "", {}, button("avatar", () => this.#select(user), picture, h("span", "status")), h("span", "tooltip raised", { ariaHidden: "true" }));
  }

  /** @param {any} item @param {Member} member */
  #draw({ firstChild: avatar, lastChild: tooltip }, member) {
    const { user, name, status } = member;
    const isFollow = this.hasAttribute("follow") && !this.#isSelf(user);
    const text = this.say(isFollow ? "follow" : "member", { name: this.#isSelf(user) ? this.say("you", { name }) : name, status: this.say(status) });
    const url = isSafe(member.avatar) ? String(member.avatar) : "";
    const picture = avatar.firstChild;
    avatar.dataset.status = status;
    avatar.dataset.initials = initials(name);
    avatar.ariaLabel = tooltip.textContent = text;
    avatar.ariaPressed = isFollow ? String(this.#followed === user) : null;
    paint(avatar, member);
    if ((picture.getAttribute("src") ?? "") === url) return;
    picture.hidden = !url;
    picture.src = url;
  }

  /** @param {string} user */
  #isSelf(user) {
    return user === this.joined.presence.self?.user;
  }

  /** @param {string} user */
  #select(user) {
    this.tell("select", { user });
    if (!this.hasAttribute("follow") || this.#isSelf(user)) return;
    this.#followed = this.#followed === user ? "" : user;
    this.tell("follow", { user: this.#followed || null });
    this.update();
  }
}

/** @param {string} name */
function initials(name) {
  const words = name.trim().split(/\s+/);
  return [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...(word ?? "")][0] ?? "").join("").toUpperCase() || "?";
}

define("cp-avatars", CpAvatars);
