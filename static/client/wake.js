/**
 * What wakes a page up: the network is back, the tab is looked at, the machine slept. Each is a hint to ask the server,
 * never a fact: a browser that says "offline" may still have a working socket, one that says "online" none.
 */

const LOOK_EVERY_MS = 10_000;
/** A timer that is so late slept, or the clock jumped; both are worth a question. */
const LATE_MS = 5_000;

/**
 * @param {import("./environment.js").Environment} env
 * @param {AbortSignal} signal stops listening
 * @param {{ onWake: () => void, onHide: (isKept: boolean) => void, onShow: () => void, onSight: (isHidden: boolean) => void }} hear
 *   `onHide`: the page goes, or is kept for the way back (`isKept`); `onShow`: it came back from there; `onSight`: it can be seen or not
 */
export function watchPage({ window, document, date, after }, signal, { onWake, onHide, onShow, onSight }) {
  const on = (/** @type {EventTarget | null} */ target, /** @type {string} */ event, /** @type {(event: any) => void} */ hear) => {
    target?.addEventListener(event, hear, { signal });
  };
  const see = () => {
    const isHidden = document?.visibilityState === "hidden";
    onSight(isHidden);
    return isHidden;
  };
  see();
  on(window, "online", onWake);
  on(window, "offline", onWake);
  on(document, "resume", onWake);
  on(document, "visibilitychange", () => see() || onWake());
  on(window, "pagehide", (event) => onHide(event.persisted === true));
  on(window, "pageshow", (event) => event.persisted && onShow());
  const look = () => {
    const begun = date();
    const cancel = after(LOOK_EVERY_MS, () => {
      signal.removeEventListener("abort", cancel);
      if (Math.abs(date() - begun - LOOK_EVERY_MS) > LATE_MS) onWake();
      look();
    });
    signal.addEventListener("abort", cancel);
  };
  if (window) look();
}
