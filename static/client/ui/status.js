/** `<cp-status compact details delay="1500">`: whether this page is live. Never by colour alone; a blip shows nothing. */

import { define, fill, h, Widget } from "./base.js";

/** @typedef {import("../types.js").ConnectionStatus} Status */

export class CpStatus extends Widget {
  static observedAttributes = ["compact", "details", "delay"];
  static labels = {
    connected: "Live", connecting: "Connecting", reconnecting: "Reconnecting", offline: "Offline", disconnected: "Not connected", failed: "Failed",
    off: "Realtime is off", paused: "Paused by the server", retry: "Try now", details: "Connection details", latency: "Round trip {ms} ms", queued: "{count} waiting to be sent",
  };
  static css = `
:host { display: inline-block; position: relative; }
.row { display: inline-flex; align-items: center; gap: var(--_gap); }
.pill { display: inline-flex; align-items: center; gap: 6px; background: var(--_surface); border: 1px solid var(--_line); border-radius: 99px; padding: 2px 10px; min-block-size: 28px; }
.dot { inline-size: 10px; block-size: 10px; border-radius: 50%; background: var(--_warn); }
[data-state=connected] .dot { background: var(--_ok); }
[data-state=offline] .dot, [data-state=failed] .dot { background: var(--_bad); border-radius: 2px; }
[data-state=disconnected] .dot { background: none; border: 2px solid var(--_muted); }
:host([compact]) .label { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); }
.popover { position: absolute; inset-block-start: 100%; inset-inline-start: 0; margin-block-start: 4px; z-index: var(--_z); background: var(--_surface); border: 1px solid var(--_line); border-radius: var(--_radius); box-shadow: var(--_shadow); padding: 8px 12px; min-inline-size: 200px; }
@media (forced-colors: active) { .dot { background: CanvasText; } }`;

  /** @type {Status | null} what is shown, which lags behind by `delay` when it gets worse */
  #shown = null;
  #timer = 0;
  #isOpen = false;

  build() {
    const root = /** @type {ShadowRoot} */ (this.shadowRoot);
    this.dot = h("span", { className: "dot", part: "dot" });
    this.dot.ariaHidden = "true";
    this.label = h("span", { className: "label", part: "label", role: "status" });
    this.popover_ = h("div", { className: "popover", part: "popover", role: "group", hidden: true });
    this.pill = h("span", { className: "pill", part: "pill" }, this.dot, this.label);
    this.more = h("button", { type: "button", part: "button", onclick: () => this.#toggle(!this.#isOpen) }, "…");
    this.retry = h("button", { type: "button", part: "button", onclick: () => this.#retry() });
    root.append(h("div", { className: "row" }, this.pill, this.more, this.retry), this.popover_);
    root.addEventListener("keydown", (event) => {
      if (/** @type {KeyboardEvent} */ (event).key !== "Escape" || !this.#isOpen) return;
      this.#toggle(false);
      this.more?.focus();
    });
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
    const status = this.#shown;
    if (!status || !this.label || !this.more || !this.retry || !this.popover_ || !this.pill) return;
    const { labels } = this;
    const word = status.paused ? labels.paused : !status.realtime ? labels.off : labels[status.state];
    const text = String(word);
    // Written anew only when it is another word, or it would be read out again.
    if (this.label.textContent !== text) this.label.textContent = text;
    this.pill.dataset.state = status.state;
    this.pill.title = this.hasAttribute("compact") ? text : "";
    this.retry.textContent = String(labels.retry);
    this.retry.hidden = !["reconnecting", "offline", "failed", "disconnected"].includes(status.state) || !status.realtime;
    this.more.hidden = !this.hasAttribute("details");
    this.more.ariaLabel = String(labels.details);
    this.more.ariaExpanded = String(this.#isOpen);
    this.popover_.ariaLabel = String(labels.details);
    this.popover_.hidden = !this.#isOpen || this.more.hidden;
    const facts = [
      status.transport, status.latency !== null && fill(String(labels.latency), { ms: Math.round(status.latency) }),
      status.queued > 0 && fill(String(labels.queued), { count: status.queued }), status.reason,
    ];
    this.popover_.replaceChildren(...facts.filter(Boolean).map((fact) => h("div", {}, String(fact))));
  }

  /** @param {boolean} isOpen */
  #toggle(isOpen) {
    this.#isOpen = isOpen;
    this.tell("toggle", { open: isOpen });
    this.update();
  }

  #retry() {
    if (this.tell("retry")) this.client?.reconnect().catch(() => {});
  }
}

define("cp-status", CpStatus);
