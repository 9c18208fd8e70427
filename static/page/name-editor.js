/** A click on the name makes it a field: Enter or leaving keeps what was typed, Escape does not. */

import { byId } from "./dom.js";
import { cleanName } from "./names.js";

/**
 * @param {() => string} current
 * @param {(name: string) => void} rename with a clean name that differs
 */
export function editName(current, rename) {
  const shown = byId("me-name");
  const form = byId("me-form");
  const field = byId("me-input");

  const close = (/** @type {boolean} */ isKept) => {
    if (form.hidden) return;
    const hadFocus = form.contains(document.activeElement);
    const name = cleanName(field.value);
    form.hidden = true;
    shown.hidden = false;
    if (hadFocus) shown.focus();
    if (isKept && name !== "" && name !== current()) rename(name);
  };
  shown.addEventListener("click", () => {
    field.value = current();
    form.hidden = false;
    shown.hidden = true;
    field.focus();
    field.select();
  });
  form.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    close(true);
  });
  form.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") close(false);
  });
  form.addEventListener("focusout", (/** @type {FocusEvent} */ event) => {
    if (!form.contains(/** @type {Node | null} */ (event.relatedTarget))) close(true);
  });
}
