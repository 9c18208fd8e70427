/** Names that nobody else has. */

const ALPHABET = "0123456789abcdefghijklmnopqrstuv";

/**
 * A random name of `length` characters, five bits each. `crypto.randomUUID` would be shorter, but does not exist on
 * plain http, where an office network shows this page.
 *
 * @param {number} [length]
 */
export function randomId(length = 22) {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}
