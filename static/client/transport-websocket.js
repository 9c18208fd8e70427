/**
 * One WebSocket as a transport. All transports share this small shape: opened once, heard until closed, thrown away.
 *
 * @typedef {object} TransportEvents
 * @property {() => void} onOpen
 * @property {(text: unknown) => void} onMessage
 * @property {(code: number, reason: string) => void} onClose once, and nothing after it
 *
 * @typedef {object} Transport
 * @property {string} name
 * @property {(text: string) => boolean} send whether it was open and took it
 * @property {number} buffered bytes that still wait for the network
 * @property {(code: number) => void} close after it nothing is heard any more
 */

import { attempt } from "./environment.js";
import { errorOf } from "./errors.js";

/**
 * @param {string} url http or https; the WebSocket's is derived from it
 * @param {Pick<import("./environment.js").Environment, "WebSocket">} env
 * @param {TransportEvents} events
 * @returns {Transport} throws when the browser refuses even to try
 */
export function openWebSocket(url, { WebSocket }, { onOpen, onMessage, onClose }) {
  const socket = attempt(() => WebSocket && new WebSocket(`${url.replace(/^http/, "ws")}/ws`, "copresence.v1"));
  if (!socket) throw errorOf("transport_unavailable", "no WebSocket could be opened");
  socket.onopen = onOpen;
  socket.onmessage = (event) => onMessage(event.data);
  socket.onclose = (event) => onClose(event.code, event.reason);
  return {
    name: "websocket",
    get buffered() {
      return socket.bufferedAmount;
    },
    send(text) {
      if (socket.readyState !== 1) return false;
      socket.send(text);
      return true;
    },
    close(code) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      // Closed already, or still opening in a browser that minds.
      attempt(() => socket.close(code));
    },
  };
}
