/** Light or dark by hand; the choice is kept for this browser, whoever sits there. `scheme.js` brings it back. */

import { openStore } from "./storage.js";

/** @param {HTMLElement} button */
export function watchScheme(button) {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.scheme ? root.dataset.scheme === "dark" : system.matches);
  const label = () => {
    button.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} colours`);
    // What is drawn on a canvas does not follow by itself.
    dispatchEvent(new Event("schemechange"));
  };
  button.addEventListener("click", () => {
    root.dataset.scheme = isDark() ? "light" : "dark";
    openStore(() => localStorage, "copresence.").set("scheme", root.dataset.scheme);
    label();
  });
  system.addEventListener("change", label);
  label();
}
