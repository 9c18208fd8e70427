/**
 * `<cp-inbox open filter="unread" page-size="20" badge="unseen">`: a bell, and behind it what came while nobody looked. The
 * badge is the server's own number. The panel is loaded when it is first opened; Escape and the bell close it, and the
 * focus goes back to the bell.
 */

import { button, define, h, listen, RAISED, TOOLS, Widget } from "./base.js";

export class CpInbox extends Widget {
  static observedAttributes = ["open", "filter", "page-size", "badge"];
  static labels = { title: "Notifications", count: "{title}, {count} unread", problem: "This could not be loaded. Close and open it to try again." };
  static css = `${RAISED}
:host{display:inline-block;position:relative}
.bell{position:relative;width:36px;height:36px;padding:0;display:grid;place-items:center;background:var(--_surface)}
.bell::before{content:"";width:20px;height:20px;background:currentColor;clip-path:path("M10 2C6.8 2 4.7 4.4 4.7 7.4c0 4.2-2.2 5.2-2.2 7.2h15c0-2-2.2-3-2.2-7.2C15.3 4.4 13.2 2 10 2zM7.8 16a2.2 2.2 0 0 0 4.4 0z")}
.badge{position:absolute;top:-6px;inset-inline-end:-6px;min-width:20px;padding:0 5px;border-radius:99px;background:var(--_bad);color:var(--_surface);font:600 12px/20px system-ui}
.panel{position:fixed;z-index:var(--cp-z,1000);inset:auto 0 0}
.problem{padding:12px}
@media (forced-colors:active){.bell::before{background:CanvasText}}`;

  #badge = h("span", "badge", { ariaHidden: "true" });
  #bell = button("bell", () => this.toggleAttribute("open"), this.#badge);
  #problem = h("p", "problem", { role: "alert" });
  #panel = h("section", "panel raised", { role: "dialog", tabIndex: -1, hidden: true }, this.#problem);
  /** @type {import("./inbox-panel.js").InboxPanel | null} */
  #inside = null;
  #wasOpen = false;
  /** Whether there is something to be seen of it, which may be later. */
  #isShown = false;
  /** What had the focus when it was opened. @type {Element | null} */
  #from = null;

  constructor() {
    super();
    this.#bell.ariaHasPopup = "dialog";
    this.root.append(this.#bell, this.#panel);
    this.root.addEventListener("keydown", (event) => /** @type {KeyboardEvent} */ (event).key === "Escape" && this.removeAttribute("open"));
  }

  begin() {
    this.watch(this.core.notifications);
    listen(this, document, "pointerdown", (event) => event.composedPath().includes(this) || this.removeAttribute("open"));
    this.#inside?.begin();
  }

  render() {
    const { unreadCount, unseenCount } = this.core.notifications.getSnapshot();
    const count = this.getAttribute("badge") === "unread" ? unreadCount : unseenCount;
    const isOpen = this.hasAttribute("open");
    const title = this.say("title");
    this.#badge.hidden = count === 0;
    this.#badge.textContent = count > 99 ? "99+" : String(count);
    this.#bell.ariaLabel = unreadCount > 0 ? this.say("count", { title, count: unreadCount }) : title;
    this.#bell.ariaExpanded = String(isOpen);
    this.#panel.ariaLabel = title;
    if (isOpen !== this.#wasOpen) this.#turn(isOpen);
    this.#inside?.render();
    this.#panel.hidden = !isOpen || !(this.#inside || this.#problem.textContent);
    if (this.#inside && isOpen !== this.#isShown) this.#show(isOpen);
  }

  /** @param {boolean} isOpen */
  #turn(isOpen) {
    this.#wasOpen = isOpen;
    this.#from = document.activeElement;
    this.#problem.textContent = "";
    if (!isOpen) {
      if (this.root.activeElement || this.#from === document.body) this.#bell.focus();
    } else if (!this.#inside) {
      import("./inbox-panel.js").then(({ InboxPanel, PANEL_LABELS }) => {
        Object.assign(CpInbox.labels, PANEL_LABELS);
        this.#inside ??= new InboxPanel(this, this.#panel, TOOLS);
      }, () => {
        // The next opening tries again.
        this.#problem.textContent = this.say("problem");
      }).then(this.update);
    }
  }

  /** @param {boolean} isOpen */
  #show(isOpen) {
    this.#isShown = isOpen;
    this.tell(isOpen ? "open" : "close");
    if (!isOpen) return;
    // Who went on meanwhile is left alone.
    if (document.activeElement === this.#from) this.#panel.focus();
    this.core.notifications.markSeen().catch(() => {});
  }
}

define("cp-inbox", CpInbox);
