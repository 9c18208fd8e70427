/**
 * A network that can be made worse: what the page gives its client in place of the browser's. It can be cut, so that the
 * client sees what it would see in a tunnel, and it can be slow. The browser itself stays online.
 */

/** The close that leaves the session to whoever comes back; a page can't close as a tunnel does. */
const CLOSE_FOR_NOW = 4000;
const CUT = 1006;

/** @typedef {{ readyState: number, bufferedAmount: number, onopen: any, onmessage: any, onclose: any, send(text: string): void, close(code?: number): void }} Socket */

export class Network {
  #world;
  /** @type {Set<Line>} */
  #lines = new Set();
  isCut = false;
  /** ms that each round trip takes longer. */
  lagMs = 0;

  /** @param {{ WebSocket: any, fetch: typeof fetch, navigator: { onLine: boolean }, now: () => number }} [world] */
  constructor(world = { WebSocket, fetch: (...request) => fetch(...request), navigator, now: () => performance.now() }) {
    this.#world = world;
  }

  /** Called with the path of what was fetched from here. @type {(path: string) => void} */
  onFetched = () => {};

  /** What a client is given as `environment`. @returns {{ WebSocket: any, fetch: any, navigator: { readonly onLine: boolean } }} */
  get environment() {
    const network = this;
    return {
      WebSocket: function (/** @type {string} */ url, /** @type {string} */ protocol) { return network.#open(url, protocol); },
      fetch: (/** @type {string} */ url, /** @type {any} */ options) => this.#fetch(url, options),
      navigator: { get onLine() { return !network.isCut && network.#world.navigator.onLine; } },
    };
  }

  /** @param {boolean} isCut */
  cut(isCut) {
    this.isCut = isCut;
    if (isCut) for (const line of [...this.#lines]) line.lose();
  }

  /** @param {string} url @param {string} protocol */
  #open(url, protocol) {
    const socket = this.isCut ? null : new this.#world.WebSocket(url, protocol);
    const line = new Line(socket, () => this.lagMs / 2, this.#world.now, () => this.#lines.delete(line));
    this.#lines.add(line);
    return line;
  }

  /** @param {string} url @param {any} options */
  async #fetch(url, options) {
    if (this.isCut) throw new TypeError("the network is cut by this page");
    const answer = await this.#world.fetch(url, options);
    if (answer.ok) this.onFetched(url);
    return answer;
  }
}

/** A socket with a way of its own in each direction. @implements {Socket} */
class Line {
  /** @type {any} */ onopen = null;
  /** @type {any} */ onmessage = null;
  /** @type {any} */ onclose = null;
  #socket;
  #up;
  #down;
  #onEnd;
  #isOver = false;

  /** @param {Socket | null} socket null for one that never gets through @param {() => number} delayMs @param {() => number} now @param {() => void} onEnd */
  constructor(socket, delayMs, now, onEnd) {
    this.#socket = socket;
    this.#onEnd = onEnd;
    this.#up = new Way(delayMs, now);
    this.#down = new Way(delayMs, now);
    if (socket === null) {
      setTimeout(() => this.lose());
      return;
    }
    socket.onopen = () => this.#down.pass(() => this.onopen?.());
    socket.onmessage = (/** @type {any} */ event) => this.#down.pass(() => this.onmessage?.(event));
    socket.onclose = (/** @type {any} */ event) => this.#down.pass(() => this.#end(event));
  }

  get readyState() {
    return this.#isOver ? 3 : (this.#socket?.readyState ?? 0);
  }

  get bufferedAmount() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** @param {string} text */
  send(text) {
    this.#up.pass(() => this.#socket?.readyState === 1 && this.#socket.send(text));
  }

  /** @param {number} [code] */
  close(code) {
    // What was sent before goes ahead of it.
    this.#up.pass(() => this.#socket?.close(code));
    this.#down.stop();
    this.#onEnd();
  }

  /** As in a tunnel: nothing more comes or goes, and the client learns it by the close. */
  lose() {
    this.#up.stop();
    this.#down.stop();
    if (this.#socket) {
      this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close(CLOSE_FOR_NOW);
    }
    this.#end({ code: CUT, reason: "" });
  }

  /** @param {{ code: number, reason: string }} event */
  #end(event) {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onEnd();
    this.onclose?.(event);
  }
}

/** One direction: everything after its delay, and in order even while the delay changes. */
class Way {
  /** @type {{ due: number, action: () => void }[]} */
  #waiting = [];
  #delayMs;
  #now;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #isStopped = false;

  /** @param {() => number} delayMs @param {() => number} now */
  constructor(delayMs, now) {
    this.#delayMs = delayMs;
    this.#now = now;
  }

  /** @param {() => void} action */
  pass(action) {
    if (this.#isStopped) return;
    const delay = this.#delayMs();
    if (delay === 0 && this.#waiting.length === 0) return void action();
    this.#waiting.push({ due: this.#now() + delay, action });
    this.#arm();
  }

  stop() {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #arm() {
    const [first] = this.#waiting;
    if (!first || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const now = this.#now();
      // A timer may be a little early.
      while (this.#waiting[0] && this.#waiting[0].due <= now + 1) this.#waiting.shift()?.action();
      this.#arm();
    }, Math.max(0, first.due - this.#now()));
  }
}
