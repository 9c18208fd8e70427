/** A second person: in a window of their own, or in the right half of this one. */

import { byId, setText } from "./dom.js";
import { addressFor } from "./settings.js";

/** The person of the right half. */
const OTHER = "split";

/** @param {import("./settings.js").Settings} settings */
export function watchSplit(settings) {
  const { person } = settings;
  const next = /^\d{1,3}$/.test(person) ? String(Number(person) + 1) : "2";
  byId("second").href = addressFor(settings, next);
  const button = byId("split");
  const half = byId("other-half");
  button.disabled = false;
  button.addEventListener("click", () => {
    const isSplit = half.hidden;
    half.hidden = !isSplit;
    document.documentElement.toggleAttribute("data-split", isSplit);
    button.toggleAttribute("data-on", isSplit);
    setText(button.querySelector("[data-words]"), isSplit ? "One view" : "Split view");
    if (!isSplit) return half.replaceChildren();
    // Made anew each time: closed, the second person has left.
    const frame = document.createElement("iframe");
    frame.src = addressFor(settings, OTHER, { frame: "" });
    frame.title = "The same page as somebody else sees it";
    half.replaceChildren(frame);
  });
}
