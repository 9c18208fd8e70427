/**
 * A node that says whatever a test wants: our files over HTTP, and behind `/v1/ws` a WebSocket server of a page's length, which
 * answers as a node does until it is told otherwise, and sends any bytes.
 */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import http from "node:http";
import { extname, normalize } from "node:path";

const STATIC = new URL("../../static", import.meta.url).pathname;
const TYPES = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
/** RFC 6455, 1.3. */
const ACCEPT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const [TEXT, BINARY, CLOSE] = [1, 2, 8];

export const EPOCH = "e".repeat(32);
export const ADA = { id: "ada", name: "Ada", avatar: null, color: "#00639b" };
export const AT = "2026-11-21T06:50:52.123Z";

/** @param {Record<string, any>} message a command @returns {Record<string, any>} what a node would say */
export function usual({ type, id, room }) {
  const cursor = { epoch: EPOCH, offset: 0, entry: null };
  if (type === "connect") {
    return {
      type: "connected", id, session: "s-1", secret: "secret", user: ADA, tenant: "default", node: "fake", heartbeat: 10, resumed: false,
      counts: { unread: 0, unseen: 0, offset: 0 }, cursor, recovered: false, entries: [], more: false,
      limits: { message_bytes: 65536, rooms: 100, publishes_per_s: 20, dedupe_s: 86400 }, expires: null,
    };
  }
  if (type === "join") return { type: "joined", id, room, cursor, recovered: false, state: {}, activity: [], entries: [], members: [], count: 0, large: false, more: false };
  if (type === "publish" || type === "set" || type === "track") return { type: "published", id, offset: 1, entry: "n-1", duplicate: false };
  if (type === "inbox") return { type, id, notifications: [], unread: 0, unseen: 0, offset: 0, more: false };
  if (type === "preferences") return { type, id, preferences: {} };
  return { type: type === "ping" ? "pong" : "ok", id };
}

export class FakeNode {
  /** Every message that came. @type {Record<string, any>[]} */
  heard = [];
  /** Sockets that were ever opened, and those that are open. */
  opened = 0;
  /** @type {Set<import("node:stream").Duplex>} */
  #open = new Set();
  /** What a command is answered; nothing when it gives nothing. @type {(message: Record<string, any>, node: FakeNode) => unknown} */
  answer = usual;
  #server = http.createServer((request, response) => void this.#serve(request, response));

  static async start() {
    const node = new FakeNode();
    node.#server.on("upgrade", (request, socket) => node.#upgrade(request, socket));
    await new Promise((resolve) => node.#server.listen(0, "127.0.0.1", () => resolve(undefined)));
    return node;
  }

  get url() {
    return `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (this.#server.address()).port}`;
  }

  stop() {
    for (const socket of this.#open) socket.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** To everybody: values as JSON, texts as they are. @param {unknown[]} messages */
  say(...messages) {
    for (const message of messages) this.#frame(TEXT, Buffer.from(typeof message === "string" ? message : JSON.stringify(message)));
  }

  /** @param {Buffer} bytes */
  sayBinary(bytes) {
    this.#frame(BINARY, bytes);
  }

  /** A text that is not UTF-8. @param {Buffer} bytes */
  sayBroken(bytes) {
    this.#frame(TEXT, bytes);
  }

  /** @param {number} code */
  close(code) {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.#frame(CLOSE, payload);
    for (const socket of this.#open) socket.end();
    this.#open.clear();
  }

  /** @param {number} opcode @param {Buffer} payload */
  #frame(opcode, payload) {
    const { length } = payload;
    const head = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10);
    head[0] = 0x80 | opcode;
    head[1] = length < 126 ? length : length < 65536 ? 126 : 127;
    if (head[1] === 126) head.writeUInt16BE(length, 2);
    if (head[1] === 127) head.writeBigUInt64BE(BigInt(length), 2);
    for (const socket of this.#open) socket.write(Buffer.concat([head, payload]));
  }

  /** @param {http.IncomingMessage} request @param {http.ServerResponse} response */
  async #serve({ url = "/" }, response) {
    const path = normalize(new URL(url, this.url).pathname);
    if (path === "/page") return response.setHeader("content-type", "text/html").end("<!doctype html><title>Page</title><body></body>");
    const bytes = await readFile(STATIC + path).catch(() => null);
    if (bytes === null) return response.writeHead(404).end();
    response.setHeader("content-type", TYPES[/** @type {keyof typeof TYPES} */ (extname(path))] ?? "text/plain").end(bytes);
  }

  /** @param {http.IncomingMessage} request @param {import("node:stream").Duplex} socket */
  #upgrade({ headers }, socket) {
    this.opened += 1;
    this.#open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#open.delete(socket));
    const accept = createHash("sha1").update(headers["sec-websocket-key"] + ACCEPT).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: copresence.v1\r\n\r\n`);
    let pending = Buffer.alloc(0);
    socket.on("data", (bytes) => {
      pending = Buffer.concat([pending, bytes]);
      for (let frame = readFrame(pending); frame; frame = readFrame(pending)) {
        pending = pending.subarray(frame.end);
        if (frame.opcode === CLOSE) socket.end();
        else this.#hear(frame.payload.toString());
      }
    });
  }

  /** @param {string} text */
  #hear(text) {
    const message = JSON.parse(text);
    this.heard.push(message);
    const answer = this.answer(message, this);
    if (answer !== undefined && answer !== null) this.say(answer);
  }
}

/** A masked frame, as browsers send them. @param {Buffer} bytes @returns {{ opcode: number, payload: Buffer, end: number } | null} null when it is not whole */
function readFrame(bytes) {
  if (bytes.length < 6) return null;
  const short = bytes[1] & 0x7f;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < start + 4) return null;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const end = start + 4 + length;
  if (bytes.length < end) return null;
  const mask = bytes.subarray(start, start + 4);
  return { opcode: bytes[0] & 0x0f, payload: Buffer.from(bytes.subarray(start + 4, end).map((byte, at) => byte ^ mask[at % 4])), end };
}
