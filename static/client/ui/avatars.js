/** `<cp-avatars max="5" size self follow>`: who is in the room, as a list with names and what each is up to. */

import { colorOf, define, fill, h, keyed, Widget } from "./base.js";

/** @typedef {import("../types.js").Member} Member */

export class CpAvatars extends Widget {
  static joins = true;
  static observedAttributes = ["room", "max", "size", "self", "follow"];
  static labels = { list: "People here", online: "online", busy: "busy", away: "away", you: "{name} (you)", member: "{name}, {status}", more: "{count} more", follow: "Follow {name}, {status}" };
  static css = `
:host { display: inline-block; --_size: var(--cp-avatar-size, 32px); }
ul { display: flex; gap: 4px; align-items: center; }
button { position: relative; inline-size: var(--_size); block-size: var(--_size); min-inline-size: 24px; min-block-size: 24px; padding: 0; border: 0; border-radius: 50%; font-weight: 600; font-size: calc(var(--_size) * .4); }
button::before { content: attr(data-initials) / ""; }
img { inline-size: 100%; block-size: 100%; border-radius: 50%; object-fit: cover; }
.status { position: absolute; inset-block-end: -1px; inset-inline-end: -1px; inline-size: 10px; block-size: 10px; border-radius: 50%; background: var(--_ok); border: 2px solid var(--_surface); }
[data-status=busy] .status { background: var(--_bad); border-radius: 2px; }
[data-status=away] { filter: saturate(.4); }
[data-status=away] .status { background: var(--_surface); border-color: var(--_muted); }
[aria-pressed=true] { outline: 3px solid var(--_accent); }
.overflow { color: var(--_muted); padding-inline: 4px; }
.stale { opacity: .85; }`;

  /** @type {import("./base.js").Room | null} */
  #room = null;
  #followed = "";

  build() {
    this.list = h("ul", { part: "list" });
    this.shadowRoot?.append(this.list);
  }

  /** @param {import("./base.js").Client} _client @param {import("./base.js").Room | null} room */
  begin(_client, room) {
    this.#room = room;
    if (room) this.watch(room.presence);
  }

  render() {
    if (!this.#room || !this.list) return;
    const { members, others, self, count, stale } = this.#room.presence.getSnapshot();
    const { labels } = this;
    const people = this.hasAttribute("self") ? members : others;
    const shown = people.slice(0, this.number("max", 5));
    const rest = Math.max(people.length, count - (self && !this.hasAttribute("self") ? 1 : 0)) - shown.length;
    const size = this.number("size", 0);
    if (size > 0) this.style.setProperty("--cp-avatar-size", `${size}px`);
    this.list.className = stale ? "stale" : "";
    this.list.ariaLabel = String(labels.list);
    /** @type {(Member | null)[]} null is how many more there are */
    const items = rest > 0 ? [...shown, null] : [...shown];
    keyed(this.list, items, (member) => (member ? `m${member.user}` : "rest"), (member) => (member ? this.#make(member.user) : h("li", { className: "overflow", part: "overflow" })), (element, member) => {
      if (member) this.#draw(element, member);
      else {
        element.textContent = `+${rest}`;
        element.title = fill(String(labels.more), { count: rest });
      }
    });
  }

  /** @param {string} user */
  #make(user) {
    return h("li", {}, h("button", { type: "button", part: "avatar", onclick: () => this.#select(user) }));
  }

  /** @param {HTMLLIElement} item @param {Member} member */
  #draw(item, member) {
    const button = /** @type {HTMLButtonElement} */ (item.firstChild);
    const { labels } = this;
    const status = String(labels[member.status] ?? member.status);
    const isSelf = member.user === this.#room?.presence.self?.user;
    const name = isSelf ? fill(String(labels.you), { name: member.name }) : member.name;
    const isFollow = this.hasAttribute("follow") && !isSelf;
    const text = fill(String(isFollow ? labels.follow : labels.member), { name, status });
    const { color, ink } = colorOf(member);
    button.dataset.status = member.status;
    button.ariaLabel = text;
    button.title = text;
    button.ariaPressed = isFollow ? String(this.#followed === member.user) : null;
    Object.assign(button.style, { background: color, color: ink });
    // A picture that does not load, or that the page's policy forbids, leaves the initials.
    const { avatar } = member;
    const isShown = avatar !== null && /^(https?:\/\/|\/(?!\/))/.test(avatar) && button.dataset.broken !== avatar;
    button.dataset.initials = isShown ? "" : initials(member.name);
    const url = isShown ? avatar : "";
    if (button.firstChild && button.dataset.shown === url) return;
    button.dataset.shown = url;
    const broken = () => {
      button.dataset.broken = url;
      this.update();
    };
    button.replaceChildren(...(isShown ? [h("img", { src: url, alt: "", onerror: broken })] : []), h("span", { className: "status", part: "status" }));
  }

  /** @param {string} user */
  #select(user) {
    this.tell("select", { user });
    if (!this.hasAttribute("follow") || user === this.#room?.presence.self?.user) return;
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
