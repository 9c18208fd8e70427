/** Draws the state of the connection, and the proof line. */

import { byId, setText } from "./dom.js";

/**
 * @typedef {"connecting" | "live" | "reconnecting" | "offline" | "failed"} Shown
 */

/**
 * @param {import("./connection.js").State} state
 * @param {boolean} isOnline what the browser believes
 * @param {number} now
 * @returns {{ shown: Shown, word: string, detail: string, canRetry: boolean }}
 */
export function words(state, isOnline, now) {
  const { phase, reason, retryAt, latencyMs } = state;
  if (phase === "live") {
    return { shown: "live", word: "Live", detail: latencyMs === null ? "" : milliseconds(latencyMs), canRetry: false };
  }
  if (phase === "failed") return { shown: "failed", word: "Failed", detail: reason ?? "", canRetry: true };
  if (phase === "reconnecting") {
    const seconds = retryAt === null ? 0 : Math.ceil((retryAt - now) / 1000);
    const word = seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting";
    // The browser's word alone proves nothing: it is asked only once the connection is really gone.
    if (!isOnline) return { shown: "offline", word: "Offline", detail: "no network; it goes on when there is", canRetry: true };
    return { shown: "reconnecting", word, detail: reason ?? "", canRetry: retryAt !== null };
  }
  return { shown: "connecting", word: "Connecting", detail: "", canRetry: false };
}

/** @param {ReturnType<typeof words>} what */
export function drawPill({ shown, word, detail, canRetry }) {
  byId("pill").dataset.phase = shown;
  setText(byId("pill-word"), word);
  setText(byId("pill-detail"), detail);
  byId("pill-retry").hidden = !canRetry;
}

/**
 * @param {import("./ledger.js").Counts} counts
 * @param {{ waiting: number, reconnects: number, latencyMs: number | null }} more
 */
export function drawProof(counts, more) {
  const values = {
    received: counts.received,
    missing: counts.missing,
    twice: counts.twice,
    last: counts.last ?? "–",
    waiting: more.waiting,
    reconnects: more.reconnects,
    latency: more.latencyMs === null ? "–" : milliseconds(more.latencyMs),
  };
  for (const [name, value] of Object.entries(values)) {
    const node = document.querySelector(`[data-proof="${name}"]`);
    if (!node) continue;
    setText(node, String(value));
    if (name === "missing" || name === "twice") node.classList.toggle("is-bad", value !== 0);
  }
}

/** @param {number} ms */
function milliseconds(ms) {
  return `${ms < 1 ? "under 1" : Math.round(ms)} ms`;
}
