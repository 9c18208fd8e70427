/**
 * What all elements share: how they find their client and room, how they look in both schemes, how they are built. Texts from
 * others only ever become text nodes, and styles are sheets, so that the strictest content security policy holds.
 */

/** @typedef {import("../client.js").Client<any>} Client */
/** @typedef {import("../room.js").Room<any>} Room */
/** @typedef {{ getSnapshot: () => unknown, subscribe: (listener: () => void) => () => void }} Source */

/** On a server there are no elements; to import these files there must not fail. @type {typeof HTMLElement} */
const Base = globalThis.HTMLElement ?? class {};

const SHARED = `
:host{
--_text:var(--cp-text,light-dark(#1b1d22,#eceef2));--_muted:var(--cp-muted,light-dark(#565c66,#a9b0bb));
--_surface:var(--cp-surface,light-dark(#fff,#1d2026));--_line:var(--cp-line,light-dark(#d5d9e0,#3a3f49));
--_bg:var(--cp-bg,light-dark(#f3f4f7,#14161b));--_accent:var(--cp-accent,light-dark(#0b57c2,#8ab8ff));--_info:var(--cp-info,var(--_accent));
--_ok:var(--cp-ok,light-dark(#1a6b2f,#6fd08a));--_warn:var(--cp-warn,light-dark(#8a5300,#f0b35a));--_bad:var(--cp-bad,light-dark(#b3261e,#ff9d94));
--_radius:var(--cp-radius,12px);--_gap:var(--cp-gap,8px);--_shadow:var(--cp-shadow,0 4px 16px rgb(0 0 0 / .18));--_z:var(--cp-z,1000);--_speed:var(--cp-speed,160ms);
font:14px/1.4 var(--cp-font,system-ui,sans-serif);color:var(--_text);box-sizing:border-box;
}
:host([hidden]),[hidden]{display:none !important}
*,::before,::after{box-sizing:inherit}
ul{list-style:none;margin:0;padding:0}
button{font:inherit;color:inherit;background:none;border:1px solid var(--_line);border-radius:8px;padding:2px 10px;min-height:28px;min-width:28px;cursor:pointer;transition:background var(--_speed)}
:where(button):hover{background:var(--_bg)}
:focus-visible{outline:2px solid var(--_accent);outline-offset:2px}
.raised{background:var(--_surface);border:1px solid var(--_line);border-radius:var(--_radius);box-shadow:var(--_shadow);overflow-wrap:anywhere}
.row{display:flex;flex-wrap:wrap;align-items:center;gap:var(--_gap)}
.muted{color:var(--_muted)}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media (pointer:coarse){button{min-height:44px;min-width:44px}}
@media (prefers-reduced-motion:reduce){*{animation:none !important;transition:none !important}}`;

/** Elements above which no client was found yet. @type {Set<Widget>} */
const waiting = new Set();
/** @type {Map<string, CSSStyleSheet>} */
const sheets = new Map();

export class Widget extends Base {
  /** @type {Record<string, string>} */
  static labels = {};
  static css = "";
  static observedAttributes = ["room"];
  /** Whether it is of a room: it joins that, and draws nothing before there is one. */
  static joins = false;

  /** @protected */
  root = this.attachShadow({ mode: "open" });
  /** The client in use while `begin` and `render` run. @protected @type {Client} */
  core = /** @type {any} */ (null);
  /** The room likewise, for those that join. @protected @type {Room} */
  joined = /** @type {any} */ (null);

  /** @type {Client | null} */
  #own = null;
  /** @type {Record<string, string>} */
  #labels = {};
  /** @type {AbortController | null} while it is in a page and has a client */
  #life = null;
  #isDue = false;

  constructor() {
    super();
    this.root.adoptedStyleSheets = [sheet(SHARED), sheet(new.target.css)];
  }

  /** Its own, else the provider's above, else `window.copresence`. @returns {Client | null} */
  get client() {
    return this.#own ?? /** @type {any} */ (above(this, "cp-provider"))?.client ?? /** @type {any} */ (globalThis).copresence ?? null;
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
    this.update();
  }

  connectedCallback() {
    takeGiven(this, "client", "labels");
    this.restart();
  }

  disconnectedCallback() {
    waiting.delete(this);
    this.#life?.abort();
    this.#life = null;
  }

  attributeChangedCallback(/** @type {string} */ name) {
    if (name === "room" || name === "off") this.restart();
    else this.update();
  }

  /** Begins anew, with the client that is to be found now. */
  restart() {
    this.disconnectedCallback();
    if (!this.isConnected) return;
    const { client } = this;
    if (!client) return void waiting.add(this);
    if (/** @type {typeof Widget} */ (this.constructor).joins) {
      const name = this.getAttribute("room") ?? above(this, "cp-provider")?.getAttribute("room");
      if (!name) return;
      this.joined = client.room(name);
    }
    this.core = client;
    this.#life = new AbortController();
    if (this.joined) {
      const { joined } = this;
      joined.join().catch(() => {});
      this.onEnd(() => joined.leave());
    }
    this.begin();
    this.update();
  }

  /** Draws again, once for all that changes at a time. */
  update() {
    if (this.#isDue || !this.#life) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      if (this.#life) this.render();
    });
  }

  /** @param {...Source} sources whose changes draw it again */
  watch(...sources) {
    for (const source of sources) this.onEnd(source.subscribe(() => this.update()));
  }

  /** Ends with the element. @param {() => void} end */
  onEnd(end) {
    this.#life?.signal.addEventListener("abort", end, { once: true });
  }

  /** While it is in the page. @param {EventTarget} target @param {string} event @param {(event: any) => void} handler */
  listen(target, event, handler) {
    target.addEventListener(event, handler, { signal: /** @type {AbortController} */ (this.#life).signal });
  }

  /** @param {string} name @param {Record<string, unknown>} [detail] @returns {boolean} false when a listener prevented what follows */
  tell(name, detail = {}) {
    return this.dispatchEvent(new CustomEvent(`cp-${name}`, { bubbles: true, composed: true, cancelable: true, detail }));
  }

  /** The text of that name, with what stands in braces filled in. @param {string} name @param {Record<string, unknown>} [values] */
  say(name, values = {}) {
    return (this.labels[name] ?? name).replace(/\{(\w+)\}/g, (_, each) => String(values[each] ?? ""));
  }

  /** A number out of an attribute. @param {string} name @param {number} initial */
  number(name, initial) {
    const value = Number.parseFloat(this.getAttribute(name) ?? "");
    return value >= 0 && value < Infinity ? value : initial;
  }

  /** Once for each client. */
  begin() {}
  render() {}
}

/** There is a client where there was none. */
export function retryWaiting() {
  for (const each of [...waiting]) each.restart();
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [names] its classes; the first is its part, too
 * @param {Record<string, any>} [props] `on…` listen, what an element has is set, everything else is an attribute
 * @param {...(Node | string)} children strings become text
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, names = "", props = {}, ...children) {
  const element = document.createElement(tag);
  if (names) {
    element.className = names;
    element.part = /** @type {any} */ (names.split(" ")[0]);
  }
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element) /** @type {any} */ (element)[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** @param {string} names @param {() => void} onclick @param {...(Node | string)} children */
export function button(names, onclick, ...children) {
  return h("button", names, { type: "button", onclick }, ...children);
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
    const key = keyOf(item);
    const element = old.get(key) ?? Object.assign(make(item), { cpKey: key });
    old.delete(key);
    update(element, item);
    if (parent.children[at] !== element) parent.insertBefore(element, parent.children[at] ?? null);
  });
  for (const gone of old.values()) gone.remove();
}

/** Where an address may lead: to a place of this host, or by http. @param {string | null | undefined} url */
export function isSafe(url) {
  return /^(https?:\/\/|\/(?!\/))/i.test(url ?? "");
}

/** What a page gave before the element was defined lies over the element's own properties. @param {any} element @param {...string} names */
export function takeGiven(element, ...names) {
  for (const name of names) {
    if (!Object.hasOwn(element, name)) continue;
    const given = element[name];
    delete element[name];
    element[name] = given;
  }
}

const COLORS = ["#00639b", "#8a3ab9", "#a33b20", "#1a6b2f", "#8a5300", "#9c2a5b", "#3d5afe", "#00695c", "#5d4037", "#455a64"];

/** Gives an element its member's colour, and one for text that reads on it. @param {HTMLElement} element @param {{ user: string, color?: string }} member */
export function paint({ style }, { user, color }) {
  let sum = 0;
  for (const letter of user) sum = (sum * 31 + /** @type {number} */ (letter.codePointAt(0))) % 997;
  const own = /^#[0-9a-f]{6}$/i.test(color ?? "") ? /** @type {string} */ (color) : /** @type {string} */ (COLORS[sum % COLORS.length]);
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => (Number.parseInt(own.slice(at, at + 2), 16) / 255) ** 2.2);
  style.setProperty("--_color", own);
  // Where black and white read equally well on a colour.
  style.setProperty("--_ink", 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#000" : "#fff");
}

/** @param {string} name @param {CustomElementConstructor} element */
export function define(name, element) {
  if (globalThis.customElements && !customElements.get(name)) customElements.define(name, element);
}

/** Through shadows, too. @param {Element} from @param {string} tag @returns {Element | null} */
function above(from, tag) {
  const found = from.closest(tag);
  const root = from.getRootNode();
  return found ?? (root instanceof ShadowRoot ? above(root.host, tag) : null);
}

/** @param {string} css */
function sheet(css) {
  let made = sheets.get(css);
  if (!made) {
    made = new CSSStyleSheet();
    made.replaceSync(css);
    sheets.set(css, made);
  }
  return made;
}
