/**
 * The form of preferences. The server has them; the form shows what it says, and each change is sent at once.
 */

import { byId, setText } from "./dom.js";

const QUIET_FROM = "22:00";
const QUIET_TO = "07:00";

/**
 * @typedef {object} PreferencesOptions
 * @property {import("./connection.js").Connection} connection
 * @property {string} room the one that the button follows
 * @property {(problem: string | null) => void} onProblem in words; null when it is over
 */

export class PreferencesForm {
  /** @type {PreferencesOptions} */
  #options;
  /** What the server said last. @type {Record<string, any>} */
  #known = {};
  #form = byId("preferences");

  /** @param {PreferencesOptions} options */
  constructor(options) {
    this.#options = options;
    this.#form.addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
    this.#form.addEventListener("change", () => void this.#send());
    byId("follow").addEventListener("click", () => void this.#follow());
    this.#fill();
  }

  /** By how much toasts stay longer than they say. */
  get durations() {
    return typeof this.#known.durations === "number" ? this.#known.durations : 1;
  }

  /** Asks for them: the page has just come, or knows nothing of what happened meanwhile. */
  async load() {
    await this.#request({ type: "preferences" });
  }

  /** @param {Record<string, any>} preferences from wherever they come */
  take(preferences) {
    this.#known = preferences ?? {};
    this.#fill();
  }

  #fill() {
    const { toasts = true, levels = {}, quiet_hours: quiet = null, digest = false, follows = [] } = this.#known;
    check("pref-toasts", toasts);
    for (const box of this.#levelBoxes()) box.checked = levels[box.value] !== false;
    byId("pref-durations").value = String(this.durations);
    check("pref-digest", digest);
    check("pref-quiet", quiet !== null);
    write("pref-from", quiet?.from ?? QUIET_FROM);
    write("pref-to", quiet?.to ?? QUIET_TO);
    showZone(quiet?.zone ?? ownZone());
    for (const id of ["pref-from", "pref-to", "pref-zone", "pref-digest"]) byId(id).disabled = quiet === null;
    const isFollowed = follows.includes(this.#options.room);
    byId("follow").setAttribute("aria-pressed", String(isFollowed));
    setText(byId("follow"), isFollowed ? "Following this room" : "Follow this room");
  }

  async #send() {
    const hours = { from: byId("pref-from").value, to: byId("pref-to").value, zone: byId("pref-zone").value };
    // A time that is being typed is not there yet.
    if (hours.from === "" || hours.to === "") return;
    const levels = Object.fromEntries(this.#levelBoxes().map((box) => [box.value, box.checked]));
    const set = {
      toasts: byId("pref-toasts").checked,
      levels,
      durations: Number(byId("pref-durations").value) || null,
      quiet_hours: byId("pref-quiet").checked ? hours : null,
      digest: byId("pref-digest").checked,
    };
    await this.#request({ type: "preferences", set });
  }

  async #follow() {
    const isFollowed = byId("follow").getAttribute("aria-pressed") === "true";
    await this.#request({ type: isFollowed ? "unfollow" : "follow", room: this.#options.room });
  }

  /** @param {Record<string, unknown>} command */
  async #request(command) {
    try {
      const reply = await this.#options.connection.request(command);
      if (reply.preferences) this.take(reply.preferences);
      this.#options.onProblem(null);
    } catch (refusal) {
      // What was not taken is shown as it was.
      this.#fill();
      const { code, message } = /** @type {any} */ (refusal);
      if (code !== "lost" || command.set) this.#options.onProblem(String(message));
    }
  }

  #levelBoxes() {
    return /** @type {HTMLInputElement[]} */ ([...this.#form.querySelectorAll("[name=level]")]);
  }
}

/** @param {string} id @param {unknown} isOn */
function check(id, isOn) {
  byId(id).checked = isOn === true;
}

/** Not under the hands of who is typing it. @param {string} id @param {string} text */
function write(id, text) {
  const field = byId(id);
  if (document.activeElement !== field) field.value = text;
}

/** @returns {string} the browser's own */
function ownZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

/** All zones that the browser knows, and this one. @param {string} zone */
function showZone(zone) {
  const select = byId("pref-zone");
  if (select.options.length === 0) {
    const zones = Intl.supportedValuesOf?.("timeZone") ?? [];
    for (const each of zones) select.add(new Option(each));
  }
  const has = [...select.options].some((option) => option.value === zone);
  if (!has) select.add(new Option(zone), 0);
  select.value = zone;
}
