/** Draws who is here, what each does, and which tile they look at. */

import { byId, element, setText } from "./dom.js";
import { initials } from "./names.js";

const STATUS_WORDS = { online: "online", busy: "busy", away: "away" };
const CHIPS_MAX = 4;

/** @param {string} name @param {string} color */
export function avatar(name, color) {
  const node = element("span", { class: "avatar", text: initials(name), who: color });
  node.setAttribute("aria-hidden", "true");
  return node;
}

export class MembersView {
  #list = byId("members");
  /** What was drawn last, so that an unchanged list is left alone. */
  #drawn = "";

  /**
   * @param {import("./members.js").Members} members
   * @param {{ user: string | null, session: string | null }} me
   */
  draw(members, me) {
    const list = members.list.sort((a, b) => Number(b.user === me.user) - Number(a.user === me.user));
    const picture = JSON.stringify([list, me, members.count, members.isLarge]);
    if (picture === this.#drawn) return;
    this.#drawn = picture;
    this.#list.replaceChildren(...list.map((member) => row(member, member.user === me.user)));
    setText(byId("members-count"), String(members.count));
    byId("alone").hidden = members.isLarge || list.some((member) => member.user !== me.user);
    drawTiles(list, me);
    drawTyping(list, me);
  }
}

/** @param {import("./members.js").Member} member @param {boolean} isMe */
function row(member, isMe) {
  const tabs = member.sessions.length;
  const status = element("span", { class: "status" }, [
    element("span", { class: "dot" }),
    element("span", { text: STATUS_WORDS[/** @type {"online"} */ (member.status)] }),
  ]);
  status.dataset.status = member.status;
  const doing = doingWords(member);
  const node = element("li", { class: "member" }, [
    avatar(member.name, member.color),
    element("div", { class: "member-text" }, [
      element("div", { class: "member-name" }, [
        element("bdi", { text: member.name }),
        isMe ? element("span", { class: "tag you", text: "you" }) : null,
        tabs > 1 ? element("span", { class: "tag tabs", text: `${tabs} tabs` }) : null,
      ]),
      element("div", { class: "member-doing" }, [status, doing ? element("span", { text: doing }) : null]),
    ]),
  ]);
  node.dataset.user = member.user;
  return node;
}

/** @param {import("./members.js").Member} member */
function doingWords(member) {
  if (member.sessions.some(({ state }) => state.typing === true)) return "typing…";
  const tile = member.sessions.map(({ state }) => tileName(state.tile)).find(Boolean);
  if (tile) return `looks at ${tile}`;
  const page = member.sessions.map(({ state }) => state.page).find((each) => typeof each === "string");
  return page ? `on ${String(page).slice(0, 40)}` : "";
}

/** @param {unknown} tile @returns {string | null} null for one that this page does not have */
function tileName(tile) {
  for (const node of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-tile]"))) {
    if (node.dataset.tile === tile) return node.querySelector(".tile-name")?.textContent ?? null;
  }
  return null;
}

/** @param {import("./members.js").Member[]} list @param {{ user: string | null }} me */
function drawTiles(list, me) {
  for (const tile of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-tile]"))) {
    const people = list.filter((member) => member.sessions.some(({ state }) => state.tile === tile.dataset.tile));
    const others = people.filter((member) => member.user !== me.user);
    tile.classList.toggle("watched", others.length > 0);
    if (others.length > 0) tile.style.setProperty("--who", others[0].color);
    const shown = people.slice(0, CHIPS_MAX).map((member) => {
      return element("span", { class: "chip", text: member.user === me.user ? "you" : member.name, who: member.color });
    });
    const rest = people.length - shown.length;
    if (rest > 0) shown.push(element("span", { class: "chip", text: `+${rest}` }));
    tile.querySelector(".tile-people")?.replaceChildren(...shown);
  }
}

/** @param {import("./members.js").Member[]} list @param {{ user: string | null }} me */
function drawTyping(list, me) {
  const typing = list.filter((member) => {
    return member.user !== me.user && member.sessions.some(({ state }) => state.typing === true);
  });
  const names = typing.slice(0, 2).map((member) => `\u2068${member.name}\u2069`).join(" and ");
  const words = typing.length > 2 ? `${typing.length} people are typing…` : `${names} ${typing.length > 1 ? "are" : "is"} typing…`;
  setText(byId("typing"), typing.length === 0 ? "" : words);
}
