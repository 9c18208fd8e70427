/** What this person does, as others see it: the tile they look at, whether they type, whether they are away. */

const TYPING_FOR_MS = 3_000;
const AWAY_AFTER_MS = 30_000;

/**
 * A click on a tile picks it, a second one lets go.
 *
 * @param {HTMLElement} tiles
 * @param {(tile: string | undefined) => void} tell
 */
export function watchTiles(tiles, tell) {
  tiles.addEventListener("click", (event) => {
    const picked = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-tile]"));
    if (!picked) return;
    const isPicked = picked.getAttribute("aria-pressed") !== "true";
    for (const tile of tiles.querySelectorAll("[data-tile]")) {
      tile.setAttribute("aria-pressed", String(tile === picked && isPicked));
    }
    tell(isPicked ? picked.dataset.tile : undefined);
  });
}

/**
 * Tells only what changes: the first letter, and three seconds after the last one.
 *
 * @param {HTMLInputElement} field
 * @param {HTMLFormElement} form
 * @param {(typing: true | undefined) => void} tell
 */
export function watchTyping(field, form, tell) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const stop = () => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    tell(undefined);
  };
  field.addEventListener("input", () => {
    if (field.value === "") {
      stop();
      return;
    }
    if (timer === undefined) tell(true);
    clearTimeout(timer);
    timer = setTimeout(stop, TYPING_FOR_MS);
  });
  field.addEventListener("blur", stop);
  form.addEventListener("submit", stop);
}

/**
 * A page that nobody has looked at for a while is away; a glance brings it back at once.
 *
 * @param {(status: "online" | "away") => void} tell
 */
export function watchAway(tell) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isAway = false;
  const leave = () => {
    isAway = true;
    tell("away");
  };
  const look = () => {
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(leave, AWAY_AFTER_MS);
    } else if (isAway) {
      isAway = false;
      tell("online");
    }
  };
  document.addEventListener("visibilitychange", look);
  look();
}
