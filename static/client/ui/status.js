/** `<cp-status compact details delay="1500">`: whether this page is live. Never by colour alone; a blip shows nothing. */

import { define, h, Widget, write } from "./base.js";

/** @typedef {import("../types.js").ConnectionStatus} Status */

export class CpStatus extends Widget {
  static observedAttributes = ["compact", "details", "delay"];
  static labels = {
    connected: "Live", connecting: "Connecting", reconnecting: "Reconnecting", offline: "Offline", disconnected: "Not connected", failed: "Failed",
    off: "Realtime is off", paused: "Paused by the server", retry: "Try now", details: "Connection details", latency: "Round trip {ms} ms", queued: "{count} waiting to be sent",
  };
  static css = `
.row{flex-wrap:nowrap}
.pill{display:flex;align-items:center;gap:var(--_gap);border-radius:99px;padding:3px 12px 3px 10px}
.dot{background:var(--_warn)}
[data-state=connected] .dot{background:var(--_ok)}
:is([data-state=offline],[data-state=failed]) .dot{background:var(--_bad);border-radius:2px}
[data-state=disconnected] .dot{background:none;border:2px solid var(--_muted)}
.details.button{anchor-name:--more}
.popover{position-anchor:--more}`;

  /** @type {Status | null} what is shown, which lags behind by `delay` when it gets worse */
  #shown = null;
  #timer = 0;

  #dot = h("span", "dot", { ariaHidden: "true" });
  #label = h("span", "label", { role: "status" });
  #pill = h("span", "pill", {}, this.#dot, this.#label);
  #popover = h("div", "popover details", { role: "group", ariaLabel: "", popover: "auto", ontoggle: (/** @type {any} */ event) => this.tell("toggle", { open: event.newState === "open" }) });
  #more = h("button", "button details", { ariaLabel: "", popoverTargetElement: this.#popover }, "…");
  #retry = h("button", "button retry", { onclick: () => this.tell("retry") && this.client.reconnect().catch(() => {}) });

  constructor() {
    super();
    this.root.append(h("div", "row", {}, this.#pill, this.#more, this.#retry), this.#popover);
  }

  /** @param {import("./base.js").Client} client */
  begin(client) {
    this.#shown = client.status;
    this.onEnd(() => clearTimeout(this.#timer));
    this.onEnd(client.subscribe(() => {
      clearTimeout(this.#timer);
      const show = () => {
        this.#shown = client.status;
        this.update();
      };
      // Good news at once, bad news when it lasts.
      const isWorse = this.#shown?.state === "connected" && client.status.state === "reconnecting";
      if (isWorse) this.#timer = setTimeout(show, this.number("delay", 1_500));
      else show();
    }));
  }

  render() {
    const status = /** @type {Status} */ (this.#shown);
    const { state, realtime, latency, queued } = status;
    const text = this.say(status.paused ? "paused" : realtime ? state : "off");
    const isCompact = this.hasAttribute("compact");
    write(this.#label, text);
    this.#label.className = isCompact ? "sr" : "label";
    this.#pill.title = isCompact ? text : "";
    this.#pill.dataset.state = state;
    this.#retry.hidden = !realtime || /^connect/.test(state);
    this.#more.hidden = !this.hasAttribute("details");
    const facts = [status.transport, latency !== null && this.say("latency", { ms: Math.round(latency) }), queued > 0 && this.say("queued", { count: queued }), status.reason];
    this.#popover.replaceChildren(...facts.filter(Boolean).map((fact) => h("div", "", {}, fact || "")));
  }
}

define("cp-status", CpStatus);
