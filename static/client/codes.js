/** Close codes: what the client says when it goes, and what it makes of the server's. A test holds them to the server's table. */

/** What the client says itself when it goes, but not for good: others see nothing for four seconds. @type {number} */
export const CLOSE_FOR_NOW = 4000;
/** What the client says when it goes for good. @type {number} */
export const GOODBYE = 1000;
/** The token was refused or has expired. */
export const TOKEN_REFUSED = 4401;
/** This session was taken up by a newer connection. */
export const TAKEN_UP = 4409;
/** This server is full. */
export const FULL = 4503;

/** @type {(number | null)[]} */
const FINAL = [GOODBYE, 1002, 1007, 4400, 4403, TAKEN_UP, 4413];

/** @param {number | null} code of a close event @returns {boolean} whether it makes no sense to come back by itself */
export function isFinal(code) {
  return FINAL.includes(code);
}
