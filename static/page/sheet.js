/** On a phone the activity is a sheet from below, opened by a button and closed by Escape, the button in it, or a press beside it. */

import { byId } from "./dom.js";

export function watchSheet() {
  const [opener, sheet, closer] = [byId("activity-open"), byId("activity"), byId("activity-close")];
  const set = (/** @type {boolean} */ isOpen) => {
    sheet.toggleAttribute("data-open", isOpen);
    opener.setAttribute("aria-expanded", String(isOpen));
    (isOpen ? closer : opener).focus();
  };
  opener.disabled = false;
  opener.addEventListener("click", () => set(!sheet.hasAttribute("data-open")));
  closer.addEventListener("click", () => set(false));
  sheet.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && sheet.hasAttribute("data-open") && set(false));
}
