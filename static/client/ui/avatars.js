/**
 * `<cp-avatars max="5" size self follow>`: who is in the room, as a list with names and what each is up to. The tooltips are
 * loaded with the first pointer or focus that comes.
 */

import { button, define, h, keyed, paint, Widget } from "./base.js";

/** @typedef {import("../types.js").Member} Member */

export class CpAvatars extends Widget {
  static joins = true;
  static observedAttributes = ["room", "max", "size", "self", "follow"];
  static labels = { list: "People here", online: "online", busy: "busy", away: "away", you: "{name} (you)", member: "{name}, {status}", more: "{count} more", follow: "Follow {name}, {status}" };
  static css = `
:host{display:inline-block}
ul{display:flex;gap:4px;align-items:center}
li{position:relative}
.avatar{position:relative;font-weight:600;font-size:calc(var(--cp-avatar-size,32px)*.4);width:2.5em;height:2.5em;min-width:24px;min-height:24px;padding:0;border-color:transparent;border-radius:50%;background:var(--_color)}
.avatar::before{content:attr(data-initials) / ""}
img{position:absolute;inset:0;width:100%;height:100%;border-radius:inherit;object-fit:cover;background:inherit}
.status{position:absolute;bottom:-2px;inset-inline-end:-2px;width:10px;height:10px;border-radius:50%;background:var(--_ok);border:2px solid var(--_surface)}
[data-status=busy] .status{background:var(--_bad);border-radius:2px}
[data-status=away]{filter:saturate(.4);.status{background:var(--_surface);border-color:var(--_muted)}}
[aria-pressed=true]{outline:3px solid var(--_accent)}
.overflow{color:var(--_muted);padding-inline:4px}
.stale{opacity:.85}`;

  /** @type {string | null} */
  #followed = null;
  #list = h("ul", "list");
  #more = h("li", "overflow");

  constructor() {
    super();
    this.root.append(this.#list);
    for (const event of ["pointerover", "focusin"]) {
      // Without it there are still the names; the next one that comes tries again.
      this.#list.addEventListener(event, ({ target }) => import("./tooltip.js").then(({ tip }) => tip(target), () => {}));
    }
  }

  begin() {
    this.watch(this.joined.presence);
  }

  render() {
    const { members, others, self, count, stale } = this.joined.presence.getSnapshot();
    const people = this.hasAttribute("self") ? members : others;
    const shown = people.slice(0, this.number("max", 5));
    const rest = Math.max(people.length, count - (self && people === others ? 1 : 0)) - shown.length;
    const size = this.number("size", 0);
    if (size) this.style.setProperty("--cp-avatar-size", `${size}px`);
    this.#list.classList.toggle("stale", stale);
    this.#list.ariaLabel = this.say("list");
    keyed(this.#list, shown, ({ user }) => user, (member) => this.#make(member), (item, member) => this.#draw(item.children, member, member.user === self?.user));
    this.#more.textContent = `+${rest}`;
    this.#more.title = this.say("more", { count: rest });
    // Behind the others, who know nothing of it.
    if (rest > 0) this.#list.append(this.#more);
  }

  /** @param {Member} member */
  #make({ user }) {
    const avatar = button("avatar", () => {
      const { ariaPressed } = avatar;
      this.tell("select", { user });
      // Without the attribute, and for oneself, there is nothing to be pressed.
      if (!ariaPressed) return;
      this.#followed = ariaPressed === "true" ? null : user;
      this.tell("follow", { user: this.#followed });
      this.update();
    });
    return h("li", "", {}, avatar);
  }

  /** @param {any} parts @param {Member} member @param {boolean} isSelf */
  #draw([avatar, tooltip], member, isSelf) {
    const { user, name, status, color, avatar: url } = member;
    const isFollow = this.hasAttribute("follow") && !isSelf;
    avatar.dataset.status = status;
    // The first letters of the first and the last word.
    avatar.dataset.initials = name.trim().replace(/(\S)\S*(.*\s(\S))?.*/su, "$1$3").toUpperCase();
    avatar.ariaLabel = this.say(isFollow ? "follow" : "member", { name: isSelf ? this.say("you", { name }) : name, status: this.say(status) });
    avatar.ariaPressed = isFollow ? this.#followed === user : null;
    if (tooltip) tooltip.textContent = avatar.ariaLabel;
    paint(avatar, color);
    if (avatar.cpUrl === url) return;
    avatar.cpUrl = url;
    // By http alone, which is the client's care. One that does not load, or that the page's policy forbids, leaves the initials.
    avatar.replaceChildren(url ? h("img", "", { alt: "", src: url, onerror() { this.remove(); } }) : "", h("span", "status"));
  }
}

define("cp-avatars", CpAvatars);
