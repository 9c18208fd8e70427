/**
 * The target: a slider that everybody has a hand on. While it moves, others read who edits it, and see it move; what it was
 * let go at is told as an activity.
 */

import { byId, element, setText } from "./dom.js";
import { euros } from "./format.js";
import { colorOf } from "./tiles.js";

/** Between two writes of a drag; the last one always goes out. */
const EVERY_MS = 150;
/** After the last key the hand counts as off. */
const DONE_AFTER_MS = 1_500;
const STEP = 10_000;

export class Target {
  #room;
  #doing;
  #slider = /** @type {HTMLInputElement} */ (byId("target"));
  #output = byId("target-value");
  #isEditing = false;
  #isLate = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #done;

  /**
   * @param {import("/client/index.js").Room<any>} room
   * @param {import("./presence.js").Doing} doing
   * @param {() => boolean} isLive
   * @param {(problem: string) => void} onProblem
   */
  constructor(room, doing, isLive, onProblem) {
    this.#room = room;
    this.#doing = doing;
    this.#slider.disabled = false;
    this.#slider.addEventListener("input", () => {
      this.#edit(true);
      this.#say(this.#value);
      // Offline each write would wait in the outbox; where it stops is enough.
      if (this.#timer === undefined && isLive()) this.#write(onProblem);
      else this.#isLate = true;
    });
    this.#slider.addEventListener("change", () => this.#settle(onProblem));
    this.#slider.addEventListener("blur", () => this.#edit(false));
    room.state.subscribe(["target", "revenue"], () => this.draw());
    room.presence.subscribe(() => this.#drawOthers());
    this.draw();
  }

  get #value() {
    return Number(this.#slider.value);
  }

  draw() {
    const target = this.#room.state.get("target");
    if (this.#isEditing) return;
    const around = Number(target ?? this.#room.state.get("revenue")) || 1_000_000;
    // Wide enough for a good year and a bad one, and the same for all who see the same numbers.
    const unit = 10 ** Math.floor(Math.log10(Math.max(Math.abs(around), STEP)));
    this.#slider.min = String(Math.floor((around * 0.5) / unit) * unit);
    this.#slider.max = String(Math.ceil((around * 1.5) / unit) * unit);
    this.#slider.step = String(STEP);
    if (typeof target === "number") this.#slider.value = String(target);
    this.#say(typeof target === "number" ? target : null);
  }

  /** @param {number | null} value */
  #say(value) {
    const words = value === null ? "not set" : euros(value);
    setText(this.#output, words);
    this.#slider.setAttribute("aria-valuetext", words);
  }

  /** @param {(problem: string) => void} onProblem */
  #write(onProblem) {
    this.#isLate = false;
    this.#room.state.set({ target: this.#value }).catch((error) => onProblem(`The target was not changed: ${error.message}`));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#isLate && this.#isEditing) this.#write(onProblem);
    }, EVERY_MS);
  }

  /** @param {(problem: string) => void} onProblem */
  #settle(onProblem) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const value = this.#value;
    if (this.#room.state.get("target") !== value) this.#write(onProblem);
    clearTimeout(this.#done);
    this.#done = setTimeout(() => {
      this.#edit(false);
      this.#room.activity.track("set", "target", { to: value }).catch(() => {});
    }, DONE_AFTER_MS);
  }

  /** @param {boolean} isEditing */
  #edit(isEditing) {
    if (isEditing === this.#isEditing) return;
    this.#isEditing = isEditing;
    this.#doing.show({ editing: isEditing ? "target" : null });
    if (!isEditing) this.draw();
  }

  #drawOthers() {
    const badge = byId("target-editing");
    const { others } = this.#room.presence.getSnapshot();
    const who = others.find(({ state }) => state?.editing === "target");
    const words = who ? `${who.name} is editing` : "";
    if (badge.dataset.words === words) return;
    badge.dataset.words = words;
    badge.replaceChildren();
    if (who) badge.append(element("span", { class: "dot", who: colorOf(who) }), element("bdi", { text: who.name }), " is editing");
  }
}
