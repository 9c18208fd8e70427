/**
 * What wakes a page up: the network is back, the tab is looked at, the machine slept. Each is a hint to ask the server,
 * never a fact: a browser that says "offline" may still have a working socket, one that says "online" none.
 */

const LOOK_EVERY_MS = 10_000;
/** A timer that is so late slept, or the clock jumped; both are worth a question. */
const LATE_MS = 5_000;

/**
 * @param {import("./environment.js").Environment} env
 * @param {{ onWake: () => void, onHide: (isKept: boolean) => void, onShow: () => void }} hear `onHide`: the page goes, or is kept
 *   for the way back (`isKept`); `onShow`: it came back from there
 * @returns {() => void} stops listening
 */
export function watchWaking(env, { onWake, onHide, onShow }) {
  const { window, document } = env;
  if (!window) return () => {};
  const stop = new AbortController();
  const on = (/** @type {EventTarget | null} */ target, /** @type {string} */ event, /** @type {(event: any) => void} */ hear) => {
    target?.addEventListener(event, hear, { signal: stop.signal });
  };
  on(window, "online", onWake);
  on(window, "offline", onWake);
  on(document, "resume", onWake);
  on(document, "visibilitychange", () => document?.visibilityState === "visible" && onWake());
  on(window, "pagehide", (event) => onHide(event.persisted === true));
  on(window, "pageshow", (event) => event.persisted && onShow());
  let cancel = () => {};
  const look = () => {
    const begun = env.date();
    cancel = env.after(LOOK_EVERY_MS, () => {
      if (Math.abs(env.date() - begun - LOOK_EVERY_MS) > LATE_MS) onWake();
      look();
    });
  };
  look();
  return () => {
    stop.abort();
    cancel();
  };
}
