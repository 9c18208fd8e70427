/** `<cp-status compact details delay="1500">`: whether this page is live. Never by colour alone; a blip shows nothing. */

import { button, define, h, RAISED, UNSEEN, Widget } from "./base.js";

/** @typedef {import("../types.js").ConnectionStatus} Status */

export class CpStatus extends Widget {
  static observedAttributes = ["compact", "details", "delay"];
  static labels = {
    connected: "Live", connecting: "Connecting", reconnecting: "Reconnecting", offline: "Offline", disconnected: "Not connected", failed: "Failed",
    off: "Realtime is off", paused: "Paused by the server", retry: "Try now", details: "Connection details", latency: "Round trip {ms} ms", queued: "{count} waiting to be sent",
  };
  static css = `${RAISED}${UNSEEN}
.row{display:flex;flex-wrap:wrap;align-items:center;gap:var(--cp-gap,8px)}
:host{display:inline-block;position:relative}
.pill{display:inline-flex;align-items:center;gap:6px;background:var(--_surface);border:1px solid var(--_line);border-radius:99px;padding:2px 10px;min-height:28px}
.dot{width:10px;height:10px;border-radius:50%;background:var(--_warn)}
[data-state=connected] .dot{background:var(--_ok)}
[data-state=offline] .dot,[data-state=failed] .dot{background:var(--_bad);border-radius:2px}
[data-state=disconnected] .dot{background:none;border:2px solid var(--_muted)}
.popover{position:absolute;top:100%;inset-inline-start:0;margin-top:4px;z-index:var(--cp-z,1000);padding:8px 12px;width:max-content;max-width:80vw}
@media (forced-colors:active){.dot.dot{background:CanvasText}}`;

  /** @type {Status} what is shown, which lags behind by `delay` when it gets worse */
  #shown = /** @type {any} */ (null);
  #timer = 0;
  #isOpen = false;
  #label = h("span", "label", { role: "status" });
  #pill = h("span", "pill", {}, h("span", "dot", { ariaHidden: "true" }), this.#label);
  #more = button("button", () => this.#toggle(!this.#isOpen), "…");
  #retry = button("button", () => this.tell("retry") && this.core.reconnect().catch(() => {}));
  #popover = h("div", "popover raised", { role: "group", hidden: true });

  constructor() {
    super();
    this.root.append(h("div", "row", {
      onkeydown: (/** @type {KeyboardEvent} */ { key }) => {
        if (key !== "Escape" || !this.#isOpen) return;
        this.#toggle(false);
        this.#more.focus();
      },
    }, this.#pill, this.#more, this.#retry), this.#popover);
  }

  begin() {
    const { core } = this;
    const show = () => {
      this.#shown = core.status;
      this.update();
    };
    show();
    this.onEnd(() => clearTimeout(this.#timer));
    this.onEnd(core.subscribe(() => {
      clearTimeout(this.#timer);
      // Good news at once, bad news when it lasts.
      if (this.#shown.state === "connected" && core.status.state === "reconnecting") this.#timer = setTimeout(show, this.number("delay", 1_500));
      else show();
    }));
  }

  render() {
    const { state, realtime, paused, transport, latency, queued, reason } = this.#shown;
    const text = this.say(paused ? "paused" : realtime ? state : "off");
    const isCompact = this.hasAttribute("compact");
    // Written anew only when it is another word, or it would be read out again.
    if (this.#label.textContent !== text) this.#label.textContent = text;
    this.#label.classList.toggle("sr", isCompact);
    this.#pill.dataset.state = state;
    this.#pill.title = isCompact ? text : "";
    this.#retry.textContent = this.say("retry");
    this.#retry.hidden = !realtime || /^conn/.test(state);
    this.#more.hidden = !this.hasAttribute("details");
    this.#more.ariaLabel = this.#popover.ariaLabel = this.say("details");
    this.#more.ariaExpanded = String(this.#isOpen);
    this.#popover.hidden = !this.#isOpen || this.#more.hidden;
    const facts = [transport, latency !== null && this.say("latency", { ms: Math.round(latency) }), queued > 0 && this.say("queued", { count: queued }), reason];
    this.#popover.replaceChildren(...facts.filter(Boolean).map((fact) => h("div", "", {}, String(fact))));
  }

  /** @param {boolean} open */
  #toggle(open) {
    this.#isOpen = open;
    this.tell("toggle", { open });
    this.update();
  }
}

define("cp-status", CpStatus);
