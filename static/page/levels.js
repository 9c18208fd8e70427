/** How a notification's level looks and is called, and which of its links are followed. */

import { element } from "./dom.js";

/** Shape and word say what the colour says. @type {Record<string, { word: string, path: string }>} */
const LEVELS = {
  info: { word: "Info", path: "M10 2a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM10 9v5M10 6v.5" },
  success: { word: "Success", path: "M10 2a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM6.5 10.5l2.5 2.5 4.5-5.5" },
  warning: { word: "Warning", path: "M10 2.5 18.5 17h-17zM10 8v4M10 14.2v.5" },
  error: { word: "Error", path: "M6.5 2h7L18 6.5v7L13.5 18h-7L2 13.5v-7zM7 7l6 6M13 7l-6 6" },
};

/** @param {unknown} level @returns {"info" | "success" | "warning" | "error"} */
export function readLevel(level) {
  return Object.hasOwn(LEVELS, String(level)) ? /** @type {"info"} */ (level) : "info";
}

/** @param {Record<string, any>} notification @returns {string} */
export function levelWord({ level, critical }) {
  const { word } = LEVELS[readLevel(level)];
  return critical === true ? `Critical ${word.toLowerCase()}` : word;
}

/** @param {unknown} level @returns {SVGElement} its icon, which is not read out: the word stands beside it */
export function levelIcon(level) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ class: "level-icon", viewBox: "0 0 20 20", width: 20, height: 20, "aria-hidden": true })) {
    svg.setAttribute(name, String(value));
  }
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", LEVELS[readLevel(level)].path);
  svg.append(path);
  return svg;
}

/**
 * The actions that are links into the web or to a path of this host. The server refuses others; an older log or another
 * server need not have.
 *
 * @param {unknown} actions
 * @returns {{ label: string, url: string, isElsewhere: boolean }[]}
 */
export function links(actions) {
  const found = [];
  for (const action of Array.isArray(actions) ? actions : []) {
    const { label, url } = action ?? {};
    if (typeof label !== "string" || typeof url !== "string" || !/^(https?:\/\/|\/(?![/\\]))/i.test(url)) continue;
    // The browser drops tabs and line ends out of a link, which can make another one of it.
    if (/[\u0000-\u001f\\]/.test(url)) continue;
    found.push({ label, url, isElsewhere: !url.startsWith("/") });
  }
  return found;
}

/** @param {unknown} actions @param {() => void} onFollow @returns {HTMLElement[]} the links, ready to be followed */
export function linkElements(actions, onFollow) {
  return links(actions).map(({ label, url, isElsewhere }) => {
    const link = /** @type {HTMLAnchorElement} */ (element("a", { class: "action", text: label }));
    link.href = url;
    if (isElsewhere) {
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      link.append(element("span", { class: "unseen", text: " (opens a new window)" }));
    }
    link.addEventListener("click", onFollow);
    return link;
  });
}
