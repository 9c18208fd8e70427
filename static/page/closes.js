/**
 * Why a connection ended, in words, and whether it is worth coming back: one table, so that "is this final?" has one
 * answer. It mirrors the close codes of the protocol.
 */

/**
 * @typedef {object} Ending
 * @property {boolean} isFinal nobody reconnects by itself after this
 * @property {string} reason in words for people
 * @property {boolean} [dropsToken] come back without the token that was refused
 */

/** @type {Record<number, Ending>} */
const ENDINGS = {
  1000: { isFinal: true, reason: "the connection was closed" },
  1002: { isFinal: true, reason: "the WebSocket itself broke" },
  1007: { isFinal: true, reason: "a message was not UTF-8" },
  1012: { isFinal: false, reason: "the server restarts" },
  4400: { isFinal: true, reason: "the server did not understand this page" },
  4401: { isFinal: false, reason: "the identity was refused or has expired", dropsToken: true },
  4403: { isFinal: true, reason: "an operator ended this session" },
  4408: { isFinal: false, reason: "the greeting took too long" },
  4409: { isFinal: true, reason: "this session goes on in another tab or window" },
  4410: { isFinal: false, reason: "the server heard nothing from here" },
  4413: { isFinal: true, reason: "a message was too large" },
  4429: { isFinal: false, reason: "too much was sent too fast" },
  4431: { isFinal: false, reason: "this page read too slowly" },
  4503: { isFinal: false, reason: "the server is full or switched off" },
};

/**
 * @param {number} code of the close event
 * @returns {Ending} unknown codes are worth another try
 */
export function ending(code) {
  return ENDINGS[code] ?? { isFinal: false, reason: "the server can't be reached" };
}
