/**
 * What all elements share: how they find their client and room, how they look in both schemes, how they are built. Texts from
 * others only ever become text nodes, and styles are sheets, so that the strictest content security policy holds.
 */

/** @typedef {import("../client.js").Client<any>} Client */
/** @typedef {import("../room.js").Room<any>} Room */
/** @typedef {import("../types.js").Notification} Notification */
/** @typedef {{ subscribe: (listener: () => void) => () => void }} Source */

/** On a server there are no elements; to import these files there must not fail. @type {typeof HTMLElement} */
export const Base = globalThis.HTMLElement ?? class {};

/** Custom properties and what they are when a page sets none: one value, or one for light and one for dark. */
const LOOKS = Object.entries({
  text: "#1b1d22,#eceef2", muted: "#565c66,#a9b0bb", bg: "#eff1f4,#292d35", surface: "#fff,#1d2026", line: "#d5d9e0,#3a3f49",
  accent: "#0b57c2,#8ab8ff", info: "#0b57c2,#8ab8ff", ok: "#1a6b2f,#6fd08a", warn: "#8a5300,#f0b35a", bad: "#b3261e,#ff9d94",
  radius: "12px", gap: "8px", shadow: "0 6px 24px #0003", z: "1000", speed: "160ms", font: "system-ui",
  "avatar-size": "32px", "cursor-size": "16px", "toast-width": "360px",
}).map(([name, value]) => `--_${name}:var(--cp-${name},${value[7] === "," || value[4] === "," ? `light-dark(${value})` : value});`).join("");

/**
 * What floats stands beside its anchor, on whichever side there is room. A colour's ink is black or white by its luminance:
 * where both read equally well, at 0.18, both have 4.5 : 1.
 */
const SHARED = `
:host{${LOOKS}font:14px/1.4 var(--_font),sans-serif;color:var(--_text);box-sizing:border-box;display:inline-block;vertical-align:middle}
[hidden],:host([hidden]){display:none!important}
*,::before,::after{box-sizing:inherit}
ul{list-style:none;margin:0;padding:0}
bdi{overflow-wrap:anywhere}
button{font:inherit;color:inherit;background:none;border:1px solid var(--_line);border-radius:8px;padding:2px 10px;min-height:28px;min-width:28px;cursor:pointer}
button:hover,[aria-pressed=true]{background:var(--_bg)}
[aria-pressed=true]{font-weight:600}
:focus-visible{outline:2px solid var(--_accent)}
[popover],.toast,.tooltip,.pill,.more{color:inherit;background:var(--_surface);border:1px solid var(--_line);border-radius:var(--_radius);padding:8px 12px}
[popover],.toast,.tooltip{box-shadow:var(--_shadow)}
[popover],.tooltip{position:fixed;inset:auto;margin:4px 0;max-width:100vw;position-area:end span-end;position-try:flip-inline,flip-block,flip-block flip-inline}
.title,.name{font-weight:600}
.time,.message,.empty,.muted{color:var(--_muted)}
.message{white-space:pre-line}
.time{margin-inline-start:auto}
.dot{width:10px;height:10px;border-radius:50%}
.ink{background-color:var(--_color);color:color(from var(--_color) xyz clamp(0,(.18 - y)*1e4,.95) clamp(0,(.18 - y)*1e4,1) clamp(0,(.18 - y)*1e4,1.09))}
[data-type]{--_tone:var(--_info)}[data-type=success]{--_tone:var(--_ok)}[data-type=warning]{--_tone:var(--_warn)}[data-type=error]{--_tone:var(--_bad)}
.icon{color:var(--_tone);font-weight:700;width:1em}
.actions,.row{display:flex;gap:var(--_gap);flex-wrap:wrap;align-items:center}
.sr{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
@media(pointer:coarse){button{min-height:44px;min-width:44px}}
@media(forced-colors:active){.dot,.shape{background:CanvasText!important}}
@media(prefers-reduced-motion){*{animation:none!important;transition:none!important}.progress{display:none}}`;

/** Elements above which no client was found yet. @type {Set<Widget>} */
const waiting = new Set();
/** @type {Map<string, CSSStyleSheet>} */
const sheets = new Map();

export class Widget extends Base {
  /** @type {Record<string, string>} */
  static labels = {};
  static css = "";
  /** Whether it is about a room, which it is in for as long as it is in the page. */
  static joins = false;

  /** @type {Client | null} */
  #own = null;
  /** @type {Record<string, string>} */
  #labels = {};
  /** @type {AbortController | null} while it is in a page and has a client */
  #life = null;
  #isDue = false;
  /** Of a living one that joins. @protected */
  room = /** @type {Room} */ (/** @type {unknown} */ (null));

  constructor() {
    super();
    const { css } = /** @type {typeof Widget} */ (this.constructor);
    /** @protected */
    this.root = this.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = [sheet(SHARED), sheet(css)];
  }

  /** Its own, else the provider's above, else `window.copresence`. @returns {Client} */
  get client() {
    return this.#own ?? /** @type {any} */ (above(this))?.client ?? /** @type {any} */ (globalThis).copresence;
  }

  set client(client) {
    this.#own = client;
    this.restart();
  }

  /** Texts by name, over those of the element. */
  get labels() {
    return { .../** @type {typeof Widget} */ (this.constructor).labels, ...this.#labels };
  }

  set labels(labels) {
    this.#labels = labels;
    this.restart();
  }

  connectedCallback() {
    // What a page gave it before it was defined stands in the way of what was defined.
    for (const name of /** @type {const} */ (["client", "labels"])) {
      if (!Object.hasOwn(this, name)) continue;
      const given = this[name];
      delete (/** @type {any} */ (this)[name]);
      /** @type {any} */ (this)[name] = given;
    }
    this.restart();
  }

  disconnectedCallback() {
    waiting.delete(this);
    this.#life?.abort();
    this.#life = null;
  }

  attributeChangedCallback(/** @type {string} */ name) {
    if (name === "room") this.restart();
    else this.update();
  }

  /** Begins anew, with the client that is to be found now. */
  restart() {
    this.disconnectedCallback();
    const { client } = this;
    if (!this.isConnected) return;
    if (!client) return void waiting.add(this);
    const life = new AbortController();
    if (/** @type {typeof Widget} */ (this.constructor).joins) {
      const name = this.getAttribute("room") ?? above(this)?.getAttribute("room");
      if (!name) return;
      const room = client.room(name);
      this.room = room;
      room.join().catch(() => {});
      life.signal.onabort = () => room.leave();
    }
    this.#life = life;
    // A text without gaps goes where the class is its name: as the name of what was made with an empty one, else as content.
    for (const [name, text] of Object.entries(this.labels)) {
      if (text.includes("{")) continue;
      for (const element of this.root.querySelectorAll(`.${name}`)) element[element.ariaLabel === null ? "textContent" : "ariaLabel"] = text;
    }
    this.begin(client);
    this.update();
  }

  /** Draws again, once for all that changes at a time. */
  update() {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      if (this.#life) this.render();
    });
  }

  /** Draws again with each change of them. @param {...Source} sources */
  watch(...sources) {
    for (const source of sources) this.onEnd(source.subscribe(() => this.update()));
  }

  /** Ends with the element. @param {() => void} end */
  onEnd(end) {
    this.#life?.signal.addEventListener("abort", end);
  }

  /** Hears the document while it is in it. @param {string} event @param {(event: any) => void} handler */
  listen(event, handler) {
    document.addEventListener(event, handler, /** @type {AbortController} */ (this.#life));
  }

  /** @param {string} name @param {Record<string, unknown>} [detail] @returns {boolean} false when a listener prevented what follows */
  tell(name, detail = {}) {
    return this.dispatchEvent(new CustomEvent(`cp-${name}`, { bubbles: true, composed: true, cancelable: true, detail }));
  }

  /** One of its texts. @param {string} name @param {Record<string, unknown>} [values] for what stands in `{}` @returns {string} */
  say(name, values = {}) {
    return String(this.labels[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ""));
  }

  /** A number out of an attribute. @param {string} name @param {number} initial */
  number(name, initial) {
    const value = Number.parseFloat(this.getAttribute(name) ?? "");
    return value >= 0 && value < Infinity ? value : initial;
  }

  /** Buttons for what can be done about a notification. @param {Notification} notification */
  actions({ id, actions = [] }) {
    return actions.map(({ id: action, label, url }) => h("button", "action", {
      onclick: () => {
        const goOn = this.tell("action", { id, action });
        this.client.notifications.act(id, action);
        // The client lets only links through that lead to this place or to http.
        if (goOn && url && isLink(url)) location.assign(url);
      },
    }, label));
  }

  /** There is a client from now on. */
  begin(/** @type {Client} */ _client) {}
  render() {}
}

/** There is a client where there was none. */
export function retryWaiting() {
  for (const each of [...waiting]) each.restart();
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [name] its class and its part
 * @param {Record<string, any>} [props]
 * @param {...(Node | string | false | null | undefined)} children strings become text, what is empty is left out
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, name = "", props = {}, ...children) {
  const element = Object.assign(document.createElement(tag), { className: name, part: name }, props);
  element.append(...children.flatMap((child) => child || []));
  return element;
}

/**
 * Makes children those of `items`, keeping the elements of those that stay, and with them focus and motion.
 *
 * @template T
 * @param {Element} parent
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => HTMLElement} make
 * @param {(element: any, item: T) => void} update
 */
export function keyed(parent, items, keyOf, make, update) {
  const old = new Map([...parent.children].map((child) => [/** @type {any} */ (child).cpKey, child]));
  items.forEach((item, at) => {
    const cpKey = keyOf(item);
    const element = old.get(cpKey) ?? Object.assign(make(item), { cpKey });
    old.delete(cpKey);
    update(element, item);
    if (parent.children[at] !== element) parent.insertBefore(element, parent.children[at] ?? null);
  });
  for (const gone of old.values()) gone.remove();
}

/** Puts a text where it is not yet, so that nothing is read out twice. @param {HTMLElement} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** How long ago something was, and exactly when to whom it is pointed at. @param {Date} date */
export const timeOf = (date) => h("time", "time", { dateTime: date.toISOString(), title: date.toLocaleString() }, ago(date));

/** @param {Date} date */
export function ago(date) {
  const minutes = Math.round((Date.now() - date.getTime()) / 6e4);
  const [size, unit] = minutes < 60 ? [1, "minute"] : minutes < 1_440 ? [60, "hour"] : [1_440, "day"];
  return minutes > 10_080 ? date.toLocaleDateString() : new Intl.RelativeTimeFormat([], { numeric: "auto", style: "short" })
    .format(-Math.round(minutes / size), /** @type {Intl.RelativeTimeFormatUnit} */ (minutes ? unit : "second"));
}

/** @param {Notification["type"]} type @param {string} ariaLabel */
export const iconOf = (type, ariaLabel) => h("span", "icon", { role: "img", ariaLabel }, { info: "i", success: "✓", warning: "!", error: "×" }[type]);

/** Whether it leads to a place of this page or to http, and so runs nothing. @param {string} url */
export const isLink = (url) => /^(https?:\/\/|\/(?!\/))/.test(url);

/** Colours what is `.ink`: in what the server gave somebody, else in one of ten. @param {HTMLElement} element @param {{ user: string, color?: string }} member */
export function paint(element, { user, color }) {
  const sum = [...user].reduce((all, letter) => all + /** @type {number} */ (letter.codePointAt(0)), 0);
  element.style.setProperty("--_color", color ?? `hsl(${(sum % 10) * 36} 70% 35%)`);
}

/** @param {string} name @param {CustomElementConstructor} element */
export function define(name, element) {
  if (globalThis.customElements && !customElements.get(name)) customElements.define(name, element);
}

/** The provider above, through shadows too. @param {Element} from @returns {Element | null} */
function above(from) {
  const root = from.getRootNode();
  return from.closest("cp-provider") ?? (root instanceof ShadowRoot ? above(root.host) : null);
}

/** @param {string} css */
function sheet(css) {
  let made = sheets.get(css);
  if (!made) sheets.set(css, (made = new CSSStyleSheet()));
  if (made.cssRules.length === 0) made.replaceSync(css);
  return made;
}
