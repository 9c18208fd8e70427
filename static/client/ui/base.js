/**
 * What all elements share: how they find their client and room, how they look in both schemes, how they are built. Texts from
 * others only ever become text nodes, and styles are sheets, so that the strictest content security policy holds.
 */

/** @typedef {import("../client.js").Client<any>} Client */
/** @typedef {import("../room.js").Room<any>} Room */
/** @typedef {{ subscribe: (listener: () => void) => () => void }} Source */
/** @typedef {typeof TOOLS} Tools */

/** On a server there are no elements; to import these files there must not fail. @type {typeof HTMLElement} */
export const Base = globalThis.HTMLElement ?? class {};

const SHARED = `
:host{
--_text:var(--cp-text,light-dark(#1b1d22,#eceef2));
--_muted:var(--cp-muted,light-dark(#565c66,#a9b0bb));
--_surface:var(--cp-surface,light-dark(#fff,#1d2026));
--_line:var(--cp-line,light-dark(#d5d9e0,#3a3f49));
--_bg:var(--cp-bg,light-dark(#f3f4f7,#14161b));
--_accent:var(--cp-accent,light-dark(#0b57c2,#8ab8ff));
--_info:var(--cp-info,var(--_accent));
--_ok:var(--cp-ok,light-dark(#1a6b2f,#6fd08a));
--_warn:var(--cp-warn,light-dark(#8a5300,#f0b35a));
--_bad:var(--cp-bad,light-dark(#b3261e,#ff9d94));
font:14px/1.4 var(--cp-font,system-ui,sans-serif);color:var(--_text)}
:host,*,::before,::after{box-sizing:border-box}
:host([hidden]),[hidden]{display:none!important}
ul{list-style:none;margin:0;padding:0}
button{font:inherit;color:inherit;background:none;border:1px solid var(--_line);border-radius:8px;padding:2px 10px;min-width:28px;min-height:28px;cursor:pointer;transition:background var(--cp-speed,160ms)}
:where(button):hover{background:var(--_bg)}
:focus-visible{outline:2px solid var(--_accent);outline-offset:2px}
@media (pointer:coarse){button{min-width:44px;min-height:44px}}
@media (prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}`;

/** What lies over the page, for the elements that have such. */
export const RAISED = `
.raised{background:var(--_surface);border:1px solid var(--_line);border-radius:var(--cp-radius,12px);box-shadow:var(--cp-shadow,0 4px 16px rgb(0 0 0/.18));overflow-wrap:anywhere}`;
/** What is there to be read out alone. */
export const UNSEEN = `
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}`;

/** Elements above which no client was found yet. @type {Set<Widget>} */
const waiting = new Set();
/** By their text. @type {Record<string, CSSStyleSheet>} */
const sheets = {};

export class Widget extends Base {
  /** @type {Record<string, string> | undefined} */
  static labels;
  /** @type {string} */
  static css;
  /** Whether it is of a room: it joins that, and draws nothing before there is one. @type {boolean | undefined} */
  static joins;

  // These three, and what is no callback below, are for the element's own parts.
  root = this.attachShadow({ mode: "open" });
  /** The client in use while `begin` and `render` run. @type {Client} */
  core = /** @type {any} */ (null);
  /** The room likewise, for those that join. @type {Room} */
  joined = /** @type {any} */ (null);

  /** @type {Client | null} */
  #own = null;
  /** @type {Record<string, string>} */
  #labels = {};
  /** What to do at its end, while it is in a page and has a client. @type {(() => void)[] | null} */
  #ends = null;
  #isDue = false;

  constructor() {
    super();
    this.wear(SHARED);
    this.wear(new.target.css);
  }

  /** Its own, else the provider's above, else `window.copresence`. @returns {Client | null} */
  get client() {
    return this.#own ?? providerOf(this)?.client ?? /** @type {any} */ (globalThis).copresence ?? null;
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
    takeGiven(this);
    this.restart();
  }

  disconnectedCallback() {
    const ends = this.#ends;
    this.#ends = null;
    waiting.delete(this);
    ends?.forEach((end) => end());
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
    /** @type {(() => void)[]} */
    const ends = [];
    if (/** @type {typeof Widget} */ (this.constructor).joins) {
      const name = this.getAttribute("room") ?? providerOf(this)?.getAttribute("room");
      if (!name) return;
      const room = (this.joined = client.room(name));
      room.join().catch(() => {});
      ends.push(() => room.leave());
    }
    this.core = client;
    this.#ends = ends;
    this.begin();
    this.update();
  }

  /** Draws again, once for all that changes at a time. */
  update = () => {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      if (this.#ends) this.render();
    });
  };

  /** @param {...Source} sources whose changes draw it again */
  watch(...sources) {
    for (const source of sources) this.onEnd(source.subscribe(this.update));
  }

  /** Ends with the element. @param {() => void} end */
  onEnd(end) {
    this.#ends?.push(end);
  }

  /** @param {string} css */
  wear(css) {
    if (!sheets[css]) (sheets[css] = new CSSStyleSheet()).replaceSync(css);
    this.root.adoptedStyleSheets.push(/** @type {CSSStyleSheet} */ (sheets[css]));
  }

  /** @param {string} name @param {Record<string, unknown>} [detail] @returns {boolean} false when a listener prevented what follows */
  tell(name, detail = {}) {
    return this.dispatchEvent(new CustomEvent(`cp-${name}`, { bubbles: true, composed: true, cancelable: true, detail }));
  }

  /** The text of that name, with what stands in braces filled in. @param {string} name @param {Record<string, any>} [values] */
  say(name, values) {
    return (this.labels[name] ?? name).replace(/\{(\w+)\}/g, (_, each) => values?.[each] ?? "");
  }

  /** A number out of an attribute. @param {string} name @param {number} initial */
  number(name, initial) {
    const value = parseFloat(/** @type {string} */ (this.getAttribute(name)));
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
 * @param {Record<string, any>} [props] set as they are, `onclick` as well
 * @param {...(Node | string)} children strings become text
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, names, props, ...children) {
  const element = Object.assign(document.createElement(tag), names && { className: names, part: names.split(" ")[0] }, props);
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
    if (parent.children[at] !== element) parent.insertBefore(element, /** @type {Element} */ (parent.children[at]));
  });
  old.forEach((gone) => gone.remove());
}

/** While an element is in the page. @param {Widget} widget @param {EventTarget} target @param {string} event @param {(event: any) => void} handler */
export function listen(widget, target, event, handler) {
  target.addEventListener(event, handler);
  widget.onEnd(() => target.removeEventListener(event, handler));
}

/** Where an address may lead: to a place of this host, or by http. @param {string | null | undefined} url */
export function isSafe(url) {
  return /^(https?:\/)?\/(?![/\\])[^\\\p{Cc}]*$/iu.test(url ?? "");
}

/** What a page gave before the element was defined lies over the element's own properties. @param {any} element */
export function takeGiven(element) {
  for (const [name, given] of Object.entries(element)) {
    if (!(name in Object.getPrototypeOf(element))) continue;
    delete element[name];
    element[name] = given;
  }
}

/** Gives an element somebody's colour, and for text the one of black and white that reads better on it. @param {HTMLElement} element @param {string} color */
export function paint({ style }, color) {
  style.setProperty("--_color", `rgb(from ${color} r g b/1)`);
  // On what is as light as this both read equally well.
  style.color = "lab(from var(--_color) calc((49.5 - l)*999) 0 0)";
}

/** What a part that is loaded later is handed: would it import this file, bundlers would split the elements for it. */
export const TOOLS = { button, h, isSafe, keyed };

/** @param {string} name @param {CustomElementConstructor} element */
export function define(name, element) {
  if (globalThis.customElements && !customElements.get(name)) customElements.define(name, element);
}

/** Through shadows, too. @param {any} from @returns {any} */
function providerOf(from) {
  return from && (from.closest("cp-provider") ?? providerOf(from.getRootNode().host));
}
